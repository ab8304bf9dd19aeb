//! Settings in memory.

use super::catalogue::{missing, taken};
use super::state::State;
use crate::catalogue::{CatalogueError, Result, Subject};
use crate::id::CustomerId;
use crate::setting::{ChannelPolicy, Setting, SettingBody, SettingId, SettingKind};

impl State {
    pub(super) fn create_setting(&mut self, setting: Setting) -> Result<()> {
        self.check_customer(setting.customer)?;
        if let Some(space) = setting.body.space()
            && !self.spaces.contains_key(&(setting.customer, space))
        {
            return Err(missing(Subject::Space));
        }
        if self.settings.iter().any(|other| other.id == setting.id) {
            return Err(taken(setting.body.kind().subject(), "id"));
        }
        self.refuse_taken_name(&setting)?;
        self.settings.push(setting);
        Ok(())
    }

    pub(super) fn update_setting(&mut self, setting: Setting) -> Result<()> {
        let place = self.setting(setting.customer, setting.body.kind(), setting.id)?;
        self.refuse_taken_name(&setting)?;
        self.settings[place] = setting;
        Ok(())
    }

    pub(super) fn delete_setting(
        &mut self,
        customer: CustomerId,
        kind: SettingKind,
        id: SettingId,
    ) -> Result<()> {
        let place = self.setting(customer, kind, id)?;
        if let SettingBody::ChannelPolicy(policy) = &self.settings[place].body
            && self.is_named(customer, policy)
        {
            return Err(CatalogueError::InUse {
                subject: kind.subject(),
            });
        }
        self.settings.remove(place);
        Ok(())
    }

    /// Where a setting is.
    fn setting(&self, customer: CustomerId, kind: SettingKind, id: SettingId) -> Result<usize> {
        let wanted =
            |it: &Setting| it.id == id && it.customer == customer && it.body.kind() == kind;
        let place = self.settings.iter().position(wanted);
        place.ok_or(missing(kind.subject()))
    }

    fn refuse_taken_name(&self, setting: &Setting) -> Result<()> {
        let kind = setting.body.kind();
        let name = setting.body.unique_name();
        let rival = |other: &Setting| {
            other.customer == setting.customer
                && other.id != setting.id
                && other.body.kind() == kind
                && other.body.unique_name() == name
        };
        if self.settings.iter().any(rival) {
            return Err(taken(kind.subject(), kind.unique_property()));
        }
        Ok(())
    }

    /// Whether an image or a default delivery channel names a policy.
    fn is_named(&self, customer: CustomerId, policy: &ChannelPolicy) -> bool {
        let (channel, name) = (policy.data.channel(), policy.name.as_str());
        let by_default = |setting: &Setting| {
            setting.customer == customer
                && matches!(&setting.body, SettingBody::DefaultChannel(default)
                    if default.channel == channel && default.policy == name)
        };
        let images = self.images.values();
        let mut channels = images
            .filter(|image| image.id.customer() == customer)
            .flat_map(|image| &image.delivery_channels);
        self.settings.iter().any(by_default)
            || channels
                .any(|it| it.channel == channel.as_str() && it.policy.as_deref() == Some(name))
    }
}
