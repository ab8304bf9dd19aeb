//! Which stored streams answer which requests.

use super::super::GrammarVersion::{V2, V3};
use super::super::*;
use super::{resolve, size};

/// What a derivative made here holds of a pyramid.
fn levels_of(pyramid: Pyramid) -> Vec<StoredLevel> {
    let stored = |level| StoredLevel {
        level,
        is_jpeg: true,
        has_edges: true,
    };
    pyramid.levels().map(stored).collect()
}

fn plan_of(pyramid: Pyramid, request: &ResolvedRequest) -> Plan {
    let levels = levels_of(pyramid);
    let stored = Stored {
        pyramid,
        is_grey: false,
        levels: &levels,
        thumbnails: &[],
    };
    plan(&stored, request)
}

/// What OpenSeadragon asks for one tile, in version 2.1 and in version 3.0, and the size that it expects.
fn viewer_requests(
    pyramid: Pyramid,
    level: Level,
    column: u32,
    row: u32,
) -> [(GrammarVersion, String); 2] {
    let (tile, image) = (pyramid.tile.get(), pyramid.dimensions);
    let side = u64::from(tile) << level.exponent;
    let (x, y) = (u64::from(column) * side, u64::from(row) * side);
    let width = side.min(u64::from(image.width()) - x);
    let height = side.min(u64::from(image.height()) - y);
    let region = if level.columns == 1 && level.rows == 1 {
        "full".to_owned()
    } else {
        format!("{x},{y},{width},{height}")
    };
    let w = tile.min(level.dimensions.width() - column * tile);
    let h = tile.min(level.dimensions.height() - row * tile);
    [
        (V2, format!("{region}/{w},/0/default.jpg")),
        (V3, format!("{region}/{w},{h}/0/default.jpg")),
    ]
}

#[test]
fn every_tile_of_a_viewer_has_exactly_its_size_and_whole_tiles_are_stored_ones() {
    let sides = [
        2_u32, 255, 256, 257, 511, 512, 513, 1023, 1024, 1025, 1536, 2047, 2049, 3001, 4095, 4099,
    ];
    for (tile, width, height) in [TileSize::Px256, TileSize::Px512]
        .into_iter()
        .flat_map(|tile| sides.map(|width| sides.map(|height| (tile, width, height))))
        .flatten()
    {
        let pyramid = Pyramid {
            dimensions: size(width, height),
            tile,
        };
        for level in pyramid.levels() {
            for (row, column) in
                (0..level.rows).flat_map(|row| (0..level.columns).map(move |column| (row, column)))
            {
                let expected = (
                    tile.get()
                        .min(level.dimensions.width() - column * tile.get()),
                    tile.get().min(level.dimensions.height() - row * tile.get()),
                );
                for (version, path) in viewer_requests(pyramid, level, column, row) {
                    // A width of one pixel is that of every smaller level too: version 2.1 cannot say which.
                    if version == V2 && expected.0 == 1 {
                        continue;
                    }
                    let request = resolve(version, (width, height), &path).unwrap();
                    let found = (request.size.width(), request.size.height());
                    assert_eq!(found, expected, "{path} of {width} x {height}");
                    let whole = expected == (tile.get(), tile.get());
                    let stored = Plan::StoredTile {
                        level: level.exponent,
                        column,
                        row,
                    };
                    let edge = Plan::StoredEdge {
                        level: level.exponent,
                        column,
                        row,
                    };
                    let planned = plan_of(pyramid, &request);
                    if whole {
                        assert_eq!(planned, stored, "{path} of {width} x {height}");
                    } else if expected.0 > 1 && expected.1 > 1 {
                        assert_eq!(planned, edge, "{path} of {width} x {height}");
                    }
                }
            }
        }
    }
}

