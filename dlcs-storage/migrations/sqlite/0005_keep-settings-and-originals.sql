-- What customers say once for many images, sources that are kept as they came, and how much is stored.

CREATE TABLE settings (
    id       TEXT    PRIMARY KEY,
    customer INTEGER NOT NULL REFERENCES customers (id),
    kind     TEXT    NOT NULL,
    -- Of what belongs to a space and ends with it.
    space    INTEGER,
    -- What no two of a customer and a kind share.
    name     TEXT    NOT NULL,
    -- What it says, as JSON.
    body     TEXT    NOT NULL,
    created  INTEGER NOT NULL,
    modified INTEGER NOT NULL,
    UNIQUE (customer, kind, name),
    FOREIGN KEY (customer, space) REFERENCES spaces (customer, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;

CREATE INDEX settings_of_space ON settings (customer, space) WHERE space IS NOT NULL;

-- Customers begin with these; those that are there already get them now.
INSERT INTO settings (id, customer, kind, space, name, body, created, modified)
SELECT lower(hex(randomblob(4)) || '-' || hex(randomblob(2)) || '-4' || substr(hex(randomblob(2)), 2) || '-a' || substr(hex(randomblob(2)), 2)
           || '-' || hex(randomblob(6))),
       customers.id, 'default-channel', NULL, first.name, first.body, customers.created + first.place, customers.created + first.place
FROM customers, (
    SELECT 0 AS place, '0/image/*/iiif-img' AS name, '{"media_type":"image/*","channel":"iiif-img","policy":"default"}' AS body
    UNION ALL
    SELECT 1, '0/image/*/thumbs', '{"media_type":"image/*","channel":"thumbs","policy":"default"}'
    UNION ALL
    SELECT 2, '0/application/*/file', '{"media_type":"application/*","channel":"file","policy":"none"}'
) AS first;

-- The source of an image as it came: all of these have values, or none.
ALTER TABLE images ADD COLUMN original_generation INTEGER;
ALTER TABLE images ADD COLUMN original_token      INTEGER;
ALTER TABLE images ADD COLUMN original_media_type TEXT;
ALTER TABLE images ADD COLUMN original_size       INTEGER;
ALTER TABLE images ADD COLUMN original_sha256     BLOB CHECK (length(original_sha256) = 32);
ALTER TABLE images ADD COLUMN original_checksum   BLOB CHECK (length(original_checksum) = 32);
ALTER TABLE images ADD COLUMN original_stored     INTEGER;

-- Kept by the transactions that change what is served of images.
ALTER TABLE spaces ADD COLUMN image_bytes     INTEGER NOT NULL DEFAULT 0 CHECK (image_bytes >= 0);
ALTER TABLE spaces ADD COLUMN thumbnail_bytes INTEGER NOT NULL DEFAULT 0 CHECK (thumbnail_bytes >= 0);
UPDATE spaces SET image_bytes = i.images, thumbnail_bytes = i.thumbnails
FROM (
    SELECT customer, space, sum(service_length - service_thumbnail_bytes) AS images, sum(service_thumbnail_bytes) AS thumbnails
    FROM images WHERE service_length IS NOT NULL GROUP BY customer, space
) AS i
WHERE i.customer = spaces.customer AND i.space = spaces.id;

-- Requests that their clients may send again, and how they were answered.
CREATE TABLE requests (
    customer     INTEGER NOT NULL REFERENCES customers (id),
    name         TEXT    NOT NULL,
    fingerprint  BLOB    NOT NULL CHECK (length(fingerprint) = 32),
    begun        INTEGER NOT NULL,
    -- From here on: nothing while it is being run.
    status       INTEGER,
    content_type TEXT,
    location     TEXT,
    body         BLOB,
    PRIMARY KEY (customer, name)
) STRICT;

CREATE INDEX requests_by_age ON requests (begun);
-- What is given up early is few among many that were answered: every request looks for it.
CREATE INDEX requests_running ON requests (begun) WHERE status IS NULL;
