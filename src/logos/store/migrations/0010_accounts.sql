-- Sums that processes share: what each of them has used, and what its running thought may cost at most.

CREATE TABLE account (
    name        text   NOT NULL,
    pid         bigint NOT NULL,                   -- 0: used by no process
    tokens      bigint NOT NULL,
    cost        bigint NOT NULL,                   -- nano-dollars
    held_tokens bigint NOT NULL,
    held_cost   bigint NOT NULL,
    PRIMARY KEY (name, pid)
);

INSERT INTO account
SELECT 'key/' || substr(agent, length('gateway/') + 1), pid, tokens, cost, 0, 0
  FROM process WHERE agent LIKE 'gateway/%' AND agent <> 'gateway/local';

DROP INDEX process_agent;                          -- these sums were taken by it

DO $$ BEGIN
    GRANT SELECT, INSERT, UPDATE ON account TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
