//! What is served of an image: columns of its row, and back.

use dlcs_core::derivative::{Checksum, DerivativeFacts, SourceFacts};
use dlcs_core::iiif::{Dimensions, Pyramid, TileSize};
use dlcs_core::image::{Image, ImageService};
use dlcs_core::queue::{Generation, LeaseToken};
use dlcs_core::time::Timestamp;

use super::error::Result;
use super::record;
use super::row::{Columns, stored, unreadable};
use super::values::{Column, Values};

/// All of them have values, or none.
pub(super) const COLUMNS: [Column; 15] = [
    Column("service_generation", "bigint"),
    Column("service_token", "bigint"),
    Column("service_width", "bigint"),
    Column("service_height", "bigint"),
    Column("service_tile", "bigint"),
    Column("service_index_start", "bigint"),
    Column("service_index_length", "bigint"),
    Column("service_length", "bigint"),
    Column("service_checksum", "bytea"),
    Column("service_thumbnails", "text"),
    Column("service_thumbnail_bytes", "bigint"),
    Column("service_finished", "bigint"),
    Column("source_media_type", "text"),
    Column("source_size", "bigint"),
    Column("source_checksum", "bytea"),
];

/// The values of [`COLUMNS`].
pub(super) fn push_values(values: &mut Values, images: &[&Image]) -> Result<()> {
    let services: Vec<_> = images.iter().map(|image| image.service()).collect();
    let number = |what, of: fn(&ImageService) -> u64| {
        let numbers = services.iter();
        numbers
            .map(|service| service.map(|service| stored(what, of(service))).transpose())
            .collect::<Result<Vec<Option<i64>>>>()
    };
    let dimensions = |service: &ImageService| service.derivative.pyramid.dimensions;
    values.push(number("generation", |service| service.generation.get())?);
    values.push(number("token", |service| service.token.get())?);
    values.each(&services, |service| {
        service.map(|it| i64::from(dimensions(it).width()))
    });
    values.each(&services, |service| {
        service.map(|it| i64::from(dimensions(it).height()))
    });
    values.each(&services, |service| {
        service.map(|it| i64::from(it.derivative.pyramid.tile.get()))
    });
    values.push(number("index_start", |service| {
        service.derivative.index.start
    })?);
    values.push(number("index_length", |service| {
        let index = &service.derivative.index;
        index.end.saturating_sub(index.start)
    })?);
    values.push(number("length", |service| service.derivative.length)?);
    values.each(&services, |service| {
        service.map(|it| it.derivative.checksum.0.to_vec())
    });
    values.each(&services, |service| {
        service.map(|it| record::thumbnails_json(&it.derivative.thumbnails))
    });
    values.push(number("thumbnail_bytes", |service| {
        service.derivative.thumbnail_bytes
    })?);
    values.each(&services, |service| {
        service.map(|it| it.finished.as_micros())
    });
    values.each(&services, |service| {
        service.map(|it| it.source.media_type.clone())
    });
    values.push(number("source_size", |service| service.source.size)?);
    values.each(&services, |service| {
        service.map(|it| it.source.checksum.0.to_vec())
    });
    Ok(())
}

/// Reads [`COLUMNS`].
pub(super) fn read(columns: &mut Columns<'_>) -> Result<Option<ImageService>> {
    let Some(generation) = columns.get::<Option<i64>>()? else {
        columns.skip(COLUMNS.len() - 1);
        return Ok(None);
    };
    let generation = u64::try_from(generation).map_err(|_| unreadable("service_generation"))?;
    let token = LeaseToken::new(columns.number("service_token")?);
    let (width, height) = (
        columns.small("service_width")?,
        columns.small("service_height")?,
    );
    let dimensions = Dimensions::new(width, height).ok_or(unreadable("service_width"))?;
    let tile = TileSize::new(columns.small("service_tile")?).ok_or(unreadable("service_tile"))?;
    let index_start = columns.number("service_index_start")?;
    let index_end = index_start
        .checked_add(columns.number("service_index_length")?)
        .ok_or(unreadable("service_index_length"))?;
    let length = columns.number("service_length")?;
    let checksum = Checksum(columns.digest("service_checksum")?);
    let thumbnails = record::read_thumbnails(&columns.get::<String>()?)?;
    let thumbnail_bytes = columns.number("service_thumbnail_bytes")?;
    let finished: Timestamp = columns.time()?;
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
        finished,
        source: SourceFacts {
            media_type: columns.get()?,
            size: columns.number("source_size")?,
            checksum: Checksum(columns.digest("source_checksum")?),
        },
    }))
}
