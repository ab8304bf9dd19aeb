-- Times are microseconds since 1970-01-01T00:00:00Z. Lists are JSON texts. Texts are compared byte by byte.
-- Tables that grow with images have no foreign keys: the transactions that write them hold what they refer to.
-- The index that finds one row comes last: of two that look equally good, as all do while nothing is known of a table, the server takes it.

CREATE TABLE customers (
    id           bigint           PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    name         text COLLATE "C" NOT NULL,
    display_name text COLLATE "C" NOT NULL,
    role         text COLLATE "C" NOT NULL CHECK (role IN ('ordinary', 'administrator')),
    created      bigint           NOT NULL
);

-- Names are ASCII: this folds all of them.
CREATE UNIQUE INDEX customers_by_name ON customers (lower(name));

CREATE TABLE api_keys (
    id          bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text COLLATE "C" NOT NULL UNIQUE,
    customer    bigint           NOT NULL REFERENCES customers (id),
    secret_hash bytea            NOT NULL CHECK (length(secret_hash) = 32),
    created     bigint           NOT NULL
);

CREATE INDEX api_keys_by_customer ON api_keys (customer, created, id);

CREATE TABLE spaces (
    customer                  bigint           NOT NULL REFERENCES customers (id),
    id                        bigint           NOT NULL CHECK (id BETWEEN 1 AND 4294967295),
    name                      text COLLATE "C" NOT NULL,
    default_tags              text COLLATE "C" NOT NULL,
    default_roles             text COLLATE "C" NOT NULL,
    default_max_unauthorised  bigint           NOT NULL,
    image_optimisation_policy text COLLATE "C",
    thumbnail_policy          text COLLATE "C",
    created                   bigint           NOT NULL,
    -- Kept by the transactions that add and remove images.
    image_count               bigint           NOT NULL CHECK (image_count >= 0),
    UNIQUE (customer, name)
) WITH (fillfactor = 50);

ALTER TABLE spaces ADD PRIMARY KEY (customer, id);

CREATE TABLE batches (
    id         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer   bigint  NOT NULL REFERENCES customers (id),
    submitted  bigint  NOT NULL,
    count      bigint  NOT NULL CHECK (count >= 0),
    completed  bigint  NOT NULL CHECK (completed >= 0),
    errors     bigint  NOT NULL CHECK (errors >= 0),
    finished   bigint,
    -- How many images were last submitted in this batch.
    current    bigint  NOT NULL CHECK (current BETWEEN 0 AND count),
    superseded boolean NOT NULL,
    -- As in `jobs`.
    lane       bigint  NOT NULL CHECK (lane IN (0, 1)),
    CHECK (completed + errors <= count),
    CHECK ((finished IS NOT NULL) = (completed + errors = count))
) WITH (fillfactor = 70);

CREATE INDEX batches_by_customer ON batches (customer, id);
CREATE INDEX batches_active ON batches (customer, id) WHERE finished IS NULL;
CREATE INDEX batches_recent ON batches (customer, id) WHERE finished IS NOT NULL AND NOT superseded;

CREATE TABLE batch_images (
    batch    bigint           NOT NULL,
    space    bigint           NOT NULL,
    model    text COLLATE "C" NOT NULL,
    state    text COLLATE "C" NOT NULL CHECK (state IN ('pending', 'completed', 'failed')),
    error    text COLLATE "C",
    finished bigint,
    PRIMARY KEY (batch, space, model),
    CHECK ((finished IS NULL) = (state = 'pending')),
    CHECK ((error IS NULL) = (state <> 'failed'))
) WITH (fillfactor = 80);

