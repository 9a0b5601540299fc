-- Vectors that clients had made are spending, too.

DROP INDEX journal_spent;
CREATE INDEX journal_spent ON journal (at, pid, seq)
 WHERE kind IN ('thought', 'interrupted', 'compacted', 'vectored');
