-- What customers say once for many images.

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