CREATE TABLE images (
    row_id                    bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer                  bigint           NOT NULL,
    space                     bigint           NOT NULL,
    model                     text COLLATE "C" NOT NULL,
    source_origin             text COLLATE "C",
    source_upload             text COLLATE "C",
    initial_origin            text COLLATE "C",
    media_type                text COLLATE "C",
    string1                   text COLLATE "C" NOT NULL,
    string2                   text COLLATE "C" NOT NULL,
    string3                   text COLLATE "C" NOT NULL,
    number1                   bigint           NOT NULL,
    number2                   bigint           NOT NULL,
    number3                   bigint           NOT NULL,
    tags                      text COLLATE "C" NOT NULL,
    roles                     text COLLATE "C" NOT NULL,
    manifests                 text COLLATE "C" NOT NULL,
    max_unauthorised          bigint           NOT NULL,
    delivery_channels         text COLLATE "C" NOT NULL,
    image_optimisation_policy text COLLATE "C",
    thumbnail_policy          text COLLATE "C",
    created                   bigint           NOT NULL,
    queued                    bigint,
    dequeued                  bigint,
    batch                     bigint,
    generation                bigint           NOT NULL CHECK (generation >= 1),
    state                     text COLLATE "C" NOT NULL CHECK (state IN ('waiting', 'ingesting', 'ready', 'failed', 'registered')),
    -- When it became `ingesting`, `failed` or `registered`.
    state_since               bigint,
    error                     text COLLATE "C",
    -- What is served: all of these, or none.
    service_generation        bigint,
    service_token             bigint,
    service_width             bigint,
    service_height            bigint,
    service_tile              bigint,
    service_index_start       bigint,
    service_index_length      bigint,
    service_length            bigint,
    service_checksum          bytea CHECK (length(service_checksum) = 32),
    -- Width and height of each, as JSON.
    service_thumbnails        text COLLATE "C",
    service_thumbnail_bytes   bigint,
    service_finished          bigint,
    source_media_type         text COLLATE "C",
    source_size               bigint,
    source_checksum           bytea CHECK (length(source_checksum) = 32),
    CHECK ((source_origin IS NULL) <> (source_upload IS NULL)),
    CHECK ((state_since IS NOT NULL) = (state IN ('ingesting', 'failed', 'registered'))),
    CHECK ((error IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'ready' OR service_generation IS NOT NULL),
    CHECK (state <> 'registered' OR service_generation IS NULL),
    CHECK ((service_generation IS NULL) = (service_index_start IS NULL)),
    CHECK ((service_generation IS NULL) = (service_thumbnails IS NULL)),
    CHECK ((service_generation IS NULL) = (service_thumbnail_bytes IS NULL))
) WITH (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02);

CREATE INDEX images_of_space ON images (customer, space, created);
CREATE INDEX images_of_customer ON images (customer, created, space, model);
CREATE INDEX images_of_batch ON images (batch, created, space, model) WHERE batch IS NOT NULL;
CREATE INDEX images_pending ON images (customer, created, space, model) WHERE state IN ('waiting', 'ingesting');
CREATE INDEX images_by_string1 ON images (customer, string1, space) WHERE string1 <> '';
CREATE INDEX images_by_string2 ON images (customer, string2, space) WHERE string2 <> '';
CREATE INDEX images_by_string3 ON images (customer, string3, space) WHERE string3 <> '';
CREATE INDEX images_by_number1 ON images (customer, number1, space) WHERE number1 <> 0;
CREATE INDEX images_by_number2 ON images (customer, number2, space) WHERE number2 <> 0;
CREATE INDEX images_by_number3 ON images (customer, number3, space) WHERE number3 <> 0;
CREATE UNIQUE INDEX images_by_id ON images (customer, space, model);

-- One job per image at most: another registration replaces it.
CREATE TABLE jobs (
    -- The order of submission.
    id             bigint           GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    image          bigint           NOT NULL UNIQUE,
    customer       bigint           NOT NULL,
    -- 0 is the default lane, 1 the priority lane.
    lane           bigint           NOT NULL CHECK (lane IN (0, 1)),
    -- Where the image is fetched from; empty for uploads.
    host           text COLLATE "C" NOT NULL,
    batch          bigint,
    generation     bigint           NOT NULL,
    attempt        bigint           NOT NULL CHECK (attempt >= 0),
    -- Leases that ended without a word of their holder: while it held others, and while it held nothing else.
    crashes        bigint           NOT NULL CHECK (crashes >= 0),
    crashes_alone  bigint           NOT NULL CHECK (crashes_alone >= 0),
    -- Claimed by a process that holds nothing else, because of its crashes.
    set_apart      boolean          NOT NULL,
    -- Who is making itself free for it, and until when that counts.
    reserved_by    text COLLATE "C",
    reserved_until bigint,
    -- When the job is due.
    run_at         bigint           NOT NULL,
    lease_token    bigint,
    lease_owner    text COLLATE "C",
    lease_since    bigint,
    lease_until    bigint,
    -- What the customer was charged.
    lease_charge   bigint,
    -- Whether the owner holds nothing else.
    lease_alone    boolean,
    last_error     text COLLATE "C",
    CHECK ((lease_token IS NULL) = (lease_owner IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_since IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_charge IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_alone IS NULL)),
    CHECK ((reserved_by IS NULL) = (reserved_until IS NULL))
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.01, autovacuum_analyze_scale_factor = 0.01);

CREATE INDEX jobs_waiting ON jobs (customer, lane, host, run_at, id) WHERE lease_token IS NULL AND NOT set_apart;
CREATE INDEX jobs_set_apart ON jobs (run_at, id) WHERE lease_token IS NULL AND set_apart;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_by_owner ON jobs (lease_owner) WHERE lease_token IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_token ON jobs (lease_token) WHERE lease_token IS NOT NULL;

-- What each customer has in each lane and has had there. Lane 2 counts what is set apart.
CREATE TABLE queue_shares (
    customer  bigint NOT NULL REFERENCES customers (id),
    lane      bigint NOT NULL CHECK (lane IN (0, 1, 2)),
    waiting   bigint NOT NULL CHECK (waiting >= 0),
    leased    bigint NOT NULL CHECK (leased >= 0),
    succeeded bigint NOT NULL CHECK (succeeded >= 0),
    failed    bigint NOT NULL CHECK (failed >= 0),
    -- The virtual time of the customer and the usual cost of its images: microseconds of workers.
    served    bigint NOT NULL,
    typical   bigint NOT NULL,
    PRIMARY KEY (customer, lane)
) WITH (fillfactor = 50);

CREATE INDEX queue_shares_in_turn ON queue_shares (lane, served, customer) WHERE waiting > 0;

-- What a customer has waiting from one host: its first job, so that a claim need not look for it. Whoever changes what waits there holds
-- the row.
CREATE TABLE queue_lines (
    customer bigint           NOT NULL,
    lane     bigint           NOT NULL,
    host     text COLLATE "C" NOT NULL,
    run_at   bigint           NOT NULL,
    job      bigint           NOT NULL
) WITH (fillfactor = 50);

CREATE INDEX queue_lines_in_turn ON queue_lines (customer, lane, run_at, job);
ALTER TABLE queue_lines ADD PRIMARY KEY (customer, lane, host);

-- How many images are leased that come from a host.
CREATE TABLE queue_hosts (
    host   text COLLATE "C" PRIMARY KEY,
    leased bigint           NOT NULL CHECK (leased >= 0)
) WITH (fillfactor = 50);

-- Whoever claims holds both rows.
CREATE TABLE queue_lanes (
    lane   bigint PRIMARY KEY CHECK (lane IN (0, 1)),
    -- What the customer had had whose image was claimed last.
    floor  bigint NOT NULL,
    -- Claims of this lane since the other, which waited, had one.
    streak bigint NOT NULL
) WITH (fillfactor = 20);

INSERT INTO queue_lanes (lane, floor, streak) VALUES (0, 0, 0), (1, 0, 0);

-- Batches that have finished, until somebody has been told.
CREATE TABLE notices (
    id         bigint  GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    due        bigint  NOT NULL,
    attempts   bigint  NOT NULL CHECK (attempts >= 0),
    batch      bigint  NOT NULL,
    customer   bigint  NOT NULL,
    submitted  bigint  NOT NULL,
    count      bigint  NOT NULL,
    completed  bigint  NOT NULL,
    errors     bigint  NOT NULL,
    finished   bigint  NOT NULL,
    superseded boolean NOT NULL
);

CREATE INDEX notices_due ON notices (due, id);

CREATE TABLE origin_strategies (
    id          text COLLATE "C" PRIMARY KEY,
    customer    bigint           NOT NULL REFERENCES customers (id),
    pattern     text COLLATE "C" NOT NULL,
    kind        text COLLATE "C" NOT NULL,
    -- Sealed: see `seal.rs`.
    credentials bytea,
    position    bigint           NOT NULL,
    optimised   boolean          NOT NULL,
    created     bigint           NOT NULL,
    UNIQUE (customer, pattern)
);

-- The key that credentials are sealed with, by its id: every node has the same one. One row at most.
CREATE TABLE sealing_key (
    one boolean PRIMARY KEY CHECK (one),
    id  bytea   NOT NULL
);

-- Stored objects that nothing refers to, and from when on they may be deleted.
CREATE TABLE collectable (
    path       text COLLATE "C" PRIMARY KEY,
    not_before bigint           NOT NULL
);

CREATE INDEX collectable_by_time ON collectable (not_before, path);

-- The numbers given out last: they never repeat, not even after a breakdown.
CREATE TABLE sequences (
    name text COLLATE "C" PRIMARY KEY,
    last bigint           NOT NULL
) WITH (fillfactor = 50);

-- Whoever makes a customer holds the row of that name meanwhile.
INSERT INTO sequences (name, last) VALUES ('check', 0), ('customer', 0), ('lease_token', 0);

-- What the server knows of a table it has learned from its rows, and of an empty one it knows nothing: then any index looks as good as
-- the right one, and a plan that was made so may be kept for long. So it is shown tables like those to come.

INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles, manifests,
    max_unauthorised, delivery_channels, created, queued, batch, generation, state)
