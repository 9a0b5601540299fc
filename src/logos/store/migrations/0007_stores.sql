-- Spaces, and forgetting.

-- A space that processes share is a live process named after it: one at most, on whatever node.
CREATE UNIQUE INDEX process_space ON process (agent) WHERE agent LIKE '/mem/%' AND exit_status IS NULL;

-- What is in the receiver's journal need not be in the mail as well.
UPDATE mail SET body = '' WHERE taken IS NOT NULL;

-- Which events were forgotten, so that nobody reads their bodies where others still need them.  An
-- index: `forgot` events say it, too.
CREATE TABLE forgotten (
    pid bigint NOT NULL,
    seq bigint NOT NULL,
    PRIMARY KEY (pid, seq)
);
CREATE INDEX journal_forgot ON journal (pid, seq) WHERE kind = 'forgot';
CREATE INDEX journal_apart ON journal (digest) WHERE body IS NULL;

-- One change is let through: a body goes, when an event of the same journal says so.  Its digest and
-- its place in the chain stay.
CREATE FUNCTION allow_forgetting() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    before journal%ROWTYPE := OLD;
BEGIN
    IF TG_OP = 'UPDATE' AND NEW.body IS NULL
       AND EXISTS (SELECT FROM journal f WHERE f.pid = OLD.pid AND f.kind = 'forgot' AND f.seq > OLD.seq)
    THEN
        before.body := NULL;
        IF before IS NOT DISTINCT FROM NEW THEN
            RETURN NEW;
        END IF;
    END IF;
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
DROP TRIGGER journal_append_only ON journal;
CREATE TRIGGER journal_append_only BEFORE UPDATE OR DELETE ON journal
    FOR EACH ROW EXECUTE FUNCTION allow_forgetting();

DO $$ BEGIN
    GRANT UPDATE (body) ON journal, journal_default TO logos_kernel;
    GRANT SELECT, INSERT ON forgotten TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
