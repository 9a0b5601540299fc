-- Statements of logos.kernel.journal.

-- part: head
-- Where processes end after these events, and what their rows say then.  Numbers and words come as
-- array literals, because the driver takes a microsecond to look at each element of a list.
SELECT * FROM unnest(
    :pids::text::bigint[], :epochs::text::bigint[], :befores::text::bigint[], :afters::text::bigint[], :hashes::bytea[],
    :statuses::text::text[], :wakes::text::bigint[], :thoughts::text::bigint[], :calls::text::bigint[],
    :tokens::text::bigint[], :costs::text::bigint[], :exits::text::integer[]
) AS h (pid, epoch, before, after, hash, status, wake, thoughts, calls, tokens, cost, exit)

-- part: held
-- Those of them that are their writer's, and end where it says.
UPDATE process p
   SET head_seq = h.after, head_hash = h.hash, status = h.status, wake_at = h.wake,
       thoughts = h.thoughts, calls = h.calls, tokens = h.tokens, cost = h.cost,
       exit_status = h.exit
  FROM head h
 WHERE p.pid = h.pid AND p.epoch = h.epoch AND p.head_seq = h.before
RETURNING p.pid

-- part: born
INSERT INTO process (pid, node, epoch, head_seq, head_hash, status, parent, agent, task, model,
                     spawned_at, wake_at, thoughts, calls, tokens, cost, exit_status)

-- part: rows
-- The events, of many processes.
INSERT INTO journal (pid, seq, epoch, at, kind, body, digest, prev, hash)
SELECT r.pid, r.seq, r.epoch, r.at, r.kind, r.body, r.digest, r.prev, r.hash FROM unnest(
    :row_pids::text::bigint[], :row_seqs::text::bigint[], :row_epochs::text::bigint[], :row_ats::text::bigint[],
    :row_kinds::text::text[], :row_bodies::bytea[], :row_digests::bytea[], :row_prevs::bytea[],
    :row_hashes::bytea[]
) WITH ORDINALITY AS r (pid, seq, epoch, at, kind, body, digest, prev, hash, n)

-- part: own_rows
-- The events, of one process.
INSERT INTO journal (pid, seq, epoch, at, kind, body, digest, prev, hash)
SELECT :pid, r.seq, r.epoch, r.at, r.kind, r.body, r.digest, r.prev, r.hash FROM unnest(
    :row_seqs::text::bigint[], :row_epochs::text::bigint[], :row_ats::text::bigint[],
    :row_kinds::text::text[], :row_bodies::bytea[], :row_digests::bytea[], :row_prevs::bytea[],
    :row_hashes::bytea[]
) AS r (seq, epoch, at, kind, body, digest, prev, hash)

-- part: event
j.id, j.pid, j.seq, j.epoch, j.at, j.kind, coalesce(j.body, b.body) AS body, j.digest, j.prev, j.hash

-- part: text
-- Of an event `j` whose body is kept apart, unless it was forgotten.
LEFT JOIN blob b ON j.body IS NULL AND b.digest = j.digest
       AND NOT EXISTS (SELECT FROM forgotten f WHERE f.pid = j.pid AND f.seq = j.seq)

-- name: append
-- Add events to many processes at once.  A process whose epoch or head is not what its writer
-- says is left out, and its neighbours go in: the fence and the append are one statement.
WITH head AS (
    {head}
), held AS (
    {held}
), added AS (
    {rows}
    JOIN held ON held.pid = r.pid
    ORDER BY r.n                                    -- the feed has them in this order
)
SELECT pid FROM held;

-- name: append_one
-- The same for one process alone.
WITH held AS (
    UPDATE process
       SET head_seq = :after, head_hash = :head_hash, status = :status, wake_at = :wake_at,
           thoughts = :thoughts, calls = :calls, tokens = :tokens, cost = :cost, exit_status = :exit_status
     WHERE pid = :pid AND epoch = :epoch AND head_seq = :before
    RETURNING pid
), added AS (
    {own_rows}
    WHERE EXISTS (SELECT FROM held)
)
SELECT pid FROM held;

