//! A log as it is, and logs of programs that do it the wrong way round.

use super::check::{batch, put};
use crate::strace::parse;

const WAL: &str = "/d/dlcs.sqlite-wal";

/// What one registration does, a call a line, without the numbers of threads.
const PUT: [&str; 12] = [
    r#"recvfrom(9<TCP:[1->2]>, "PUT /customers/1/spaces/1/images/a HTTP/1.1\r\n"..., 8192, 0, NULL, NULL) = 200"#,
    r#"pwrite64(4</d/dlcs.sqlite-wal>, "\0\0image-a\0waiting", 4096, 56) = 4096"#,
    r#"fdatasync(4</d/dlcs.sqlite-wal>) = 0"#,
    r#"mkdir("/d/derivatives/images/ab", 0777) = 0"#,
    r#"write(7</d/derivatives/images/ab/1-1.tif#1>, "II*\0"..., 900) = 900"#,
    r#"fsync(7</d/derivatives/images/ab/1-1.tif#1>) = 0"#,
    r#"rename("/d/derivatives/images/ab/1-1.tif#1", "/d/derivatives/images/ab/1-1.tif") = 0"#,
    r#"fsync(8</d/derivatives/images/ab>) = 0"#,
    r#"fsync(8</d/derivatives/images>) = 0"#,
    r#"pwrite64(4</d/dlcs.sqlite-wal>, "\0\0image-a\0ready", 4096, 4176) = 4096"#,
    r#"fdatasync(4</d/dlcs.sqlite-wal>) = 0"#,
    r#"sendto(9<TCP:[1->2]>, "HTTP/1.1 201 Created\r\n"..., 800, MSG_NOSIGNAL, NULL, 0) = 800"#,
];

fn log(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("7 {line}\n")).collect()
}

/// What is said of a log whose lines stand in another order, or are missing.
fn put_in_order(order: &[usize]) -> Result<(), String> {
    let lines: Vec<_> = order.iter().map(|line| PUT[*line]).collect();
    put(&parse(&log(&lines)), WAL, "image-a").map(|_| ())
}

#[test]
fn the_right_order_is_right() {
    assert_eq!(
        put_in_order(&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]),
        Ok(())
    );
}

#[test]
fn what_comes_too_early_or_not_at_all_is_found() {
    for (order, says) in [
        // The name before the data is on the disk.
        (
            &[0, 1, 2, 3, 4, 6, 5, 7, 8, 9, 10, 11][..],
            "got its name before its data was durable",
        ),
        (
            &[0, 1, 2, 3, 4, 6, 7, 8, 9, 10, 11],
            "was never synced under that name",
        ),
        // Data after the sync.
        (
            &[0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11],
            "was never synced under that name",
        ),
        // The directory is not synced, or the one above it, which is new too.
        (
            &[0, 1, 2, 3, 4, 5, 6, 8, 9, 10, 11],
            "`/d/derivatives/images/ab` was not synced",
        ),
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 9, 10, 11],
            "`/d/derivatives/images` was not synced",
        ),
        (
            &[0, 1, 2, 3, 4, 5, 7, 6, 8, 9, 10, 11],
            "`/d/derivatives/images/ab` was not synced",
        ),
        // The row before the derivative.
        (
            &[0, 1, 2, 3, 4, 5, 6, 9, 7, 8, 10, 11],
            "`ready` before the derivative is durable",
        ),
        (
            &[0, 1, 2, 9, 10, 3, 4, 5, 6, 7, 8, 11],
            "`ready` before the derivative is durable",
        ),
        // The answer before the row is on the disk, or without that.
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 10],
            "sent before the row was durable",
        ),
        (
            &[0, 1, 2, 3, 4, 5, 6, 7, 8, 11, 9, 10],
            "sent before the row was durable",
        ),
        (&[0, 1, 3, 4, 5, 6, 7, 8, 9, 11], "was never synced"),
        (&[0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10], "no answer"),
    ] {
        let found = put_in_order(order).expect_err("the order is wrong");
        assert!(found.contains(says), "{order:?}: {found}");
    }
}

#[test]
fn a_batch_is_on_the_disk_before_its_answer() {
    let mut lines = PUT.to_vec();
    lines[0] = r#"recvfrom(9<TCP:[1->2]>, "POST /customers/1/queue HTTP/1.1\r\n"..., 8192, 0, NULL, NULL) = 200"#;
    let answer = lines.pop().unwrap();
    let with_answer_at = |place: usize| {
        let mut lines = lines.clone();
        lines.insert(place, answer);
        batch(&parse(&log(&lines)), WAL, "image-a").map(|_| ())
    };
    assert_eq!(with_answer_at(3), Ok(()));
    assert_eq!(with_answer_at(11), Ok(()));
    for place in [1, 2] {
        assert!(
            with_answer_at(place)
                .unwrap_err()
                .contains("before the batch was durable"),
            "{place}"
        );
    }
}

#[test]
fn a_refusal_proves_nothing() {
    let mut lines = PUT.to_vec();
    let refused = PUT[11].replace("201 Created", "503 Service Unavailable");
    lines[11] = &refused;
    assert!(
        put(&parse(&log(&lines)), WAL, "image-a")
            .unwrap_err()
            .contains("not answered with a success")
    );
}
