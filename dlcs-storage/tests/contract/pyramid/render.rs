//! What is served of a derivative.

use bytes::Bytes;
use dlcs_core::derivative::{DerivativeStore, RenderError};
use dlcs_core::iiif::{Level, Pyramid};
use dlcs_core::memory::MemoryDerivatives;
use futures_util::StreamExt;

use super::support::{Raster, Ready, process};

/// Every tile of a level: the request for it, where it begins in the level, and its size.
fn tiles(pyramid: Pyramid, level: Level) -> impl Iterator<Item = (String, [u32; 4])> {
    let (tile, image) = (pyramid.tile.get(), pyramid.dimensions);
    let side = tile << level.exponent;
    (0..level.rows)
        .flat_map(move |row| (0..level.columns).map(move |column| (column, row)))
        .map(move |(column, row)| {
            let (x, y) = (column * side, row * side);
            let (w, h) = (side.min(image.width() - x), side.min(image.height() - y));
            let width = tile.min(level.dimensions.width() - column * tile);
            let height = tile.min(level.dimensions.height() - row * tile);
            (
                format!("{x},{y},{w},{h}/{width},{height}/0/default"),
                [column * tile, row * tile, width, height],
            )
        })
}

#[tokio::test]
async fn every_tile_of_every_level_shows_its_part_of_the_level() {
    let sizes = [
        (1, 1),
        (1, 3000),
        (511, 513),
        (1025, 769),
        (3000, 2001),
        (1024, 1023),
    ];
    for (width, height, channels) in sizes.into_iter().flat_map(|(w, h)| [(w, h, 3), (w, h, 1)]) {
        let ready = process(Raster::photograph(width, height, channels).to_png())
            .await
            .unwrap();
        let pyramid = ready.service.derivative.pyramid;
        for level in pyramid.levels() {
            let whole = ready.level(level).await;
            assert_eq!(
                (whole.width, whole.height, whole.channels),
                (
                    level.dimensions.width(),
                    level.dimensions.height(),
                    channels
                )
            );
            for (path, [x, y, w, h]) in tiles(pyramid, level) {
                let expected = whole.crop(x, y, w, h);
                let lossless = ready.pixels(&format!("{path}.png")).await;
                assert!(lossless == expected, "{path}.png of {width} x {height}");
                let served = ready.pixels(&format!("{path}.jpg")).await;
                assert_eq!(
                    (served.width, served.height, served.channels),
                    (w, h, channels),
                    "{path}"
                );
                if w == 512 && h == 512 {
                    // The very pixels of the level, by another decoder.
                    assert!(
                        served.largest_difference(&expected) <= 4,
                        "{path} of {width} x {height}"
                    );
                } else if w > 8 && h > 8 {
                    let found = served.psnr(&expected);
                    assert!(found >= 30.0, "{path} of {width} x {height}: {found:.1} dB");
                }
            }
        }
    }
}

#[tokio::test]
async fn stored_tiles_are_copies_of_the_bytes_of_the_derivative() {
    let ready = process(Raster::photograph(1300, 1100, 3).to_png())
        .await
        .unwrap();
    let tile = ready
        .render("512,512,512,512/512,512/0/default.jpg")
        .await
        .unwrap()
        .bytes;
    assert_eq!(&tile[..4], b"\xFF\xD8\xFF\xE0");
    let frame = tile
        .windows(2)
        .position(|pair| pair == b"\xFF\xC0")
        .unwrap();
    let copied = &tile[frame..];
    assert!(
        ready
            .bytes
            .windows(copied.len())
            .any(|window| window == copied)
    );
}

#[tokio::test]
async fn regions_sizes_turns_and_qualities_give_what_they_say() {
    let source = Raster::photograph(1025, 769, 3);
    let ready = process(source.to_png()).await.unwrap();
    let full = ready.pixels("full/max/0/default.png").await;

    assert!(
        ready.pixels("500,100,301,207/max/0/default.png").await == full.crop(500, 100, 301, 207)
    );
    for (path, size) in [
        ("full/pct:37.7/0/default.jpg", (386, 290)),
        ("full/!200,200/0/default.png", (200, 150)),
        ("13,17,555,333/99,7/0/color.jpg", (99, 7)),
        ("13,17,555,333/7,99/90/default.png", (99, 7)),
        ("1000,700,1000,1000/^400,/!270/gray.jpg", (1104, 400)),
        ("1024,768,1,1/^9,11/0/default.png", (9, 11)),
        ("pct:10,10,0.1,0.2/^5000,10000/0/bitonal.png", (5000, 10000)),
        ("full/1,1/0/default.jpg", (1, 1)),
        ("full/1025,1/180/default.jpg", (1025, 1)),
    ] {
        let pixels = ready.pixels(path).await;
        assert_eq!((pixels.width, pixels.height), size, "{path}");
    }

    let small = source.halved().halved();
    let found = ready
        .pixels(&format!(
            "full/{},{}/0/default.png",
            small.width, small.height
        ))
        .await
        .psnr(&small);
    assert!(found >= 30.0, "{found:.1} dB");

    let upright = full.crop(10, 20, 30, 40);
    let turned = ready.pixels("10,20,30,40/max/90/default.png").await;
    let mirrored = ready.pixels("10,20,30,40/max/!0/default.png").await;
    assert_eq!(turned.pixel(0, 0), upright.pixel(0, 39));
    assert_eq!(turned.pixel(39, 0), upright.pixel(0, 0));
    assert_eq!(mirrored.pixel(29, 7), upright.pixel(0, 7));

    let grey = ready.pixels("10,20,30,40/max/0/gray.png").await;
    assert_eq!(grey.channels, 1);
    let [r, g, b] = [0, 1, 2].map(|channel| f64::from(upright.pixel(5, 5)[channel]));
    assert!((f64::from(grey.pixel(5, 5)[0]) - (0.299 * r + 0.587 * g + 0.114 * b)).abs() <= 1.0);
    let bitonal = ready.pixels("full/200,/0/bitonal.png").await;
    assert!(
        bitonal.data.iter().all(|value| matches!(value, 0 | 255))
            && bitonal.data.contains(&0)
            && bitonal.data.contains(&255)
    );
}