-- name: append_one_born
-- And for one that begins here.
WITH born AS (
    {born}
    VALUES (:pid, :node, :epoch, :after, :head_hash, :status, :parent, :agent, :task, :model,
            :born_at, :wake_at, :thoughts, :calls, :tokens, :cost, :exit_status)
        ON CONFLICT DO NOTHING
    RETURNING pid
), added AS (
    {own_rows}
    WHERE EXISTS (SELECT FROM born)
)
SELECT pid FROM born;

-- name: append_born
-- The same, with processes that begin here, driven by this node from their first event on.  Whose
-- number, or name of a space, is taken is left out.
WITH head AS (
    {head}
), birth AS (
    SELECT * FROM unnest(
        :born_pids::bigint[], :parents::bigint[], :agents::text[], :tasks::text[], :models::text[],
        :born_ats::bigint[]
    ) AS b (pid, parent, agent, task, model, at)
), held AS (
    {held}
), born AS (
    {born}
    SELECT h.pid, :node, h.epoch, h.after, h.hash, h.status, b.parent, b.agent, b.task, b.model,
           b.at, h.wake, h.thoughts, h.calls, h.tokens, h.cost, h.exit
      FROM birth b JOIN head h ON h.pid = b.pid
        ON CONFLICT DO NOTHING
    RETURNING pid
), kept AS (
    SELECT pid FROM held UNION ALL SELECT pid FROM born
), added AS (
    {rows}
    JOIN kept ON kept.pid = r.pid
    ORDER BY r.n
)
SELECT pid FROM kept;

-- name: heads
-- Where these journals end now: after a lost connection, whether the batch went in.
SELECT pid, head_seq, head_hash FROM process WHERE pid = ANY(:pids::bigint[]);

-- name: pids
-- Numbers nobody has had.
SELECT nextval('process_pid') AS pid FROM generate_series(1, :n::integer);

-- name: store_blobs
INSERT INTO blob (digest, body)
SELECT * FROM unnest(:digests::bytea[], :bodies::bytea[])
    ON CONFLICT (digest) DO NOTHING;

-- name: post
-- Letters and signals, to be taken by whoever drives the receiver.  The dead get none.
INSERT INTO mail (pid, sender, body)
SELECT m.receiver, m.sender, m.body
  FROM unnest(:receivers::bigint[], :senders::bigint[], :bodies::bytea[]) WITH ORDINALITY
    AS m (receiver, sender, body, n)
  JOIN process p ON p.pid = m.receiver AND p.exit_status IS NULL
 ORDER BY m.n;

-- name: take
-- What it said is in the receiver's journal now.
UPDATE mail SET taken = t.seq, body = ''
  FROM unnest(:ids::bigint[], :seqs::bigint[]) AS t (id, seq)
 WHERE mail.id = t.id;

-- name: pending
SELECT id, pid, sender, body FROM mail
 WHERE pid = ANY(:pids::bigint[]) AND taken IS NULL ORDER BY id;

-- name: read
-- Part of one journal, in order, bodies in place.
SELECT {event}
  FROM journal j {text}
 WHERE j.pid = :pid AND j.seq > :after AND j.seq <= :upto
 ORDER BY j.seq LIMIT :most;

-- name: thoughts_since
-- How thoughts ended, windows were written about and vectors made, oldest first; the kinds are written out for the sake
-- of the index.
SELECT {event}
  FROM journal j {text}
 WHERE j.kind IN ('thought', 'interrupted', 'compacted', 'vectored') AND j.at >= :at
   AND (j.at, j.pid, j.seq) > (:at, :pid, :seq)
 ORDER BY j.at, j.pid, j.seq LIMIT :most;

-- name: read_kinds
-- Events of some kinds of one journal, in order, bodies in place.
SELECT {event}
  FROM journal j {text}
 WHERE j.pid = :pid AND j.seq > :after AND j.kind = ANY(:kinds::text[])
 ORDER BY j.seq LIMIT :most;

-- name: read_many
-- What these processes did since their snapshots.
SELECT {event}
  FROM unnest(:pids::bigint[], :afters::bigint[]) AS w (pid, after)
  JOIN journal j ON j.pid = w.pid AND j.seq > w.after
  {text}
 ORDER BY j.pid, j.seq;

