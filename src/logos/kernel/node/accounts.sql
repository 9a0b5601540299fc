-- Statements of logos.kernel.node.accounts.

-- name: lock_account
-- Until the transaction ends, nobody else reads this sum to add to it.
SELECT pg_advisory_xact_lock(hashtextextended('account ' || :name, 0));

-- name: sum_others
SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cost), 0)::bigint AS cost,
       coalesce(sum(held_tokens), 0)::bigint AS held_tokens, coalesce(sum(held_cost), 0)::bigint AS held_cost
  FROM account WHERE name = :name AND pid <> :pid;

-- name: set_account
INSERT INTO account (name, pid, tokens, cost, held_tokens, held_cost)
SELECT name, :pid, :tokens, :cost, :held_tokens, :held_cost FROM unnest(:names::text[]) AS n (name)
    ON CONFLICT (name, pid) DO UPDATE
   SET tokens = excluded.tokens, cost = excluded.cost,
       held_tokens = excluded.held_tokens, held_cost = excluded.held_cost
RETURNING name;

-- name: add_account
INSERT INTO account (name, pid, tokens, cost, held_tokens, held_cost)
VALUES (:name, 0, :tokens, :cost, 0, 0)
    ON CONFLICT (name, pid) DO UPDATE
   SET tokens = account.tokens + excluded.tokens, cost = account.cost + excluded.cost
RETURNING name;

-- name: sum_account
SELECT coalesce(sum(tokens), 0)::bigint AS tokens, coalesce(sum(cost), 0)::bigint AS cost
  FROM account WHERE name = :name;
