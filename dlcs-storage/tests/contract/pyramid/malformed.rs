//! Broken and hostile files: each ends in an image or in a sentence, soon, in bounded memory, and the same way each time.

use std::num::NonZeroUsize;
use std::path::Path;
use std::process::Command;
use std::sync::Once;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidProcessorConfig};
use dlcs_testkit::malformed::{self, Malformed, Outcome};
use dlcs_testkit::program;
use futures_util::StreamExt;

use super::support::{Raster, Ready, make, run};

/// Processor time of one file, at the most.
const MOST_TIME: Duration = Duration::from_secs(10);

/// No file here waits for anything; only one that hangs takes this long.
const HANGS: Duration = Duration::from_secs(120);

/// What one file may make the process hold, at the most, with all that was tried before it.
const MOST_MEMORY: u64 = 1 << 30;

/// Good files that have smaller levels.
const PYRAMIDS: [&str; 2] = ["levels.tif", "deflated.tif"];

/// An AVIF of four tiles.
const GRID: &str = "grid.avif";

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

/// The ways that a source can go: all of it encoded; kept or cut where it can be; stored without loss. Only JPEG and TIFF have several.
fn ways(file: &Malformed) -> Vec<(&'static str, ProcessOptions)> {
    let plain = ProcessOptions::default;
    let has_ways = [&b"\xFF\xD8"[..], b"II", b"MM"]
        .iter()
        .any(|start| file.bytes.starts_with(start));
    let mut ways = vec![("encoded", plain())];
    if has_ways {
        let lossless = plain().with_policy(ImageOptimisationPolicy::Lossless);
        ways.extend([
            ("original", plain().with_original()),
            ("lossless", lossless),
        ]);
    }
    ways
}

async fn attempt(
    processor: &PyramidProcessor,
    options: &ProcessOptions,
    file: &Malformed,
) -> Result<Result<Ready, ProcessError>, String> {
    let before = processor_time();
    let work = make(processor, options, file.bytes.clone());
    let made = tokio::time::timeout(HANGS, work)
        .await
        .map_err(|_| "it hangs".to_owned())?;
    if let (Some(before), Some(after)) = (before, processor_time()) {
        let taken = after.saturating_sub(before);
        if taken > MOST_TIME {
            return Err(format!("it takes {taken:?} of a processor"));
        }
    }
    Ok(made)
}

/// Asks for the last tile of every level, as it is and decoded, and for the whole.
async fn serve(ready: &Ready) -> Result<(), String> {
    let pyramid = ready.service.derivative.pyramid;
    let tile = pyramid.tile.get();
    let whole = pyramid.dimensions;
    let mut paths = vec!["full/max/0/default.jpg".to_owned()];
    for level in pyramid.levels() {
        let scale = 1 << level.exponent;
        let last = |count: u32, side: u32| {
            let start = (count - 1) * tile * scale;
            (start, side - start, (side - start).div_ceil(scale))
        };
        let (x, width, across) = last(level.columns, whole.width());
        let (y, height, down) = last(level.rows, whole.height());
        let place = format!("{x},{y},{width},{height}/{across},{down}/0/default");
        paths.extend(["jpg", "png"].map(|format| format!("{place}.{format}")));
    }
    for path in paths {
        let rendered = ready.render(&path).await;
        let rendered = rendered.map_err(|error| format!("{path}: {error}"))?;
        if path.ends_with("jpg") {
            libjpeg_turbo_rs::decompress(&rendered.bytes)
                .map_err(|error| format!("{path} is no JPEG: {error}"))?;
        }
    }
    Ok(())
}

/// What is wrong with what comes of a file.
async fn judge(
    processor: &PyramidProcessor,
    options: &ProcessOptions,
    file: &Malformed,
) -> Result<(), String> {
    let first = attempt(processor, options, file).await?;
    let second = attempt(processor, options, file).await?;
    match (&first, &second) {
        (Ok(one), Ok(other)) => {
            let checksum = |ready: &Ready| ready.service.derivative.checksum;
            if checksum(one) != checksum(other) {
                return Err("other pixels each time".to_owned());
            }
            serve(one).await?;
        }
        (Ok(_), Err(error)) | (Err(error), Ok(_)) => return Err(format!("only once: {error}")),
        _ => {}
    }
    match (first, file.outcome) {
        (Ok(_), Outcome::Refused) => Err("it is read".to_owned()),
        (Err(error), Outcome::Read) => Err(format!("it is refused: {error}")),
        (Err(ProcessError::Backend { source }), _) => {
            Err(format!("it is blamed on this machine: {source}"))
        }
        (Err(error), _) => {
            let sentence = error.to_string();
            if sentence.is_empty() || sentence.len() > 400 || sentence.contains(['\n', '<']) {
                return Err(format!("no sentence: {sentence:?}"));
            }
            Ok(())
        }
        (Ok(_), _) => Ok(()),
    }
}

