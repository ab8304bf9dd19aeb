//! Values on their way in and out of rows.

use dlcs_core::id::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::image::OpenAccess;
use dlcs_core::time::Timestamp;
use rusqlite::Row;
use rusqlite::types::FromSql;
use serde::de::DeserializeOwned;

use super::error::{Result, SqliteError};
pub(super) use super::record::json;

/// Says which stored value is not what this program writes.
pub(super) fn unreadable(what: &'static str) -> SqliteError {
    SqliteError::Unreadable { what }
}

/// A number as SQLite keeps it.
pub(super) fn stored(what: &'static str, number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| SqliteError::TooLarge { what })
}

/// Reads the columns of a row from left to right.
pub(super) struct Columns<'r, 's> {
    row: &'r Row<'s>,
    next: usize,
}

impl<'r, 's> Columns<'r, 's> {
    pub(super) const fn of(row: &'r Row<'s>) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is.
    pub(super) fn get<T: FromSql>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        Ok(self.row.get(index)?)
    }

    /// Passes columns by.
    pub(super) const fn skip(&mut self, columns: usize) {
        self.next += columns;
    }

    /// The next column as a number that is never negative.
    pub(super) fn number(&mut self, what: &'static str) -> Result<u64> {
        u64::try_from(self.get::<i64>()?).map_err(|_| unreadable(what))
    }

    /// The next column as a number that is never negative, where there is one.
    pub(super) fn number_or_none(&mut self, what: &'static str) -> Result<Option<u64>> {
        let number = self.get::<Option<i64>>()?.map(u64::try_from);
        number.transpose().map_err(|_| unreadable(what))
    }

    /// The next column as an instant.
    pub(super) fn time(&mut self) -> Result<Timestamp> {
        Ok(Timestamp::from_micros(self.get()?))
    }

    /// The next column as an instant, where there is one.
    pub(super) fn time_or_none(&mut self) -> Result<Option<Timestamp>> {
        Ok(self.get::<Option<i64>>()?.map(Timestamp::from_micros))
    }

    /// The next column as JSON.
    pub(super) fn json<T: DeserializeOwned>(&mut self, what: &'static str) -> Result<T> {
        serde_json::from_str(&self.get::<String>()?).map_err(|_| unreadable(what))
    }

    /// The next column as the number of a customer.
    pub(super) fn customer(&mut self) -> Result<CustomerId> {
        CustomerId::new(self.get()?).ok_or(unreadable("customer"))
    }

    /// The next column as the number of a space.
    pub(super) fn space(&mut self) -> Result<SpaceId> {
        SpaceId::new(self.get()?).ok_or(unreadable("space"))
    }

    /// The next three columns as the id of an image.
    pub(super) fn image(&mut self) -> Result<ImageId> {
        let (customer, space) = (self.customer()?, self.space()?);
        let model = ModelId::parse(self.get::<String>()?).map_err(|_| unreadable("model"))?;
        Ok(ImageId::new(customer, space, model))
    }

    /// The next column as the number of a batch, where there is one.
    pub(super) fn batch_or_none(&mut self) -> Result<Option<BatchId>> {
        self.get::<Option<i64>>()?
            .map(|number| {
                u64::try_from(number)
                    .ok()
                    .and_then(BatchId::new)
                    .ok_or(unreadable("batch"))
            })
            .transpose()
    }

    /// The next column as a limit of open access.
    pub(super) fn open_access(&mut self) -> Result<OpenAccess> {
        OpenAccess::from_wire(self.get()?).ok_or(unreadable("max_unauthorised"))
    }
}
