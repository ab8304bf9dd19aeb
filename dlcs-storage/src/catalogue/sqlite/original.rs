//! The source of an image as it came: columns of its row, and back.

use dlcs_core::derivative::{Checksum, SourceFacts};
use dlcs_core::image::ImageOriginal;
use dlcs_core::queue::{Generation, LeaseToken};
use rusqlite::ToSql;

use super::error::Result;
use super::row::{Columns, stored};

/// All of them have values, or none.
pub(super) const COLUMNS: [&str; 7] = [
    "original_generation",
    "original_token",
    "original_media_type",
    "original_size",
    "original_sha256",
    "original_checksum",
    "original_stored",
];

/// The values of [`COLUMNS`].
pub(super) fn values(original: Option<&ImageOriginal>) -> Result<Vec<Box<dyn ToSql>>> {
    let Some(original) = original else {
        return Ok((0..COLUMNS.len())
            .map(|_| Box::new(None::<i64>) as Box<dyn ToSql>)
            .collect());
    };
    Ok(vec![
        Box::new(stored("generation", original.generation.get())?),
        Box::new(stored("token", original.token.get())?),
        Box::new(original.source.media_type.clone()),
        Box::new(stored("size", original.source.size)?),
        Box::new(original.source.checksum.0),
        Box::new(original.checksum.0),
        Box::new(original.stored.as_micros()),
    ])
}

/// Reads [`COLUMNS`].
pub(super) fn read(columns: &mut Columns<'_, '_>) -> Result<Option<ImageOriginal>> {
    let Some(generation) = columns.number_or_none("original_generation")? else {
        columns.skip(COLUMNS.len() - 1);
        return Ok(None);
    };
    Ok(Some(ImageOriginal {
        generation: Generation::new(generation),
        token: LeaseToken::new(columns.number("original_token")?),
        source: SourceFacts {
            media_type: columns.get()?,
            size: columns.number("original_size")?,
            checksum: Checksum(columns.get()?),
        },
        checksum: Checksum(columns.get()?),
        stored: columns.time()?,
    }))
}
