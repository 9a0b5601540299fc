-- Statements of logos.kernel.caps.

-- name: add_key
INSERT INTO client_key (client, hash, limits, created_at)
VALUES (:client, :hash, :limits, :at)
    ON CONFLICT (hash) DO UPDATE SET client = client_key.client
RETURNING id, client, limits, created_at, revoked_at;

-- name: find_key
SELECT id, client, limits, created_at, revoked_at FROM client_key
 WHERE hash = :hash AND revoked_at IS NULL;

-- name: list_keys
SELECT id, client, limits, created_at, revoked_at FROM client_key ORDER BY id;

-- name: rotate_key
-- Once more with the same hash it is what it was.
WITH old AS (
    UPDATE client_key SET revoked_at = :at WHERE id = :id AND revoked_at IS NULL
    RETURNING client, limits
), fresh AS (
    INSERT INTO client_key (client, hash, limits, created_at)
    SELECT client, :hash, limits, :at FROM old
    RETURNING id, client, limits, created_at, revoked_at
)
SELECT id, client, limits, created_at, revoked_at FROM fresh
 UNION ALL
SELECT id, client, limits, created_at, revoked_at FROM client_key WHERE hash = :hash;

-- name: revoke_key
UPDATE client_key SET revoked_at = coalesce(revoked_at, :at) WHERE id = :id RETURNING id;
