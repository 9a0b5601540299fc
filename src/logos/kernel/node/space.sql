-- Statements of logos.kernel.node.spaces.

-- name: load
SELECT body, pages FROM space WHERE pid = :pid AND version = :version;

-- name: save
-- The later one stays, whoever was first.
INSERT INTO space (pid, seq, version, pages, body) VALUES (:pid, :seq, :version, :pages, :body)
    ON CONFLICT (pid) DO UPDATE
   SET seq = excluded.seq, version = excluded.version, pages = excluded.pages, body = excluded.body
 WHERE space.seq <= excluded.seq OR space.version <> excluded.version;

-- name: drop
DELETE FROM space WHERE pid = :pid;
