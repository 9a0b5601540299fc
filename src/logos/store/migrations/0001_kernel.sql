-- The kernel's tables.  Only plpgsql and built-ins, so that the embedded server can load them.
--
--   node        one row per life of a kernel: its lease
--   process     one hot row per process: who may write its journal, and a projection for `ps`
--   journal     the truth: append-only, one chain per process
--   blob        bodies too large for a row, by their SHA-256
--   snapshot    the fold up to some event, to bound recovery; can be thrown away
--   mail        messages and signals on their way

CREATE TABLE node (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    place       text        NOT NULL,              -- host and home: one live node each
    lease_until timestamptz NOT NULL,
    started_at  timestamptz NOT NULL DEFAULT clock_timestamp()
) WITH (fillfactor = 50);

CREATE SEQUENCE process_pid START 2;                -- 1 is init

CREATE TABLE process (
    pid         bigint  PRIMARY KEY,
    -- the fence: a writer must name epoch and head as they are
    node        bigint,                            -- NULL: nobody drives it
    epoch       bigint  NOT NULL DEFAULT 0,
    head_seq    bigint  NOT NULL DEFAULT 0,
    head_hash   bytea   NOT NULL,
    -- what follows is a projection of the journal, written with it
    status      text    NOT NULL,
    parent      bigint,
    agent       text    NOT NULL,
    task        text    NOT NULL DEFAULT '',
    model       text    NOT NULL DEFAULT '',
    spawned_at  bigint  NOT NULL,                  -- microseconds, like all times of the kernel
    wake_at     bigint,                            -- something is due
    thoughts    bigint  NOT NULL DEFAULT 0,
    calls       bigint  NOT NULL DEFAULT 0,
    tokens      bigint  NOT NULL DEFAULT 0,
    cost        bigint  NOT NULL DEFAULT 0,        -- nano-dollars
    exit_status integer,
    CHECK (epoch >= 0 AND head_seq >= 0 AND octet_length(head_hash) = 32)
) WITH (fillfactor = 60, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_cost_delay = 0);

CREATE INDEX process_orphaned ON process (pid)     WHERE node IS NULL AND exit_status IS NULL;
CREATE INDEX process_owned    ON process (node)    WHERE exit_status IS NULL;
CREATE INDEX process_due      ON process (wake_at) WHERE wake_at IS NOT NULL AND exit_status IS NULL;
CREATE INDEX process_parent   ON process (parent)  WHERE parent IS NOT NULL;

-- hash = SHA-256(prev || header || SHA-256(body)); the header is every other column but `id`.
CREATE TABLE journal (
    id     bigint GENERATED ALWAYS AS IDENTITY,    -- the order of the feed
    pid    bigint NOT NULL,
    seq    bigint NOT NULL CHECK (seq > 0),
    epoch  bigint NOT NULL,
    at     bigint NOT NULL,                        -- microseconds, by the writing node's clock
    kind   text   NOT NULL,
    body   bytea,                                  -- canonical bytes; NULL: in `blob`
    digest bytea  NOT NULL,                        -- SHA-256 of the body, wherever it is
    prev   bytea  NOT NULL,
    hash   bytea  NOT NULL,
    PRIMARY KEY (pid, seq)
) PARTITION BY RANGE (pid);                        -- pids grow with time: old ranges detach whole
CREATE TABLE journal_default PARTITION OF journal DEFAULT;
CREATE INDEX journal_feed ON journal (id);

CREATE TABLE blob (
    digest bytea  PRIMARY KEY,
    body   bytea  NOT NULL
);
ALTER TABLE blob ALTER COLUMN body SET STORAGE EXTERNAL;

CREATE TABLE snapshot (
    pid     bigint NOT NULL,
    seq     bigint NOT NULL,
    version integer NOT NULL,                      -- of the fold: another version is not read
    hash    bytea  NOT NULL,
    body    bytea  NOT NULL,
    PRIMARY KEY (pid, seq)
);

CREATE TABLE mail (
    id     bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    pid    bigint NOT NULL,
    sender bigint,
    body   bytea  NOT NULL,
    at     timestamptz NOT NULL DEFAULT clock_timestamp(),
    taken  bigint                                  -- the event of the receiver that took it
);
CREATE INDEX mail_pending ON mail (pid, id) WHERE taken IS NULL;

CREATE FUNCTION refuse_rewriting() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;

CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_not_emptied BEFORE TRUNCATE ON journal
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();
CREATE TRIGGER journal_not_emptied BEFORE TRUNCATE ON journal_default
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_rewriting();  -- not inherited, unlike the other
CREATE TRIGGER blob_unchanged BEFORE UPDATE ON blob
    FOR EACH ROW EXECUTE FUNCTION refuse_rewriting();

-- The kernel works as this role where it may become it: it can add to the journal, and no more.
DO $$ BEGIN
    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'logos_kernel') THEN
        BEGIN
            CREATE ROLE logos_kernel NOLOGIN;
        EXCEPTION WHEN duplicate_object OR unique_violation THEN
            NULL;                                  -- another database of this server was first
        END;
    END IF;
    GRANT SELECT, INSERT ON journal, journal_default TO logos_kernel;
    GRANT SELECT, INSERT, DELETE ON blob TO logos_kernel;
    GRANT SELECT, INSERT, UPDATE, DELETE ON node, snapshot, mail TO logos_kernel;
    GRANT SELECT, INSERT, UPDATE ON process TO logos_kernel;
    GRANT USAGE ON ALL SEQUENCES IN SCHEMA public TO logos_kernel;
EXCEPTION WHEN insufficient_privilege THEN
    RAISE NOTICE 'no role logos_kernel: the append-only triggers alone guard the journal';
END $$;
