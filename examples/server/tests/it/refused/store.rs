//! Stores that refuse or are not there, and addresses of stores and databases that are wrong.

use std::time::Instant;

use super::{Start, ended, sentence, silent};
use crate::bucket::Bucket;
use crate::program;

#[test]
fn addresses_of_stores_and_databases_that_are_wrong_are_refused_as_settings() {
    let form = "write it as s3://BUCKET/PREFIX";
    for (flag, address, part) in [
        ("--store-url", "gs://images", form),
        ("--store-url", "/var/lib/derivatives", form),
        (
            "--store-url",
            "s3://key:canary-secret@images",
            "AWS_SECRET_ACCESS_KEY",
        ),
        (
            "--store-url",
            "s3://images?secret=canary-secret",
            "`secret`",
        ),
        (
            "--database-url",
            "mysql://u:canary-password@db/dlcs",
            "must begin with `postgres://`",
        ),
        (
            "--database-url",
            "postgres://u:canary-password@db/dlcs?sslmode=prefer",
            "`sslmode=prefer` is not supported",
        ),
        (
            "--database-url",
            "postgres://u:canary-password@db",
            "names no database",
        ),
    ] {
        let said = Start::new().refused(2, &[flag, address]);
        let begins = said.starts_with(&format!("dlcs: {flag} cannot be used: "));
        assert!(begins && said.contains(part), "{said}");
    }
}

#[test]
fn a_store_that_does_not_answer_is_waited_for_within_bounds() {
    let (_listener, address) = silent();
    let store = format!("s3://images?endpoint=http://{address}");
    let said = Start::new().refused(1, &["--store-url", &store]);
    let expected = format!(
        "dlcs: cannot use --store-url: the `s3` derivative store failed: no answer from http://{address}: it was silent for too long"
    );
    assert_eq!(said, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_store_that_refuses_says_why() {
    let bucket = Bucket::start().await;
    let store = bucket.store_url();
    let [(_, key), _] = Bucket::variables();
    for key in ["somebody", key] {
        let (begun, start) = (Instant::now(), Start::new());
        let mut command = program::command();
        command.args(["serve", "--listen", "127.0.0.1:0", "--store-url", &store]);
        command.arg("--data-dir").arg(start.data());
        command.env("AWS_ACCESS_KEY_ID", key);
        command.env("AWS_SECRET_ACCESS_KEY", "canary-secret");
        let said = sentence(&ended(command), 1, begun);
        let begins = said.starts_with("dlcs: cannot use --store-url: ");
        assert!(
            begins
                && said.contains(
                    "give AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY of somebody who may"
                ),
            "{said}"
        );
        let why = "nothing is made before the store is known to work";
        assert!(!start.data().try_exists().unwrap(), "{why}");
    }
}
