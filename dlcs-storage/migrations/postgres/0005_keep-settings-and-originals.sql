-- What customers say once for many images, sources that are kept as they came, and how much is stored.

CREATE TABLE settings (
    id       text COLLATE "C" PRIMARY KEY,
    customer bigint           NOT NULL REFERENCES customers (id),
    kind     text COLLATE "C" NOT NULL,
    -- Of what belongs to a space and ends with it.
    space    bigint,
    -- What no two of a customer and a kind share.
    name     text COLLATE "C" NOT NULL,
    -- What it says, as JSON.
    body     text COLLATE "C" NOT NULL,
    created  bigint           NOT NULL,
    modified bigint           NOT NULL,
    UNIQUE (customer, kind, name),
    FOREIGN KEY (customer, space) REFERENCES spaces (customer, id) ON DELETE CASCADE
);

CREATE INDEX settings_of_space ON settings (customer, space) WHERE space IS NOT NULL;

-- Customers begin with these; those that are there already get them now.
INSERT INTO settings (id, customer, kind, space, name, body, created, modified)
SELECT gen_random_uuid()::text, customers.id, 'default-channel', NULL, first.name, first.body, customers.created + first.place,
       customers.created + first.place
FROM customers, (VALUES
    (0, '0/image/*/iiif-img', '{"media_type":"image/*","channel":"iiif-img","policy":"default"}'),
    (1, '0/image/*/thumbs', '{"media_type":"image/*","channel":"thumbs","policy":"default"}'),
    (2, '0/application/*/file', '{"media_type":"application/*","channel":"file","policy":"none"}')
) AS first (place, name, body);

-- The source of an image as it came: all of these have values, or none.
ALTER TABLE images ADD COLUMN original_generation bigint;
ALTER TABLE images ADD COLUMN original_token      bigint;
ALTER TABLE images ADD COLUMN original_media_type text COLLATE "C";
ALTER TABLE images ADD COLUMN original_size       bigint;
ALTER TABLE images ADD COLUMN original_sha256     bytea CHECK (length(original_sha256) = 32);
ALTER TABLE images ADD COLUMN original_checksum   bytea CHECK (length(original_checksum) = 32);
ALTER TABLE images ADD COLUMN original_stored     bigint;

-- Kept by the transactions that change what is served of images.
ALTER TABLE spaces ADD COLUMN image_bytes     bigint NOT NULL DEFAULT 0 CHECK (image_bytes >= 0);
ALTER TABLE spaces ADD COLUMN thumbnail_bytes bigint NOT NULL DEFAULT 0 CHECK (thumbnail_bytes >= 0);
UPDATE spaces SET image_bytes = i.images, thumbnail_bytes = i.thumbnails
FROM (
    SELECT customer, space, sum(service_length - service_thumbnail_bytes) AS images, sum(service_thumbnail_bytes) AS thumbnails
    FROM images WHERE service_length IS NOT NULL GROUP BY customer, space
) AS i
WHERE i.customer = spaces.customer AND i.space = spaces.id;

-- Requests that their clients may send again, and how they were answered.
CREATE TABLE requests (
    customer     bigint           NOT NULL REFERENCES customers (id),
    name         text COLLATE "C" NOT NULL,
    fingerprint  bytea            NOT NULL CHECK (length(fingerprint) = 32),
    begun        bigint           NOT NULL,
    -- From here on: nothing while it is being run.
    status       bigint,
    content_type text COLLATE "C",
    location     text COLLATE "C",
    body         bytea,
    PRIMARY KEY (customer, name)
);

CREATE INDEX requests_by_age ON requests (begun);
-- What is given up early is few among many that were answered: every request looks for it.
CREATE INDEX requests_running ON requests (begun) WHERE status IS NULL;
