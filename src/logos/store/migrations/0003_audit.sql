-- Signed checkpoints: where all journals ended at one moment.
--
--   checkpoint        append-only, each hung on the one before; also in a file outside the database
--   checkpoint_mark   the ends that the newest checkpoint signs the root of

CREATE TABLE checkpoint (
    number    bigint PRIMARY KEY,
    body      bytea NOT NULL,                      -- what was signed, as JSON
    key       bytea NOT NULL,                      -- the public half, Ed25519
    signature bytea NOT NULL
);

CREATE TABLE checkpoint_mark (
    pid    bigint PRIMARY KEY,
    seq    bigint NOT NULL,
    hash   bytea  NOT NULL,
    places bytea  NOT NULL                         -- the numbers of its rows in the feed, rolled up
) WITH (fillfactor = 80);

CREATE TRIGGER checkpoint_append_only BEFORE UPDATE OR DELETE ON checkpoint
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER checkpoint_not_emptied BEFORE TRUNCATE ON checkpoint
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();

DO $$ BEGIN
    GRANT SELECT, INSERT ON checkpoint TO logos_kernel;
    GRANT SELECT, INSERT, UPDATE, DELETE ON checkpoint_mark TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel: the append-only triggers alone guard the checkpoints';
END $$;