#[tokio::test]
async fn regions_between_the_pixels_of_a_level_are_not_shifted() {
    let source = Raster::photograph(1025, 769, 3);
    let ready = process(source.to_png()).await.unwrap();
    for (x, y) in [(501, 301), (502, 302), (503, 303), (500, 300)] {
        let found = ready
            .pixels(&format!("{x},{y},400,400/100,100/0/default.png"))
            .await;
        let near = |dx: i32, dy: i32| {
            let (x, y) = (
                u32::try_from(x + dx).unwrap(),
                u32::try_from(y + dy).unwrap(),
            );
            found.psnr(&source.crop(x, y, 400, 400).halved().halved())
        };
        let right = near(0, 0);
        for (dx, dy) in [(-1, 0), (1, 0), (0, -1), (0, 1)] {
            let shifted = near(dx, dy);
            assert!(
                right > shifted,
                "{x},{y}: {right:.1} dB, {shifted:.1} dB at {dx},{dy}"
            );
        }
    }
}

/// The same derivative with other bytes.
async fn with_bytes(bytes: Vec<u8>, good: Ready) -> Ready {
    let body = futures_util::stream::once(async { Ok(Bytes::from(bytes)) }).boxed();
    good.store.put(&good.key, body).await.unwrap();
    good
}

#[tokio::test]
async fn a_damaged_derivative_is_said_to_be_damaged() {
    let source = Raster::photograph(1300, 1100, 3).to_png();
    let requests = [
        "0,0,512,512/512,512/0/default.jpg",
        "full/max/0/default.png",
        "1024,1024,276,76/276,76/0/default.jpg",
    ];
    let good = process(source.clone()).await.unwrap();
    let whole = good.bytes.to_vec();
    let head = good.service.derivative.index.end as usize;
    let mut no_tables = whole.clone();
    let tables = no_tables
        .windows(4)
        .position(|bytes| bytes == b"\xFF\xD8\xFF\xDB")
        .unwrap();
    no_tables[tables] = 0;
    for bytes in [
        Vec::new(),
        whole[..head / 2].to_vec(),
        whole[..whole.len() - 1].to_vec(),
        no_tables,
        vec![7; whole.len()],
    ] {
        let ready = with_bytes(bytes, process(source.clone()).await.unwrap()).await;
        let mut failures = 0;
        for request in requests {
            match ready.render(request).await {
                Err(RenderError::Damaged { .. }) => failures += 1,
                Ok(_) => {}
                Err(other) => panic!("{other:?}"),
            }
        }
        assert!(failures > 0);
    }
    let gone = process(source).await.unwrap();
    gone.store.delete(&gone.key).await.unwrap();
    assert!(matches!(
        gone.render(requests[0]).await,
        Err(RenderError::Derivative(_))
    ));
}

/// The same derivative as the first version of the private tag has it, which knew nothing of exact tiles within padded ones.
async fn as_of_the_first_version(ready: &mut Ready) {
    let mut bytes = ready.bytes.to_vec();
    // An entry of a little-endian TIFF: tag 65117, bytes, how many, and where.
    let entry = [0x5D, 0xFE, 7, 0];
    let entry = bytes.windows(4).position(|found| found == entry).unwrap();
    let value: [u8; 4] = bytes[entry + 8..entry + 12].try_into().unwrap();
    let version = &mut bytes[u32::from_le_bytes(value) as usize];
    assert_eq!(*version, 2);
    *version = 1;
    ready.bytes = bytes.into();
    let body = futures_util::stream::iter([Ok(ready.bytes.clone())]).boxed();
    ready.store = MemoryDerivatives::new();
    ready.store.put(&ready.key, body).await.unwrap();
}

#[tokio::test]
async fn derivatives_of_the_first_version_are_served_and_their_edges_made_anew() {
    let source = Raster::photograph(700, 600, 3).to_png();
    let now = process(source.clone()).await.unwrap();
    let mut before = process(source).await.unwrap();
    as_of_the_first_version(&mut before).await;
    let pyramid = now.service.derivative.pyramid;
    let mut anew = 0;
    for level in pyramid.levels() {
        assert!(before.level(level).await == now.level(level).await);
        for (path, [.., w, h]) in tiles(pyramid, level) {
            let path = format!("{path}.jpg");
            let (old, new) = (before.render(&path).await, now.render(&path).await);
            let (old, new) = (old.unwrap().bytes, new.unwrap().bytes);
            if (w, h) == (pyramid.tile.get(), pyramid.tile.get()) {
                assert!(old == new, "{path} is copied");
                continue;
            }
            anew += usize::from(old != new);
            let (old, new) = (Raster::from_jpeg(&old), Raster::from_jpeg(&new));
            assert_eq!((old.width, old.height), (w, h), "{path}");
            assert!(old.psnr(&new) > 40.0, "{path}: {}", old.psnr(&new));
        }
    }
    assert!(anew > 3, "{anew} edge tiles were made anew");
}
