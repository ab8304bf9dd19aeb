//! Requests from their text to the plan.

mod plan;

use super::GrammarVersion::{Unversioned, V2, V3};
use super::*;

const LIMITS: Limits = Limits {
    max_width: None,
    max_height: None,
    max_area: Some(50_000_000),
};

fn size(width: u32, height: u32) -> Dimensions {
    Dimensions::new(width, height).unwrap()
}

fn resolve_within(
    limits: &Limits,
    version: GrammarVersion,
    image: (u32, u32),
    path: &str,
) -> Result<ResolvedRequest, RequestError> {
    let parts: Vec<&str> = path.split('/').collect();
    ImageRequest::parse(version, parts[0], parts[1], parts[2], parts[3])?
        .resolve(size(image.0, image.1), limits)
}

fn resolve(
    version: GrammarVersion,
    image: (u32, u32),
    path: &str,
) -> Result<ResolvedRequest, RequestError> {
    resolve_within(&LIMITS, version, image, path)
}

fn sized(
    version: GrammarVersion,
    image: (u32, u32),
    region_and_size: &str,
) -> Result<(u32, u32), RequestError> {
    resolve(version, image, &format!("{region_and_size}/0/default.jpg"))
        .map(|request| (request.size.width(), request.size.height()))
}

#[test]
fn regions_are_clipped_to_the_image() {
    for (image, region, expected) in [
        ((1000, 600), "full", [0, 0, 1000, 600]),
        ((1000, 600), "square", [200, 0, 600, 600]),
        ((601, 1000), "square", [0, 199, 601, 601]),
        ((1, 1), "square", [0, 0, 1, 1]),
        ((1000, 600), "10,20,30,40", [10, 20, 30, 40]),
        ((1000, 600), "990,590,100,100", [990, 590, 10, 10]),
        ((1000, 600), "0,0,4294967295,4294967295", [0, 0, 1000, 600]),
        ((1000, 600), "999,599,4294967295,1", [999, 599, 1, 1]),
        ((1000, 600), "pct:10,10,80,80", [100, 60, 800, 480]),
        ((1000, 600), "pct:0,0,1000,100.5", [0, 0, 1000, 600]),
        (
            (3, 3),
            "pct:33.33333333333333333333333333333333,0,33.4,100",
            [1, 0, 1, 3],
        ),
    ] {
        for version in [V2, V3, Unversioned] {
            let Rect {
                x,
                y,
                width,
                height,
            } = resolve(version, image, &format!("{region}/max/0/default.jpg"))
                .unwrap()
                .region;
            assert_eq!([x, y, width, height], expected, "{region} of {image:?}");
        }
    }
}

#[test]
fn regions_without_pixels_are_refused() {
    let image = size(1000, 600);
    for (region, error) in [
        ("0,0,0,0", RequestError::RegionEmpty),
        ("0,0,0,1", RequestError::RegionEmpty),
        ("0,0,1,0", RequestError::RegionEmpty),
        ("pct:0,0,0,0", RequestError::RegionEmpty),
        ("pct:0,0,0.04,10", RequestError::RegionEmpty),
        ("1000,0,1,1", RequestError::RegionOutside { image }),
        ("0,600,1,1", RequestError::RegionOutside { image }),
        (
            "4294967295,4294967295,4294967295,4294967295",
            RequestError::RegionOutside { image },
        ),
        ("pct:100,0,1,1", RequestError::RegionOutside { image }),
        (
            "pct:4294967295,0,1,1",
            RequestError::RegionOutside { image },
        ),
    ] {
        for version in [V2, V3, Unversioned] {
            let result = resolve(version, (1000, 600), &format!("{region}/max/0/default.jpg"));
            assert_eq!(result, Err(error), "{region}");
        }
    }
}

