CREATE FUNCTION public.allow_forgetting() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
CREATE FUNCTION public.refuse_rewriting() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME;
END $$;
CREATE TABLE public.account (
    name text NOT NULL,
    pid bigint NOT NULL,
    tokens bigint NOT NULL,
    cost bigint NOT NULL,
    held_tokens bigint NOT NULL,
    held_cost bigint NOT NULL
);
CREATE TABLE public.blob (
    digest bytea NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.blob ALTER COLUMN body SET STORAGE EXTERNAL;
CREATE TABLE public.checkpoint (
    number bigint NOT NULL,
    body bytea NOT NULL,
    key bytea NOT NULL,
    signature bytea NOT NULL
);
CREATE TABLE public.checkpoint_mark (
    pid bigint NOT NULL,
    seq bigint NOT NULL,
    hash bytea NOT NULL,
    places bytea NOT NULL
)
WITH (fillfactor='80');
CREATE TABLE public.client_key (
    id bigint NOT NULL,
    client text NOT NULL,
    hash bytea NOT NULL,
    limits bytea NOT NULL,
    created_at bigint NOT NULL,
    revoked_at bigint,
    CONSTRAINT client_key_hash_check CHECK ((octet_length(hash) = 32))
);
ALTER TABLE public.client_key ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.client_key_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.forgotten (
    pid bigint NOT NULL,
    seq bigint NOT NULL
);
CREATE TABLE public.journal (
    id bigint NOT NULL,
    pid bigint NOT NULL,
    seq bigint NOT NULL,
    epoch bigint NOT NULL,
    at bigint NOT NULL,
    kind text NOT NULL,
    body bytea,
    digest bytea NOT NULL,
    prev bytea NOT NULL,
    hash bytea NOT NULL,
    CONSTRAINT journal_seq_check CHECK ((seq > 0))
)
PARTITION BY RANGE (pid);
CREATE TABLE public.journal_default (
    id bigint CONSTRAINT journal_id_not_null NOT NULL,
    pid bigint CONSTRAINT journal_pid_not_null NOT NULL,
    seq bigint CONSTRAINT journal_seq_not_null NOT NULL,
    epoch bigint CONSTRAINT journal_epoch_not_null NOT NULL,
    at bigint CONSTRAINT journal_at_not_null NOT NULL,
    kind text CONSTRAINT journal_kind_not_null NOT NULL,
    body bytea,
    digest bytea CONSTRAINT journal_digest_not_null NOT NULL,
    prev bytea CONSTRAINT journal_prev_not_null NOT NULL,
    hash bytea CONSTRAINT journal_hash_not_null NOT NULL,
    CONSTRAINT journal_seq_check CHECK ((seq > 0))
);
ALTER TABLE public.journal ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.journal_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.mail (
    id bigint NOT NULL,
    pid bigint NOT NULL,
    sender bigint,
    body bytea NOT NULL,
    at timestamp with time zone DEFAULT clock_timestamp() NOT NULL,
    taken bigint
);
ALTER TABLE public.mail ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.mail_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.migration (
    name text NOT NULL
);
CREATE TABLE public.node (
    id bigint NOT NULL,
    place text NOT NULL,
    lease_until timestamp with time zone NOT NULL,
    started_at timestamp with time zone DEFAULT clock_timestamp() NOT NULL
)
WITH (fillfactor='50');
ALTER TABLE public.node ALTER COLUMN id ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME public.node_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE public.once (
    hash bytea NOT NULL,
    number bigint NOT NULL,
    CONSTRAINT once_hash_check CHECK ((octet_length(hash) = 32))
);
CREATE TABLE public.page_vector (
    pid bigint NOT NULL,
    model text NOT NULL,
    seq bigint NOT NULL,
    start integer NOT NULL,
    vector bytea NOT NULL
);
ALTER TABLE ONLY public.page_vector ALTER COLUMN vector SET STORAGE EXTERNAL;
CREATE TABLE public.page_vector_state (
    pid bigint NOT NULL,
    model text NOT NULL,
    setting text NOT NULL,
    version integer NOT NULL,
    dimension integer DEFAULT 0 NOT NULL,
    seq bigint DEFAULT 0 NOT NULL,
    start integer DEFAULT '-1'::integer NOT NULL,
    head bigint DEFAULT 0 NOT NULL,
    pages bigint DEFAULT 0 NOT NULL,
    skipped bigint DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    node bigint,
    error text DEFAULT ''::text NOT NULL
);
CREATE TABLE public.process (
    pid bigint NOT NULL,
    node bigint,
    epoch bigint DEFAULT 0 NOT NULL,
    head_seq bigint DEFAULT 0 NOT NULL,
    head_hash bytea NOT NULL,
    status text NOT NULL,
    parent bigint,
    agent text NOT NULL,
    task text DEFAULT ''::text NOT NULL,
    model text DEFAULT ''::text NOT NULL,
    spawned_at bigint NOT NULL,
    wake_at bigint,
    thoughts bigint DEFAULT 0 NOT NULL,
    calls bigint DEFAULT 0 NOT NULL,
    tokens bigint DEFAULT 0 NOT NULL,
    cost bigint DEFAULT 0 NOT NULL,
    exit_status integer,
    CONSTRAINT process_check CHECK (((epoch >= 0) AND (head_seq >= 0) AND (octet_length(head_hash) = 32)))
)
WITH (fillfactor='60', autovacuum_vacuum_scale_factor='0.02', autovacuum_vacuum_cost_delay='0');
CREATE SEQUENCE public.process_pid
    START WITH 2
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;
CREATE TABLE public.snapshot (
    pid bigint NOT NULL,
    seq bigint NOT NULL,
    version integer NOT NULL,
    hash bytea NOT NULL,
    body bytea NOT NULL
);
CREATE TABLE public.space (
    pid bigint NOT NULL,
    seq bigint NOT NULL,
    version integer NOT NULL,
    pages bigint NOT NULL,
    body bytea NOT NULL
);
ALTER TABLE ONLY public.space ALTER COLUMN body SET STORAGE EXTERNAL;
ALTER TABLE ONLY public.journal ATTACH PARTITION public.journal_default DEFAULT;
ALTER TABLE ONLY public.account
    ADD CONSTRAINT account_pkey PRIMARY KEY (name, pid);
ALTER TABLE ONLY public.blob
    ADD CONSTRAINT blob_pkey PRIMARY KEY (digest);
ALTER TABLE ONLY public.checkpoint_mark
    ADD CONSTRAINT checkpoint_mark_pkey PRIMARY KEY (pid);
ALTER TABLE ONLY public.checkpoint
    ADD CONSTRAINT checkpoint_pkey PRIMARY KEY (number);
ALTER TABLE ONLY public.client_key
    ADD CONSTRAINT client_key_hash_key UNIQUE (hash);
ALTER TABLE ONLY public.client_key
    ADD CONSTRAINT client_key_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.forgotten
    ADD CONSTRAINT forgotten_pkey PRIMARY KEY (pid, seq);
ALTER TABLE ONLY public.journal
    ADD CONSTRAINT journal_pkey PRIMARY KEY (pid, seq);
ALTER TABLE ONLY public.journal_default
    ADD CONSTRAINT journal_default_pkey PRIMARY KEY (pid, seq);
ALTER TABLE ONLY public.mail
    ADD CONSTRAINT mail_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.migration
    ADD CONSTRAINT migration_pkey PRIMARY KEY (name);
ALTER TABLE ONLY public.node
    ADD CONSTRAINT node_pkey PRIMARY KEY (id);
ALTER TABLE ONLY public.once
    ADD CONSTRAINT once_pkey PRIMARY KEY (hash);
ALTER TABLE ONLY public.page_vector
    ADD CONSTRAINT page_vector_pkey PRIMARY KEY (pid, model, seq, start);
ALTER TABLE ONLY public.page_vector_state
    ADD CONSTRAINT page_vector_state_pkey PRIMARY KEY (pid, model);
ALTER TABLE ONLY public.process
    ADD CONSTRAINT process_pkey PRIMARY KEY (pid);
ALTER TABLE ONLY public.snapshot
    ADD CONSTRAINT snapshot_pkey PRIMARY KEY (pid, seq);
ALTER TABLE ONLY public.space
    ADD CONSTRAINT space_pkey PRIMARY KEY (pid);
CREATE INDEX journal_apart ON ONLY public.journal USING btree (digest) WHERE (body IS NULL);
CREATE INDEX journal_spent ON ONLY public.journal USING btree (at, pid, seq) WHERE (kind = ANY (ARRAY['thought'::text, 'interrupted'::text, 'compacted'::text, 'vectored'::text]));
CREATE INDEX journal_default_at_pid_seq_idx ON public.journal_default USING btree (at, pid, seq) WHERE (kind = ANY (ARRAY['thought'::text, 'interrupted'::text, 'compacted'::text, 'vectored'::text]));
CREATE INDEX journal_default_digest_idx ON public.journal_default USING btree (digest) WHERE (body IS NULL);
CREATE INDEX journal_feed ON ONLY public.journal USING btree (id);
CREATE INDEX journal_default_id_idx ON public.journal_default USING btree (id);
CREATE INDEX journal_held ON ONLY public.journal USING btree (pid) WHERE (kind = 'held'::text);
CREATE INDEX journal_default_pid_idx ON public.journal_default USING btree (pid) WHERE (kind = 'held'::text);
CREATE INDEX journal_forgot ON ONLY public.journal USING btree (pid, seq) WHERE (kind = 'forgot'::text);
CREATE INDEX journal_default_pid_seq_idx ON public.journal_default USING btree (pid, seq) WHERE (kind = 'forgot'::text);
CREATE INDEX mail_pending ON public.mail USING btree (pid, id) WHERE (taken IS NULL);
CREATE INDEX process_due ON public.process USING btree (wake_at) WHERE ((wake_at IS NOT NULL) AND (exit_status IS NULL));
CREATE INDEX process_orphaned ON public.process USING btree (pid) WHERE ((node IS NULL) AND (exit_status IS NULL));
CREATE INDEX process_owned ON public.process USING btree (node) WHERE (exit_status IS NULL);
CREATE INDEX process_parent ON public.process USING btree (parent) WHERE (parent IS NOT NULL);
CREATE UNIQUE INDEX process_space ON public.process USING btree (agent) WHERE ((agent ~~ '/mem/%'::text) AND (exit_status IS NULL));
ALTER INDEX public.journal_spent ATTACH PARTITION public.journal_default_at_pid_seq_idx;
ALTER INDEX public.journal_apart ATTACH PARTITION public.journal_default_digest_idx;
ALTER INDEX public.journal_feed ATTACH PARTITION public.journal_default_id_idx;
ALTER INDEX public.journal_held ATTACH PARTITION public.journal_default_pid_idx;
ALTER INDEX public.journal_forgot ATTACH PARTITION public.journal_default_pid_seq_idx;
ALTER INDEX public.journal_pkey ATTACH PARTITION public.journal_default_pkey;
CREATE TRIGGER blob_unchanged BEFORE UPDATE ON public.blob FOR EACH ROW EXECUTE FUNCTION public.refuse_rewriting();
CREATE TRIGGER checkpoint_append_only BEFORE DELETE OR UPDATE ON public.checkpoint FOR EACH ROW EXECUTE FUNCTION public.refuse_rewriting();
CREATE TRIGGER checkpoint_not_emptied BEFORE TRUNCATE ON public.checkpoint FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewriting();
CREATE TRIGGER journal_append_only BEFORE DELETE OR UPDATE ON public.journal FOR EACH ROW EXECUTE FUNCTION public.allow_forgetting();
CREATE TRIGGER journal_not_emptied BEFORE TRUNCATE ON public.journal FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewriting();
CREATE TRIGGER journal_not_emptied BEFORE TRUNCATE ON public.journal_default FOR EACH STATEMENT EXECUTE FUNCTION public.refuse_rewriting();
GRANT SELECT,INSERT,UPDATE ON TABLE public.account TO logos_kernel;
GRANT SELECT,INSERT,DELETE ON TABLE public.blob TO logos_kernel;
GRANT SELECT,INSERT ON TABLE public.checkpoint TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.checkpoint_mark TO logos_kernel;
GRANT SELECT,INSERT,UPDATE ON TABLE public.client_key TO logos_kernel;
GRANT USAGE ON SEQUENCE public.client_key_id_seq TO logos_kernel;
GRANT SELECT,INSERT ON TABLE public.forgotten TO logos_kernel;
GRANT SELECT,INSERT ON TABLE public.journal TO logos_kernel;
GRANT UPDATE(body) ON TABLE public.journal TO logos_kernel;
GRANT SELECT,INSERT ON TABLE public.journal_default TO logos_kernel;
GRANT UPDATE(body) ON TABLE public.journal_default TO logos_kernel;
GRANT USAGE ON SEQUENCE public.journal_id_seq TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.mail TO logos_kernel;
GRANT USAGE ON SEQUENCE public.mail_id_seq TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.node TO logos_kernel;
GRANT USAGE ON SEQUENCE public.node_id_seq TO logos_kernel;
GRANT SELECT,INSERT,UPDATE ON TABLE public.once TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.page_vector TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.page_vector_state TO logos_kernel;
GRANT SELECT,INSERT,UPDATE ON TABLE public.process TO logos_kernel;
GRANT USAGE ON SEQUENCE public.process_pid TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.snapshot TO logos_kernel;
GRANT SELECT,INSERT,DELETE,UPDATE ON TABLE public.space TO logos_kernel;
