//! The spaces of one customer.

use super::Dlcs;
use crate::catalogue::{CatalogueError, Subject};
use crate::customer::{CustomerName, NewCustomer, Role};
use crate::error::{Error, Result};
use crate::id::{CustomerId, SpaceId};
use crate::page::{Page, PageRequest};
use crate::space::{Space, SpaceChanges, SpaceOrder};

/// The spaces of one customer; made by [`Dlcs::spaces`].
#[derive(Debug, Clone, Copy)]
pub struct Spaces<'a> {
    dlcs: &'a Dlcs,
    customer: CustomerId,
}

impl<'a> Spaces<'a> {
    pub(super) const fn new(dlcs: &'a Dlcs, customer: CustomerId) -> Self {
        Self { dlcs, customer }
    }

    /// Makes a space with the next number.
    ///
    /// The first space of the first customer makes that customer too, so that an embedding program need not know of customers.
    ///
    /// # Errors
    /// The catalogue's: the name is taken, or there is no such customer.
    pub async fn create(self, name: impl Into<String> + Send) -> Result<Space> {
        let changes = SpaceChanges::named(name);
        let catalogue = self.dlcs.catalogue();
        match catalogue
            .create_space(self.customer, None, changes.clone())
            .await
        {
            Err(CatalogueError::NotFound {
                subject: Subject::Customer,
            }) if self.customer == CustomerId::FIRST => {
                ensure_first_customer(self.dlcs).await?;
                Ok(catalogue.create_space(self.customer, None, changes).await?)
            }
            result => Ok(result?),
        }
    }

    /// Returns a space.
    ///
    /// # Errors
    /// The catalogue's, [`CatalogueError::NotFound`] included.
    pub async fn get(self, id: SpaceId) -> Result<Space> {
        let found = self.dlcs.catalogue().find_space(self.customer, id).await?;
        found.ok_or(Error::not_found(Subject::Space))
    }

    /// Lists the spaces.
    ///
    /// # Errors
    /// The catalogue's.
    pub async fn list(self, order: SpaceOrder, page: PageRequest) -> Result<Page<Space>> {
        Ok(self
            .dlcs
            .catalogue()
            .list_spaces(self.customer, order, page)
            .await?)
    }
}

/// Makes customer 1 unless it is there; returns whether it is new.
pub(super) async fn ensure_first_customer(dlcs: &Dlcs) -> Result<bool> {
    let customer = NewCustomer {
        id: Some(CustomerId::FIRST),
        name: CustomerName::parse("default").expect("`default` follows the rules of names"),
        display_name: "default".to_owned(),
        role: Role::Administrator,
    };
    match dlcs.catalogue().create_customer(customer).await {
        Ok(_) => Ok(true),
        Err(CatalogueError::AlreadyExists { .. }) => Ok(false),
        Err(error) => Err(error.into()),
    }
}
