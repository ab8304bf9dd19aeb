//! Each fault of an origin has its class, its status, its sentence, and its number of attempts.

use std::time::Duration;

use bytes::Bytes;
use dlcs_core::dlcs::{Bootstrap, Settings};
use dlcs_core::image::ImageState;
use dlcs_core::{Dlcs, Error, Registration, SpaceId};
use dlcs_http::DlcsService;
use dlcs_storage::origin::http::{HttpOrigin, HttpOriginConfig};
use dlcs_storage::origin::network::AllowedNetworks;
use dlcs_storage::pyramid::{PyramidProcessor, PyramidRenderer};
use dlcs_testkit::server::{Consequence, HttpFault, HttpServer};
use http::header::AUTHORIZATION;
use http_body_util::{BodyExt, Full};
use serde_json::Value;

use crate::photograph;

const LIMIT: usize = 400_000;
const ATTEMPTS: u32 = 3;

/// The facade over real parts, patient enough for a test; and `key:secret`.
async fn dlcs() -> (Dlcs, String) {
    let origin = HttpOriginConfig::default().with_allowed_networks(AllowedNetworks::all());
    let settings = Settings::default()
        .with_source_limit(LIMIT as u64)
        .with_origin_patience(Duration::from_millis(300))
        .with_attempts(ATTEMPTS, Duration::from_secs(5));
    let dlcs = Dlcs::builder()
        .with_origin(HttpOrigin::new(origin))
        .with_processor(PyramidProcessor::new(Default::default()))
        .with_renderer(PyramidRenderer::new(Default::default()))
        .with_settings(settings)
        .build()
        .unwrap();
    let Ok(Bootstrap::Created(key)) = dlcs.bootstrap(None).await else {
        panic!("the catalogue was empty");
    };
    let key = format!("{}:{}", key.key, key.secret.expose());
    (dlcs, key)
}

#[tokio::test]
async fn faults_of_origins_have_their_class_status_sentence_and_attempts() {
    let (server, image) = (HttpServer::start().await, photograph::small(1).file);
    assert!(image.len() < LIMIT, "the image itself is allowed");
    let image = Bytes::from(image);
    let (dlcs, key) = dlcs().await;
    let service = DlcsService::builder(dlcs.clone()).build();
    let register = async |id: String, origin: &str| {
        use base64::Engine;
        let key = base64::engine::general_purpose::STANDARD.encode(&key);
        let request = http::Request::put(format!("/customers/1/spaces/1/images/{id}"))
            .header(AUTHORIZATION, format!("Basic {key}"))
            .body(Full::new(Bytes::from(format!(
                r#"{{"origin":"{origin}"}}"#
            ))))
            .unwrap();
        let (parts, body) = service.respond(request).await.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        (
            parts.status.as_u16(),
            serde_json::from_slice::<Value>(&body).unwrap(),
        )
    };
    let sound = server.serve("/sound.jpg", image.clone());
    assert_eq!(register("sound".to_owned(), sound.as_str()).await.0, 201);
    for fault in HttpFault::ALL {
        let url = fault.serve(&server, &image, LIMIT);
        let Consequence {
            is_transient,
            asks_again,
            status,
            says,
        } = fault.consequence();
        let before = server.requests().len();
        let (got, body) = register(format!("{fault:?}"), url.as_str()).await;
        let detail = body["detail"].as_str().unwrap();
        assert_eq!(got, status, "{fault:?}: {detail}");
        assert!(detail.contains(says), "{fault:?}: {detail}");
        assert!(!detail.contains("canary"), "{fault:?}: {detail}");
        let attempts = if asks_again { ATTEMPTS } else { 1 };
        assert!(detail.starts_with(url.as_str()), "{fault:?}: {detail}");
        assert!(
            detail.contains("no origin strategy matches"),
            "{fault:?}: {detail}"
        );
        let plural = if attempts == 1 {
            "1 attempt;"
        } else {
            "3 attempts;"
        };
        assert!(detail.contains(plural), "{fault:?}: {detail}");
        let hops = if fault == HttpFault::RedirectLoop {
            9
        } else {
            1
        };
        let asked = server.requests().len() - before;
        assert_eq!(asked, attempts as usize * hops, "{fault:?}");
        // The record is kept, with the same sentence.
        let id = format!("1/1/{fault:?}").parse().unwrap();
        let kept = dlcs.image(&id).await.unwrap();
        assert_eq!(kept.state.error(), Some(detail), "{fault:?}");
        // And told apart by type, for programs.
        let registration = Registration::in_space(id.customer(), SpaceId::FIRST)
            .with_id(id.model().clone())
            .with_origin(url.as_str())
            .unwrap();
        let Err(Error::Ingest { source, image }) = dlcs.register(registration).await else {
            panic!("{fault:?} is registered");
        };
        assert_eq!(source.is_transient(), is_transient, "{fault:?}");
        assert!(
            matches!(image.state, ImageState::Failed { .. }),
            "{fault:?}"
        );
    }
}
