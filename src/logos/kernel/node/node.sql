-- Statements of logos.kernel.node.

-- name: register
INSERT INTO node (place, lease_until) VALUES (:place, clock_timestamp() + :lease::float8 * interval '1 second')
RETURNING id;

-- name: succeed
-- The one who holds the lock of this place is the only one alive there.
UPDATE node SET lease_until = clock_timestamp() - interval '1 second'
 WHERE place = :place AND lease_until > clock_timestamp();

-- name: heartbeat
-- One row however many processes.  No row back: this node is dead, and stays so.
UPDATE node SET lease_until = clock_timestamp() + :lease::float8 * interval '1 second'
 WHERE id = :node AND lease_until > clock_timestamp()
RETURNING (SELECT count(*) FROM node WHERE lease_until > clock_timestamp()) AS alive;

-- name: reap
-- Fence what dead nodes owned.
UPDATE process SET node = NULL, epoch = epoch + 1
 WHERE exit_status IS NULL AND node IN (SELECT id FROM node WHERE lease_until < clock_timestamp());

-- name: claim
-- Take processes nobody drives: the lease and its fencing token in one statement.
WITH free AS (
    SELECT pid FROM process WHERE node IS NULL AND exit_status IS NULL
     ORDER BY pid LIMIT :most FOR UPDATE SKIP LOCKED
)
UPDATE process p SET node = :node, epoch = p.epoch + 1 FROM free
 WHERE p.pid = free.pid
   AND EXISTS (SELECT FROM node WHERE id = :node AND lease_until > clock_timestamp())
RETURNING p.pid, p.status, p.wake_at;

-- name: owned
SELECT pid, status, wake_at FROM process WHERE node = :node AND exit_status IS NULL;

-- name: release
-- Leave everything to whoever comes next.
UPDATE process SET node = NULL, epoch = epoch + 1 WHERE node = :node AND exit_status IS NULL;

-- name: resign
UPDATE node SET lease_until = clock_timestamp() - interval '1 second' WHERE id = :node;

-- name: mine
-- Where the journals end that this node drives.
SELECT pid, epoch, head_seq, head_hash FROM process
 WHERE pid = ANY(:pids::bigint[]) AND node = :node AND exit_status IS NULL;

-- name: with_mail
SELECT DISTINCT m.pid FROM mail m JOIN process p ON p.pid = m.pid
 WHERE m.taken IS NULL AND p.node = :node AND p.exit_status IS NULL;

-- name: known
SELECT pid, status, parent, exit_status FROM process WHERE pid = :pid;

-- name: head
SELECT epoch, head_seq, head_hash FROM process WHERE pid = :pid;

-- name: projection
-- What the process table says that its journal should say.
SELECT head_seq, status, wake_at, thoughts, calls, tokens, cost, exit_status FROM process
 WHERE pid = :pid;

-- name: mail_id
-- A number for a letter from outside, so that it can be posted again after a lost connection.
SELECT nextval(pg_get_serial_sequence('mail', 'id')) AS id;

-- name: post
-- From outside: a person or a surface.  Nothing comes back when there is nobody to get it.
WITH posted AS (
    INSERT INTO mail (id, pid, body) OVERRIDING SYSTEM VALUE
    SELECT :id, pid, :body FROM process WHERE pid = :pid AND exit_status IS NULL
        ON CONFLICT (id) DO NOTHING
    RETURNING id
)
SELECT id FROM posted UNION ALL SELECT id FROM mail WHERE id = :id;

-- name: notify
SELECT pg_notify('logos', '');

-- name: list
-- The process table.  Who has lost its parent belongs to init.
SELECT p.pid, CASE WHEN q.exit_status IS NOT NULL THEN 1 ELSE p.parent END AS parent, p.status, p.agent,
       p.task, p.model, p.spawned_at, p.wake_at, p.thoughts, p.calls, p.tokens, p.cost,
       p.exit_status, p.node, p.head_seq
  FROM process p LEFT JOIN process q ON q.pid = p.parent
 WHERE (:everyone::boolean OR p.exit_status IS NULL) AND p.pid > :after
 ORDER BY p.pid LIMIT :most;

-- name: quiet
-- Processes of agents whose names begin so, which wait, and whose last event is older.
SELECT p.pid FROM process p JOIN journal j ON j.pid = p.pid AND j.seq = p.head_seq
 WHERE p.exit_status IS NULL AND p.status = 'waiting' AND starts_with(p.agent, :start) AND j.at < :before
 ORDER BY p.pid LIMIT :most;

-- name: pids
SELECT pid FROM process WHERE pid > :after ORDER BY pid LIMIT :most;

-- name: asking
-- Processes that have ever asked and still live.  Few: whether they wait now their fold says.
SELECT DISTINCT j.pid FROM journal j JOIN process p ON p.pid = j.pid
 WHERE j.kind = 'held' AND p.exit_status IS NULL ORDER BY j.pid;

-- name: once
-- The number that was kept first for the same words.
INSERT INTO once (hash, number) VALUES (:hash, :number)
    ON CONFLICT (hash) DO UPDATE SET hash = once.hash
RETURNING number;

-- name: sweep
-- Letters that were taken, and those to who has exited, after a while.
WITH old AS (
    SELECT m.id FROM mail m JOIN process p ON p.pid = m.pid
     WHERE (m.taken IS NOT NULL OR p.exit_status IS NOT NULL)
       AND m.at < clock_timestamp() - :keep::float8 * interval '1 second'
     ORDER BY m.id LIMIT :most
), swept AS (
    DELETE FROM mail USING old WHERE mail.id = old.id RETURNING mail.id
)
SELECT count(*) AS gone FROM swept;

-- name: asking_kin
-- Processes of the same tree that still live, and whether they have ever asked.
WITH RECURSIVE up AS (
    SELECT pid, parent FROM process WHERE pid = :pid
    UNION ALL
    SELECT p.pid, p.parent FROM process p JOIN up ON p.pid = up.parent WHERE p.pid <> 1
), kin AS (
    SELECT pid FROM up WHERE parent IS NULL OR parent = 1
    UNION
    SELECT p.pid FROM process p JOIN kin ON p.parent = kin.pid
)
SELECT k.pid, EXISTS (SELECT FROM journal j WHERE j.pid = k.pid AND j.kind = 'held') AS asked
  FROM kin k JOIN process p ON p.pid = k.pid
 WHERE p.exit_status IS NULL ORDER BY k.pid;
