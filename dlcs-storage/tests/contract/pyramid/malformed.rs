//! Broken and hostile files: each ends in an image or in a sentence, soon, in bounded memory, and the same way each time.

use std::num::NonZeroUsize;
use std::path::Path;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bytes::Bytes;
use dlcs_core::derivative::{Checksum, ImageProcessor, ProcessError, ProcessOptions};
use dlcs_core::origin::OriginResponse;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::malformed::{self, Malformed, Outcome};
use dlcs_testkit::program;
use futures_util::StreamExt;

use super::support::{Raster, run};

/// No file here takes a second; only one that hangs takes this long.
const HANGS: Duration = Duration::from_secs(120);

/// What one file may make the process hold, at the most, with all that was tried before it.
const MOST_MEMORY: u64 = 1 << 30;

/// Panics in our own code and in that of decoders.
static PANICS: [AtomicUsize; 2] = [AtomicUsize::new(0), AtomicUsize::new(0)];

/// Counts panics from now on, instead of printing those of decoders.
fn count_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let print = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let file = panic.location().map_or("", |location| location.file());
            let ours = file.contains("dlcs-");
            let source = file.contains("/src/");
            if ours || !source {
                print(panic);
            }
            if source {
                PANICS[usize::from(!ours)].fetch_add(1, Ordering::Relaxed);
            }
        }));
    });
}

fn processor() -> PyramidProcessor {
    let mut config = PyramidProcessorConfig::default();
    config.decode_budget = 256 << 20;
    config.concurrency = NonZeroUsize::new(2).unwrap();
    config.encode_threads = NonZeroUsize::MIN;
    PyramidProcessor::new(config)
}

async fn attempt(
    processor: &PyramidProcessor,
    file: &Malformed,
) -> Result<Result<Checksum, ProcessError>, String> {
    let response = OriginResponse::from_bytes(Bytes::from(file.bytes.clone()));
    let options = ProcessOptions::default();
    let work = processor.process(response, &options);
    match tokio::time::timeout(HANGS, work).await {
        Ok(processed) => Ok(processed.map(|processed| processed.derivative.checksum)),
        Err(_) => Err(format!("{} hangs", file.name)),
    }
}

/// What is wrong with what comes of a file.
async fn judge(processor: &PyramidProcessor, file: Malformed) -> Result<(), String> {
    let name = &file.name;
    let first = attempt(processor, &file).await?;
    let second = attempt(processor, &file).await?;
    let fault = |what: String| Err(format!("{name}: {what}"));
    match (&first, &second) {
        (Ok(one), Ok(other)) if one != other => return fault("other pixels each time".to_owned()),
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => {
            return fault(format!("only once: {error}"));
        }
        _ => {}
    }
    match (first, file.outcome) {
        (Ok(_), Outcome::Refused) => fault("it is read".to_owned()),
        (Err(error), Outcome::Read) => fault(format!("it is refused: {error}")),
        (Err(ProcessError::Backend { source }), _) => {
            fault(format!("it is blamed on this machine: {source}"))
        }
        (Err(error), _) => {
            let sentence = error.to_string();
            if sentence.is_empty() || sentence.len() > 400 || sentence.contains(['\n', '<']) {
                return fault(format!("no sentence: {sentence:?}"));
            }
            Ok(())
        }
        (Ok(_), _) => Ok(()),
    }
}

/// Tries all files and ends the test where anything is wrong with what comes of them.
async fn judge_all(files: Vec<Malformed>) {
    count_panics();
    let processor = processor();
    let count = files.len();
    let faults: Vec<String> = futures_util::stream::iter(files)
        .map(|file| judge(&processor, file))
        .buffer_unordered(4)
        .filter_map(|judged| async { judged.err() })
        .collect()
        .await;
    let [ours, theirs] = [&PANICS[0], &PANICS[1]].map(|count| count.load(Ordering::Relaxed));
    program::say(&format!(
        "{count} malformed files; decoders panicked {theirs} times and were caught"
    ));
    assert!(
        faults.is_empty(),
        "{} of {count}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert_eq!(ours, 0, "panics in our own code");
    if let Some(most) = most_memory() {
        assert!(most <= MOST_MEMORY, "{most} bytes of memory");
    }
}

/// The most memory that this process ever held, where the system tells it.
fn most_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find(|line| line.starts_with("VmHWM:"))?;
    let kibibytes: u64 = line.split_whitespace().nth(1)?.parse().ok()?;
    Some(kibibytes << 10)
}

