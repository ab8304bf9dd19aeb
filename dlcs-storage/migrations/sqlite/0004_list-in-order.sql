-- Indexes that listings walk in their order, without sorting.

DROP INDEX images_by_string1;
DROP INDEX images_by_string2;
DROP INDEX images_by_string3;
DROP INDEX images_by_number1;
DROP INDEX images_by_number2;
DROP INDEX images_by_number3;
CREATE INDEX images_by_string1 ON images (customer, string1, space, created, model) WHERE string1 <> '';
CREATE INDEX images_by_string2 ON images (customer, string2, space, created, model) WHERE string2 <> '';
CREATE INDEX images_by_string3 ON images (customer, string3, space, created, model) WHERE string3 <> '';
CREATE INDEX images_by_number1 ON images (customer, number1, space, created, model) WHERE number1 <> 0;
CREATE INDEX images_by_number2 ON images (customer, number2, space, created, model) WHERE number2 <> 0;
CREATE INDEX images_by_number3 ON images (customer, number3, space, created, model) WHERE number3 <> 0;

-- Rows are compared with a place in a listing by columns, and not by what is made of them.
ALTER TABLE images ADD COLUMN width INTEGER NOT NULL GENERATED ALWAYS AS (coalesce(service_width, 0)) VIRTUAL;

CREATE INDEX images_by_width ON images (customer, space, width, created, model);
CREATE INDEX images_failed ON images (customer, created, space, model) WHERE state = 'failed';
