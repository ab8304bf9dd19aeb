//! Small files of very many pixels: what they take is known from their headers, and let in by it.

use std::num::NonZeroUsize;
use std::time::Duration;

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::malformed::black_png;
use dlcs_testkit::program;
use futures_util::future::join_all;
use tokio::time::timeout;

use super::support::{make, process_with};

/// The kinds of pixels that a PNG has.
const GREY: u8 = 0;
const RGB: u8 = 2;

fn processor(budget: u64, concurrency: usize) -> PyramidProcessor {
    let mut config = PyramidProcessorConfig::default();
    config.decode_budget = budget;
    config.concurrency = NonZeroUsize::new(concurrency).unwrap();
    config.encode_threads = NonZeroUsize::MIN;
    PyramidProcessor::new(config)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_small_file_of_225_megapixels_is_read_by_rows_in_little_memory() {
    let test = "a_small_file_of_225_megapixels_is_read_by_rows_in_little_memory";
    if !program::is_alone(module_path!(), test) {
        return;
    }
    let file = black_png((15_000, 15_000), 1, GREY, false);
    assert!(file.len() < 200_000, "{}", file.len());
    let ready = process_with(&processor(64 << 20, 1), file).await.unwrap();
    let size = ready.service.dimensions();
    assert_eq!((size.width(), size.height()), (15_000, 15_000));
    let corner = ready
        .pixels("14000,14000,1000,1000/max/0/default.png")
        .await;
    assert!(corner.data.iter().all(|value| *value == 0));
    let most = program::peak_memory();
    program::say(&format!("225 megapixels: {most:?} bytes of memory"));
    assert!(most.is_none_or(|most| most < 150 << 20), "{most:?}");
}

#[tokio::test]
async fn what_cannot_be_read_by_rows_is_charged_for_its_pixels_and_not_for_its_bytes() {
    let file = black_png((15_000, 15_000), 8, GREY, true);
    assert!(file.len() < 2 << 20, "{}", file.len());
    let refused = process_with(&processor(200 << 20, 1), file).await;
    match refused.map(|_| ()) {
        Err(error @ ProcessError::TooManyBytes { needed, limit }) => {
            assert!(needed >= 225_000_000 && limit == 200 << 20, "{error}");
            let said = error.to_string();
            assert!(said.contains(&needed.to_string()), "{said}");
            assert!(said.contains(&limit.to_string()), "{said}");
        }
        other => panic!("{other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn eight_bombs_at_once_take_no_more_than_their_budget() {
    let test = "eight_bombs_at_once_take_no_more_than_their_budget";
    if !program::is_alone(module_path!(), test) {
        return;
    }
    const BUDGET: u64 = 80 << 20;
    // What the process takes by itself, and eight jobs beside their pixels.
    const REST: u64 = 160 << 20;
    // 69 MB each, once it is unpacked.
    let bombs: Vec<_> = (0..8)
        .map(|number| black_png((3400 + number, 3400), 16, RGB, true))
        .collect();
    assert!(bombs.iter().all(|file| file.len() < 1 << 19));
    let processor = processor(BUDGET, bombs.len());
    let options = ProcessOptions::default();
    let all = bombs
        .iter()
        .map(|bytes| make(&processor, &options, bytes.clone()));
    for (result, width) in join_all(all).await.into_iter().zip(3400..) {
        assert_eq!(result.unwrap().service.dimensions().width(), width);
    }
    let most = program::peak_memory();
    program::say(&format!("eight bombs: {most:?} bytes of memory"));
    assert!(most.is_none_or(|most| most < BUDGET + REST), "{most:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn decoding_that_nobody_waits_for_makes_room_for_others() {
    let processor = processor(64 << 20, 1);
    // It would take the better part of a minute.
    let (large, small) = (
        black_png((60_000, 30_000), 8, GREY, false),
        black_png((8, 8), 8, GREY, false),
    );
    let abandoned = processor.clone();
    let abandoned = tokio::spawn(async move {
        let _ = process_with(&abandoned, large).await;
    });
    // Until the only turn is taken, and others have to wait for it.
    let soon = Duration::from_millis(200);
    while timeout(soon, process_with(&processor, small.clone()))
        .await
        .is_ok()
    {}
    abandoned.abort();
    let made = timeout(Duration::from_secs(20), process_with(&processor, small)).await;
    assert!(made.expect("there is room soon").is_ok());
}
