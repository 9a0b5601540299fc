-- Statements of logos.kernel.audit.

-- name: ends
-- Where journals end, process by process.
SELECT pid, head_seq, head_hash, exit_status FROM process
 WHERE pid > :after ORDER BY pid LIMIT :most;

-- name: ends_of
SELECT pid, head_seq, head_hash, exit_status FROM process WHERE pid = ANY(:pids::bigint[]);

-- name: rows
-- Everybody's rows, whoever knows of them.
SELECT id, pid, seq, epoch, at, kind, body, digest, prev, hash FROM journal
 WHERE (pid, seq) > (:pid, :seq) AND pid <= :upto ORDER BY pid, seq LIMIT :most;

-- name: rows_since
-- Rows of these processes, each from its own place on.
SELECT j.id, j.pid, j.seq, j.epoch, j.at, j.kind, j.body, j.digest, j.prev, j.hash
  FROM unnest(:pids::bigint[], :afters::bigint[]) AS w (pid, after)
  JOIN journal j ON j.pid = w.pid AND j.seq > w.after AND (j.pid, j.seq) > (:pid, :seq)
 ORDER BY j.pid, j.seq LIMIT :most;

-- name: blobs
SELECT digest, body FROM blob WHERE digest = ANY(:digests::bytea[]);

-- name: at_place
SELECT pid, seq FROM journal WHERE id = :id ORDER BY pid, seq;

-- name: last_place
-- The newest number the feed has given.
SELECT coalesce(pg_sequence_last_value('journal_id_seq'), 0) AS id;

-- name: places
-- Where the events of these processes are in the feed, from their marks on.
SELECT j.pid, j.seq, j.id, j.hash
  FROM unnest(:pids::bigint[], :afters::bigint[], :uptos::bigint[]) AS w (pid, after, upto)
  JOIN journal j ON j.pid = w.pid AND j.seq >= w.after AND j.seq <= w.upto
 ORDER BY j.pid, j.seq;

-- name: lock
-- One checkpoint at a time, whoever makes it.
SELECT pg_advisory_xact_lock(hashtext('logos checkpoint'));

-- name: heads
SELECT pid, head_seq, head_hash FROM process ORDER BY pid;

-- name: marks
SELECT pid, seq, hash, places FROM checkpoint_mark ORDER BY pid;

-- name: checkpoints
SELECT number, body, key, signature FROM checkpoint WHERE number > :after ORDER BY number;

-- name: newest
SELECT number, body, key, signature FROM checkpoint ORDER BY number DESC LIMIT 1;

-- name: keep
INSERT INTO checkpoint (number, body, key, signature) VALUES (:number, :body, :key, :signature);

-- name: keep_marks
INSERT INTO checkpoint_mark (pid, seq, hash, places)
SELECT * FROM unnest(:pids::bigint[], :seqs::bigint[], :hashes::bytea[], :places::bytea[])
    ON CONFLICT (pid) DO UPDATE
   SET seq = excluded.seq, hash = excluded.hash, places = excluded.places;