#[test]
fn sizes_mean_the_same_in_both_versions_where_both_have_them() {
    for (image, request, expected) in [
        ((1000, 600), "full/max", (1000, 600)),
        ((1000, 600), "full/1000,", (1000, 600)),
        ((1000, 600), "full/333,", (333, 200)),
        ((1000, 601), "full/500,", (500, 301)),
        ((1000, 603), "full/100,", (100, 60)),
        ((1000, 605), "full/100,", (100, 61)),
        ((1000, 600), "full/,60", (100, 60)),
        ((1000, 600), "full/pct:50", (500, 300)),
        ((1001, 601), "full/pct:50", (501, 301)),
        ((1000, 600), "full/pct:100", (1000, 600)),
        (
            (1000, 600),
            "full/pct:33.33333333333333333333333333",
            (333, 200),
        ),
        ((1000, 600), "full/10,500", (10, 500)),
        ((1000, 600), "full/!100,100", (100, 60)),
        ((1000, 600), "full/!5000,60", (100, 60)),
        ((1000, 600), "full/!1000,600", (1000, 600)),
        ((1000, 600), "100,100,200,200/50,", (50, 50)),
        ((3000, 1), "full/100,", (100, 1)),
        ((3000, 1), "full/!100,100", (100, 1)),
        ((1, 3000), "full/!100,100", (1, 100)),
        // A level of the pyramid is confined to itself.
        ((11_600, 8_700), "full/!363,272", (363, 272)),
        ((8_700, 11_600), "full/,363", (272, 363)),
        ((3001, 2001), "full/,251", (376, 251)),
    ] {
        for version in [V2, V3, Unversioned] {
            assert_eq!(
                sized(version, image, request),
                Ok(expected),
                "{request} of {image:?}"
            );
        }
    }
}

#[test]
fn enlarging_needs_the_sign_of_version_3() {
    let region = size(1000, 600);
    for (plain, enlarged) in [
        ("1001,", (1001, 601)),
        (",601", (1002, 601)),
        ("pct:101", (1010, 606)),
        ("pct:100.00000000000000000000000000001", (1000, 600)),
        ("1001,10", (1001, 10)),
        ("10,601", (10, 601)),
    ] {
        let plain_request = format!("full/{plain}");
        assert_eq!(sized(V2, (1000, 600), &plain_request), Ok(enlarged));
        for version in [V3, Unversioned] {
            assert_eq!(
                sized(version, (1000, 600), &plain_request),
                Err(RequestError::SizeEnlarges { region })
            );
            assert_eq!(
                sized(version, (1000, 600), &format!("full/^{plain}")),
                Ok(enlarged),
                "{plain}"
            );
        }
    }
    assert_eq!(
        sized(V3, (1000, 600), "full/!2000,2000"),
        Err(RequestError::SizeEnlarges { region })
    );
    assert_eq!(sized(V3, (1000, 600), "full/^!2000,2000"), Ok((2000, 1200)));
    assert_eq!(sized(V3, (1000, 600), "full/^!100,100"), Ok((100, 60)));
    assert_eq!(sized(V2, (1000, 600), "full/!2000,2000"), Ok((1000, 600)));
    assert_eq!(sized(V3, (1000, 600), "full/^50,"), Ok((50, 30)));
}

#[test]
fn sizes_without_pixels_are_refused() {
    for request in [
        "0,",
        ",0",
        "0,0",
        "0,10",
        "10,0",
        "!0,0",
        "!0,10",
        "!10,0",
        "pct:0",
        "pct:0.0",
        "pct:0.0001",
    ] {
        for version in [V2, V3, Unversioned] {
            assert_eq!(
                sized(version, (1000, 600), &format!("full/{request}")),
                Err(RequestError::SizeEmpty),
                "{request}"
            );
        }
        assert_eq!(
            sized(V3, (1000, 600), &format!("full/^{request}")),
            Err(RequestError::SizeEmpty)
        );
    }
}

