//! Values on their way in and out of rows.

use dlcs_core::id::{BatchId, CustomerId, ImageId, ModelId, SpaceId};
use dlcs_core::image::OpenAccess;
use dlcs_core::time::Timestamp;
use serde::de::DeserializeOwned;
use tokio_postgres::Row;
use tokio_postgres::types::FromSqlOwned;

use super::error::{PgError, Result};
pub(super) use super::record::json;

/// Says which stored value is not what this program writes.
pub(super) fn unreadable(what: &'static str) -> PgError {
    PgError::Unreadable { what }
}

/// A number as PostgreSQL keeps it.
pub(super) fn stored(what: &'static str, number: u64) -> Result<i64> {
    i64::try_from(number).map_err(|_| PgError::TooLarge { what })
}

/// The number of a customer as PostgreSQL keeps it.
pub(super) fn of_customer(id: CustomerId) -> i64 {
    i64::from(id.get())
}

/// The number of a space as PostgreSQL keeps it.
pub(super) fn of_space(id: SpaceId) -> i64 {
    i64::from(id.get())
}

/// Reads the columns of a row from left to right.
pub(super) struct Columns<'r> {
    row: &'r Row,
    next: usize,
}

impl<'r> Columns<'r> {
    pub(super) const fn of(row: &'r Row) -> Self {
        Self { row, next: 0 }
    }

    /// The next column as it is.
    pub(super) fn get<T: FromSqlOwned>(&mut self) -> Result<T> {
        let index = self.next;
        self.next += 1;
        Ok(self.row.try_get(index)?)
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

    /// The next column as a number of 32 bits that is never negative.
    pub(super) fn small(&mut self, what: &'static str) -> Result<u32> {
        u32::try_from(self.get::<i64>()?).map_err(|_| unreadable(what))
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

    /// The next column as 32 bytes.
    pub(super) fn digest(&mut self, what: &'static str) -> Result<[u8; 32]> {
        let bytes: Vec<u8> = self.get()?;
        bytes.try_into().map_err(|_| unreadable(what))
    }

    /// The next column as the number of a customer.
    pub(super) fn customer(&mut self) -> Result<CustomerId> {
        CustomerId::new(self.small("customer")?).ok_or(unreadable("customer"))
    }

    /// The next column as the number of a space.
    pub(super) fn space(&mut self) -> Result<SpaceId> {
        SpaceId::new(self.small("space")?).ok_or(unreadable("space"))
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

/// Reads every row.
pub(super) fn read_all<T>(
    rows: &[Row],
    read: impl Fn(&mut Columns<'_>) -> Result<T>,
) -> Result<Vec<T>> {
    rows.iter().map(|row| read(&mut Columns::of(row))).collect()
}

/// Reads the row that there is, if there is one.
pub(super) fn read_one<T>(
    row: Option<Row>,
    read: impl FnOnce(&mut Columns<'_>) -> Result<T>,
) -> Result<Option<T>> {
    row.map(|row| read(&mut Columns::of(&row))).transpose()
}
