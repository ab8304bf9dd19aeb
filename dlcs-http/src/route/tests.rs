//! Every entry of the table, and every path that leads nowhere.

use super::*;

const SOME_ID: &str = "67e55044-10b1-426f-9247-bb680e5fe0c8";

fn get(path: &str) -> Result<Route, RouteError> {
    Route::parse(&Method::GET, path)
}

fn model(path: &str) -> String {
    match get(path) {
        Ok(Route::Image(ImageRoute::Get(image))) => image.model().to_string(),
        other => panic!("{path}: {other:?}"),
    }
}

#[test]
fn every_entry_of_the_table_is_reached_and_no_two_are_one() {
    let sample = |path: &str| {
        path.replace("{customer}", "1")
            .replace("{space}", "2")
            .replace("{batch}", "3")
            .replace("{image}", "a")
            .replace("{strategy}", SOME_ID)
            .replace("{default}", SOME_ID)
            .replace("{query}", SOME_ID)
            .replace("{role}", SOME_ID)
            .replace("{service}", SOME_ID)
    };
    let mut seen = Vec::new();
    for entry in ROUTES {
        let path = sample(entry.path);
        let route = Route::parse(&entry.method, &path).unwrap();
        assert_eq!(
            Route::parse(&entry.method, &format!("{}/", path.trim_end_matches('/'))),
            Ok(route.clone())
        );
        assert!(
            !seen.contains(&(entry.method.clone(), entry.path)),
            "{path}"
        );
        seen.push((entry.method.clone(), entry.path));
    }
}

#[test]
fn the_documentation_lists_the_table() {
    let page = include_str!("../../../docs/api.md");
    let (_, table) = page.split_once("| Route | Methods |").unwrap();
    let mut listed = Vec::new();
    for row in table.lines().skip(1).take_while(|row| row.starts_with('|')) {
        let Some((paths, methods)) = row.trim_matches('|').rsplit_once('|') else {
            continue;
        };
        let paths = paths.split('`').filter(|path| path.starts_with('/'));
        let is_delivery = |path: &&str| Route::parse_delivery(&Method::GET, path).is_some();
        for path in paths.filter(|path| !is_delivery(path)) {
            for method in methods.split(", ") {
                let method = method.split_whitespace().next().unwrap();
                listed.push(format!("{method} {path}"));
            }
        }
    }
    let mut known: Vec<_> = ROUTES
        .iter()
        .map(|entry| {
            let path = entry
                .path
                .replace("{customer}", "{c}")
                .replace("{space}", "{s}")
                .replace("{image}", "{i}")
                .replace("{batch}", "{b}")
                .replace("{strategy}", "{id}")
                .replace("{default}", "{id}")
                .replace("{query}", "{id}")
                .replace("{role}", "{id}")
                .replace("{service}", "{id}");
            format!("{} {path}", entry.method)
        })
        .collect();
    listed.sort_unstable();
    known.sort_unstable();
    assert_eq!(listed, known);
}

#[test]
fn segments_are_split_before_they_are_decoded_and_decoded_once() {
    assert_eq!(model("/customers/1/spaces/1/images/%252e%252e"), "%2e%2e");
    assert_eq!(model("/customers/1/spaces/1/images/a%20b+c"), "a b+c");
    assert_eq!(
        model("/customers/1/spaces/1/images/a%3Fb%23c;d:e(f)"),
        "a?b#c;d:e(f)"
    );
    for id in ["..;", "....", "CON", "e\u{301}", "🗺"] {
        let encoded: String =
            percent_encoding::utf8_percent_encode(id, percent_encoding::NON_ALPHANUMERIC).collect();
        assert_eq!(
            model(&format!("/customers/1/spaces/1/images/{encoded}")),
            id
        );
    }
}

#[test]
fn bad_ids_and_broken_paths_say_why() {
    for (id, reason) in [
        ("a%2Fb", IdError::Separator),
        ("..", IdError::DotSegment),
        (".", IdError::DotSegment),
        ("%2e%2e", IdError::DotSegment),
        ("..%5c", IdError::Separator),
        ("C:%5C", IdError::Separator),
        (&"a".repeat(221), IdError::TooLong),
    ] {
        let expected = Err(RouteError::BadId {
            of: "image",
            reason,
        });
        assert_eq!(
            get(&format!("/customers/1/spaces/1/images/{id}")),
            expected,
            "{id}"
        );
    }
    assert_eq!(
        model(&format!("/customers/1/spaces/1/images/{}", "a".repeat(220))).len(),
        220
    );
    for id in ["%00", "%0d%0a", "%", "%zz", "%c0%ae", "%ff", "a%4"] {
        let outcome = get(&format!("/customers/1/spaces/1/images/{id}"));
        assert!(
            matches!(outcome, Err(RouteError::BadPath { .. })),
            "{id}: {outcome:?}"
        );
    }
}

