-- What was spent lately is read from the journal when a node starts.

CREATE INDEX journal_spent ON journal (at, pid, seq) WHERE kind IN ('thought', 'interrupted', 'compacted');
