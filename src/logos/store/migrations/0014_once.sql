-- What somebody asks for twice with the same words is begun once: the number kept for it beforehand.

CREATE TABLE once (
    hash   bytea  PRIMARY KEY CHECK (octet_length(hash) = 32),
    number bigint NOT NULL                         -- of a process, or of a letter
);

DO $$ BEGIN
    GRANT SELECT, INSERT, UPDATE ON once TO logos_kernel;
EXCEPTION WHEN insufficient_privilege OR undefined_object THEN
    RAISE NOTICE 'no role logos_kernel';
END $$;