#[test]
fn limits_refuse_and_confine_max() {
    let image = (11_600, 8_700);
    for version in [V2, Unversioned] {
        assert!(matches!(
            sized(version, image, "full/full"),
            Err(RequestError::SizeOverLimit { .. })
        ));
    }
    for request in ["full/11600,", "full/pct:100", "full/11600,8700"] {
        assert!(
            matches!(
                sized(V3, image, request),
                Err(RequestError::SizeOverLimit { .. })
            ),
            "{request}"
        );
    }
    for request in [
        "full/^99999,",
        "full/^4294967295,",
        "full/^,4294967295",
        "full/^pct:4294967295",
        "full/^65501,1",
    ] {
        assert!(
            matches!(
                sized(V3, (1000, 600), request),
                Err(RequestError::SizeOverLimit { .. })
            ),
            "{request}"
        );
    }
    for version in [V2, V3] {
        let (width, height) = sized(version, image, "full/max").unwrap();
        let area = u64::from(width) * u64::from(height);
        assert!(
            (49_900_000..=50_000_000).contains(&area),
            "{width} x {height}"
        );
        assert!((width * 3).abs_diff(height * 4) <= 4);
    }
    let open = resolve_within(
        &Limits::default(),
        V3,
        (1000, 600),
        "full/^max/0/default.jpg",
    );
    assert_eq!(open.unwrap().size, size(1000, 600));
    let (width, height) = sized(V3, (1000, 600), "full/^max").unwrap();
    assert!(u64::from(width) * u64::from(height) <= 50_000_000 && width > 9_000);
    assert_eq!(sized(V3, (1, 3000), "full/^max"), Ok((22, 65_500)));
    assert_eq!(sized(V3, (1, 60_000), "full/max"), Ok((1, 60_000)));

    let by_width = Limits {
        max_width: Some(500),
        max_height: None,
        max_area: None,
    };
    let within = |path: &str| {
        resolve_within(&by_width, V3, (600, 1000), &format!("{path}/0/default.jpg"))
            .map(|request| (request.size.width(), request.size.height()))
    };
    assert_eq!(within("full/max"), Ok((300, 500)));
    assert_eq!(within("0,0,100,100/^max"), Ok((500, 500)));
    assert_eq!(
        within("full/301,"),
        Err(RequestError::SizeOverLimit {
            largest: size(300, 500)
        })
    );
    let tiny = Limits {
        max_width: None,
        max_height: None,
        max_area: Some(1),
    };
    assert_eq!(
        resolve_within(&tiny, V3, (600, 1000), "full/max/0/default.jpg")
            .unwrap()
            .size,
        size(1, 1)
    );
}

#[test]
fn canonical_requests_are_those_of_the_specification() {
    for (path, v2, v3) in [
        (
            "full/max/0/default.jpg",
            "full/full/0/default.jpg",
            "full/max/0/default.jpg",
        ),
        (
            "0,0,1000,600/1000,/360.0/default.jpg",
            "full/full/0/default.jpg",
            "full/max/0/default.jpg",
        ),
        (
            "pct:10,10,80,80/,240/!90/gray.png",
            "100,60,800,480/400,/!90/gray.png",
            "100,60,800,480/400,240/!90/gray.png",
        ),
        (
            "square/10,20/180.00/color.jpg",
            "200,0,600,600/10,20/180/color.jpg",
            "200,0,600,600/10,20/180/color.jpg",
        ),
        (
            "full/!500,500/270/bitonal.jpg",
            "full/500,/270/bitonal.jpg",
            "full/500,300/270/bitonal.jpg",
        ),
        (
            "full/^2000,/0/default.jpg",
            "full/2000,/0/default.jpg",
            "full/^2000,1200/0/default.jpg",
        ),
    ] {
        let request = resolve(V3, (1000, 600), path).unwrap();
        assert_eq!(request.canonical(Version::V2, size(1000, 600)), v2);
        assert_eq!(request.canonical(Version::V3, size(1000, 600)), v3);
        let again = resolve(V3, (1000, 600), v3).unwrap();
        assert_eq!(again, request, "{path}");
    }
    let turned = resolve(V3, (1000, 600), "full/max/90/default.jpg").unwrap();
    assert_eq!(turned.output(), size(600, 1000));
}