/// Tries all files, some at once, and ends the test where anything is wrong with what comes of them.
///
/// The time of one is that of all that are tried meanwhile: more than one only where none of them takes long.
async fn judge_all(files: Vec<Malformed>, at_once: usize) {
    count_panics();
    let processor = &processor();
    let count = files.len();
    let tries = files
        .iter()
        .flat_map(|file| ways(file).into_iter().map(move |way| (file, way)));
    let faults: Vec<String> = futures_util::stream::iter(tries)
        .map(|(file, (way, options))| async move {
            let judged = judge(processor, &options, file).await;
            judged.map_err(|fault| format!("{}, {way}: {fault}", file.name))
        })
        .buffer_unordered(at_once)
        .filter_map(|judged| async { judged.err() })
        .collect()
        .await;
    let [ours, theirs] = [&PANICS[0], &PANICS[1]].map(|count| count.load(Ordering::Relaxed));
    let most = program::peak_memory();
    program::say(&format!(
        "{count} malformed files; decoders panicked {theirs} times and were caught; {most:?} bytes of memory"
    ));
    assert!(
        faults.is_empty(),
        "{} of {count}:\n{}",
        faults.len(),
        faults.join("\n")
    );
    assert_eq!(ours, 0, "panics in our own code");
    assert!(
        most.is_none_or(|most| most <= MOST_MEMORY),
        "{most:?} bytes of memory"
    );
}

/// The time that this process has had of processors, where the system tells it.
fn processor_time() -> Option<Duration> {
    let stat = std::fs::read_to_string("/proc/self/stat").ok()?;
    // The name of the program, which may hold anything, ends with the last bracket.
    let (_, fields) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = fields.split_whitespace().collect();
    let ticks = |place: usize| fields.get(place)?.parse::<u64>().ok();
    // Linux counts in hundredths of a second.
    Some(Duration::from_millis(10 * (ticks(11)? + ticks(12)?)))
}

