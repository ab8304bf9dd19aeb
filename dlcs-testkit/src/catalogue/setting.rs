//! Clauses about customers' settings.

use std::time::Duration;

use dlcs_core::catalogue::{Catalogue, CatalogueError, Subject};
use dlcs_core::customer::Role;
use dlcs_core::id::{CustomerId, SpaceId};
use dlcs_core::policy::Channel;
use dlcs_core::setting::{
    AccessRole, AuthService, ChannelPolicy, DefaultChannel, MediaRange, NamedQuery, PolicyData,
    Setting, SettingBody, SettingId, SettingKind, SettingName,
};
use dlcs_core::space::SpaceChanges;
use dlcs_core::time::Timestamp;

use crate::fixture;
use crate::verdict::{matching, same};

/// A policy of thumbnails.
pub(crate) fn thumbnails(name: &str, items: &[&str]) -> SettingBody {
    let items: Vec<_> = items.iter().map(|item| (*item).to_owned()).collect();
    SettingBody::ChannelPolicy(ChannelPolicy {
        name: SettingName::parse(name).unwrap(),
        display_name: format!("{name} \u{e9} \""),
        data: PolicyData::parse("thumbs", &items).unwrap(),
    })
}

/// A default delivery channel for thumbnails.
pub(crate) fn by_default(space: Option<SpaceId>, media_type: &str, policy: &str) -> SettingBody {
    SettingBody::DefaultChannel(DefaultChannel {
        space,
        media_type: MediaRange::parse(media_type).unwrap(),
        channel: Channel::Thumbs,
        policy: policy.to_owned(),
    })
}

fn query(name: &str, template: &str) -> SettingBody {
    let name = SettingName::parse(name).unwrap();
    SettingBody::NamedQuery(NamedQuery::new(name, template).unwrap())
}

fn role(name: &str) -> SettingBody {
    SettingBody::AccessRole(AccessRole {
        name: name.to_owned(),
        label: "Clinical".to_owned(),
        aliases: vec!["a, b".to_owned(), String::new()],
        auth_service: "https://auth.example/".to_owned(),
    })
}

fn service(name: &str) -> SettingBody {
    SettingBody::AuthService(AuthService {
        name: name.to_owned(),
        profile: "http://iiif.io/api/auth/1/login".to_owned(),
        page_description: "<b>\u{1f600}</b>".to_owned(),
        time_to_live: u32::MAX,
        nested_services: vec!["logout".to_owned()],
        ..AuthService::default()
    })
}

/// One of each kind.
fn one_of_each() -> [SettingBody; 5] {
    [
        thumbnails("mine", &["!200,200", "^100,"]),
        by_default(None, "image/png", "default"),
        query("manifest", "canvas=n1&s1=p1&%20=\u{e9}"),
        role("clinical"),
        service("login"),
    ]
}

async fn make(catalogue: &dyn Catalogue, customer: CustomerId, body: SettingBody) -> Setting {
    let setting = Setting::new(customer, body, Timestamp::from_micros(1_234_567));
    catalogue.create_setting(setting.clone()).await.unwrap();
    setting
}

async fn of_kind(
    catalogue: &dyn Catalogue,
    customer: CustomerId,
    kind: SettingKind,
) -> Vec<Setting> {
    catalogue.list_settings(customer, kind).await.unwrap()
}

/// A customer begins with what [`Setting::first_of`] says.
pub async fn customer_begins_with_default_channels(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    for kind in SettingKind::ALL {
        let listed = of_kind(catalogue, customer.id, kind).await;
        let names: Vec<_> = listed.iter().map(|it| it.body.unique_name()).collect();
        let first = Setting::first_of(customer.id, customer.created);
        let first = first.iter().filter(|it| it.body.kind() == kind);
        let expected: Vec<_> = first.map(|it| it.body.unique_name()).collect();
        same(
            names,
            expected,
            "images are registered before anything is said of channels",
        );
    }
}

/// Settings come back as they were stored, those of a kind alone, oldest first.
pub async fn settings_come_back_as_stored(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await;
    let later = customer.created.after(Duration::from_secs(1));
    let customer = customer.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    for body in one_of_each() {
        let kind = body.kind();
        let mut expected = of_kind(catalogue, customer, kind).await;
        make(catalogue, other, body.clone()).await;
        let mut setting = Setting::new(customer, body, later);
        setting.modified = Timestamp::from_micros(setting.created.as_micros() + 1);
        catalogue.create_setting(setting.clone()).await.unwrap();
        expected.push(setting);
        let listed = of_kind(catalogue, customer, kind).await;
        same(
            listed,
            expected,
            "a setting says what was said, to the byte",
        );
    }
}

/// One whose unique name another of its kind and customer has is [`CatalogueError::AlreadyExists`].
pub async fn taken_setting_name_is_refused(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    for body in one_of_each() {
        let kind = body.kind();
        make(catalogue, customer, body.clone()).await;
        let before = of_kind(catalogue, customer, kind).await;
        let rival = Setting::new(customer, body.clone(), Timestamp::from_micros(2));
        matching!(
            catalogue.create_setting(rival).await,
            Err(CatalogueError::AlreadyExists { subject, property })
                if *subject == kind.subject() && *property == kind.unique_property(),
            "names are how settings are found"
        );
        let after = of_kind(catalogue, customer, kind).await;
        same(after, before, "a refusal changes nothing");
        make(catalogue, other, body).await;
    }
}

