-- Keys of the gateway's clients.  A secret itself is kept nowhere.

CREATE TABLE client_key (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    client     text   NOT NULL,                    -- whose processes it reaches
    hash       bytea  NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
    limits     bytea  NOT NULL,                    -- JSON
    created_at bigint NOT NULL,
    revoked_at bigint
);

CREATE INDEX process_agent ON process (agent);     -- what a client's processes have used

DO $$ BEGIN
    GRANT SELECT, INSERT, UPDATE ON client_key TO logos_kernel;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
