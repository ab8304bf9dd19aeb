//! What programs with older schemas left, in the words of both databases.
#![expect(clippy::unwrap_used, reason = "a test says by panicking that it fails")]

use dlcs_core::fsck::Ledger;
use dlcs_core::id::{CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::queue::Completion;
use dlcs_core::setting::SettingKind;
use dlcs_testkit::fixture;

/// Rows of the third and of the fourth schema: an image in every state, one of them leased; a batch on its way, and a finished one of which
/// nobody has been told. `{numbered}` and `{digest}` are what the two databases say differently.
pub(crate) const ROWS: &str = "
    INSERT INTO customers VALUES (1, 'default', 'Default', 'administrator', 10);
    INSERT INTO spaces (customer, id, name, default_tags, default_roles, default_max_unauthorised, image_optimisation_policy,
        thumbnail_policy, created, image_count)
    VALUES (1, 1, 'default', '[]', '[]', -1, NULL, NULL, 11, 5);
    INSERT INTO batches (id, customer, submitted, count, completed, errors, finished, current, superseded, lane) {numbered} VALUES
        (7, 1, 20, 3, 0, 1, NULL, 3, FALSE, 1), (8, 1, 20, 1, 1, 0, 33, 1, FALSE, 0);
    INSERT INTO batch_images (batch, space, model, state, error, finished) VALUES
        (7, 1, 'waiting', 'pending', NULL, NULL), (7, 1, 'leased', 'pending', NULL, NULL), (7, 1, 'failed', 'failed', 'it broke', 33),
        (8, 1, 'ready', 'completed', NULL, 33);
    INSERT INTO images (row_id, customer, space, model, source_origin, string1, string2, string3, number1, number2, number3, tags, roles,
        manifests, max_unauthorised, delivery_channels, created, queued, dequeued, batch, generation, state, state_since, error) {numbered}
    VALUES
        (3, 1, 1, 'waiting', 'https://a.example/w.jpg', 'a', '', '', 1, 0, -9, '[]', '[]', '[]', 400, '[]', 30, 31, NULL, 7, 2, 'waiting', NULL, NULL),
        (4, 1, 1, 'leased', 'https://b.example/l.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, 7, 1, 'ingesting', 32, NULL),
        (5, 1, 1, 'failed', 'https://a.example/f.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, 7, 1, 'failed', 33, 'it broke'),
        (6, 1, 1, 'ready', 'https://a.example/r.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, 8, 4, 'registered', 33, NULL),
        (9, 1, 1, 'plain', 'https://a.example/p.jpg', '', '', '', 0, 0, 0, '[]', '[]', '[]', -1, '[]', 30, 31, 32, NULL, 1, 'registered', 33, NULL);
    UPDATE images SET state = 'ready', state_since = NULL, service_generation = 4, service_token = 2, service_width = 4000, service_height = 3000, service_tile = 512,
        service_index_start = 0, service_index_length = 4096, service_length = 1234567, service_checksum = {digest},
        service_thumbnails = '[[100,75]]', service_thumbnail_bytes = 567, service_finished = 33, source_media_type = 'image/jpeg',
        source_size = 99, source_checksum = {digest}
    WHERE model = 'ready';
    INSERT INTO jobs (id, image, customer, lane, host, batch, generation, attempt, crashes, crashes_alone, set_apart, run_at, lease_token,
        lease_owner, lease_since, lease_until, lease_charge, lease_alone) {numbered}
    VALUES
        (50, 3, 1, 1, 'a.example', 7, 2, 0, 0, 0, FALSE, 31, NULL, NULL, NULL, NULL, NULL, NULL),
        (51, 4, 1, 1, 'b.example', 7, 1, 1, 0, 0, FALSE, 31, 3, 'a worker', 32, 90, 1000, FALSE);
    INSERT INTO queue_shares VALUES (1, 1, 1, 1, 0, 0, 5, 1000), (1, 0, 0, 0, 1, 0, 5, 1000);
    INSERT INTO queue_lines (customer, lane, host, run_at, job) VALUES (1, 1, 'a.example', 31, 50);
    INSERT INTO queue_hosts VALUES ('b.example', 1);
    INSERT INTO notices (due, attempts, batch, customer, submitted, count, completed, errors, finished, superseded)
        VALUES (33, 0, 8, 1, 20, 1, 1, 0, 33, FALSE);
    UPDATE sequences SET last = 3 WHERE name = 'lease_token';
";

/// What there is beside [`ROWS`] from schema 5 on.
pub(crate) const SINCE_5: &str = r#"
    UPDATE spaces SET image_bytes = 1234000, thumbnail_bytes = 567;
    INSERT INTO settings (id, customer, kind, name, body, created, modified) VALUES
        ('00000000-0000-4000-a000-000000000001', 1, 'default-channel', '0/image/*/iiif-img',
            '{"media_type":"image/*","channel":"iiif-img","policy":"default"}', 10, 10),
        ('00000000-0000-4000-a000-000000000002', 1, 'default-channel', '0/image/*/thumbs',
            '{"media_type":"image/*","channel":"thumbs","policy":"default"}', 11, 11),
        ('00000000-0000-4000-a000-000000000003', 1, 'default-channel', '0/application/*/file',
            '{"media_type":"application/*","channel":"file","policy":"none"}', 12, 12);
"#;

fn image(model: &str) -> ImageId {
    let model = ModelId::parse(model).unwrap();
    ImageId::new(CustomerId::FIRST, SpaceId::FIRST, model)
}

/// Everything is there and counted rightly, and the queue goes on where it was.
pub(crate) async fn assert_goes_on(ledger: &dyn Ledger) {
    assert_eq!(ledger.miscounts(100).await.unwrap(), []);
    let ready = ledger.find_image(&image("ready")).await.unwrap().unwrap();
    assert_eq!((ready.width(), ready.height()), (4000, 3000));
    let figures = ledger.find_storage(CustomerId::FIRST).await.unwrap();
    assert_eq!(figures.images, 5);
    assert_eq!(figures.bytes.images + figures.bytes.thumbnails, 1_234_567);
    let channels = ledger.list_settings(CustomerId::FIRST, SettingKind::DefaultChannel);
    assert_eq!(channels.await.unwrap().len(), 3, "as new customers have");
    let told = ledger.claim_notice(fixture::LEASE, &[]).await.unwrap();
    let told = told.map(|notice| notice.batch.id.get());
    assert_eq!(told, Some(8), "nobody has been told yet");
    ledger.reclaim("a worker").await.unwrap();
    for model in ["waiting", "leased"] {
        let claimed = ledger.claim(fixture::claim()).await.unwrap().unwrap();
        assert_eq!(claimed.image.id, image(model));
        assert!(claimed.lease.token().get() > 3, "claims never repeat");
        let done = fixture::derivative(100).into();
        let done = ledger.complete(claimed.lease, done).await.unwrap();
        assert!(matches!(done, Completion::Recorded(_)), "{done:?}");
    }
    let told = ledger.claim_notice(fixture::LEASE, &[]).await.unwrap();
    let told = told.map(|notice| (notice.batch.completed, notice.batch.errors));
    assert_eq!(told, Some((2, 1)));
    assert_eq!(ledger.miscounts(100).await.unwrap(), []);
}
