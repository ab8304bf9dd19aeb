-- What customers say once for many images.

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