/// A missing customer, and a missing space, is [`CatalogueError::NotFound`].
pub async fn setting_of_a_missing_customer_or_space_is_refused(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let nobody = CustomerId::new(u32::MAX).unwrap();
    let setting = Setting::new(nobody, role("a"), Timestamp::from_micros(1));
    matching!(
        catalogue.create_setting(setting).await,
        Err(CatalogueError::NotFound {
            subject: Subject::Customer
        }),
        "a setting is somebody's"
    );
    let nowhere = by_default(SpaceId::new(4711), "image/*", "default");
    let setting = Setting::new(customer, nowhere, Timestamp::from_micros(1));
    matching!(
        catalogue.create_setting(setting).await,
        Err(CatalogueError::NotFound {
            subject: Subject::Space
        }),
        "the defaults of a space need a space"
    );
}

/// The settings of a space end with it.
pub async fn settings_of_a_space_end_with_it(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let create =
        |name: &'static str| catalogue.create_space(customer, None, SpaceChanges::named(name));
    let (space, other) = (create("a").await.unwrap(), create("b").await.unwrap());
    make(
        catalogue,
        customer,
        by_default(Some(space.id), "image/*", "default"),
    )
    .await;
    let kept = make(
        catalogue,
        customer,
        by_default(Some(other.id), "image/*", "default"),
    )
    .await;
    catalogue.delete_space(customer, space.id).await.unwrap();
    let listed = of_kind(catalogue, customer, SettingKind::DefaultChannel).await;
    let of_spaces: Vec<_> = listed
        .into_iter()
        .filter(|it| it.body.space().is_some())
        .collect();
    same(
        of_spaces,
        vec![kept],
        "a new space of that number must not inherit them",
    );
}

/// Replaces what a setting says, found by its customer, kind and id.
pub async fn setting_is_replaced_whole(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let mut setting = make(catalogue, customer, query("a", "s1=p1")).await;
    let untouched = make(catalogue, customer, query("b", "s2=p1")).await;
    setting.body = query("c", "s3=p1");
    setting.modified = Timestamp::from_micros(9_999_999);
    catalogue.update_setting(setting.clone()).await.unwrap();
    let mut listed = of_kind(catalogue, customer, SettingKind::NamedQuery).await;
    listed.sort_by_key(|it| it.body.unique_name());
    same(
        listed,
        vec![untouched, setting],
        "it says that, and nothing else does",
    );
}

/// A unique name that another has is [`CatalogueError::AlreadyExists`].
pub async fn setting_cannot_take_the_name_of_another(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let mut first = make(catalogue, customer, query("a", "s1=p1")).await;
    make(catalogue, customer, query("b", "s2=p1")).await;
    catalogue.update_setting(first.clone()).await.unwrap();
    first.body = query("b", "s1=p1");
    matching!(
        catalogue.update_setting(first).await,
        Err(CatalogueError::AlreadyExists {
            subject: Subject::NamedQuery,
            property: "name"
        }),
        "an address must lead to one of them"
    );
}

/// A missing one, or another customer's, is [`CatalogueError::NotFound`].
pub async fn missing_setting_is_neither_replaced_nor_deleted(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let other = fixture::customer(catalogue, Role::Ordinary).await.id;
    let theirs = make(catalogue, other, query("a", "s1=p1")).await;
    let mut stolen = theirs.clone();
    stolen.customer = customer;
    let of_another_kind = Setting {
        body: role("a"),
        ..theirs.clone()
    };
    for attempt in [
        Setting::new(other, query("z", "s1=p1"), Timestamp::from_micros(1)),
        stolen,
        of_another_kind,
    ] {
        let kind = attempt.body.kind();
        let (owner, id): (_, SettingId) = (attempt.customer, attempt.id);
        let missing = kind.subject();
        matching!(
            catalogue.update_setting(attempt).await,
            Err(CatalogueError::NotFound { subject }) if *subject == missing,
            "nobody may change, or find out about, another customer's setting"
        );
        matching!(
            catalogue.delete_setting(owner, kind, id).await,
            Err(CatalogueError::NotFound { subject }) if *subject == missing,
            "nor delete it"
        );
    }
    let listed = of_kind(catalogue, other, SettingKind::NamedQuery).await;
    same(listed, vec![theirs], "a refusal changes nothing");
}

/// Deletes a setting.
pub async fn deleted_setting_is_gone(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    for body in one_of_each() {
        let kind = body.kind();
        let before = of_kind(catalogue, customer, kind).await;
        let setting = make(catalogue, customer, body.clone()).await;
        catalogue
            .delete_setting(customer, kind, setting.id)
            .await
            .unwrap();
        same(
            of_kind(catalogue, customer, kind).await,
            before,
            "it is gone",
        );
        make(catalogue, customer, body).await;
    }
}

/// A channel policy that an image or a default delivery channel names is [`CatalogueError::InUse`] and stays.
pub async fn policy_that_a_default_names_stays(catalogue: &dyn Catalogue) {
    let customer = fixture::customer(catalogue, Role::Ordinary).await.id;
    let policy = make(catalogue, customer, thumbnails("mine", &["200,"])).await;
    let near = make(catalogue, customer, thumbnails("min", &["200,"])).await;
    let default = make(catalogue, customer, by_default(None, "image/png", "mine")).await;
    let kind = SettingKind::ChannelPolicy;
    catalogue
        .delete_setting(customer, kind, near.id)
        .await
        .unwrap();
    matching!(
        catalogue.delete_setting(customer, kind, policy.id).await,
        Err(CatalogueError::InUse {
            subject: Subject::ChannelPolicy
        }),
        "images to come could not be processed"
    );
    same(
        of_kind(catalogue, customer, kind).await,
        vec![policy.clone()],
        "it stays",
    );
    let defaults = SettingKind::DefaultChannel;
    catalogue
        .delete_setting(customer, defaults, default.id)
        .await
        .unwrap();
    catalogue
        .delete_setting(customer, kind, policy.id)
        .await
        .unwrap();
}
