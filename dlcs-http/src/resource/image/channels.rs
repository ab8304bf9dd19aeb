//! How a request wants an image to be delivered.

use dlcs_core::image::{DeliveryChannel, LIST_MAX_ITEMS};
use serde_json::Value;

use crate::fields::{Fields, Problems};

pub(super) const KNOWN: &[&str] = &["channel", "policy"];

/// Reads objects with `channel` and `policy`, or bare names of channels. Which of them there are, the core says.
pub(super) fn delivery_channels(
    fields: &Fields<'_>,
    problems: &mut Problems,
) -> Option<Vec<DeliveryChannel>> {
    const NAME: &str = "deliveryChannels";
    let items = fields.list(NAME, problems)?;
    if items.len() > LIST_MAX_ITEMS {
        let detail = format!(
            "`{NAME}` has {} items; at most {LIST_MAX_ITEMS} are allowed",
            items.len()
        );
        problems.add(fields.at(NAME), detail);
        return None;
    }
    let mut channels = Vec::with_capacity(items.len());
    for (place, item) in items.iter().enumerate() {
        let at = format!("{}/{place}", fields.at(NAME));
        channels.extend(delivery_channel(at, item, problems));
    }
    Some(channels)
}

fn delivery_channel(at: String, item: &Value, problems: &mut Problems) -> Option<DeliveryChannel> {
    let object = match item {
        Value::Object(object) => object,
        Value::String(channel) => {
            return Some(DeliveryChannel {
                channel: channel.clone(),
                policy: None,
            });
        }
        _ => {
            let detail = "an item of `deliveryChannels` is neither the name of a channel nor an object with `channel` and `policy`";
            problems.add(at, detail);
            return None;
        }
    };
    let fields = Fields::new(object, at, KNOWN, problems);
    let policy = fields
        .name_or_url("policy", problems)
        .filter(|name| !name.is_empty());
    let Some(channel) = fields.text("channel", problems) else {
        if !problems.is_at(&fields.at("channel")) {
            problems.add(
                fields.at("channel"),
                "`channel` is missing: give the name of a delivery channel",
            );
        }
        return None;
    };
    Some(DeliveryChannel { channel, policy })
}