/// Good files of every format, written by other programs.
fn good_files(test: &str) -> Option<Vec<(String, Vec<u8>)>> {
    let tools = ["convert", "vips", "cwebp", "opj_compress", "tiffcp"];
    let [convert, vips, cwebp, opj_compress, tiffcp] = program::find(test, tools)?;
    let [avifenc, heif_enc, tiff2pdf] = program::find(test, ["avifenc", "heif-enc", "tiff2pdf"])?;
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
    let black = at("black.tif");
    let to_black = ["-threshold", "50%", "-type", "bilevel", "-depth", "1"];
    let uncompressed = ["-compress", "None", &black];
    run(
        &convert,
        &[&[source.as_str()][..], &to_black, &uncompressed].concat(),
    );
    for (name, coding) in [("fax3.tif", "g3:2d"), ("fax4.tif", "g4")] {
        run(&tiffcp, &["-c", coding, &black, &at(name)]);
        names.push(name.to_owned());
    }
    if cfg!(feature = "source-avif") {
        let how = ["-j", "1", "-s", "8", "--min", "10", "--max", "30"];
        let target = at("plain.avif");
        let files = [source.as_str(), &target];
        quietly(&avifenc, &[&how[..], &files].concat());
        names.push("plain.avif".to_owned());
        let (even, grid, turned) = (at("even.png"), at(GRID), at("turned.avif"));
        std::fs::write(&even, Raster::photograph(160, 128, 3).to_png()).unwrap();
        let tiles = ["--grid", "2x2", &even, &grid];
        quietly(&avifenc, &[&how[..], &tiles].concat());
        let grain = [
            "-c",
            "aom",
            "-a",
            "film-grain-test=1",
            "--irot",
            "1",
            "--imir",
            "0",
        ];
        quietly(&avifenc, &[&how[..], &grain, &[&source, &turned]].concat());
        names.extend([GRID, "turned.avif"].map(ToOwned::to_owned));
    }
    if cfg!(feature = "source-heic") {
        let target = at("plain.heic");
        quietly(&heif_enc, &["-q", "60", &source, "-o", &target]);
        names.push("plain.heic".to_owned());
    }
    if cfg!(feature = "source-pdf") {
        let target = at("page.pdf");
        let size = ["-x", "150", "-y", "150", "-u", "i"];
        run(
            &tiff2pdf,
            &[&["-z", "-o", &target][..], &size, &[plain.as_str()]].concat(),
        );
        names.push("page.pdf".to_owned());
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
    for (name, coding) in PYRAMIDS.into_iter().zip(["jpeg", "deflate"]) {
        // Large enough for a second level.
        let (large, target) = (at("large.png"), at(name));
        std::fs::write(&large, Raster::photograph(280, 61, 3).to_png()).unwrap();
        let save = ["tiffsave", &large, &target, "--tile", "--pyramid"];
        let how = [
            "--tile-width",
            "256",
            "--tile-height",
            "256",
            "--compression",
        ];
        run(&vips, &[&save[..], &how, &[coding]].concat());
        names.push(name.to_owned());
    }
    let read = |name: String| {
        let bytes = std::fs::read(directory.path().join(Path::new(&name))).unwrap();
        (name, bytes)
    };
    Some(names.into_iter().map(read).collect())
}

/// Runs a program that tells of its progress where others tell of failures.
fn quietly(program: &Path, arguments: &[&str]) {
    let output = Command::new(program).args(arguments).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{arguments:?}: {said}");
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_files_end_in_a_sentence() {
    if !program::is_alone(module_path!(), "hostile_files_end_in_a_sentence") {
        return;
    }
    judge_all(malformed::all_made(), 1).await;
}

#[cfg(feature = "source-pdf")]
#[tokio::test(flavor = "multi_thread")]
async fn hostile_pages_end_in_a_sentence() {
    if !program::is_alone(module_path!(), "hostile_pages_end_in_a_sentence") {
        return;
    }
    judge_all(malformed::pages(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn good_files_with_hostile_parts_end_in_an_image_or_a_sentence() {
    if !program::is_alone(
        module_path!(),
        "good_files_with_hostile_parts_end_in_an_image_or_a_sentence",
    ) {
        return;
    }
    let Some(good) = good_files("good_files_with_hostile_parts_end_in_an_image_or_a_sentence")
    else {
        return;
    };
    let files = good
        .iter()
        .flat_map(|(name, bytes)| match name.rsplit_once('.') {
            Some((_, "jpg")) => malformed::of_jpeg(name, bytes),
            Some((_, "png")) if name == "eight.png" => malformed::of_png(bytes),
            Some((_, "tif")) => malformed::of_tiff(name, bytes),
            Some(_) if name == GRID => {
                let mut files = malformed::of_heif(name, bytes);
                files.extend(malformed::of_grid(name, bytes, [2, 2], [160, 128]));
                files
            }
            Some((_, "avif" | "heic")) => malformed::of_heif(name, bytes),
            _ => Vec::new(),
        });
    judge_all(files.collect(), 1).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_that_are_cut_anywhere_are_refused() {
    if !program::is_alone(module_path!(), "files_that_are_cut_anywhere_are_refused") {
        return;
    }
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
        .flat_map(|(name, bytes)| malformed::cut(name, bytes))
        .map(|mut file| {
            if PYRAMIDS.iter().any(|name| file.name.starts_with(name)) {
                // Full resolution comes first, and may be whole.
                file.outcome = Outcome::RefusedOrRead;
            }
            file
        });
    judge_all(whole.chain(cut).collect(), 4).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn files_with_a_flipped_bit_end_in_an_image_or_a_sentence() {
    if !program::is_alone(
        module_path!(),
        "files_with_a_flipped_bit_end_in_an_image_or_a_sentence",
    ) {
        return;
    }
    let Some(good) = good_files("files_with_a_flipped_bit_end_in_an_image_or_a_sentence") else {
        return;
    };
    let flipped = good
        .iter()
        .flat_map(|(name, bytes)| malformed::flipped(name, bytes, 256));
    judge_all(flipped.collect(), 4).await;
}