#[test]
fn thumbnails_and_grey_are_answers_and_padded_or_deflated_tiles_are_none() {
    let pyramid = Pyramid {
        dimensions: size(3000, 2001),
        tile: TileSize::Px512,
    };
    let levels = levels_of(pyramid);
    let stored = Stored {
        pyramid,
        is_grey: true,
        levels: &levels,
        thumbnails: &[size(100, 67), size(400, 267)],
    };
    let request = |path: &str| resolve(V3, (3000, 2001), path).unwrap();
    let planned = |path: &str| plan(&stored, &request(path));
    for path in [
        "full/!400,400/0/default.jpg",
        "full/400,/0/color.jpg",
        "full/400,267/0/gray.jpg",
    ] {
        assert_eq!(planned(path), Plan::Thumbnail { place: 1 }, "{path}");
    }
    for path in [
        "full/!400,400/0/bitonal.jpg",
        "full/!400,400/0/default.png",
        "full/401,/0/default.jpg",
        "0,0,2999,2001/400,267/0/default.jpg",
    ] {
        assert!(matches!(planned(path), Plan::Render { .. }), "{path}");
    }
    let edge = "2560,0,440,512/440,512/0/default.jpg";
    assert_eq!(
        planned(edge),
        Plan::StoredEdge {
            level: 0,
            column: 5,
            row: 0
        }
    );
    let others: Vec<_> = levels
        .iter()
        .map(|level| StoredLevel {
            has_edges: false,
            ..*level
        })
        .collect();
    let others = Stored {
        levels: &others[..2],
        ..stored
    };
    assert_eq!(plan(&others, &request(edge)), Plan::Render { level: 0 });
    assert_eq!(
        plan(&others, &request("full/375,/0/default.jpg")),
        Plan::Render { level: 1 },
        "the smallest level that is there"
    );
    let deflated = [StoredLevel {
        is_jpeg: false,
        ..levels[0]
    }];
    let deflated = Stored {
        levels: &deflated,
        ..stored
    };
    let tile = request("0,0,512,512/512,512/0/default.jpg");
    assert_eq!(plan(&deflated, &tile), Plan::Render { level: 0 });
}

#[test]
fn levels_that_were_halved_rounding_down_give_their_full_tiles() {
    let pyramid = Pyramid {
        dimensions: size(1025, 1025),
        tile: TileSize::Px256,
    };
    let mut levels = levels_of(pyramid);
    levels[1].level = Level::new(1, size(512, 512), TileSize::Px256);
    levels.iter_mut().for_each(|level| level.has_edges = false);
    let stored = Stored {
        pyramid,
        is_grey: false,
        levels: &levels,
        thumbnails: &[],
    };
    let planned = |path: &str| plan(&stored, &resolve(V3, (1025, 1025), path).unwrap());
    assert_eq!(
        planned("512,512,512,512/256,256/0/default.jpg"),
        Plan::StoredTile {
            level: 1,
            column: 1,
            row: 1
        }
    );
    assert!(matches!(
        planned("1024,0,1,512/1,256/0/default.jpg"),
        Plan::Render { .. }
    ));
}

#[test]
fn only_plain_requests_for_whole_tiles_are_stored_ones() {
    let pyramid = Pyramid {
        dimensions: size(3000, 2001),
        tile: TileSize::Px512,
    };
    let planned = |path: &str| plan_of(pyramid, &resolve(V3, (3000, 2001), path).unwrap());
    let stored = Plan::StoredTile {
        level: 1,
        column: 1,
        row: 0,
    };
    assert_eq!(planned("1024,0,1024,1024/512,512/0/default.jpg"), stored);
    assert_eq!(planned("1024,0,1024,1024/512,/360/color.jpg"), stored);
    for path in [
        "1024,0,1024,1024/512,512/0/default.png",
        "1024,0,1024,1024/512,512/90/default.jpg",
        "1024,0,1024,1024/512,512/!0/default.jpg",
        "1024,0,1024,1024/512,512/0/gray.jpg",
        "1024,0,1024,1024/512,512/0/bitonal.jpg",
        "1024,2,1024,1024/512,512/0/default.jpg",
    ] {
        assert_eq!(planned(path), Plan::Render { level: 1 }, "{path}");
    }
    assert_eq!(
        planned("1024,0,1024,1024/511,512/0/default.jpg"),
        Plan::Render { level: 1 }
    );
    assert_eq!(
        planned("full/376,/0/default.jpg"),
        Plan::Render { level: 2 }
    );
    let smallest = Plan::StoredEdge {
        level: 3,
        column: 0,
        row: 0,
    };
    assert_eq!(planned("full/375,/0/default.jpg"), smallest);
    assert_eq!(
        planned("full/374,/0/default.jpg"),
        Plan::Render { level: 3 }
    );
    assert_eq!(planned("full/10,/0/default.jpg"), Plan::Render { level: 3 });
    assert_eq!(
        planned("full/10,2000/0/default.jpg"),
        Plan::Render { level: 0 }
    );
    assert_eq!(
        planned("0,0,100,100/^500,/0/default.jpg"),
        Plan::Render { level: 0 }
    );
    let one_tile = Pyramid {
        dimensions: size(1024, 1023),
        tile: TileSize::Px512,
    };
    let smallest = resolve(V3, (1024, 1023), "full/512,512/0/default.jpg").unwrap();
    assert_eq!(
        plan_of(one_tile, &smallest),
        Plan::StoredTile {
            level: 1,
            column: 0,
            row: 0
        }
    );
}