#[test]
fn numbers_that_cannot_be_ids_lead_nowhere() {
    for number in ["0", "-1", "+1", "1e1", "%D9%A3", "99999999999"] {
        for path in [
            "/customers/{n}",
            "/customers/1/spaces/{n}",
            "/customers/{n}/spaces/1/images/a",
        ] {
            assert_eq!(
                get(&path.replace("{n}", number)),
                Err(RouteError::NotFound),
                "{path} {number}"
            );
        }
        let put = Route::parse(&Method::PUT, &format!("/customers/1/spaces/{number}"));
        assert!(
            matches!(put, Err(RouteError::BadId { of: "space", .. })),
            "{number}: {put:?}"
        );
    }
}

#[test]
fn empty_segments_and_other_methods_are_told_apart() {
    for path in [
        "//",
        "/customers//1",
        "//customers",
        "/customers/1//",
        "*",
        "",
        "/nothing",
        "/customers/1/spaces/1/images/a/b",
    ] {
        assert_eq!(get(path), Err(RouteError::NotFound), "{path}");
    }
    let allow = |method: Method, path: &str| match Route::parse(&method, path) {
        Err(RouteError::MethodNotAllowed { allow }) => allow,
        other => panic!("{other:?}"),
    };
    assert_eq!(allow(Method::DELETE, "/"), "GET, HEAD");
    assert_eq!(allow(Method::TRACE, "/customers"), "GET, HEAD, POST");
    assert_eq!(Route::parse(&Method::HEAD, "/"), Ok(Route::EntryPoint));
}

#[test]
fn delivery_is_told_by_the_first_segment_as_it_is_written() {
    let images = Family::ALL.map(Family::segment);
    let queries = QueryFamily::ALL.map(QueryFamily::segment);
    for segment in images.into_iter().chain(queries) {
        for path in [
            format!("/{segment}"),
            format!("/{segment}/"),
            format!("/{segment}/%zz//"),
        ] {
            for method in [Method::GET, Method::OPTIONS, Method::PUT] {
                let route = Route::parse(&method, &path);
                assert_eq!(route, Ok(Route::Delivery), "{method} {path}");
            }
        }
        assert_ne!(get(&format!("/{segment}s")), Ok(Route::Delivery));
        assert_ne!(get(&format!("//{segment}")), Ok(Route::Delivery));
    }
}

#[test]
fn rights_depend_on_nothing_below_the_customer() {
    let one = Access::Customer(CustomerId::FIRST);
    for (path, access) in [
        ("/", Access::Open),
        ("/nothing", Access::Open),
        ("/iiif-img/1/1/a", Access::Open),
        ("/thumbs/1/1/a", Access::Open),
        ("/iiif-resource/1/q", Access::Open),
        ("/raw-resource/1/q", Access::Open),
        ("/thumbnailPolicies", Access::Open),
        ("/customers", Access::AnyKey),
        ("/customers/", Access::AnyKey),
        ("/customers//1", Access::Administrator),
        ("/%63ustomers/1", one),
        ("/customers/1", one),
        ("/customers/%31/%zz", one),
        ("/customers/1/nothing//", one),
        ("/customers/0", Access::Administrator),
        ("/customers/%zz/spaces", Access::Administrator),
    ] {
        assert_eq!(Access::of(&Method::GET, path), access, "{path}");
    }
    assert_eq!(
        Access::of(&Method::POST, "/customers"),
        Access::Administrator
    );
}

#[test]
fn addresses_of_images_are_read_wherever_the_api_is_mounted() {
    let id = image_at("/dlcs/customers/1/spaces/2/images/a%20b").unwrap();
    assert_eq!(id.to_string(), "1/2/a b");
    assert_eq!(image_at("/customers/1/spaces/2"), None);
}
