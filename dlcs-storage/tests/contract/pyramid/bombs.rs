//! Small files of very many pixels: what they take is known from their headers, and let in by it.

use std::num::NonZeroUsize;

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::malformed::{self, black_png};
use dlcs_testkit::program;
use futures_util::future::join_all;

use super::support::{make, process_with};

/// The kinds of pixels that a PNG has: grey, and colours with opacity.
const GREY: u8 = 0;
const RGBA: u8 = 6;

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
    const BUDGET: u64 = 160 << 20;
    // What the process takes by itself, all files that are made here, and eight jobs that decode by rows. All four at once would take 512 MB.
    const REST: u64 = 224 << 20;
    let mut bombs = Vec::new();
    for number in 0..4 {
        // 128 MB each, once it is unpacked.
        let file = black_png((4000 + number, 4000), 16, RGBA, true);
        bombs.push((format!("PNG {number}"), file));
    }
    let others = [
        "TIFF: Deflate that is a bomb",
        "TIFF: LZW that is a bomb",
        "PNG: a profile that is a bomb",
        "JPEG 2000: many pixels and no data",
    ];
    let made = malformed::all_made().into_iter();
    let made = made.filter(|file| others.contains(&file.name.as_str()));
    bombs.extend(made.map(|file| (file.name, file.bytes)));
    assert_eq!(bombs.len(), 8);
    let processor = processor(BUDGET, bombs.len());
    let options = ProcessOptions::default();
    let all = bombs.iter().map(|(name, bytes)| {
        let (processor, options) = (&processor, &options);
        async move { (name, make(processor, options, bytes.clone()).await) }
    });
    for (name, result) in join_all(all).await {
        match result {
            Ok(_) => {}
            Err(error @ ProcessError::Backend { .. }) => panic!("{name}: {error}"),
            Err(error) => assert!(!name.starts_with("PNG"), "{name}: {error}"),
        }
    }
    let most = program::peak_memory();
    program::say(&format!("eight bombs: {most:?} bytes of memory"));
    assert!(most.is_none_or(|most| most < BUDGET + REST), "{most:?}");
}
