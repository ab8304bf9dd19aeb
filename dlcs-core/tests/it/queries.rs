//! Named queries: which images they select, and when they select none.

use dlcs_core::catalogue::{CatalogueError, Subject};
use dlcs_core::customer::{CustomerName, NewCustomer, Role};
use dlcs_core::setting::{NamedQuery, NamedQueryError, SettingBody, SettingName};
use dlcs_core::space::SpaceChanges;
use dlcs_core::{CustomerId, Dlcs, Error, Registration, Settings, Space};

use crate::fake::{Setting, address};

/// Gives the first customer a query.
async fn ask(dlcs: &Dlcs, name: &str, template: &str) {
    let query = NamedQuery::new(SettingName::parse(name).unwrap(), template).unwrap();
    let setting = dlcs_core::setting::Setting::new(
        CustomerId::FIRST,
        SettingBody::NamedQuery(query),
        dlcs.clock().now(),
    );
    dlcs.catalogue().create_setting(setting).await.unwrap();
}

/// The model ids of what a query of the first customer selects, with arguments that have spaces between them.
async fn select(dlcs: &Dlcs, name: &str, arguments: &str) -> Result<Vec<String>, Error> {
    let arguments: Vec<_> = arguments.split_whitespace().map(str::to_owned).collect();
    let images = dlcs.select(CustomerId::FIRST, name, &arguments).await?;
    let models = images.iter().map(|image| image.id.model().to_string());
    Ok(models.collect())
}

/// An image in a space that nobody fetches.
fn waiting(space: &Space, name: &str) -> Registration {
    let registration = Registration::new(space).with_id(name.parse().unwrap());
    registration.with_origin(&address(name)).unwrap()
}

#[tokio::test]
async fn images_come_in_the_order_of_the_template_and_else_in_that_of_their_creation() {
    let setting = Setting::new().await;
    for (name, string, number) in [("b", "x", 2), ("a", "x", 3), ("d", "y", 1), ("c", "x", 1)] {
        let image = setting.registration(name).with_string1(string);
        let batch = setting.dlcs.submit_batch([image.with_number1(number)]);
        batch.await.unwrap();
    }
    for (name, template) in [
        ("up", "s1=p1&canvas=n1"),
        ("down", "s1=p1&canvas=n1 desc"),
        ("plain", "s1=p1"),
        ("number", "n1=p1&assetOrder=s1"),
    ] {
        ask(&setting.dlcs, name, template).await;
    }
    for (name, arguments, expected) in [
        ("up", "x", &["c", "b", "a"][..]),
        ("down", "x", &["a", "b", "c"]),
        ("plain", "x", &["b", "a", "c"]),
        ("plain", "x and more", &["b", "a", "c"]),
        ("plain", "z", &[]),
        ("number", "1", &["c", "d"]),
    ] {
        let selected = select(&setting.dlcs, name, arguments).await.unwrap();
        assert_eq!(selected, expected, "{name} {arguments}");
    }
}

#[tokio::test]
async fn a_space_is_found_by_its_number_or_its_name_among_those_of_the_customer() {
    let setting = Setting::new().await;
    let dlcs = &setting.dlcs;
    // More than one page of them.
    for number in 2..=501 {
        dlcs.spaces()
            .create(format!("space {number}"))
            .await
            .unwrap();
    }
    let last = dlcs.spaces().create("The last one").await.unwrap();
    let other = NewCustomer {
        id: None,
        name: CustomerName::parse("other").unwrap(),
        display_name: "Other".to_owned(),
        role: Role::Ordinary,
    };
    let other = dlcs.catalogue().create_customer(other).await.unwrap();
    let changes = SpaceChanges::named("elsewhere");
    let elsewhere = dlcs.catalogue().create_space(other.id, None, changes);
    let elsewhere = elsewhere.await.unwrap();
    for (space, name) in [
        (&setting.space, "first"),
        (&last, "last"),
        (&elsewhere, "x"),
    ] {
        dlcs.submit_batch([waiting(space, name)]).await.unwrap();
    }
    ask(dlcs, "number", "space=p1").await;
    ask(dlcs, "name", "spacename=p1").await;
    ask(dlcs, "written", "spacename=The%20last%20one").await;
    for (query, argument, expected) in [
        ("number", "1", &["first"][..]),
        ("number", "502", &["last"]),
        ("number", "503", &[]),
        ("number", "0", &[]),
        ("name", "maps", &["first"]),
        ("name", "Maps", &[]),
        ("name", "elsewhere", &[]),
        ("name", "nowhere", &[]),
        ("written", "", &["last"]),
    ] {
        let selected = select(dlcs, query, argument).await.unwrap();
        assert_eq!(selected, expected, "{query} {argument}");
    }
}

#[tokio::test]
async fn who_asks_wrongly_is_told_what_to_do() {
    let setting = Setting::new().await;
    let dlcs = &setting.dlcs;
    ask(dlcs, "pages", "s1=p1&n1=p2").await;
    for name in ["nothing", "Pages", "", "a b"] {
        let error = select(dlcs, name, "a 1").await.unwrap_err();
        assert!(is_missing(&error), "{name}: {error:?}");
    }
    let other = CustomerId::new(2).unwrap();
    let error = dlcs.select(other, "pages", &[]).await.unwrap_err();
    assert!(is_missing(&error), "of nobody: {error:?}");
    for (arguments, expected) in [
        ("a", NamedQueryError::Argument(2)),
        (
            "a b",
            NamedQueryError::Number {
                key: "n1".to_owned(),
                value: "b".to_owned(),
            },
        ),
    ] {
        let error = select(dlcs, "pages", arguments).await.unwrap_err();
        let Error::Arguments { query, source } = error else {
            panic!("{error:?}");
        };
        assert_eq!((query.as_str(), source), ("pages", expected));
    }
}

fn is_missing(error: &Error) -> bool {
    let subject = Subject::NamedQuery;
    matches!(error, Error::Catalogue(CatalogueError::NotFound { subject: of }) if *of == subject)
}

#[tokio::test]
async fn all_images_are_selected_up_to_a_limit() {
    let limit = usize::try_from(Dlcs::SELECTED_MAX).unwrap();
    let setting = Setting::with(Settings::default().with_max_batch_size(limit)).await;
    let dlcs = &setting.dlcs;
    ask(dlcs, "all", "canvas=n1 desc").await;
    let names: Vec<_> = (0..limit).map(|it| format!("{it:05}")).collect();
    let images = names.iter().zip(0..);
    let images =
        images.map(|(name, place)| waiting(&setting.space, name).with_number1(place / 700));
    dlcs.submit_batch(images).await.unwrap();
    let selected = select(dlcs, "all", "").await.unwrap();
    // The largest number first; where it is the same, backwards too.
    let expected: Vec<_> = names.iter().rev().cloned().collect();
    assert!(selected == expected, "all of them, once each, in order");
    let another = waiting(&setting.space, "another");
    dlcs.submit_batch([another]).await.unwrap();
    let error = select(dlcs, "all", "").await.unwrap_err();
    let Error::SelectedTooMany { count, limit } = error else {
        panic!("{error:?}");
    };
    assert_eq!((count, limit), (10_001, 10_000));
}
