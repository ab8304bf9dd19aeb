//! Customers and their API keys.

use dlcs_core::catalogue::Subject;
use dlcs_core::customer::{
    ApiKey, Customer, CustomerName, CustomerOrder, NewCustomer, Role, SecretHash,
};
use dlcs_core::id::CustomerId;
use dlcs_core::page::{Page, PageRequest};
use dlcs_core::setting::Setting;
use dlcs_core::time::Timestamp;
use rusqlite::{Connection, OptionalExtension, params};

use super::error::{Result, SqliteError};
use super::record::{read_role, role_text};
use super::row::{Columns, unreadable};
use super::{count, order, page_bounds, query_all, query_one, setting};

const COLUMNS: &str = "id, name, display_name, role, created";

pub(super) fn create(
    connection: &Connection,
    new: NewCustomer,
    now: Timestamp,
) -> Result<Customer> {
    let taken = |property| SqliteError::AlreadyExists {
        subject: Subject::Customer,
        property,
    };
    let id = match new.id {
        Some(id) => id,
        None => next_id(connection)?.ok_or(taken("id"))?,
    };
    if find(connection, id)?.is_some() {
        return Err(taken("id"));
    }
    if find_by_name(connection, &new.name)?.is_some() {
        return Err(taken("name"));
    }
    let customer = Customer {
        id,
        name: new.name,
        display_name: new.display_name,
        role: new.role,
        created: now,
    };
    connection
        .prepare_cached(
            "INSERT INTO customers (id, name, display_name, role, created) VALUES (?1, ?2, ?3, ?4, ?5)",
        )?
        .execute(params![
            customer.id.get(),
            customer.name.as_str(),
            customer.display_name,
            role_text(customer.role),
            customer.created.as_micros(),
        ])?;
    for setting in Setting::first_of(customer.id, now) {
        setting::insert(connection, &setting)?;
    }
    Ok(customer)
}

/// `None` when the highest number is in use.
fn next_id(connection: &Connection) -> Result<Option<CustomerId>> {
    let last: u32 = connection
        .prepare_cached("SELECT coalesce(max(id), 0) FROM customers")?
        .query_row([], |row| row.get(0))?;
    Ok(last.checked_add(1).and_then(CustomerId::new))
}

pub(super) fn find(connection: &Connection, id: CustomerId) -> Result<Option<Customer>> {
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM customers WHERE id = ?1"),
        [id.get()],
        read,
    )
}

pub(super) fn find_by_name(
    connection: &Connection,
    name: &CustomerName,
) -> Result<Option<Customer>> {
    query_one(
        connection,
        &format!("SELECT {COLUMNS} FROM customers WHERE name = ?1"),
        [name.as_str()],
        read,
    )
}

/// A customer that must be there.
pub(super) fn expect(connection: &Connection, id: CustomerId) -> Result<Customer> {
    find(connection, id)?.ok_or(SqliteError::NotFound(Subject::Customer))
}

pub(super) fn list(
    connection: &Connection,
    order: CustomerOrder,
    page: PageRequest,
) -> Result<Page<Customer>> {
    let [limit, offset] = page_bounds(page);
    let order = order::customers(order);
    Ok(Page {
        items: query_all(
            connection,
            &format!("SELECT {COLUMNS} FROM customers ORDER BY {order} LIMIT ?1 OFFSET ?2"),
            [limit, offset],
            read,
        )?,
        total: count(connection, "SELECT count(*) FROM customers", [])?,
    })
}

pub(super) fn rename(
    connection: &Connection,
    id: CustomerId,
    display_name: &str,
) -> Result<Customer> {
    connection
        .prepare_cached("UPDATE customers SET display_name = ?2 WHERE id = ?1")?
        .execute(params![id.get(), display_name])?;
    expect(connection, id)
}

pub(super) fn create_key(connection: &Connection, key: &ApiKey) -> Result<()> {
    expect(connection, key.customer)?;
    if find_key(connection, &key.key)?.is_some() {
        return Err(SqliteError::AlreadyExists {
            subject: Subject::Key,
            property: "id",
        });
    }
    connection
        .prepare_cached(
            "INSERT INTO api_keys (key, customer, secret_hash, created) VALUES (?1, ?2, ?3, ?4)",
        )?
        .execute(params![
            key.key,
            key.customer.get(),
            key.secret_hash.as_bytes(),
            key.created.as_micros(),
        ])?;
    Ok(())
}

pub(super) fn find_key(connection: &Connection, key: &str) -> Result<Option<(ApiKey, Customer)>> {
    let found = query_one(
        connection,
        "SELECT key, customer, secret_hash, created FROM api_keys WHERE key = ?1",
        [key],
        read_key,
    )?;
    found
        .map(|key| {
            let customer = expect(connection, key.customer)?;
            Ok((key, customer))
        })
        .transpose()
}

pub(super) fn list_keys(connection: &Connection, customer: CustomerId) -> Result<Vec<ApiKey>> {
    query_all(
        connection,
        "SELECT key, customer, secret_hash, created FROM api_keys WHERE customer = ?1 ORDER BY created, id",
        [customer.get()],
        read_key,
    )
}

pub(super) fn delete_key(connection: &Connection, customer: CustomerId, key: &str) -> Result<()> {
    let missing = || SqliteError::NotFound(Subject::Key);
    let role: String = connection
        .prepare_cached(
            "SELECT role FROM api_keys JOIN customers ON customers.id = customer WHERE key = ?1 AND customer = ?2",
        )?
        .query_row(params![key, customer.get()], |row| row.get(0))
        .optional()?
        .ok_or_else(missing)?;
    if read_role(&role)? == Role::Administrator {
        let keys = count(
            connection,
            "SELECT count(*) FROM api_keys WHERE customer = ?1",
            [customer.get()],
        )?;
        if keys == 1 {
            return Err(SqliteError::LastKey);
        }
    }
    connection
        .prepare_cached("DELETE FROM api_keys WHERE key = ?1")?
        .execute([key])?;
    Ok(())
}

fn read(columns: &mut Columns<'_, '_>) -> Result<Customer> {
    Ok(Customer {
        id: columns.customer()?,
        name: CustomerName::parse(columns.get::<String>()?).map_err(|_| unreadable("name"))?,
        display_name: columns.get()?,
        role: read_role(&columns.get::<String>()?)?,
        created: columns.time()?,
    })
}

fn read_key(columns: &mut Columns<'_, '_>) -> Result<ApiKey> {
    Ok(ApiKey {
        key: columns.get()?,
        customer: columns.customer()?,
        secret_hash: SecretHash::from_bytes(columns.get()?),
        created: columns.time()?,
    })
}
