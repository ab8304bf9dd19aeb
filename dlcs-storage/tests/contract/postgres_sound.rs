//! What must hold of the tables at every moment, in SQL: what is counted is what is there.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use tokio_postgres::Client;

/// Each selects what breaks a rule.
const RULES: [(&str, &str); 8] = [
    (
        "a line keeps the first of the jobs that wait in it, and there is none without",
        "SELECT coalesce(l.customer, f.customer), coalesce(l.host, f.host), l.job, f.id FROM queue_lines AS l FULL JOIN (
             SELECT DISTINCT ON (customer, lane, host) customer, lane, host, run_at, id FROM jobs
             WHERE lease_token IS NULL AND NOT set_apart ORDER BY customer, lane, host, run_at, id
         ) AS f USING (customer, lane, host)
         WHERE (l.run_at, l.job) IS DISTINCT FROM (f.run_at, f.id)",
    ),
    (
        "a share counts what waits and what is leased",
        "SELECT s.customer, s.lane, s.waiting, s.leased, j.waiting, j.leased FROM queue_shares AS s FULL JOIN (
             SELECT customer, CASE WHEN set_apart THEN 2 ELSE lane END AS lane, count(*) FILTER (WHERE lease_token IS NULL) AS waiting,
                 count(*) FILTER (WHERE lease_token IS NOT NULL) AS leased
             FROM jobs GROUP BY 1, 2
         ) AS j USING (customer, lane)
         WHERE (coalesce(s.waiting, -1), coalesce(s.leased, -1)) <> (coalesce(j.waiting, 0), coalesce(j.leased, 0))",
    ),
    (
        "a host counts what is leased of it",
        "SELECT host, h.leased, j.leased FROM queue_hosts AS h FULL JOIN (
             SELECT host, count(*) AS leased FROM jobs WHERE lease_token IS NOT NULL AND host <> '' GROUP BY host
         ) AS j USING (host)
         WHERE h.leased IS DISTINCT FROM j.leased",
    ),
    (
        "a space counts its images",
        "SELECT s.customer, s.id FROM spaces AS s
         WHERE image_count <> (SELECT count(*) FROM images AS i WHERE (i.customer, i.space) = (s.customer, s.id))",
    ),
    (
        "an image has its space",
        "SELECT customer, space FROM images AS i
         WHERE NOT EXISTS (SELECT 1 FROM spaces AS s WHERE (i.customer, i.space) = (s.customer, s.id))",
    ),
    (
        "an image has a job while it is on its way, of its last registration and in its batch, and no other has one",
        "SELECT i.row_id, j.id, i.state FROM images AS i FULL JOIN jobs AS j ON j.image = i.row_id
         WHERE (i.state IN ('waiting', 'ingesting')) IS DISTINCT FROM (j.id IS NOT NULL)
             AND (i.state IN ('waiting', 'ingesting') OR j.id IS NOT NULL)
             OR j.id IS NOT NULL AND ((i.state = 'ingesting') <> (j.lease_token IS NOT NULL) OR i.generation <> j.generation
                OR i.batch IS DISTINCT FROM j.batch OR i.customer <> j.customer)",
    ),
    (
        "a batch counts how its images ended, and is finished when all have",
        "SELECT b.id FROM batches AS b CROSS JOIN LATERAL (
             SELECT count(*) AS images, count(*) FILTER (WHERE state = 'completed') AS completed,
                 count(*) FILTER (WHERE state = 'failed') AS errors
             FROM batch_images AS m WHERE m.batch = b.id
         ) AS m
         WHERE (b.count, b.completed, b.errors) <> (m.images, m.completed, m.errors)
             OR (b.finished IS NOT NULL) <> (b.completed + b.errors = b.count)",
    ),
    (
        "a batch counts the images that it has still, and a job of a batch is awaited there",
        "SELECT b.id FROM batches AS b WHERE b.current <> (SELECT count(*) FROM images AS i WHERE i.batch = b.id)
         UNION ALL
         SELECT j.batch FROM jobs AS j JOIN images AS i ON i.row_id = j.image
         WHERE j.batch IS NOT NULL AND NOT EXISTS (SELECT 1 FROM batch_images AS m
             WHERE (m.batch, m.space, m.model, m.state) = (j.batch, i.space, i.model, 'pending'))",
    ),
];

/// Where nobody has ended notices.
const TOLD: [(&str, &str); 1] = [
    (
        "every finished run has left a notice, and no other",
        "SELECT b.id FROM batches AS b
         WHERE b.finished IS NOT NULL AND b.count > 0 AND NOT EXISTS (SELECT 1 FROM notices AS n WHERE n.batch = b.id)
             OR b.finished IS NULL AND b.errors = 0 AND EXISTS (SELECT 1 FROM notices AS n WHERE n.batch = b.id AND n.errors = 0)",
    ),
];

/// Checks every rule in one snapshot.
pub(crate) async fn assert_sound(raw: &Client, when: &str) {
    check(raw, when, &RULES).await;
}

/// Checks that nothing is missing among the notices, none of which anybody has ended.
pub(crate) async fn assert_told(raw: &Client, when: &str) {
    check(raw, when, &TOLD).await;
}

async fn check(raw: &Client, when: &str, rules: &[(&str, &str)]) {
    raw.batch_execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        .await
        .unwrap();
    for (rule, broken) in rules {
        let found = raw.simple_query(broken).await.unwrap();
        let rows: Vec<_> = found
            .iter()
            .filter_map(|message| match message {
                tokio_postgres::SimpleQueryMessage::Row(row) => Some(
                    (0..row.len())
                        .map(|at| row.get(at).unwrap_or("null").to_owned())
                        .collect::<Vec<_>>(),
                ),
                _ => None,
            })
            .collect();
        assert!(rows.is_empty(), "{when}: {rule}: {rows:?}");
    }
    raw.batch_execute("COMMIT").await.unwrap();
}
