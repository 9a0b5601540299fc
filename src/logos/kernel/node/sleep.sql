-- Statements of logos.kernel.node.sleep.

-- name: idle
-- What this node drives and where nothing has happened for a while.
SELECT p.pid, p.head_seq FROM process p JOIN journal j ON j.pid = p.pid AND j.seq = p.head_seq
 WHERE p.node = :node AND p.exit_status IS NULL AND p.status = 'waiting' AND p.pid <> :init
   AND j.at < :before
 ORDER BY p.pid;
