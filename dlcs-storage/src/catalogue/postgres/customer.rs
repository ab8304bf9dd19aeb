//! Customers and their API keys.

use dlcs_core::catalogue::Subject;
use dlcs_core::customer::{
    ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer, Role, SecretHash,
};
use dlcs_core::id::CustomerId;
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::setting::Setting;

use super::error::{PgError, Result};
use super::order;
use super::query::{count, page_bounds};
use super::record::{read_role, role_text};
use super::row::{Columns, of_customer, read_all, read_one, unreadable};
use super::session::Session;
use super::setting;

const COLUMNS: &str = "id, name, display_name, role, created";

pub(super) async fn create(session: &Session, new: &NewCustomer) -> Result<Customer> {
    let taken = |property| PgError::AlreadyExists {
        subject: Subject::Customer,
        property,
    };
    // One at a time: numbers are assigned in turn.
    let turn = "SELECT last FROM sequences WHERE name = 'customer' FOR UPDATE";
    session.row(turn, &[]).await?;
    let id = match new.id {
        Some(id) => id,
        None => next_id(session).await?.ok_or(taken("id"))?,
    };
    if find(session, id).await?.is_some() {
        return Err(taken("id"));
    }
    if find_by_name(session, &new.name).await?.is_some() {
        return Err(taken("name"));
    }
    let customer = Customer {
        id,
        name: new.name.clone(),
        display_name: new.display_name.clone(),
        role: new.role,
        created: session.now(),
    };
    session
        .execute(
            "INSERT INTO customers (id, name, display_name, role, created) VALUES ($1, $2, $3, $4, $5)",
            &[
                &of_customer(customer.id),
                &customer.name.as_str(),
                &customer.display_name,
                &role_text(customer.role),
                &customer.created.as_micros(),
            ],
        )
        .await?;
    for first in Setting::first_of(customer.id, customer.created) {
        setting::insert(session, &first).await?;
    }
    Ok(customer)
}

/// `None` when the highest number is in use.
async fn next_id(session: &Session) -> Result<Option<CustomerId>> {
    let last = count(session, "SELECT coalesce(max(id), 0) FROM customers", &[]).await?;
    Ok(u32::try_from(last + 1).ok().and_then(CustomerId::new))
}

pub(super) async fn find(session: &Session, id: CustomerId) -> Result<Option<Customer>> {
    let row = session
        .row(
            &format!("SELECT {COLUMNS} FROM customers WHERE id = $1"),
            &[&of_customer(id)],
        )
        .await?;
    read_one(row, read)
}

pub(super) async fn find_by_name(
    session: &Session,
    name: &CustomerName,
) -> Result<Option<Customer>> {
    let name = name.as_str().to_ascii_lowercase();
    let row = session
        .row(
            &format!("SELECT {COLUMNS} FROM customers WHERE lower(name) = $1"),
            &[&name],
        )
        .await?;
    read_one(row, read)
}

/// A customer that must be there; until the transaction ends, nobody else changes what is its own.
pub(super) async fn hold(session: &Session, id: CustomerId) -> Result<Customer> {
    let row = session
        .row(
            &format!("SELECT {COLUMNS} FROM customers WHERE id = $1 FOR NO KEY UPDATE"),
            &[&of_customer(id)],
        )
        .await?;
    read_one(row, read)?.ok_or(PgError::NotFound(Subject::Customer))
}

/// Lets what is counted of a customer stay as it is until the transaction ends. Before anything else is held: everybody does it so.
pub(super) async fn hold_for_counting(session: &Session, id: CustomerId) -> Result<()> {
    match hold(session, id).await {
        Ok(_) | Err(PgError::NotFound(_)) => Ok(()),
        Err(error) => Err(error),
    }
}

pub(super) async fn list(
    session: &Session,
    order: CustomerOrder,
    page: PageRequest,
) -> Result<Page<Customer>> {
    let [limit, offset] = page_bounds(page);
    let order = order::customers(order);
    let rows = session
        .rows(
            &format!("SELECT {COLUMNS} FROM customers ORDER BY {order} LIMIT $1 OFFSET $2"),
            &[&limit, &offset],
        )
        .await?;
    Ok(Page {
        items: read_all(&rows, read)?,
        total: count(session, "SELECT count(*) FROM customers", &[]).await?,
    })
}

