-- Indexes of address spaces: what is known of a process's pages, without their texts, up to an event.
-- Each row can be thrown away: it is made of the journal alone.

CREATE TABLE space (
    pid     bigint  PRIMARY KEY,
    seq     bigint  NOT NULL,                      -- the last event that is in it
    version integer NOT NULL,                      -- of how it was made: another version is not read
    pages   bigint  NOT NULL,
    body    bytea   NOT NULL
);
ALTER TABLE space ALTER COLUMN body SET STORAGE EXTERNAL;  -- arrays: packed already

DO $$ BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON space TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
