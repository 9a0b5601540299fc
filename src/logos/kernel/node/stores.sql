-- Statements of what processes keep.

-- name: taken
-- The first event a letter became; NULL while nobody has taken it.
SELECT m.taken, p.exit_status FROM mail m JOIN process p ON p.pid = m.pid WHERE m.id = :id;

-- name: letters
-- What it has not read.
SELECT count(m.id) AS letters, bool_or(p.exit_status IS NOT NULL) AS exited
  FROM process p LEFT JOIN mail m ON m.pid = p.pid AND m.taken IS NULL
 WHERE p.pid = :pid;

-- name: space
-- The live space of this name: there is one at most.
SELECT pid FROM process WHERE agent = :agent AND exit_status IS NULL;

-- name: spaces
SELECT pid, agent FROM process WHERE agent LIKE '/mem/%' AND exit_status IS NULL ORDER BY agent;
