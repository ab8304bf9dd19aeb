//! Which cached rows a transaction changes: the database itself says so, whatever statement it was.

use std::sync::Arc;

use dlcs_core::id::{CustomerId, ImageId, ModelId, SpaceId};
use rusqlite::functions::{Context, FunctionFlags};
use rusqlite::{Connection, Result};

use super::cache::Caches;
use crate::lock::Lock;

/// Triggers of the writing connection alone. New rows need none: what is not there is not kept.
const TRIGGERS: &str = "
    PRAGMA temp_store = MEMORY;
    CREATE TEMP TRIGGER image_changed AFTER UPDATE ON main.images
        BEGIN SELECT note_image(old.customer, old.space, old.model); END;
    CREATE TEMP TRIGGER image_deleted AFTER DELETE ON main.images
        BEGIN SELECT note_image(old.customer, old.space, old.model); END;
    CREATE TEMP TRIGGER customer_changed AFTER UPDATE ON main.customers
        BEGIN SELECT note_customer(old.name); END;
    CREATE TEMP TRIGGER customer_deleted AFTER DELETE ON main.customers
        BEGIN SELECT note_customer(old.name); END;
";

/// The cached rows that the transaction changes which is under way.
#[derive(Debug)]
pub(super) struct Changes {
    noted: Arc<Lock<Noted>>,
    caches: Arc<Caches>,
}

#[derive(Debug, Default)]
struct Noted {
    images: Vec<ImageId>,
    customers: Vec<String>,
}

impl Changes {
    /// Notes from now on what the connection that writes changes of the rows in these caches.
    pub(super) fn watch(connection: &Connection, caches: Arc<Caches>) -> Result<Self> {
        let noted = Arc::<Lock<Noted>>::default();
        let flags = FunctionFlags::SQLITE_UTF8 | FunctionFlags::SQLITE_INNOCUOUS;
        let images = Arc::clone(&noted);
        connection.create_scalar_function("note_image", 3, flags, move |context| {
            let image = image(context)?;
            images.lock().images.push(image);
            Ok(None::<i64>)
        })?;
        let customers = Arc::clone(&noted);
        connection.create_scalar_function("note_customer", 1, flags, move |context| {
            let name: String = context.get(0)?;
            customers.lock().customers.push(name.to_ascii_lowercase());
            Ok(None::<i64>)
        })?;
        connection.execute_batch(TRIGGERS)?;
        Ok(Self { noted, caches })
    }

    /// Forgets what an earlier transaction noted that came to nothing.
    pub(super) fn clear(&self) {
        *self.noted.lock() = Noted::default();
    }

    /// Commits; no reader finds a row from before afterwards, and none finds the new row gone again.
    pub(super) fn around<T>(&self, commit: impl FnOnce() -> T) -> T {
        let Noted { images, customers } = std::mem::take(&mut *self.noted.lock());
        self.caches.images.doubt(&images);
        self.caches.customers.doubt(&customers);
        let outcome = commit();
        self.caches.images.settle(&images);
        self.caches.customers.settle(&customers);
        outcome
    }
}

fn image(context: &Context<'_>) -> Result<ImageId> {
    let unreadable = |what: &str| rusqlite::Error::UserFunctionError(what.into());
    let customer = CustomerId::new(context.get(0)?).ok_or_else(|| unreadable("customer"))?;
    let space = SpaceId::new(context.get(1)?).ok_or_else(|| unreadable("space"))?;
    let model = ModelId::parse(context.get::<String>(2)?).map_err(|_| unreadable("model"))?;
    Ok(ImageId::new(customer, space, model))
}
