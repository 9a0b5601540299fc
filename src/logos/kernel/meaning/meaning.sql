-- Statements of logos.kernel.meaning.

-- name: states
-- How far each process is, with every model that has vectors of it.
SELECT p.pid, p.agent, p.head_seq, v.model, v.head, v.pages, v.skipped, v.tokens, v.error
  FROM process p LEFT JOIN page_vector_state v ON v.pid = p.pid
 WHERE p.head_seq > 0 ORDER BY p.pid, v.model;

-- name: of
SELECT model, setting, version, dimension, seq, start, head, pages, skipped, tokens, error
  FROM page_vector_state WHERE pid = :pid;

-- name: behind
-- Whose journal has grown since; the living first.
SELECT p.pid FROM process p
  LEFT JOIN page_vector_state v ON v.pid = p.pid AND v.model = :model
 WHERE p.head_seq > coalesce(v.head, 0)
   AND (v.node IS NULL OR v.node = :node
        OR NOT EXISTS (SELECT FROM node n WHERE n.id = v.node AND n.lease_until > clock_timestamp()))
 ORDER BY p.exit_status IS NOT NULL, p.pid LIMIT :most;

-- name: claim
-- This node is at it, unless another one is.  Pages are cut otherwise since: begin anew.
INSERT INTO page_vector_state AS v (pid, model, setting, version, node)
VALUES (:pid, :model, :setting, :version, :node)
    ON CONFLICT (pid, model) DO UPDATE
   SET node = :node, setting = :setting, version = :version,
       seq = CASE WHEN v.version = :version THEN v.seq ELSE 0 END,
       start = CASE WHEN v.version = :version THEN v.start ELSE -1 END,
       pages = CASE WHEN v.version = :version THEN v.pages ELSE 0 END
 WHERE v.node IS NULL OR v.node = :node
    OR NOT EXISTS (SELECT FROM node n WHERE n.id = v.node AND n.lease_until > clock_timestamp())
RETURNING (SELECT head_seq FROM process p WHERE p.pid = v.pid) AS journal, v.seq, v.start,
          v.dimension, v.pages;

-- name: stale
-- Vectors that stand beyond what is known to be done: of pages that were cut otherwise.
DELETE FROM page_vector WHERE pid = :pid AND model = :model AND (seq, start) > (:seq, :start::integer);

-- name: guard
SELECT pg_advisory_xact_lock(hashtextextended('vectors', :pid::bigint));

-- name: add
-- Of what is not forgotten.
INSERT INTO page_vector (pid, model, seq, start, vector)
SELECT :pid, :model, r.seq, r.start, r.vector
  FROM unnest(:seqs::bigint[], :starts::integer[], :vectors::bytea[]) AS r (seq, start, vector)
 WHERE NOT EXISTS (SELECT FROM forgotten f WHERE f.pid = :pid AND f.seq = r.seq)
    ON CONFLICT (pid, model, seq, start) DO UPDATE SET vector = excluded.vector;

-- name: advance
UPDATE page_vector_state
   SET seq = :seq, start = :start, dimension = :dimension, pages = pages + :pages::bigint,
       skipped = skipped + :skipped::bigint, tokens = tokens + :tokens::bigint, error = ''
 WHERE pid = :pid AND model = :model;

-- name: spent
UPDATE page_vector_state SET tokens = tokens + :tokens::bigint WHERE pid = :pid AND model = :model;

-- name: finish
UPDATE page_vector_state SET head = :head, node = NULL, error = :error
 WHERE pid = :pid AND model = :model;

-- name: fail
UPDATE page_vector_state SET error = :error, node = NULL WHERE pid = :pid AND model = :model;

-- name: load
SELECT seq, start, vector FROM page_vector
 WHERE pid = :pid AND model = :model AND (seq, start) > (:seq, :start::integer)
 ORDER BY seq, start;

-- name: drop_others
-- What this model has replaced.
WITH gone AS (
    DELETE FROM page_vector_state WHERE pid = :pid AND model <> :model
)
DELETE FROM page_vector WHERE pid = :pid AND model <> :model;

-- name: drop
WITH gone AS (
    DELETE FROM page_vector_state WHERE pid = :pid
)
DELETE FROM page_vector WHERE pid = :pid;
