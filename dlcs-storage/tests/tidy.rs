//! The rule of the house: a port and a backend locate everything (see ARCHITECTURE.md).
#![expect(clippy::unwrap_used, reason = "a test that cannot go on panics")]

use std::fs;
use std::path::Path;

/// Ports with folders of backends.
const PORTS: [&str; 4] = ["catalogue", "derivative", "notifier", "origin"];
/// Backends that are always compiled.
const WITHOUT_FEATURE: [&str; 1] = ["derivative-object"];

#[test]
fn every_backend_has_its_files_its_feature_and_its_contract_run() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let manifest = fs::read_to_string(root.join("Cargo.toml")).unwrap();
    let mut backends = 0;
    for port in PORTS {
        for entry in fs::read_dir(root.join("src").join(port)).unwrap() {
            let folder = entry.unwrap().path();
            if !folder.is_dir() {
                continue;
            }
            backends += 1;
            let backend = folder.file_name().unwrap().to_str().unwrap();
            let name = format!("{port}-{backend}");
            for file in ["mod.rs", "config.rs", "error.rs"] {
                assert!(folder.join(file).is_file(), "{name} lacks {file}");
            }
            let feature = format!("\n{name} = ");
            let always = WITHOUT_FEATURE.contains(&name.as_str());
            assert!(always || manifest.contains(&feature), "no feature `{name}`");
            let mut runs = vec![format!("{port}_{backend}.rs")];
            if port == "catalogue" {
                runs.push(format!("queue_{backend}.rs"));
            }
            for run in runs {
                let path = root.join("tests/contract").join(&run);
                assert!(path.is_file(), "no contract run tests/contract/{run}");
            }
        }
    }
    assert!(backends >= 3, "only {backends} backends were found");
}

#[test]
fn every_place_on_the_map_is_there() {
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    let map = fs::read_to_string(workspace.join("ARCHITECTURE.md")).unwrap();
    let places: Vec<_> = map
        .split('`')
        .filter(|text| text.starts_with("dlcs-") || text.starts_with("examples/"))
        .filter(|text| text.contains('/') && !text.contains([' ', '*']))
        .collect();
    assert!(places.len() > 10, "only {places:?}");
    for place in places {
        let found = workspace.join(place).try_exists().unwrap();
        assert!(found, "ARCHITECTURE.md names {place}, which is not there");
    }
}

#[test]
fn no_source_file_is_too_long_to_read() {
    let mut long = Vec::new();
    let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    for folder in [
        "dlcs-core",
        "dlcs-storage",
        "dlcs-http",
        "dlcs-testkit",
        "examples",
    ] {
        visit(&workspace.join(folder), &mut |path, text| {
            let lines = text.lines().count();
            if lines > 500 {
                long.push(format!("{} has {lines} lines", path.display()));
            }
        });
    }
    assert!(long.is_empty(), "{long:#?}");
}

fn visit(folder: &Path, look: &mut impl FnMut(&Path, &str)) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            if !path.ends_with("target") {
                visit(&path, look);
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            look(&path, &fs::read_to_string(&path).unwrap());
        }
    }
}
