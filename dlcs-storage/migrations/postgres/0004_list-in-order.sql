-- Indexes that listings walk in their order, without sorting. As before, the one that finds one row comes last.

DROP INDEX images_of_space;
DROP INDEX images_by_string1;
DROP INDEX images_by_string2;
DROP INDEX images_by_string3;
DROP INDEX images_by_number1;
DROP INDEX images_by_number2;
DROP INDEX images_by_number3;

CREATE INDEX images_of_space ON images (customer, space, created, model);
CREATE INDEX images_by_string1 ON images (customer, string1, space, created, model) WHERE string1 <> '';
CREATE INDEX images_by_string2 ON images (customer, string2, space, created, model) WHERE string2 <> '';
CREATE INDEX images_by_string3 ON images (customer, string3, space, created, model) WHERE string3 <> '';
CREATE INDEX images_by_number1 ON images (customer, number1, space, created, model) WHERE number1 <> 0;
CREATE INDEX images_by_number2 ON images (customer, number2, space, created, model) WHERE number2 <> 0;
CREATE INDEX images_by_number3 ON images (customer, number3, space, created, model) WHERE number3 <> 0;
-- The column itself lets the server read what is passed over in the index alone.
CREATE INDEX images_by_width ON images (customer, space, coalesce(service_width, 0), created, model) INCLUDE (service_width);
CREATE INDEX images_failed ON images (customer, created, space, model) WHERE state = 'failed';

DROP INDEX images_by_id;
CREATE UNIQUE INDEX images_by_id ON images (customer, space, model);

-- Making an index counts the rows anew: an empty table is shown rows like those to come once more.
DO $$
BEGIN
    IF EXISTS (SELECT FROM images) THEN
        ANALYZE images;
    ELSE
        INSERT INTO images (customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
            manifests, max_unauthorised, delivery_channels, created, queued, batch, generation, state)
        SELECT 1 + n % 3, 1 + n % 2, 'model ' || n, 'https://example.org/' || n, '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', n / 100,
            n / 100, n / 100, 1, 'waiting'
        FROM generate_series(1, 2000) AS n;
        ANALYZE images;
        DELETE FROM images;
    END IF;
END
$$;
