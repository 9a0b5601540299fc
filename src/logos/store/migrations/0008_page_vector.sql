-- What pages mean, as an embedding model puts it.

-- An index: it can be dropped at any time and is made again.  `start` is where the page begins in its
-- event; `vector` holds numbers of two bytes, of length 1.
CREATE TABLE page_vector (
    pid bigint NOT NULL,
    model text NOT NULL,
    seq bigint NOT NULL,
    start integer NOT NULL,
    vector bytea NOT NULL,
    PRIMARY KEY (pid, model, seq, start)
);
ALTER TABLE page_vector ALTER COLUMN vector SET STORAGE EXTERNAL;

-- How far each journal is: up to the page at (`seq`, `start`), all of it when `head` is where the journal
-- ends.  `node` is at it.
CREATE TABLE page_vector_state (
    pid bigint NOT NULL,
    model text NOT NULL,
    setting text NOT NULL,
    version integer NOT NULL,
    dimension integer NOT NULL DEFAULT 0,
    seq bigint NOT NULL DEFAULT 0,
    start integer NOT NULL DEFAULT -1,
    head bigint NOT NULL DEFAULT 0,
    pages bigint NOT NULL DEFAULT 0,
    skipped bigint NOT NULL DEFAULT 0,
    tokens bigint NOT NULL DEFAULT 0,
    node bigint,
    error text NOT NULL DEFAULT '',
    PRIMARY KEY (pid, model)
);

DO $$ BEGIN
    GRANT SELECT, INSERT, UPDATE, DELETE ON page_vector, page_vector_state TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
