-- How often a job has been put off for what is no fault of its image: the more often, the longer it waits.

ALTER TABLE jobs ADD COLUMN postponed INTEGER NOT NULL DEFAULT 0 CHECK (postponed >= 0);
