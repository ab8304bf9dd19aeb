//! What must hold of the tables, and how it is put right: in the SQL that both databases understand.

use dlcs_core::fsck::{Miscount, Rule};

use super::record::Unreadable;

/// Of each rule what breaks it: a sentence, and the image that is lost to the queue, where it is that.
const RULES: [(Rule, &str); 10] = [
    (
        Rule::SpaceCounts,
        "SELECT 'space ' || s.id || ' of customer ' || s.customer || ' counts ' || s.image_count || ' images of ' || s.image_bytes || ' + '
                 || s.thumbnail_bytes || ' bytes and has ' || coalesce(i.n, 0) || ' of ' || coalesce(i.images, 0) || ' + '
                 || coalesce(i.thumbnails, 0) AS sentence, CAST(NULL AS text) AS image
         FROM spaces AS s LEFT JOIN (
             SELECT customer, space, count(*) AS n,
                 sum(coalesce(service_length - service_thumbnail_bytes, 0) + coalesce(original_size, 0)) AS images,
                 sum(coalesce(service_thumbnail_bytes, 0)) AS thumbnails
             FROM images GROUP BY customer, space
         ) AS i ON i.customer = s.customer AND i.space = s.id
         WHERE s.image_count <> coalesce(i.n, 0) OR s.image_bytes <> coalesce(i.images, 0) OR s.thumbnail_bytes <> coalesce(i.thumbnails, 0)",
    ),
    (
        Rule::ImageHasSpace,
        "SELECT 'image `' || i.customer || '/' || i.space || '/' || i.model || '` has no space' AS sentence, CAST(NULL AS text) AS image
         FROM images AS i LEFT JOIN spaces AS s ON s.customer = i.customer AND s.id = i.space
         WHERE s.id IS NULL",
    ),
    (
        Rule::ImageHasJob,
        "SELECT 'image `' || i.customer || '/' || i.space || '/' || i.model || '` is ' || i.state || ' and has '
                 || CASE WHEN j.id IS NULL THEN 'no job' WHEN i.state NOT IN ('waiting', 'ingesting') THEN 'a job'
                     ELSE 'a job of another registration, batch or state' END AS sentence,
             CASE WHEN j.id IS NULL THEN i.customer || '/' || i.space || '/' || i.model END AS image
         FROM images AS i LEFT JOIN jobs AS j ON j.image = i.row_id
         WHERE (i.state IN ('waiting', 'ingesting')) <> (j.id IS NOT NULL)
             OR j.id IS NOT NULL AND ((i.state = 'ingesting') <> (j.lease_token IS NOT NULL) OR i.generation <> j.generation
                 OR i.batch IS DISTINCT FROM j.batch OR i.customer <> j.customer)
         UNION ALL
         SELECT 'job ' || j.id || ' has no image', CAST(NULL AS text)
         FROM jobs AS j LEFT JOIN images AS i ON i.row_id = j.image WHERE i.row_id IS NULL",
    ),
    (
        Rule::BatchCounts,
        "SELECT 'batch ' || b.id || ' counts ' || b.count || ' images, ' || b.completed || ' completed, ' || b.errors || ' errors, '
                 || CASE WHEN b.finished IS NULL THEN 'unfinished' ELSE 'finished' END || ', and has ' || coalesce(m.n, 0) || ', '
                 || coalesce(m.completed, 0) || ' and ' || coalesce(m.errors, 0) AS sentence, CAST(NULL AS text) AS image
         FROM batches AS b LEFT JOIN (
             SELECT batch, count(*) AS n, count(*) FILTER (WHERE state = 'completed') AS completed,
                 count(*) FILTER (WHERE state = 'failed') AS errors
             FROM batch_images GROUP BY batch
         ) AS m ON m.batch = b.id
         WHERE b.count <> coalesce(m.n, 0) OR b.completed <> coalesce(m.completed, 0) OR b.errors <> coalesce(m.errors, 0)
             OR (b.finished IS NOT NULL) <> (b.completed + b.errors = b.count)",
    ),
    (
        Rule::BatchCurrent,
        "SELECT 'batch ' || b.id || ' counts ' || b.current || ' images that it has still'
                 || CASE WHEN b.superseded THEN ', as superseded,' ELSE '' END || ' and has ' || coalesce(i.n, 0) AS sentence,
             CAST(NULL AS text) AS image
         FROM batches AS b LEFT JOIN (SELECT batch, count(*) AS n FROM images WHERE batch IS NOT NULL GROUP BY batch) AS i ON i.batch = b.id
         WHERE b.current <> coalesce(i.n, 0) OR b.superseded <> (b.current = 0 AND b.count > 0)",
    ),
    (
        Rule::BatchAwaits,
        "SELECT 'batch ' || b.id || ' waits for image `' || b.customer || '/' || m.space || '/' || m.model || '`, which has no job there'
             AS sentence, CAST(NULL AS text) AS image
         FROM batch_images AS m JOIN batches AS b ON b.id = m.batch
             LEFT JOIN images AS i ON i.customer = b.customer AND i.space = m.space AND i.model = m.model
             LEFT JOIN jobs AS j ON j.image = i.row_id AND j.batch = m.batch
         WHERE m.state = 'pending' AND j.id IS NULL
         UNION ALL
         SELECT 'batch ' || j.batch || ' does not wait for image `' || i.customer || '/' || i.space || '/' || i.model || '`, which has a job there',
             CAST(NULL AS text)
         FROM jobs AS j JOIN images AS i ON i.row_id = j.image
             LEFT JOIN batch_images AS m ON m.batch = j.batch AND m.space = i.space AND m.model = i.model AND m.state = 'pending'
         WHERE j.batch IS NOT NULL AND m.batch IS NULL",
    ),
    (
        Rule::QueueShares,
        "SELECT 'the queue counts ' || s.waiting || ' waiting and ' || s.leased || ' leased images of customer ' || s.customer || ' in lane '
                 || s.lane || ' and has ' || s.waiting_there || ' and ' || s.leased_there AS sentence, CAST(NULL AS text) AS image
         FROM (
             SELECT coalesce(s.customer, j.customer) AS customer, coalesce(s.lane, j.lane) AS lane, coalesce(s.waiting, 0) AS waiting,
                 coalesce(s.leased, 0) AS leased, coalesce(j.waiting, 0) AS waiting_there, coalesce(j.leased, 0) AS leased_there
             FROM queue_shares AS s FULL JOIN (
                 SELECT customer, CASE WHEN set_apart THEN 2 ELSE lane END AS lane, count(*) FILTER (WHERE lease_token IS NULL) AS waiting,
                     count(*) FILTER (WHERE lease_token IS NOT NULL) AS leased
                 FROM jobs GROUP BY customer, CASE WHEN set_apart THEN 2 ELSE lane END
             ) AS j ON j.customer = s.customer AND j.lane = s.lane
         ) AS s
         WHERE s.waiting <> s.waiting_there OR s.leased <> s.leased_there",
    ),
    (
        Rule::QueueLines,
        "SELECT 'the line of customer ' || coalesce(l.customer, f.customer) || ' in lane ' || coalesce(l.lane, f.lane) || ' from `'
                 || coalesce(l.host, f.host) || '` begins with ' || coalesce('job ' || l.job, 'no job') || ' and has '
                 || coalesce('job ' || f.id, 'none') || ' first' AS sentence, CAST(NULL AS text) AS image
         FROM queue_lines AS l FULL JOIN (
             SELECT customer, lane, host, run_at, id FROM (
                 SELECT customer, lane, host, run_at, id,
                     row_number() OVER (PARTITION BY customer, lane, host ORDER BY run_at, id) AS place
                 FROM jobs WHERE lease_token IS NULL AND NOT set_apart
             ) AS waiting WHERE place = 1
         ) AS f ON f.customer = l.customer AND f.lane = l.lane AND f.host = l.host
         WHERE l.run_at IS DISTINCT FROM f.run_at OR l.job IS DISTINCT FROM f.id",
    ),
    (
        Rule::QueueHosts,
        "SELECT 'the host `' || coalesce(h.host, j.host) || '` counts ' || coalesce(h.leased, 0) || ' leased images and has '
                 || coalesce(j.leased, 0) AS sentence, CAST(NULL AS text) AS image
         FROM queue_hosts AS h FULL JOIN (
             SELECT host, count(*) AS leased FROM jobs WHERE lease_token IS NOT NULL AND host <> '' GROUP BY host
         ) AS j ON j.host = h.host
         WHERE h.leased IS DISTINCT FROM j.leased",
    ),
    (
        Rule::NoticeHasBatch,
        "SELECT 'notice ' || n.id || ' is of batch ' || n.batch || ', which customer ' || n.customer || ' does not have' AS sentence,
             CAST(NULL AS text) AS image
         FROM notices AS n LEFT JOIN batches AS b ON b.id = n.batch AND b.customer = n.customer
         WHERE b.id IS NULL",
    ),
];

