-- Times are microseconds since 1970-01-01T00:00:00Z. Lists are JSON texts.

CREATE TABLE customers (
    id           INTEGER PRIMARY KEY CHECK (id BETWEEN 1 AND 4294967295),
    -- Names are ASCII: NOCASE folds all of them.
    name         TEXT    NOT NULL UNIQUE COLLATE NOCASE,
    display_name TEXT    NOT NULL,
    role         TEXT    NOT NULL CHECK (role IN ('ordinary', 'administrator')),
    created      INTEGER NOT NULL
) STRICT;

CREATE TABLE api_keys (
    id          INTEGER PRIMARY KEY,
    key         TEXT    NOT NULL UNIQUE,
    customer    INTEGER NOT NULL REFERENCES customers (id),
    secret_hash BLOB    NOT NULL CHECK (length(secret_hash) = 32),
    created     INTEGER NOT NULL
) STRICT;

CREATE INDEX api_keys_by_customer ON api_keys (customer, created, id);

CREATE TABLE spaces (
    customer                  INTEGER NOT NULL REFERENCES customers (id),
    id                        INTEGER NOT NULL CHECK (id BETWEEN 1 AND 4294967295),
    name                      TEXT    NOT NULL,
    default_tags              TEXT    NOT NULL,
    default_roles             TEXT    NOT NULL,
    default_max_unauthorised  INTEGER NOT NULL,
    image_optimisation_policy TEXT,
    thumbnail_policy          TEXT,
    created                   INTEGER NOT NULL,
    -- Kept by the transactions that add and remove images.
    image_count               INTEGER NOT NULL CHECK (image_count >= 0),
    PRIMARY KEY (customer, id),
    UNIQUE (customer, name)
) STRICT, WITHOUT ROWID;

CREATE TABLE batches (
    id         INTEGER PRIMARY KEY,
    customer   INTEGER NOT NULL REFERENCES customers (id),
    submitted  INTEGER NOT NULL,
    count      INTEGER NOT NULL CHECK (count >= 0),
    completed  INTEGER NOT NULL CHECK (completed >= 0),
    errors     INTEGER NOT NULL CHECK (errors >= 0),
    finished   INTEGER,
    -- How many images were last submitted in this batch.
    current    INTEGER NOT NULL CHECK (current BETWEEN 0 AND count),
    superseded INTEGER NOT NULL CHECK (superseded IN (0, 1)),
    CHECK (completed + errors <= count),
    CHECK ((finished IS NOT NULL) = (completed + errors = count))
) STRICT;

CREATE INDEX batches_by_customer ON batches (customer, id);
CREATE INDEX batches_active ON batches (customer, id) WHERE finished IS NULL;
CREATE INDEX batches_recent ON batches (customer, id) WHERE finished IS NOT NULL AND superseded = 0;

CREATE TABLE batch_images (
    batch    INTEGER NOT NULL REFERENCES batches (id),
    space    INTEGER NOT NULL,
    model    TEXT    NOT NULL,
    state    TEXT    NOT NULL CHECK (state IN ('pending', 'completed', 'failed')),
    error    TEXT,
    finished INTEGER,
    PRIMARY KEY (batch, space, model),
    CHECK ((finished IS NULL) = (state = 'pending')),
    CHECK ((error IS NULL) = (state <> 'failed'))
) STRICT, WITHOUT ROWID;

