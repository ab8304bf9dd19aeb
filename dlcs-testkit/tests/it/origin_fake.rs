//! The contract of an origin: on the fake, and on broken ones.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

use std::sync::Arc;

use async_trait::async_trait;
use bytes::Bytes;
use dlcs_core::origin::{Credentials, OriginAccess, OriginStrategy};
use dlcs_testkit::Gate;
use dlcs_testkit::contract::unlisted;
use dlcs_testkit::fake::{FakeObject, FakeOrigin, FaultyOrigin, OriginFault};
use dlcs_testkit::origin as clauses;
use dlcs_testkit::origin::{OriginFixture, Protected};
use url::Url;

struct Fixture {
    fake: Arc<FakeOrigin>,
    origin: Arc<dyn OriginStrategy>,
}

async fn fixture() -> Fixture {
    let fake = FakeOrigin::new();
    Fixture {
        origin: Arc::clone(&fake) as _,
        fake,
    }
}

fn faulty(fault: OriginFault) -> Fixture {
    let fake = FakeOrigin::new();
    Fixture {
        origin: Arc::new(FaultyOrigin::new(Arc::clone(&fake), fault)),
        fake,
    }
}

fn basic(password: &str) -> OriginAccess {
    OriginAccess::BasicHttp(Credentials::new("canary", password))
}

#[async_trait]
impl OriginFixture for Fixture {
    fn origin(&self) -> Arc<dyn OriginStrategy> {
        Arc::clone(&self.origin)
    }

    async fn object(&self, name: &str, bytes: Bytes) -> Url {
        let mut url = Url::parse("fake://origin/objects").unwrap();
        url.path_segments_mut().unwrap().push(name);
        self.fake.serve(url.as_str(), FakeObject::new(bytes))
    }

    async fn missing(&self) -> Url {
        Url::parse("fake://origin/missing").unwrap()
    }

    async fn protected(&self, bytes: Bytes) -> Option<Protected> {
        let good = basic("canary-good");
        let object = FakeObject::new(bytes).protected_by(good.clone());
        Some(Protected {
            url: self.fake.serve("protected", object),
            good,
            bad: basic("canary-bad"),
        })
    }

    async fn truncated(&self, bytes: Bytes, sent: usize) -> Option<Url> {
        let object = FakeObject::new(bytes).truncated_at(sent);
        Some(self.fake.serve("truncated", object))
    }

    async fn gated(&self, bytes: Bytes, sent: usize, gate: Gate) -> Option<Url> {
        let object = FakeObject::new(bytes).gated_at(sent, gate);
        Some(self.fake.serve("gated", object))
    }

    async fn folder(&self, objects: &[(&str, Bytes)]) -> Option<Url> {
        for folder in ["fake://origin/folder", "fake://origin/folder/within"] {
            for (name, bytes) in objects {
                let mut url = Url::parse(folder).unwrap();
                url.path_segments_mut().unwrap().push(name);
                let object = FakeObject::new(bytes.clone());
                self.fake.serve(url.as_str(), object);
            }
        }
        Some(Url::parse("fake://origin/folder/").unwrap())
    }

    async fn silent(&self, gate: Gate) -> Option<Url> {
        let object = FakeObject::new("").gated(gate);
        Some(self.fake.serve("silent", object))
    }
}

dlcs_testkit::origin_contract!(fixture());

/// Returns the clauses that fail on origins with a fault.
macro_rules! failing {
    ($fault:expr; $($clause:ident),+ $(,)?) => {{
        let mut failed = Vec::new();
        $(
            let fixture = faulty($fault);
            let run = tokio::spawn(async move { clauses::$clause(&fixture).await });
            if run.await.is_err_and(|error| error.is_panic()) {
                failed.push(stringify!($clause));
            }
        )+
        failed
    }};
}

#[tokio::test(start_paused = true)]
async fn each_fault_fails_the_clause_that_is_meant_for_it() {
    for (fault, clause) in [
        (OriginFault::ShoutsSchemes, "schemes_are_lower_case"),
        (OriginFault::MissesEmpty, "reads_whole_object"),
        (OriginFault::Buffers, "stream_is_lazy"),
        (OriginFault::OverstatesLength, "declared_length_is_honest"),
        (OriginFault::HidesTruncation, "truncated_body_is_an_error"),
        (OriginFault::BlursMissing, "missing_is_not_found"),
        (OriginFault::BlursDenied, "bad_credentials_are_denied"),
        (OriginFault::IgnoresLimit, "size_limit_is_obeyed"),
        (OriginFault::IgnoresPatience, "silence_is_timed_out"),
        (OriginFault::DecodesTwice, "percent_encoded_and_unicode"),
        (OriginFault::ListsDecoded, "listed_entries_can_be_opened"),
        (OriginFault::ReadsOn, "dropping_midway_releases"),
        (OriginFault::ShowsCredentials, "secrets_not_in_debug"),
        (OriginFault::ServesFew, "concurrent_64"),
    ] {
        let failed = failing! {
            fault;
            schemes_are_lower_case,
            reads_whole_object,
            stream_is_lazy,
            declared_length_is_honest,
            truncated_body_is_an_error,
            missing_is_not_found,
            bad_credentials_are_denied,
            size_limit_is_obeyed,
            silence_is_timed_out,
            percent_encoded_and_unicode,
            listed_entries_can_be_opened,
            dropping_midway_releases,
            secrets_not_in_debug,
            concurrent_64,
        };
        assert_eq!(failed, [clause], "{fault:?}");
    }
}

#[test]
fn no_clause_is_left_out_here() {
    let (here, all) = (
        include_str!("origin_fake.rs"),
        include_str!("../../src/origin/mod.rs"),
    );
    assert_eq!(unlisted(here, all), Vec::<&str>::new());
}
