//! What is served of an image: columns of its row, and back.

use dlcs_core::derivative::{Checksum, DerivativeFacts, SourceFacts};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::ImageService;
use dlcs_core::queue::{Generation, LeaseToken};
use rusqlite::ToSql;

use super::error::Result;
use super::record;
use super::row::{Columns, stored, unreadable};

/// All of them have values, or none.
pub(super) const COLUMNS: [&str; 15] = [
    "service_generation",
    "service_token",
    "service_width",
    "service_height",
    "service_tile",
    "service_index_start",
    "service_index_length",
    "service_length",
    "service_checksum",
    "service_thumbnails",
    "service_thumbnail_bytes",
    "service_finished",
    "source_media_type",
    "source_size",
    "source_checksum",
];

/// The values of [`COLUMNS`].
pub(super) fn values(service: Option<&ImageService>) -> Result<[Box<dyn ToSql>; COLUMNS.len()]> {
    let Some(service) = service else {
        return Ok(std::array::from_fn(|_| {
            Box::new(None::<i64>) as Box<dyn ToSql>
        }));
    };
    let DerivativeFacts {
        pyramid,
        thumbnails,
        thumbnail_bytes,
        index,
        length,
        checksum,
    } = &service.derivative;
    let index_length = index.end.saturating_sub(index.start);
    Ok([
        Box::new(stored("generation", service.generation.get())?),
        Box::new(stored("token", service.token.get())?),
        Box::new(pyramid.dimensions.width()),
        Box::new(pyramid.dimensions.height()),
        Box::new(pyramid.tile.get()),
        Box::new(stored("index_start", index.start)?),
        Box::new(stored("index_length", index_length)?),
        Box::new(stored("length", *length)?),
        Box::new(checksum.0),
        Box::new(record::thumbnails_json(thumbnails)),
        Box::new(stored("thumbnail_bytes", *thumbnail_bytes)?),
        Box::new(service.finished.as_micros()),
        Box::new(service.source.media_type.clone()),
        Box::new(stored("source_size", service.source.size)?),
        Box::new(service.source.checksum.0),
    ])
}

/// Reads [`COLUMNS`].
pub(super) fn read(columns: &mut Columns<'_, '_>) -> Result<Option<ImageService>> {
    let Some(generation) = columns.get::<Option<i64>>()? else {
        columns.skip(COLUMNS.len() - 1);
        return Ok(None);
    };
    let generation = u64::try_from(generation).map_err(|_| unreadable("service_generation"))?;
    let token = LeaseToken::new(columns.number("service_token")?);
    let dimensions =
        Dimensions::new(columns.get()?, columns.get()?).ok_or(unreadable("service_width"))?;
    let tile = TileSize::new(columns.get()?).ok_or(unreadable("service_tile"))?;
    let index_start = columns.number("service_index_start")?;
    let index_end = index_start
        .checked_add(columns.number("service_index_length")?)
        .ok_or(unreadable("service_index_length"))?;
    let length = columns.number("service_length")?;
    let checksum = Checksum(columns.get()?);
    let thumbnails = record::read_thumbnails(&columns.get::<String>()?)?;
    let thumbnail_bytes = columns.number("service_thumbnail_bytes")?;
    Ok(Some(ImageService {
        generation: Generation::new(generation),
        token,
        derivative: DerivativeFacts {
            pyramid: Pyramid { dimensions, tile },
            thumbnails,
            thumbnail_bytes,
            index: index_start..index_end,
            length,
            checksum,
        },
        finished: columns.time()?,
        source: SourceFacts {
            media_type: columns.get()?,
            size: columns.number("source_size")?,
            checksum: Checksum(columns.get()?),
        },
    }))
}
