//! Formats behind features.

use dlcs_core::derivative::ProcessError;

use super::read;

/// Cut at every sixteenth, and with a changed bit at 256 places.
fn check_broken(file: &str, whole: &[u8]) {
    read(whole).unwrap_or_else(|error| panic!("{file}: {error}"));
    for end in (1..16).map(|part| whole.len() * part / 16) {
        let outcome = read(&whole[..end]).map(|(header, _)| header);
        assert!(
            matches!(outcome, Err(ProcessError::Damaged { .. })),
            "{file} cut at {end}: {outcome:?}"
        );
    }
    for place in 0..256 {
        let mut changed = whole.to_vec();
        changed[whole.len() * place / 256] ^= 1 << (place % 8);
        let outcome = || read(&changed).map(|(_, data)| data);
        match (outcome(), outcome()) {
            (Ok(first), Ok(second)) => assert!(first == second, "{file} changed at {place}"),
            (Err(ProcessError::Backend { source }), _) => panic!("{file} at {place}: {source}"),
            (Err(_), Err(_)) => {}
            _ => panic!("{file} changed at {place}: two outcomes"),
        }
    }
}

#[cfg(feature = "source-avif")]
mod avif {
    use image::metadata::Orientation;

    use super::super::super::{Alpha, ColourModel, Depth};
    use super::super::made::AVIF;
    use super::super::shown::{compare, difference, pixels};
    use super::super::{Workshop, read};
    use super::check_broken;

    #[test]
    fn every_kind_of_avif_is_read_as_libavif_reads_it() {
        let test = "every_kind_of_avif_is_read_as_libavif_reads_it";
        if let Some(workshop) = Workshop::new(test, ["convert", "avifenc", "avifdec"]) {
            compare(&workshop, AVIF);
        }
    }

    #[test]
    fn broken_avif_is_refused_or_read_the_same_way_twice() {
        let test = "broken_avif_is_refused_or_read_the_same_way_twice";
        let programs = ["convert", "avifenc"];
        if let Some(workshop) = Workshop::of_size(test, programs, 96, 70) {
            workshop.run("convert scene.ppm scene.png");
            workshop.run("avifenc -j 1 -s 8 --min 10 --max 30 scene.png plain.avif");
            check_broken("plain.avif", &workshop.bytes("plain.avif"));
        }
    }

    #[test]
    fn turns_of_an_avif_are_those_that_libavif_wrote() {
        let test = "turns_of_an_avif_are_those_that_libavif_wrote";
        let Some(workshop) = Workshop::of_size(test, ["convert", "avifenc"], 96, 70) else {
            return;
        };
        workshop.run("convert scene.ppm scene.png");
        for (arguments, orientation) in [
            ("--irot 1", Orientation::Rotate270),
            ("--irot 2", Orientation::Rotate180),
            ("--irot 3", Orientation::Rotate90),
            ("--imir 0", Orientation::FlipVertical),
            ("--imir 1", Orientation::FlipHorizontal),
            ("--irot 1 --imir 1", Orientation::Rotate270FlipH),
            ("--irot 1 --imir 0", Orientation::Rotate90FlipH),
        ] {
            workshop.run(&format!(
                "avifenc -j 1 -s 8 --min 5 --max 15 {arguments} scene.png turned.avif"
            ));
            let (header, data) = read(&workshop.bytes("turned.avif")).unwrap();
            assert_eq!(header.orientation, orientation, "{arguments}");
            let samples = (ColourModel::Rgb, Depth::U8, Alpha::None);
            let stored = pixels(&workshop, "scene.ppm", samples);
            assert!(difference(&data, &stored, samples).0 < 4.0, "{arguments}");
        }
    }
}

#[cfg(feature = "source-heic")]
mod heic {
    use super::super::Workshop;
    use super::super::made::HEIC;
    use super::super::shown::compare;
    use super::check_broken;

    #[test]
    fn every_kind_of_heic_is_read_as_libheif_reads_it() {
        let test = "every_kind_of_heic_is_read_as_libheif_reads_it";
        if let Some(workshop) = Workshop::new(test, ["convert", "heif-enc", "heif-convert"]) {
            compare(&workshop, HEIC);
        }
    }

    #[test]
    fn broken_heic_is_refused_or_read_the_same_way_twice() {
        let test = "broken_heic_is_refused_or_read_the_same_way_twice";
        let programs = ["convert", "heif-enc"];
        if let Some(workshop) = Workshop::of_size(test, programs, 96, 70) {
            workshop.run("convert scene.ppm scene.png");
            workshop.run("heif-enc -q 60 scene.png -o plain.heic");
            check_broken("plain.heic", &workshop.bytes("plain.heic"));
        }
    }
}

#[cfg(feature = "source-pdf")]
mod pdf {
    use dlcs_core::derivative::ProcessError;

    use super::super::super::{Alpha, ColourModel, Depth};
    use super::super::shown::{difference, pixels};
    use super::super::{Workshop, read};
    use super::check_broken;

    /// A page of two inches by three, and another one that is not looked at.
    const PAGE: &str = "%!PS
<< /PageSize [144 216] >> setpagedevice
0.2 0.4 0.8 setrgbcolor 20 30 80 100 rectfill
0.9 0.3 0.1 setrgbcolor 90 150 30 0 360 arc fill
0 setgray /Times-Roman findfont 18 scalefont setfont 12 12 moveto (A first page) show
showpage
<< /PageSize [500 500] >> setpagedevice
showpage
";

    #[test]
    fn the_first_page_of_a_pdf_is_drawn_as_poppler_draws_it() {
        let test = "the_first_page_of_a_pdf_is_drawn_as_poppler_draws_it";
        let Some(workshop) = Workshop::new(test, ["convert", "gs", "pdftoppm"]) else {
            return;
        };
        std::fs::write(workshop.at("page.ps"), PAGE).unwrap();
        workshop.run("gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -o page.pdf page.ps");
        workshop.run("pdftoppm -r 300 -f 1 -l 1 -singlefile page.pdf shown");
        let bytes = workshop.bytes("page.pdf");
        let (header, data) = read(&bytes).unwrap();
        assert_eq!((header.width, header.height), (600, 900));
        let samples = (ColourModel::Rgb, Depth::U8, Alpha::None);
        let shown = pixels(&workshop, "shown.ppm", samples);
        let (mean, _) = difference(&data, &shown, samples);
        assert!(mean <= 1.0, "off by {mean:.2}");
        check_broken("page.pdf", &bytes);
    }

    #[test]
    fn a_pdf_with_a_password_is_refused() {
        let test = "a_pdf_with_a_password_is_refused";
        let Some(workshop) = Workshop::new(test, ["gs"]) else {
            return;
        };
        std::fs::write(workshop.at("page.ps"), PAGE).unwrap();
        workshop.run(
            "gs -q -dBATCH -dNOPAUSE -sDEVICE=pdfwrite -sOwnerPassword=a -sUserPassword=b -dEncryptionR=3 -dKeyLength=128 -o locked.pdf page.ps",
        );
        match read(&workshop.bytes("locked.pdf")).map(|(header, _)| header) {
            Err(ProcessError::Unsupported { format, reason }) => {
                assert_eq!(format, "PDF");
                assert!(reason.contains("password"), "{reason}");
            }
            other => panic!("{other:?}"),
        }
    }
}