CREATE TABLE images (
    row_id                    INTEGER PRIMARY KEY,
    customer                  INTEGER NOT NULL,
    space                     INTEGER NOT NULL,
    model                     TEXT    NOT NULL,
    source_origin             TEXT,
    source_upload             TEXT,
    initial_origin            TEXT,
    media_type                TEXT,
    string1                   TEXT    NOT NULL,
    string2                   TEXT    NOT NULL,
    string3                   TEXT    NOT NULL,
    number1                   INTEGER NOT NULL,
    number2                   INTEGER NOT NULL,
    number3                   INTEGER NOT NULL,
    tags                      TEXT    NOT NULL,
    roles                     TEXT    NOT NULL,
    manifests                 TEXT    NOT NULL,
    max_unauthorised          INTEGER NOT NULL,
    delivery_channels         TEXT    NOT NULL,
    image_optimisation_policy TEXT,
    thumbnail_policy          TEXT,
    created                   INTEGER NOT NULL,
    queued                    INTEGER,
    dequeued                  INTEGER,
    batch                     INTEGER REFERENCES batches (id),
    generation                INTEGER NOT NULL CHECK (generation >= 1),
    state                     TEXT    NOT NULL CHECK (state IN ('waiting', 'ingesting', 'ready', 'failed')),
    -- When it became `ingesting` or `failed`.
    state_since               INTEGER,
    error                     TEXT,
    -- What is served: all of these, or none.
    service_generation        INTEGER,
    service_token             INTEGER,
    service_width             INTEGER,
    service_height            INTEGER,
    service_tile              INTEGER,
    service_index_length      INTEGER,
    service_length            INTEGER,
    service_checksum          BLOB CHECK (length(service_checksum) = 32),
    service_finished          INTEGER,
    source_media_type         TEXT,
    source_size               INTEGER,
    source_checksum           BLOB CHECK (length(source_checksum) = 32),
    UNIQUE (customer, space, model),
    FOREIGN KEY (customer, space) REFERENCES spaces (customer, id),
    CHECK ((source_origin IS NULL) <> (source_upload IS NULL)),
    CHECK ((state_since IS NOT NULL) = (state IN ('ingesting', 'failed'))),
    CHECK ((error IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'ready' OR service_generation IS NOT NULL)
) STRICT;

CREATE INDEX images_of_space ON images (customer, space, created, model);
CREATE INDEX images_of_customer ON images (customer, created, space, model);
CREATE INDEX images_of_batch ON images (batch, created, space, model) WHERE batch IS NOT NULL;
CREATE INDEX images_pending ON images (customer, created, space, model) WHERE state IN ('waiting', 'ingesting');
CREATE INDEX images_by_string1 ON images (customer, string1, space) WHERE string1 <> '';
CREATE INDEX images_by_string2 ON images (customer, string2, space) WHERE string2 <> '';
CREATE INDEX images_by_string3 ON images (customer, string3, space) WHERE string3 <> '';
CREATE INDEX images_by_number1 ON images (customer, number1, space) WHERE number1 <> 0;
CREATE INDEX images_by_number2 ON images (customer, number2, space) WHERE number2 <> 0;
CREATE INDEX images_by_number3 ON images (customer, number3, space) WHERE number3 <> 0;

-- One job per image at most: another registration replaces it.
CREATE TABLE jobs (
    -- The order of submission.
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    image       INTEGER NOT NULL UNIQUE REFERENCES images (row_id),
    customer    INTEGER NOT NULL,
    lane        INTEGER NOT NULL,
    batch       INTEGER REFERENCES batches (id),
    generation  INTEGER NOT NULL,
    attempt     INTEGER NOT NULL CHECK (attempt >= 0),
    -- Leases that ended without a word of their holder.
    crashes     INTEGER NOT NULL CHECK (crashes >= 0),
    -- When the job is due.
    run_at      INTEGER NOT NULL,
    lease_token INTEGER,
    lease_owner TEXT,
    lease_until INTEGER,
    last_error  TEXT,
    CHECK ((lease_token IS NULL) = (lease_owner IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL))
) STRICT;

CREATE INDEX jobs_waiting ON jobs (customer, lane, run_at, id) WHERE lease_token IS NULL;
CREATE INDEX jobs_leased ON jobs (customer, lane, lease_until) WHERE lease_token IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_token ON jobs (lease_token) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_by_batch ON jobs (batch) WHERE batch IS NOT NULL;

-- Whose turn it is, and how much there is to do, without looking at jobs.
CREATE TABLE queue_customers (
    customer INTEGER PRIMARY KEY REFERENCES customers (id),
    waiting  INTEGER NOT NULL CHECK (waiting >= 0),
    leased   INTEGER NOT NULL CHECK (leased >= 0),
    -- The number of the customer's last claim: the lowest comes first.
    turn     INTEGER NOT NULL
) STRICT;

CREATE INDEX queue_customers_with_work ON queue_customers (turn, customer) WHERE waiting + leased > 0;

CREATE TABLE origin_strategies (
    id          TEXT    PRIMARY KEY NOT NULL,
    customer    INTEGER NOT NULL REFERENCES customers (id),
    pattern     TEXT    NOT NULL,
    kind        TEXT    NOT NULL,
    -- Sealed: see `seal.rs`.
    credentials BLOB,
    position    INTEGER NOT NULL,
    optimised   INTEGER NOT NULL CHECK (optimised IN (0, 1)),
    created     INTEGER NOT NULL,
    UNIQUE (customer, pattern)
) STRICT, WITHOUT ROWID;

-- Stored objects that nothing refers to, and from when on they may be deleted.
CREATE TABLE collectable (
    path       TEXT    PRIMARY KEY NOT NULL,
    not_before INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX collectable_by_time ON collectable (not_before, path);

-- The numbers given out last: they never repeat, not even after a restart.
CREATE TABLE sequences (
    name TEXT    PRIMARY KEY NOT NULL,
    last INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

INSERT INTO sequences (name, last) VALUES ('batch', 0), ('check', 0), ('lease_token', 0), ('turn', 0);
