//! HTTP origins whose connections break, and what is done then.

use bytes::Bytes;
use dlcs_core::origin::{Credentials, OriginAccess, OriginError, OriginRequest};
use dlcs_testkit::server::{HttpServer, Reply};

use crate::origin_http::{opened, read};

const TAG: (&str, &str) = ("etag", "\"one\"");

fn whole() -> Bytes {
    (0..100_000_u32).map(|n| (n % 251) as u8).collect()
}

/// The whole, of which only the first bytes come.
fn broken(sent: usize) -> Reply {
    Reply::bytes(whole())
        .with_header(TAG.0, TAG.1)
        .breaking_at(sent)
}

fn rest(first: usize) -> Reply {
    Reply::part(whole(), first).with_header(TAG.0, TAG.1)
}

/// What comes of these replies, one after the other, and how many requests there were.
async fn fetch(
    replies: impl IntoIterator<Item = Reply>,
) -> (Result<Vec<u8>, OriginError>, Vec<[Option<String>; 2]>) {
    let (server, origin) = (HttpServer::start().await, opened());
    let url = server.route_in_turn("/a", replies);
    let got = read(&origin, OriginRequest::new(&url)).await;
    let asked = |name: &str, requests: &dlcs_testkit::server::RecordedRequest| {
        requests.header(name).map(str::to_owned)
    };
    let requests = server.requests();
    let requests = requests
        .iter()
        .map(|request| [asked("range", request), asked("if-range", request)]);
    (got, requests.collect())
}

#[tokio::test]
async fn a_broken_transfer_goes_on_where_it_broke() {
    let (got, requests) = fetch([
        broken(40_000),
        rest(40_000).breaking_at(20_000),
        rest(60_000),
    ])
    .await;
    assert!(got.unwrap() == whole());
    let tag = Some(TAG.1.to_owned());
    assert_eq!(
        requests,
        [
            [None, None],
            [Some("bytes=40000-".to_owned()), tag.clone()],
            [Some("bytes=60000-".to_owned()), tag],
        ]
    );
}

#[tokio::test]
async fn a_date_tells_versions_apart_where_there_is_no_tag() {
    let changed = "Wed, 04 May 2016 09:20:30 GMT";
    let dated = |reply: Reply| reply.with_header("last-modified", changed);
    let (got, requests) = fetch([
        dated(Reply::bytes(whole()).breaking_at(70_000)),
        dated(Reply::part(whole(), 70_000)),
    ])
    .await;
    assert!(got.unwrap() == whole());
    assert_eq!(requests[1][1].as_deref(), Some(changed));
}

#[tokio::test]
async fn two_versions_are_never_mixed() {
    let other = || vec![7; 100_000];
    for (what, second) in [
        ("the whole", Reply::bytes(whole()).with_header(TAG.0, TAG.1)),
        (
            "another whole",
            Reply::bytes(other()).with_header(TAG.0, "\"two\""),
        ),
        (
            "a part of another version",
            Reply::part(other(), 40_000).with_header(TAG.0, "\"two\""),
        ),
        ("another part", rest(40_001)),
        ("an earlier part", rest(0)),
        ("a longer whole", Reply::part(vec![7; 100_001], 40_000)),
        ("a refusal", Reply::status(416)),
        ("nothing there", Reply::status(404)),
        ("a redirect", Reply::redirect(302, "/b")),
        (
            "compressed",
            rest(40_000).with_header("content-encoding", "gzip"),
        ),
    ] {
        let (got, requests) = fetch([broken(40_000), second]).await;
        let error = got.unwrap_err();
        assert!(
            matches!(
                error,
                OriginError::Interrupted {
                    received: 40_000,
                    expected: Some(100_000)
                }
            ),
            "{what}: {error:?}"
        );
        assert_eq!(requests.len(), 2, "{what}");
    }
}

#[tokio::test]
async fn what_cannot_be_told_apart_is_not_resumed() {
    for first in [
        Reply::bytes(whole()),
        Reply::bytes(whole()).with_header("etag", "W/\"one\""),
        Reply::bytes(whole())
            .with_header(TAG.0, TAG.1)
            .without_length(),
    ] {
        let (got, requests) = fetch([first.breaking_at(40_000), rest(40_000)]).await;
        assert!(
            matches!(got, Err(OriginError::Interrupted { .. })),
            "{got:?}"
        );
        assert_eq!(requests.len(), 1);
    }
}

#[tokio::test]
async fn only_four_resumes_and_only_while_they_bring_bytes() {
    let steps = |count: usize| {
        (1..count).fold(vec![broken(10_000)], |mut replies, step| {
            replies.push(rest(step * 10_000).breaking_at(10_000));
            replies
        })
    };
    let (got, requests) = fetch(steps(8)).await;
    assert!(
        matches!(
            got,
            Err(OriginError::Interrupted {
                received: 50_000,
                ..
            })
        ),
        "{got:?}"
    );
    assert_eq!(requests.len(), 5, "one request and four resumes");
    let (got, requests) = fetch([broken(10_000), rest(10_000).breaking_at(0), rest(10_000)]).await;
    assert!(
        matches!(
            got,
            Err(OriginError::Interrupted {
                received: 10_000,
                ..
            })
        ),
        "{got:?}"
    );
    assert_eq!(requests.len(), 2, "the second brought nothing");
    let (got, requests) = fetch([broken(0), rest(0)]).await;
    assert!(
        matches!(got, Err(OriginError::Interrupted { received: 0, .. })),
        "{got:?}"
    );
    assert_eq!(requests.len(), 1);
}

#[tokio::test]
async fn a_resume_goes_where_the_bytes_came_from_with_what_opened_that() {
    let access = OriginAccess::BasicHttp(Credentials::new("user", "password"));
    let (server, other, origin) = (
        HttpServer::start().await,
        HttpServer::start().await,
        opened(),
    );
    // At the same host the credentials stay, at another they do not come back.
    for (target, sends) in [(&server, true), (&other, false)] {
        let there = target.route_in_turn("/there", [broken(40_000), rest(40_000)]);
        let here = server.route("/here", Reply::redirect(302, there.as_str()));
        let before = target.requests().len();
        let request = OriginRequest::new(&here).with_access(&access);
        assert!(read(&origin, request).await.unwrap() == whole());
        let there = target.requests().split_off(before);
        let sent: Vec<_> = there
            .iter()
            .filter(|request| request.target == "/there")
            .map(|request| request.header("authorization").is_some())
            .collect();
        assert_eq!(sent, [sends, sends]);
    }
}

#[tokio::test]
async fn a_resumed_body_obeys_the_limit() {
    let (server, origin) = (HttpServer::start().await, opened());
    let url = server.route_in_turn("/a", [broken(40_000), rest(40_000)]);
    let request = OriginRequest::new(&url).with_limit(99_999);
    let got = read(&origin, request).await;
    assert!(
        matches!(got, Err(OriginError::TooLarge { limit: 99_999 })),
        "{got:?}"
    );
}
