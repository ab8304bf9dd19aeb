//! The source of an image as it came: columns of its row, and back.

use dlcs_core::derivative::{Checksum, SourceFacts};
use dlcs_core::image::{Image, ImageOriginal};
use dlcs_core::queue::{Generation, LeaseToken};

use super::error::Result;
use super::row::{Columns, stored};
use super::values::{Column, Values};

/// All of them have values, or none.
pub(super) const COLUMNS: [Column; 7] = [
    Column("original_generation", "bigint"),
    Column("original_token", "bigint"),
    Column("original_media_type", "text"),
    Column("original_size", "bigint"),
    Column("original_sha256", "bytea"),
    Column("original_checksum", "bytea"),
    Column("original_stored", "bigint"),
];

/// The values of [`COLUMNS`].
pub(super) fn push_values(values: &mut Values, images: &[&Image]) -> Result<()> {
    let originals: Vec<_> = images.iter().map(|image| image.original.as_ref()).collect();
    let number = |what, of: fn(&ImageOriginal) -> u64| {
        let numbers = originals.iter();
        numbers
            .map(|it| it.map(|it| stored(what, of(it))).transpose())
            .collect::<Result<Vec<Option<i64>>>>()
    };
    values.push(number("generation", |it| it.generation.get())?);
    values.push(number("token", |it| it.token.get())?);
    values.each(&originals, |it| it.map(|it| it.source.media_type.clone()));
    values.push(number("size", |it| it.source.size)?);
    values.each(&originals, |it| it.map(|it| it.source.checksum.0.to_vec()));
    values.each(&originals, |it| it.map(|it| it.checksum.0.to_vec()));
    values.each(&originals, |it| it.map(|it| it.stored.as_micros()));
    Ok(())
}

/// Reads [`COLUMNS`].
pub(super) fn read(columns: &mut Columns<'_>) -> Result<Option<ImageOriginal>> {
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
            checksum: Checksum(columns.digest("original_sha256")?),
        },
        checksum: Checksum(columns.digest("original_checksum")?),
        stored: columns.time()?,
    }))
}
