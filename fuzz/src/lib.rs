//! What must hold for any bytes at all: one function for each target, which panics where it does not.

use dlcs_core::iiif::{
    Dimensions, GrammarVersion, ImageRequest, Limits, Plan, Pyramid, ResolvedRequest, Stored,
    StoredLevel, TileSize, Version, plan,
};

/// Reads bytes as an Image API request; what is accepted stays inside the image, and its canonical form means the same.
///
/// The first byte chooses the version of the grammar and the size of the image.
pub fn image_request(bytes: &[u8]) {
    let Some((choice, path)) = bytes.split_first() else {
        return;
    };
    let Ok(path) = std::str::from_utf8(path) else {
        return;
    };
    let parts: Vec<&str> = path.split('/').collect();
    let [region, size, rotation, last] = parts[..] else {
        return;
    };
    let (grammar, version) = match choice % 3 {
        0 => (GrammarVersion::V2, Version::V2),
        1 => (GrammarVersion::V3, Version::V3),
        _ => (GrammarVersion::Unversioned, Version::V3),
    };
    let (width, height) = [(1000, 600), (1, 1), (65_500, 3), (7, 65_500)][usize::from(choice / 64)];
    let image = Dimensions::new(width, height).expect("a constant of more than no pixels");
    let Ok(request) = ImageRequest::parse(grammar, region, size, rotation, last) else {
        return;
    };
    let limits = Limits::default();
    let Ok(resolved) = request.resolve(image, &limits) else {
        return;
    };
    let region = resolved.region;
    assert!(
        region.width > 0 && region.height > 0,
        "a region of no pixels"
    );
    assert!(
        u64::from(region.x) + u64::from(region.width) <= u64::from(width)
            && u64::from(region.y) + u64::from(region.height) <= u64::from(height),
        "a region outside of the image"
    );
    assert!(
        limits.of_image(image).allow(resolved.size),
        "a size over the limits"
    );

    let pyramid = Pyramid {
        dimensions: image,
        tile: TileSize::default(),
    };
    let levels: Vec<StoredLevel> = pyramid
        .levels()
        .map(|level| StoredLevel {
            level,
            is_jpeg: true,
            has_edges: true,
        })
        .collect();
    let stored = Stored {
        pyramid,
        is_grey: false,
        levels: &levels,
        thumbnails: &[],
    };
    let planned = plan(&stored, &resolved);
    if let Plan::StoredTile { level, .. }
    | Plan::StoredEdge { level, .. }
    | Plan::Render { level } = planned
    {
        assert!((level as usize) < levels.len(), "a level that is not there");
    }

    let canonical = resolved.canonical(version, image);
    let parts: Vec<&str> = canonical.split('/').collect();
    let [region, size, rotation, last] = parts[..] else {
        panic!("{canonical} has not four parts");
    };
    let grammar = match version {
        Version::V2 => GrammarVersion::V2,
        Version::V3 => GrammarVersion::V3,
    };
    let again = ImageRequest::parse(grammar, region, size, rotation, last)
        .unwrap_or_else(|error| panic!("{canonical} is canonical and refused: {error}"))
        .resolve(image, &limits)
        .unwrap_or_else(|error| panic!("{canonical} is canonical and refused: {error}"));
    let meaning = |request: &ResolvedRequest| {
        (
            request.region,
            request.size,
            request.mirror,
            request.rotation.degrees().to_bits(),
            request.quality,
            request.format,
        )
    };
    assert_eq!(
        meaning(&again),
        meaning(&resolved),
        "{canonical} means something else"
    );
    assert_eq!(again.canonical(version, image), canonical);
}

/// Reads bytes as the index of a derivative.
pub fn derivative_index(bytes: &[u8]) {
    dlcs_storage::pyramid::fuzz::derivative_index(bytes);
}

/// Opens bytes as a source of images, by its header.
pub fn source_header(bytes: &[u8]) {
    dlcs_storage::pyramid::fuzz::source_header(bytes);
}
