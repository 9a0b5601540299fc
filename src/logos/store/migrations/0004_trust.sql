-- Which processes have put a question to a person: `logos approvals` looks no further.

CREATE INDEX journal_held ON journal (pid) WHERE kind = 'held';
