-- Images that are registered and not processed, and what is known of derivatives besides their sizes.
-- The conditions of a table cannot be changed: it is made anew. The step runs without foreign keys, which are checked at its end.

CREATE TABLE images_with_channels (
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
    state                     TEXT    NOT NULL CHECK (state IN ('waiting', 'ingesting', 'ready', 'failed', 'registered')),
    -- When it became `ingesting`, `failed` or `registered`.
    state_since               INTEGER,
    error                     TEXT,
    -- What is served: all of these, or none.
    service_generation        INTEGER,
    service_token             INTEGER,
    service_width             INTEGER,
    service_height            INTEGER,
    service_tile              INTEGER,
    service_index_start       INTEGER,
    service_index_length      INTEGER,
    service_length            INTEGER,
    service_checksum          BLOB CHECK (length(service_checksum) = 32),
    -- Width and height of each, as JSON.
    service_thumbnails        TEXT,
    service_thumbnail_bytes   INTEGER,
    service_finished          INTEGER,
    source_media_type         TEXT,
    source_size               INTEGER,
    source_checksum           BLOB CHECK (length(source_checksum) = 32),
    UNIQUE (customer, space, model),
    FOREIGN KEY (customer, space) REFERENCES spaces (customer, id),
    CHECK ((source_origin IS NULL) <> (source_upload IS NULL)),
    CHECK ((state_since IS NOT NULL) = (state IN ('ingesting', 'failed', 'registered'))),
    CHECK ((error IS NOT NULL) = (state = 'failed')),
    CHECK (state <> 'ready' OR service_generation IS NOT NULL),
    CHECK (state <> 'registered' OR service_generation IS NULL),
    CHECK ((service_generation IS NULL) = (service_index_start IS NULL)),
    CHECK ((service_generation IS NULL) = (service_thumbnails IS NULL)),
    CHECK ((service_generation IS NULL) = (service_thumbnail_bytes IS NULL))
) STRICT;

INSERT INTO images_with_channels (
    row_id, customer, space, model, source_origin, source_upload, initial_origin, media_type, string1, string2, string3, number1,
    number2, number3, tags, roles, manifests, max_unauthorised, delivery_channels, image_optimisation_policy, thumbnail_policy,
    created, queued, dequeued, batch, generation, state, state_since, error, service_generation, service_token, service_width,
    service_height, service_tile, service_index_length, service_length, service_checksum, service_finished, source_media_type,
    source_size, source_checksum, service_index_start, service_thumbnails, service_thumbnail_bytes
)
SELECT
    row_id, customer, space, model, source_origin, source_upload, initial_origin, media_type, string1, string2, string3, number1,
    number2, number3, tags, roles, manifests, max_unauthorised, delivery_channels, image_optimisation_policy, thumbnail_policy,
    created, queued, dequeued, batch, generation, state, state_since, error, service_generation, service_token, service_width,
    service_height, service_tile, service_index_length, service_length, service_checksum, service_finished, source_media_type,
    source_size, source_checksum,
    -- Derivatives began with their index, and held no thumbnails.
    iif(service_generation IS NULL, NULL, 0), iif(service_generation IS NULL, NULL, '[]'), iif(service_generation IS NULL, NULL, 0)
FROM images;

DROP TABLE images;
ALTER TABLE images_with_channels RENAME TO images;

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
