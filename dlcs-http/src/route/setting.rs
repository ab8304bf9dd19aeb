//! What a request asks of settings.

use dlcs_core::CustomerId;
use dlcs_core::setting::{SettingId, SettingKind};

use crate::resource::setting::Level;

/// What a request asks of settings.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum SettingRoute {
    List(CustomerId, SettingKind),
    Create(CustomerId, SettingKind),
    Get(CustomerId, SettingKind, SettingId),
    Put(CustomerId, SettingKind, SettingId),
    Delete(CustomerId, SettingKind, SettingId),
    ChannelPolicy(ChannelPolicyRoute),
    DefaultChannel(DefaultChannelRoute),
}

/// What a request asks of the policies of delivery channels, which are found by channel and name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum ChannelPolicyRoute {
    ListChannels(CustomerId),
    List(CustomerId, String),
    Create(CustomerId, String),
    Get(CustomerId, String, String),
    Put(CustomerId, String, String),
    Patch(CustomerId, String, String),
    Delete(CustomerId, String, String),
}

/// What a request asks of default delivery channels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum DefaultChannelRoute {
    List(Level),
    Create(Level),
    Get(Level, SettingId),
    Put(Level, SettingId),
    Delete(Level, SettingId),
}
