//! Named queries: the images that they select.

use super::Dlcs;
use crate::catalogue::Subject;
use crate::error::{Error, Result};
use crate::id::{CustomerId, SpaceId};
use crate::image::{Image, ImageCursor, ImageQuery};
use crate::order::Order;
use crate::page::{PageRequest, PageSize};
use crate::setting::{NamedQuery, SelectedSpace, SettingBody, SettingKind};
use crate::space::SpaceOrderBy;

impl Dlcs {
    /// The most images that a named query may select at once, because all of them are in memory then.
    pub const SELECTED_MAX: u64 = 10_000;

    /// Returns the images that a named query of a customer selects with these arguments, in the order that its template says, and else in
    /// that of their creation; none where it names a space that the customer does not have.
    ///
    /// All of them, whether they are ready and open to everybody or not.
    ///
    /// # Errors
    /// [`CatalogueError::NotFound`](crate::catalogue::CatalogueError::NotFound) when the customer has no such query,
    /// [`Error::Arguments`] when it cannot be asked like this, [`Error::SelectedTooMany`] above [`Self::SELECTED_MAX`], and the catalogue's.
    pub async fn select(
        &self,
        customer: CustomerId,
        name: &str,
        arguments: &[String],
    ) -> Result<Vec<Image>> {
        let named = self.named_query(customer, name).await?;
        let selection = named.select(customer, arguments);
        let selection = selection.map_err(|source| Error::Arguments {
            query: name.to_owned(),
            source,
        })?;
        let mut query = selection.query;
        query.space = match selection.space {
            None => None,
            Some(SelectedSpace::Id(space)) => Some(space),
            Some(SelectedSpace::None) => return Ok(Vec::new()),
            Some(SelectedSpace::Name(name)) => match self.space_named(customer, &name).await? {
                None => return Ok(Vec::new()),
                space => space,
            },
        };
        self.all_images(query).await
    }

    async fn named_query(&self, customer: CustomerId, name: &str) -> Result<NamedQuery> {
        let kind = SettingKind::NamedQuery;
        let settings = self.0.catalogue.list_settings(customer, kind).await?;
        let mut bodies = settings.into_iter().map(|setting| setting.body);
        let found = bodies.find_map(|body| match body {
            SettingBody::NamedQuery(query) if query.name.as_str() == name => Some(query),
            _ => None,
        });
        found.ok_or(Error::not_found(Subject::NamedQuery))
    }

    async fn space_named(&self, customer: CustomerId, name: &str) -> Result<Option<SpaceId>> {
        let order = Order::ascending(SpaceOrderBy::Id);
        let mut page = FIRST_PAGE;
        loop {
            let listed = self.0.catalogue.list_spaces(customer, order, page).await?;
            if listed.items.is_empty() {
                return Ok(None);
            }
            if let Some(space) = listed.items.iter().find(|space| space.name == name) {
                return Ok(Some(space.id));
            }
            page.index += 1;
        }
    }

    async fn all_images(&self, mut query: ImageQuery) -> Result<Vec<Image>> {
        let mut images = Vec::new();
        loop {
            let listed = self.0.catalogue.list_images(&query, FIRST_PAGE).await?;
            if listed.total > Self::SELECTED_MAX {
                return Err(Error::SelectedTooMany {
                    count: listed.total,
                    limit: Self::SELECTED_MAX,
                });
            }
            let Some(last) = listed.items.last() else {
                return Ok(images);
            };
            query.after = Some(ImageCursor::behind(last, &query.order));
            images.extend(listed.items);
        }
    }
}

/// Of the largest size.
const FIRST_PAGE: PageRequest = PageRequest {
    index: 0,
    size: PageSize::new(PageSize::MAX),
};
