//! TIFF sources from end to end. That their samples are read exactly is tested beside their reader; here it is what is seen of them.

use dlcs_core::derivative::{ProcessError, ProcessOptions};
use dlcs_core::policy::ImageOptimisationPolicy;
use dlcs_testkit::program;

use super::delta_e;
use super::support::{Raster, process, process_as, run};

/// What makes the file from a picture, and what shows it to other programs' eyes: lines with `SOURCE`, `FILE`, `SHOWN` and others for paths.
const KINDS: &[(&str, &[&str], &str)] = &[
    (
        "tiles of JPEG in a pyramid",
        &["vips tiffsave SOURCE FILE --tile --pyramid --compression jpeg --Q 90"],
        "vips copy FILE SHOWN",
    ),
    (
        "planes of LZW",
        &[
            "convert SOURCE -compress None OTHER.tif",
            "tiffcp -c lzw:2 -p separate OTHER.tif FILE",
        ],
        "vips copy FILE SHOWN",
    ),
    (
        "16 bits, big endian",
        &[
            "convert SOURCE -depth 16 -compress None OTHER.tif",
            "tiffcp -B -c zip:2 OTHER.tif FILE",
        ],
        "vips colourspace FILE SHOWN srgb",
    ),
    (
        "a palette",
        &["convert SOURCE -colors 100 -type Palette FILE"],
        "vips copy FILE SHOWN",
    ),
    (
        "black and white",
        &[
            "convert SOURCE -threshold 50% -type bilevel -depth 1 -compress None OTHER.tif",
            "tiffcp -c g4 OTHER.tif FILE",
        ],
        "convert FILE -depth 8 SHOWN",
    ),
    (
        "grey, white is 0",
        &["convert SOURCE -colorspace Gray -define quantum:polarity=min-is-white FILE"],
        "vips copy FILE SHOWN",
    ),
    (
        "Lab",
        &[
            "vips colourspace SOURCE OTHER.v lab",
            "vips tiffsave OTHER.v FILE --compression lzw",
        ],
        "vips colourspace FILE SHOWN srgb",
    ),
    (
        "Lab of 16 bits",
        &[
            "vips colourspace SOURCE OTHER.v labs",
            "vips tiffsave OTHER.v FILE --compression lzw",
        ],
        "vips colourspace FILE SHOWN srgb",
    ),
    (
        "inks",
        &["convert SOURCE -colorspace CMYK -compress LZW FILE"],
        "convert FILE -colorspace sRGB -depth 8 SHOWN",
    ),
    (
        "a turn",
        &["convert SOURCE -orient RightTop -compress LZW FILE"],
        "convert FILE -auto-orient -depth 8 SHOWN",
    ),
    (
        "Adobe RGB",
        &[
            "vips icc_transform SOURCE FILE /usr/share/color/icc/colord/AdobeRGB1998.icc --input-profile srgb",
        ],
        "vips icc_transform FILE SHOWN srgb --embedded",
    ),
];

#[tokio::test]
async fn tiff_sources_are_seen_as_other_programs_show_them() {
    let test = "tiff_sources_are_seen_as_other_programs_show_them";
    let Some([convert, vips, tiffcp]) = program::find(test, ["convert", "vips", "tiffcp"]) else {
        return;
    };
    let directory = tempfile::tempdir().unwrap();
    let at = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    let go = |line: &str| {
        let mut words = line.split(' ');
        let program = match words.next() {
            Some("convert") => &convert,
            Some("tiffcp") => &tiffcp,
            _ => &vips,
        };
        let paths = [
            ("SOURCE", "source.png"),
            ("FILE", "file.tif"),
            ("SHOWN", "shown.png"),
        ];
        let arguments: Vec<String> = words
            .map(|word| match paths.iter().find(|(name, _)| *name == word) {
                Some((_, file)) => at(file),
                None if word.starts_with("OTHER") => at(word),
                None => word.to_owned(),
            })
            .collect();
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        run(program, &arguments);
    };
    std::fs::write(at("source.png"), Raster::photograph(601, 403, 3).to_png()).unwrap();
    let options = ProcessOptions::default().with_policy(ImageOptimisationPolicy::Lossless);
    let mut wrong = Vec::new();
    for (name, made, shown) in KINDS {
        made.iter().for_each(|line| go(line));
        go(shown);
        let bytes = std::fs::read(at("file.tif")).unwrap();
        let ready = process_as(&options, bytes.clone())
            .await
            .unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(ready.service.source.media_type, "image/tiff", "{name}");
        let ours = ready.pixels("full/max/0/default.png").await;
        let theirs = Raster::from_png(&std::fs::read(at("shown.png")).unwrap());
        assert_eq!(
            (ours.width, ours.height),
            (theirs.width, theirs.height),
            "{name}"
        );
        let found = delta_e::mean(&ours, &theirs);
        if found > 1.0 {
            wrong.push(format!("{name}: a mean difference of {found:.2}"));
        }
        // The directory of most is at the end.
        match process(bytes[..bytes.len() / 2].to_vec()).await.map(|_| ()) {
            Err(ProcessError::Damaged { format: "TIFF", .. }) => {}
            other => panic!("half of {name}: {other:?}"),
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}
