-- Lanes, customers by the time that they have had, hosts, images over which workers die, notices.

ALTER TABLE batches ADD COLUMN lane INTEGER NOT NULL DEFAULT 0 CHECK (lane IN (0, 1));

CREATE TABLE jobs_with_hosts (
    -- The order of submission.
    id             INTEGER PRIMARY KEY AUTOINCREMENT,
    image          INTEGER NOT NULL UNIQUE REFERENCES images (row_id),
    customer       INTEGER NOT NULL,
    -- 0 is the default lane, 1 the priority lane.
    lane           INTEGER NOT NULL CHECK (lane IN (0, 1)),
    -- Where the image is fetched from; empty for uploads.
    host           TEXT    NOT NULL,
    batch          INTEGER REFERENCES batches (id),
    generation     INTEGER NOT NULL,
    attempt        INTEGER NOT NULL CHECK (attempt >= 0),
    -- Leases that ended without a word of their holder: while it held others, and while it held nothing else.
    crashes        INTEGER NOT NULL CHECK (crashes >= 0),
    crashes_alone  INTEGER NOT NULL CHECK (crashes_alone >= 0),
    -- Claimed by a process that holds nothing else, because of its crashes.
    set_apart      INTEGER NOT NULL CHECK (set_apart IN (0, 1)),
    -- Who is making itself free for it, and until when that counts.
    reserved_by    TEXT,
    reserved_until INTEGER,
    -- When the job is due.
    run_at         INTEGER NOT NULL,
    lease_token    INTEGER,
    lease_owner    TEXT,
    lease_since    INTEGER,
    lease_until    INTEGER,
    -- What the customer was charged.
    lease_charge   INTEGER,
    -- Whether the owner holds nothing else.
    lease_alone    INTEGER CHECK (lease_alone IN (0, 1)),
    last_error     TEXT,
    CHECK ((lease_token IS NULL) = (lease_owner IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_since IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_until IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_charge IS NULL)),
    CHECK ((lease_token IS NULL) = (lease_alone IS NULL)),
    CHECK ((reserved_by IS NULL) = (reserved_until IS NULL))
) STRICT;

INSERT INTO jobs_with_hosts (
    id, image, customer, lane, host, batch, generation, attempt, crashes, crashes_alone, set_apart, run_at,
    lease_token, lease_owner, lease_since, lease_until, lease_charge, lease_alone, last_error
)
SELECT
    id, image, customer, 0, '', batch, generation, attempt, crashes, 0, 0, run_at,
    lease_token, lease_owner, iif(lease_token IS NULL, NULL, lease_until), lease_until, iif(lease_token IS NULL, NULL, 0),
    iif(lease_token IS NULL, NULL, 0), last_error
FROM jobs;

DROP TABLE jobs;
ALTER TABLE jobs_with_hosts RENAME TO jobs;

CREATE INDEX jobs_waiting ON jobs (customer, lane, host, run_at, id) WHERE lease_token IS NULL AND set_apart = 0;
CREATE INDEX jobs_set_apart ON jobs (run_at, id) WHERE lease_token IS NULL AND set_apart = 1;
CREATE INDEX jobs_leased ON jobs (lease_until) WHERE lease_token IS NOT NULL;
CREATE INDEX jobs_by_owner ON jobs (lease_owner) WHERE lease_token IS NOT NULL;
CREATE UNIQUE INDEX jobs_by_token ON jobs (lease_token) WHERE lease_token IS NOT NULL;

-- What each customer has in each lane and has had there. Lane 2 counts what is set apart.
CREATE TABLE queue_shares (
    customer  INTEGER NOT NULL REFERENCES customers (id),
    lane      INTEGER NOT NULL CHECK (lane IN (0, 1, 2)),
    waiting   INTEGER NOT NULL CHECK (waiting >= 0),
    leased    INTEGER NOT NULL CHECK (leased >= 0),
    succeeded INTEGER NOT NULL CHECK (succeeded >= 0),
    failed    INTEGER NOT NULL CHECK (failed >= 0),
    -- The virtual time of the customer and the usual cost of its images: microseconds of workers.
    served    INTEGER NOT NULL,
    typical   INTEGER NOT NULL,
    PRIMARY KEY (customer, lane)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_shares_in_turn ON queue_shares (lane, served, customer) WHERE waiting > 0;

INSERT INTO queue_shares (customer, lane, waiting, leased, succeeded, failed, served, typical)
SELECT customer, 0, waiting, leased, 0, 0, 0, 1000000 FROM queue_customers;

DROP TABLE queue_customers;

-- What a customer has waiting from one host: its first job, so that a claim need not look for it.
CREATE TABLE queue_lines (
    customer INTEGER NOT NULL,
    lane     INTEGER NOT NULL,
    host     TEXT    NOT NULL,
    run_at   INTEGER NOT NULL,
    job      INTEGER NOT NULL,
    PRIMARY KEY (customer, lane, host)
) STRICT, WITHOUT ROWID;

CREATE INDEX queue_lines_in_turn ON queue_lines (customer, lane, run_at, job);

INSERT INTO queue_lines (customer, lane, host, run_at, job)
SELECT customer, lane, host, run_at, id FROM (
    SELECT customer, lane, host, run_at, id, row_number() OVER (PARTITION BY customer, lane, host ORDER BY run_at, id) AS place
    FROM jobs WHERE lease_token IS NULL
) WHERE place = 1;

-- How many images are leased that come from a host.
CREATE TABLE queue_hosts (
    host   TEXT    PRIMARY KEY NOT NULL,
    leased INTEGER NOT NULL CHECK (leased > 0)
) STRICT, WITHOUT ROWID;

CREATE TABLE queue_lanes (
    lane   INTEGER PRIMARY KEY CHECK (lane IN (0, 1)),
    -- What the customer had had whose image was claimed last.
    floor  INTEGER NOT NULL,
    -- Claims of this lane since the other, which waited, had one.
    streak INTEGER NOT NULL
) STRICT;

INSERT INTO queue_lanes (lane, floor, streak) VALUES (0, 0, 0), (1, 0, 0);

-- Batches that have finished, until somebody has been told.
CREATE TABLE notices (
    id         INTEGER PRIMARY KEY AUTOINCREMENT,
    due        INTEGER NOT NULL,
    attempts   INTEGER NOT NULL CHECK (attempts >= 0),
    batch      INTEGER NOT NULL,
    customer   INTEGER NOT NULL,
    submitted  INTEGER NOT NULL,
    count      INTEGER NOT NULL,
    completed  INTEGER NOT NULL,
    errors     INTEGER NOT NULL,
    finished   INTEGER NOT NULL,
    superseded INTEGER NOT NULL CHECK (superseded IN (0, 1))
) STRICT;

CREATE INDEX notices_due ON notices (due, id);

DELETE FROM sequences WHERE name = 'turn';