/// What is asked about each rule; the one parameter is how much is to be said of it.
pub(super) fn questions() -> impl Iterator<Item = (Rule, String)> {
    RULES.into_iter().map(|(rule, broken)| {
        let question = format!("SELECT sentence, image FROM ({broken}) AS broken LIMIT $1");
        (rule, question)
    })
}

/// Reads an answer.
pub(super) fn answer(
    rule: Rule,
    sentence: String,
    image: Option<String>,
) -> Result<Miscount, Unreadable> {
    let image = image.map(|id| id.parse().map_err(|_| Unreadable("model")));
    Ok(Miscount {
        rule,
        sentence,
        image: image.transpose()?,
    })
}

/// Counts everything anew, statement by statement; the one parameter of some is the time. Nobody else may write meanwhile.
pub(super) const RECOUNT: [(&str, bool); 11] = [
    (
        "UPDATE batch_images SET state = 'completed', finished = $1
         WHERE state = 'pending' AND NOT EXISTS (
             SELECT 1 FROM batches AS b JOIN images AS i ON i.customer = b.customer JOIN jobs AS j ON j.image = i.row_id AND j.batch = b.id
             WHERE b.id = batch_images.batch AND i.space = batch_images.space AND i.model = batch_images.model)",
        true,
    ),
    (
        "UPDATE batches SET count = m.n, completed = m.completed, errors = m.errors, current = m.current,
             finished = CASE WHEN m.completed + m.errors = m.n THEN coalesce(batches.finished, $1) END,
             superseded = (m.current = 0 AND m.n > 0)
         FROM (
             SELECT b.id, coalesce(m.n, 0) AS n, coalesce(m.completed, 0) AS completed, coalesce(m.errors, 0) AS errors,
                 coalesce(i.n, 0) AS current
             FROM batches AS b LEFT JOIN (
                 SELECT batch, count(*) AS n, count(*) FILTER (WHERE state = 'completed') AS completed,
                     count(*) FILTER (WHERE state = 'failed') AS errors
                 FROM batch_images GROUP BY batch
             ) AS m ON m.batch = b.id
             LEFT JOIN (SELECT batch, count(*) AS n FROM images WHERE batch IS NOT NULL GROUP BY batch) AS i ON i.batch = b.id
         ) AS m
         WHERE m.id = batches.id AND (batches.count <> m.n OR batches.completed <> m.completed OR batches.errors <> m.errors
             OR batches.current <> m.current OR (batches.finished IS NOT NULL) <> (m.completed + m.errors = m.n)
             OR batches.superseded <> (m.current = 0 AND m.n > 0))",
        true,
    ),
    // There is nothing to be told of it.
    (
        "DELETE FROM notices
         WHERE NOT EXISTS (SELECT 1 FROM batches AS b WHERE b.id = notices.batch AND b.customer = notices.customer)",
        false,
    ),
    // Whoever waits for a batch is told.
    (
        "INSERT INTO notices (due, attempts, batch, customer, submitted, count, completed, errors, finished, superseded)
         SELECT finished, 0, id, customer, submitted, count, completed, errors, finished, superseded FROM batches
         WHERE finished = $1 AND NOT EXISTS (SELECT 1 FROM notices AS n WHERE n.batch = batches.id)",
        true,
    ),
    (
        "UPDATE spaces SET image_count = i.n, image_bytes = i.images, thumbnail_bytes = i.thumbnails
         FROM (
             SELECT s.customer, s.id, coalesce(i.n, 0) AS n, coalesce(i.images, 0) AS images, coalesce(i.thumbnails, 0) AS thumbnails
             FROM spaces AS s LEFT JOIN (
                 SELECT customer, space, count(*) AS n,
                     sum(coalesce(service_length - service_thumbnail_bytes, 0) + coalesce(original_size, 0)) AS images,
                     sum(coalesce(service_thumbnail_bytes, 0)) AS thumbnails
                 FROM images GROUP BY customer, space
             ) AS i ON i.customer = s.customer AND i.space = s.id
         ) AS i
         WHERE i.customer = spaces.customer AND i.id = spaces.id
             AND (spaces.image_count <> i.n OR spaces.image_bytes <> i.images OR spaces.thumbnail_bytes <> i.thumbnails)",
        false,
    ),
    // The usual cost is that of a customer of whom nothing is known.
    (
        "INSERT INTO queue_shares (customer, lane, waiting, leased, succeeded, failed, served, typical)
         SELECT DISTINCT customer, CASE WHEN set_apart THEN 2 ELSE lane END, 0, 0, 0, 0, 0, 1000000 FROM jobs WHERE TRUE
         ON CONFLICT (customer, lane) DO NOTHING",
        false,
    ),
    (
        "UPDATE queue_shares SET waiting = n.waiting, leased = n.leased
         FROM (
             SELECT s.customer, s.lane, coalesce(j.waiting, 0) AS waiting, coalesce(j.leased, 0) AS leased
             FROM queue_shares AS s LEFT JOIN (
                 SELECT customer, CASE WHEN set_apart THEN 2 ELSE lane END AS lane, count(*) FILTER (WHERE lease_token IS NULL) AS waiting,
                     count(*) FILTER (WHERE lease_token IS NOT NULL) AS leased
                 FROM jobs GROUP BY customer, CASE WHEN set_apart THEN 2 ELSE lane END
             ) AS j ON j.customer = s.customer AND j.lane = s.lane
         ) AS n
         WHERE n.customer = queue_shares.customer AND n.lane = queue_shares.lane
             AND (queue_shares.waiting <> n.waiting OR queue_shares.leased <> n.leased)",
        false,
    ),
    ("DELETE FROM queue_lines", false),
    (
        "INSERT INTO queue_lines (customer, lane, host, run_at, job)
         SELECT customer, lane, host, run_at, id FROM (
             SELECT customer, lane, host, run_at, id, row_number() OVER (PARTITION BY customer, lane, host ORDER BY run_at, id) AS place
             FROM jobs WHERE lease_token IS NULL AND NOT set_apart
         ) AS waiting WHERE place = 1",
        false,
    ),
    ("DELETE FROM queue_hosts", false),
    (
        "INSERT INTO queue_hosts (host, leased)
         SELECT host, count(*) FROM jobs WHERE lease_token IS NOT NULL AND host <> '' GROUP BY host",
        false,
    ),
];

#[cfg(test)]
mod tests {
    use dlcs_core::queue::Share;

    #[test]
    fn a_new_share_costs_what_it_costs_elsewhere() {
        assert_eq!(Share::default().typical, 1_000_000);
    }
}