/// Good files of every format, written by other programs.
fn good_files(test: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let tools = ["convert", "vips", "cwebp", "opj_compress", "tiffcp"];
    let [convert, vips, cwebp, opj_compress, tiffcp] = program::find(test, tools)?;
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let (source, plain) = (at("source.png"), at("plain.tif"));
    std::fs::write(&source, Raster::photograph(61, 47, 3).to_png()).unwrap();
    run(&convert, &[&source, "-compress", "None", &plain]);
    let by_convert: &[(&str, &[&str])] = &[
        ("baseline.jpg", &["-quality", "85"]),
        ("progressive.jpg", &["-quality", "85", "-interlace", "JPEG"]),
        ("inks.jpg", &["-quality", "85", "-colorspace", "CMYK"]),
        ("eight.png", &["-depth", "8"]),
        ("sixteen.png", &["-depth", "16", "-interlace", "PNG"]),
        (
            "palette.png",
            &["-colors", "16", "-define", "png:color-type=3"],
        ),
        ("colours.gif", &["-colors", "64"]),
        ("plain.bmp", &[]),
    ];
    let mut names = Vec::new();
    for (name, options) in by_convert {
        let target = at(name);
        let arguments = [&[source.as_str()], *options, &[target.as_str()]].concat();
        run(&convert, &arguments);
        names.push((*name).to_owned());
    }
    for (name, option) in [("lossy.webp", "-q"), ("lossless.webp", "-z")] {
        let level = if option == "-q" { "80" } else { "6" };
        run(&cwebp, &["-quiet", option, level, &source, "-o", &at(name)]);
        names.push(name.to_owned());
    }
    for (name, rate) in [("lossless.jp2", "1"), ("lossy.j2k", "8")] {
        run(&opj_compress, &["-r", rate, "-i", &source, "-o", &at(name)]);
        names.push(name.to_owned());
    }
    for coding in ["none", "lzw", "zip", "packbits"] {
        let name = format!("{coding}.tif");
        run(&tiffcp, &["-c", coding, &plain, &at(&name)]);
        names.push(name);
    }
    let tiles = at("tiles.tif");
    let save = [
        "tiffsave",
        &source,
        &tiles,
        "--tile",
        "--compression",
        "jpeg",
    ];
    run(&vips, &save);
    names.push("tiles.tif".to_owned());
    let read = |name: String| {
        let bytes = std::fs::read(directory.path().join(Path::new(&name))).unwrap();
        (name, bytes)
    };
    Some(names.into_iter().map(read).collect())
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_end_in_a_sentence() {
    judge_all(malformed::all_made()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn good_files_with_hostile_parts_end_in_an_image_or_a_sentence() {
    let Some(good) = good_files("good_files_with_hostile_parts_end_in_an_image_or_a_sentence")
    else {
        return;
    };
    let files = good
        .iter()
        .flat_map(|(name, bytes)| match name.rsplit_once('.') {
            Some((_, "jpg")) => malformed::of_jpeg(name, bytes),
            Some((_, "png")) if name == "eight.png" => malformed::of_png(bytes),
            _ => Vec::new(),
        });
    judge_all(files.collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_cut_anywhere_are_refused() {
    let Some(good) = good_files("files_that_are_cut_anywhere_are_refused") else {
        return;
    };
    let whole = good.iter().map(|(name, bytes)| Malformed {
        name: format!("{name}, whole"),
        bytes: bytes.clone(),
        outcome: Outcome::Read,
    });
    let cut = good
        .iter()
        .flat_map(|(name, bytes)| malformed::cut(name, bytes));
    judge_all(whole.chain(cut).collect()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_a_flipped_bit_end_in_an_image_or_a_sentence() {
    let Some(good) = good_files("files_with_a_flipped_bit_end_in_an_image_or_a_sentence") else {
        return;
    };
    let flipped = good
        .iter()
        .flat_map(|(name, bytes)| malformed::flipped(name, bytes, 256));
    judge_all(flipped.collect()).await;
}