pub(super) async fn rename(
    session: &Session,
    id: CustomerId,
    display_name: &str,
) -> Result<Customer> {
    let row = session
        .row(
            &format!("UPDATE customers SET display_name = $2 WHERE id = $1 RETURNING {COLUMNS}"),
            &[&of_customer(id), &display_name],
        )
        .await?;
    let customer = read_one(row, read)?.ok_or(PgError::NotFound(Subject::Customer))?;
    session.changes_customer(customer.name.as_str());
    Ok(customer)
}

pub(super) async fn create_key(session: &Session, key: &ApiKey) -> Result<()> {
    hold(session, key.customer).await?;
    let keys = count(
        session,
        "SELECT count(*) FROM api_keys WHERE key = $1",
        &[&key.key],
    )
    .await?;
    if keys > 0 {
        return Err(PgError::AlreadyExists {
            subject: Subject::Key,
            property: "id",
        });
    }
    session
        .execute(
            "INSERT INTO api_keys (key, customer, secret_hash, created) VALUES ($1, $2, $3, $4)",
            &[
                &key.key,
                &of_customer(key.customer),
                &key.secret_hash.as_bytes().as_slice(),
                &key.created.as_micros(),
            ],
        )
        .await?;
    Ok(())
}

pub(super) async fn find_key(session: &Session, key: &str) -> Result<Option<(ApiKey, Customer)>> {
    let row = session
        .row(
            "SELECT k.key, k.customer, k.secret_hash, k.created, c.id, c.name, c.display_name, c.role, c.created
             FROM api_keys AS k JOIN customers AS c ON c.id = k.customer WHERE k.key = $1",
            &[&key],
        )
        .await?;
    read_one(row, |columns| Ok((read_key(columns)?, read(columns)?)))
}

pub(super) async fn list_keys(session: &Session, customer: CustomerId) -> Result<Vec<ApiKey>> {
    let rows = session
        .rows(
            "SELECT key, customer, secret_hash, created FROM api_keys WHERE customer = $1 ORDER BY created, id",
            &[&of_customer(customer)],
        )
        .await?;
    read_all(&rows, read_key)
}

pub(super) async fn delete_key(session: &Session, customer: CustomerId, key: &str) -> Result<()> {
    let missing = PgError::NotFound(Subject::Key);
    // Of two deletions at once, the second sees what the first has left.
    let owner = match hold(session, customer).await {
        Ok(owner) => owner,
        Err(PgError::NotFound(_)) => return Err(missing),
        Err(error) => return Err(error),
    };
    let number = of_customer(customer);
    let found = count(
        session,
        "SELECT count(*) FROM api_keys WHERE customer = $1 AND key = $2",
        &[&number, &key],
    )
    .await?;
    if found == 0 {
        return Err(missing);
    }
    if owner.role == Role::Administrator {
        let keys = "SELECT count(*) FROM api_keys WHERE customer = $1";
        if count(session, keys, &[&number]).await? == 1 {
            return Err(PgError::LastKey);
        }
    }
    session
        .execute("DELETE FROM api_keys WHERE key = $1", &[&key])
        .await?;
    Ok(())
}

fn read(columns: &mut Columns<'_>) -> Result<Customer> {
    Ok(Customer {
        id: columns.customer()?,
        name: CustomerName::parse(columns.get::<String>()?).map_err(|_| unreadable("name"))?,
        display_name: columns.get()?,
        role: read_role(&columns.get::<String>()?)?,
        created: columns.time()?,
    })
}

fn read_key(columns: &mut Columns<'_>) -> Result<ApiKey> {
    Ok(ApiKey {
        key: columns.get()?,
        customer: columns.customer()?,
        secret_hash: SecretHash::from_bytes(columns.digest("secret_hash")?),
        created: columns.time()?,
    })
}