-- name: feed
-- Everybody's events in the order of the feed, and which transactions may still add to the past.
SELECT {event}
  FROM journal j {text}
 WHERE j.id > :after ORDER BY j.id LIMIT :most;

-- name: blob
SELECT body FROM blob WHERE digest = :digest;

-- name: horizon
-- Transactions below it have ended.
SELECT pg_snapshot_xmin(pg_current_snapshot())::text::bigint AS oldest;

-- name: youngest
-- Every transaction that has begun to write by now is below it.  A snapshot does not say so: its end is the newest that
-- has ended, and some above that may be under way.
SELECT pg_current_xact_id()::text::bigint AS next;

-- name: last
SELECT coalesce(max(id), 0) AS id FROM journal;

-- name: forgots
-- What says what was forgotten, of these processes.
SELECT j.pid, coalesce(j.body, b.body) AS body
  FROM journal j {text}
 WHERE j.kind = 'forgot' AND j.pid = ANY(:pids::bigint[])
 ORDER BY j.pid, j.seq;

-- name: mark_forgotten
INSERT INTO forgotten (pid, seq) SELECT :pid, unnest(:seqs::bigint[]) ON CONFLICT DO NOTHING;

-- name: forget_bodies
UPDATE journal SET body = NULL
 WHERE pid = :pid AND seq = ANY(:seqs::bigint[]) AND body IS NOT NULL;

-- name: forget_blobs
-- Those of them that no other event needs.
DELETE FROM blob b
 WHERE b.digest IN (SELECT digest FROM journal WHERE pid = :pid AND seq = ANY(:seqs::bigint[]))
   AND NOT EXISTS (
       SELECT FROM journal j WHERE j.digest = b.digest AND j.body IS NULL
          AND NOT EXISTS (SELECT FROM forgotten f WHERE f.pid = j.pid AND f.seq = j.seq));

-- name: forget_copies
-- What was made of its journal: snapshots, the index, the task in the process table, old mail.
WITH snapshots AS (
    DELETE FROM snapshot WHERE pid = :pid
), indexed AS (
    DELETE FROM space WHERE pid = :pid
), letters AS (
    UPDATE mail SET body = '' WHERE pid = :pid AND taken = ANY(:seqs::bigint[])
)
UPDATE process SET task = '[forgotten]' WHERE pid = :pid AND 1 = ANY(:seqs::bigint[]);

-- name: guard_vectors
-- Whoever adds vectors of this process has done so, or will find what is forgotten here.
SELECT pg_advisory_xact_lock(hashtextextended('vectors', :pid::bigint));

-- name: forget_vectors
DELETE FROM page_vector WHERE pid = :pid AND seq = ANY(:seqs::bigint[]);

-- name: save
-- Unless something was forgotten since.
INSERT INTO snapshot (pid, seq, version, hash, body)
SELECT :pid, :seq, :version, :hash, :body
 WHERE NOT EXISTS (SELECT FROM journal WHERE pid = :pid AND seq > :seq AND kind = 'forgot')
    ON CONFLICT (pid, seq) DO UPDATE
   SET version = excluded.version, hash = excluded.hash, body = excluded.body;

-- name: forget_snapshots
DELETE FROM snapshot WHERE pid = :pid AND seq < :before;

-- name: snapshots
-- The newest of each process that this fold can read.
SELECT DISTINCT ON (pid) pid, seq, hash, body FROM snapshot
 WHERE pid = ANY(:pids::bigint[]) AND version = :version ORDER BY pid, seq DESC;

-- name: read_some
-- Some events of one journal, in order, bodies in place.
SELECT {event}
  FROM journal j {text}
 WHERE j.pid = :pid AND j.seq = ANY(:seqs::bigint[])
 ORDER BY j.seq;

-- name: read_some_and_tail
-- The same of those that are not after a position, and the first that are.
SELECT {event}
  FROM (SELECT * FROM journal WHERE pid = :pid AND seq = ANY(:seqs::bigint[]) AND seq <= :after
        UNION ALL
        (SELECT * FROM journal WHERE pid = :pid AND seq > :after ORDER BY seq LIMIT :most)) j
       {text}
 ORDER BY j.seq;
