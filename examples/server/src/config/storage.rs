//! How much customers may store.

use dlcs_core::CustomerId;
use dlcs_core::storage::{Quota, StoragePolicies, StoragePolicy};

use super::{Sources, quantity};
use crate::setting;
use crate::stop::Stop;

pub(super) fn read(sources: &Sources<'_>) -> Result<StoragePolicies, Stop> {
    let policies = sources.together(&setting::STORAGE_POLICY, policies)?;
    sources.together(&setting::CUSTOMER_STORAGE, |given| {
        customers(&policies, given)
    })
}

/// Reads `NAME=IMAGES:BYTES`, as often as it is given.
fn policies(given: Vec<String>) -> Result<StoragePolicies, String> {
    let mut policies = StoragePolicies::default();
    for text in given {
        let policy = policy(&text).ok_or_else(|| {
            format!("`{text}` is not NAME=IMAGES:BYTES, such as `small=10000:50GiB`, where 0 is no limit")
        })?;
        policies = policies.with_policy(policy);
    }
    Ok(policies)
}

fn policy(text: &str) -> Option<StoragePolicy> {
    let (name, quota) = text.split_once('=')?;
    let (images, bytes) = quota.split_once(':')?;
    let is_name = |b: u8| b.is_ascii_alphanumeric() || b"-_.~".contains(&b);
    let name = name.trim();
    if name.is_empty() || !name.bytes().all(is_name) {
        return None;
    }
    let images: u64 = images.trim().parse().ok()?;
    let bytes = quantity::bytes(bytes.trim()).ok()?;
    Some(StoragePolicy {
        name: name.to_owned(),
        quota: Quota {
            images: (images > 0).then_some(images),
            bytes: (bytes > 0).then_some(bytes),
        },
    })
}

/// Reads `CUSTOMER=NAME`, as often as it is given.
fn customers(policies: &StoragePolicies, given: Vec<String>) -> Result<StoragePolicies, String> {
    let mut policies = policies.clone();
    for text in given {
        let named = text.split_once('=').and_then(|(customer, name)| {
            let customer: CustomerId = customer.trim().parse().ok()?;
            Some((customer, name.trim()))
        });
        let Some((customer, name)) = named else {
            return Err(format!("`{text}` is not CUSTOMER=NAME, such as `3=small`"));
        };
        if policies.find(name).is_none() {
            return Err(format!(
                "`{text}` names no policy: give `--storage-policy {name}=IMAGES:BYTES` too"
            ));
        }
        policies = policies.with_customer(customer, name);
    }
    Ok(policies)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(policies_given: &[&str], customers_given: &[&str]) -> Result<StoragePolicies, String> {
        let owned = |given: &[&str]| given.iter().map(|text| (*text).to_owned()).collect();
        customers(&policies(owned(policies_given))?, owned(customers_given))
    }

    #[test]
    fn customers_have_the_policies_that_are_named() {
        let read = read(
            &["small=10:1GiB", "images-only=5:0", "default=0:2TB"],
            &["3=small", "4=images-only"],
        );
        let policies = read.unwrap();
        let of = |customer| policies.of(CustomerId::new(customer).unwrap()).quota;
        let quota = |images, bytes| Quota { images, bytes };
        assert_eq!(of(3), quota(Some(10), Some(1 << 30)));
        assert_eq!(of(4), quota(Some(5), None));
        assert_eq!(of(1), quota(None, Some(2_000_000_000_000)));
    }

    #[test]
    fn what_cannot_be_a_policy_is_said() {
        for given in [
            "small",
            "small=1",
            "=1:1",
            "a b=1:1",
            "small=x:1",
            "small=-1:1",
            "small=1:1 parsec",
        ] {
            let error = read(&[given], &[]).unwrap_err();
            assert!(error.contains("NAME=IMAGES:BYTES"), "{error}");
        }
        assert!(
            read(&[], &["3=small"])
                .unwrap_err()
                .contains("--storage-policy small")
        );
        assert!(
            read(&[], &["x=default"])
                .unwrap_err()
                .contains("CUSTOMER=NAME")
        );
    }
}