SELECT 1 + n % 3, 1 + n % 2, 'model ' || n, 'https://example.org/' || n, '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', n / 100, n / 100,
    n / 100, 1, 'waiting'
FROM generate_series(1, 2000) AS n;

INSERT INTO jobs (image, customer, lane, host, batch, generation, attempt, crashes, crashes_alone, set_apart, run_at)
SELECT n, 1 + n % 3, n % 2, 'host' || n % 5, n / 100, 1, 0, 0, 0, FALSE, n / 100 FROM generate_series(1, 2000) AS n;

UPDATE jobs SET lease_token = image, lease_owner = 'node ' || image % 7, lease_since = image, lease_until = image, lease_charge = 0, lease_alone = FALSE
WHERE image % 10 = 0;

INSERT INTO batch_images (batch, space, model, state)
SELECT n / 100, 1 + n % 2, 'model ' || n, 'pending' FROM generate_series(1, 2000) AS n;

INSERT INTO queue_lines (customer, lane, host, run_at, job)
SELECT 1 + n % 3, n % 2, 'host' || n, n / 10, n FROM generate_series(1, 500) AS n;

INSERT INTO collectable (path, not_before) SELECT 'path ' || n, n / 10 FROM generate_series(1, 500) AS n;

ANALYZE images, jobs, batch_images, queue_lines, collectable;
DELETE FROM images;
DELETE FROM jobs;
DELETE FROM batch_images;
DELETE FROM queue_lines;
DELETE FROM collectable;
