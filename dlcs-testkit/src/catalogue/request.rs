//! Clauses about requests that must not take effect twice.

use dlcs_core::catalogue::Catalogue;
use dlcs_core::customer::Role;
use dlcs_core::derivative::Checksum;
use dlcs_core::request::{GivenAnswer, Remembered, RequestKey};
use futures_util::future::join_all;

use crate::fixture;
use crate::verdict::same;

const THIS: Checksum = Checksum([1; 32]);
const THAT: Checksum = Checksum([2; 32]);

async fn key(catalogue: &dyn Catalogue, name: &str) -> RequestKey {
    RequestKey {
        customer: fixture::customer(catalogue, Role::Ordinary).await.id,
        name: name.to_owned(),
    }
}

fn answer(body: &str) -> GivenAnswer {
    GivenAnswer {
        status: 201,
        content_type: "application/json".to_owned(),
        location: Some("https://api.example.org/x".to_owned()),
        body: body.as_bytes().to_vec(),
    }
}

/// A request is run once, and then answered as it was.
pub async fn request_is_answered_as_it_was(catalogue: &dyn Catalogue) {
    let key = key(catalogue, "a \u{e9}").await;
    let ask = |fingerprint| catalogue.remember_request(&key, fingerprint);
    same(
        ask(THIS).await.unwrap(),
        Remembered::New,
        "nobody has asked that",
    );
    same(
        ask(THIS).await.unwrap(),
        Remembered::Running,
        "somebody runs it",
    );
    catalogue
        .answer_request(&key, answer("\u{0}\u{1f600}"))
        .await
        .unwrap();
    let expected = Remembered::Answered(answer("\u{0}\u{1f600}"));
    same(ask(THIS).await.unwrap(), expected, "to the byte");
    same(
        ask(THAT).await.unwrap(),
        Remembered::Other,
        "it is another request",
    );
    let other = RequestKey {
        name: "b".to_owned(),
        ..key.clone()
    };
    let new = catalogue.remember_request(&other, THIS).await.unwrap();
    same(new, Remembered::New, "it has another name");
    let stranger = self::key(catalogue, "a \u{e9}").await;
    let new = catalogue.remember_request(&stranger, THIS).await.unwrap();
    same(new, Remembered::New, "another customer calls it so");
}

/// A request that came to nothing may be run again.
pub async fn forgotten_request_may_be_run_again(catalogue: &dyn Catalogue) {
    let key = key(catalogue, "a").await;
    let ask = |fingerprint| catalogue.remember_request(&key, fingerprint);
    ask(THIS).await.unwrap();
    catalogue.forget_request(&key).await.unwrap();
    same(
        ask(THAT).await.unwrap(),
        Remembered::New,
        "nothing came of it",
    );
    catalogue.forget_request(&key).await.unwrap();
    catalogue.forget_request(&key).await.unwrap();
}

/// Of those who ask at once, one runs the request.
pub async fn one_of_those_who_ask_at_once_runs_a_request(catalogue: &dyn Catalogue) {
    let key = key(catalogue, "a").await;
    let asked = join_all((0..8).map(|_| catalogue.remember_request(&key, THIS))).await;
    let new = asked.iter().filter(|it| matches!(it, Ok(Remembered::New)));
    same(new.count(), 1, "it must not take effect twice");
    let running = asked
        .iter()
        .filter(|it| matches!(it, Ok(Remembered::Running)));
    same(running.count(), 7, "the others must learn that");
}
