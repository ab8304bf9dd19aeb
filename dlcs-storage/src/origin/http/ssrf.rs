//! Nothing that an address, a name or a redirect can say makes this program dial where it must not.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use dlcs_core::id::CustomerId;
use dlcs_core::origin::{OriginError, OriginRequest, OriginStrategy};
use dlcs_testkit::server::{HttpServer, Reply};
use futures_util::TryStreamExt;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::AbortHandle;
use url::Url;

use super::{HttpOrigin, HttpOriginConfig};
use crate::origin::network::AllowedNetworks;
use crate::origin::opened::OpenedNetworks;
use crate::origin::resolver::{Names, Script};

const NOT_PUBLIC: &str = include_str!("../../../tests/contract/not_public.txt");
const METADATA: &str = include_str!("../../../tests/contract/metadata.txt");

/// The address of the loopback interface that stands for the public network: it is opened, and the canaries' are not.
const PUBLIC: Ipv4Addr = Ipv4Addr::new(127, 77, 0, 1);

fn table() -> Vec<IpAddr> {
    let rows = NOT_PUBLIC
        .split_whitespace()
        .chain(METADATA.split_whitespace());
    let rows = rows.map(|row| row.parse().unwrap());
    // What stands for the public network cannot be in the table as well.
    rows.filter(|row| *row != IpAddr::V4(PUBLIC)).collect()
}

/// The name server of these tests: for each name its answers in turn, the last for ever; an answer may be another name.
#[derive(Debug, Default)]
struct Zone(Mutex<HashMap<String, Vec<Answer>>>);

#[derive(Debug, Clone)]
enum Answer {
    Addresses(Vec<IpAddr>),
    Alias(&'static str),
}

impl Zone {
    fn set(&self, name: &str, answers: impl IntoIterator<Item = Answer>) {
        let mut answers: Vec<_> = answers.into_iter().collect();
        answers.reverse();
        self.0.lock().unwrap().insert(name.to_owned(), answers);
    }
}

impl Script for Zone {
    fn answer(&self, name: &str) -> Vec<IpAddr> {
        let mut names = self.0.lock().unwrap();
        let mut name = name.to_owned();
        for _ in 0..16 {
            let Some(answers) = names.get_mut(&name) else {
                return Vec::new();
            };
            let answer = match answers.len() {
                1 => answers[0].clone(),
                _ => answers.pop().unwrap(),
            };
            match answer {
                Answer::Addresses(addresses) => return addresses,
                Answer::Alias(alias) => name = alias.to_owned(),
            }
        }
        Vec::new()
    }
}

/// Who must never be dialled, on both loopback addresses with one port.
struct Canaries {
    port: u16,
    dialled: Arc<AtomicUsize>,
    listening: [AbortHandle; 2],
}

impl Canaries {
    async fn start() -> Self {
        // Both addresses must have the port free.
        for _ in 0..50 {
            let four = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await.unwrap();
            let port = four.local_addr().unwrap().port();
            let Ok(six) = TcpListener::bind((Ipv6Addr::LOCALHOST, port)).await else {
                continue;
            };
            let dialled = Arc::new(AtomicUsize::new(0));
            let listening = [four, six].map(|listener| {
                let dialled = Arc::clone(&dialled);
                let accept = async move {
                    while listener.accept().await.is_ok() {
                        dialled.fetch_add(1, Ordering::SeqCst);
                    }
                };
                tokio::spawn(accept).abort_handle()
            });
            return Self {
                port,
                dialled,
                listening,
            };
        }
        panic!("no port is free on both loopback addresses");
    }

    /// Checks that nobody dialled, and that it would have been seen.
    async fn end(self) {
        assert_eq!(self.dialled.load(Ordering::SeqCst), 0, "somebody dialled");
        for address in [
            IpAddr::V4(Ipv4Addr::LOCALHOST),
            IpAddr::V6(Ipv6Addr::LOCALHOST),
        ] {
            let there = SocketAddr::new(address, self.port);
            drop(TcpStream::connect(there).await.unwrap());
        }
        while self.dialled.load(Ordering::SeqCst) < 2 {
            tokio::task::yield_now().await;
        }
        for listening in self.listening {
            listening.abort();
        }
    }
}

struct Bench {
    origin: HttpOrigin,
    zone: Arc<Zone>,
    server: HttpServer,
    canaries: Canaries,
}

impl Bench {
    async fn start() -> Self {
        let opened = AllowedNetworks::parse([PUBLIC.to_string()]).unwrap();
        Self::with(opened.into()).await
    }

    async fn with(opened: OpenedNetworks) -> Self {
        let zone = Arc::new(Zone::default());
        let mut config = HttpOriginConfig::default().with_allowed_networks(opened);
        config.dialling.names = Names::Scripted(Arc::clone(&zone) as _);
        Self {
            origin: HttpOrigin::new(config),
            zone,
            server: HttpServer::start_on(PUBLIC).await,
            canaries: Canaries::start().await,
        }
    }

    async fn fetch(&self, url: &str) -> Result<Vec<u8>, OriginError> {
        self.fetch_for(CustomerId::FIRST, url).await
    }

    async fn fetch_for(&self, customer: CustomerId, url: &str) -> Result<Vec<u8>, OriginError> {
        let url = Url::parse(url).unwrap_or_else(|error| panic!("{url}: {error}"));
        let request = OriginRequest::new(&url).with_customer(customer);
        let body = self.origin.open(request).await?.into_body();
        let bytes: Vec<_> = body.try_collect().await?;
        Ok(bytes.concat())
    }

    /// Checks that an address is refused, and that the error says nothing of where it led.
    async fn refused(&self, way: &str, address: IpAddr, url: &str) {
        match self.fetch(url).await {
            Err(OriginError::AddressNotAllowed { reason }) => {
                assert!(!reason.contains(&address.to_string()), "{way}: {reason}");
            }
            other => panic!("{way} to {address} by {url} gave {other:?}"),
        }
    }

    /// Where a name leads on the server that stands for the public network.
    fn at(&self, name: &str, path: &str) -> String {
        format!("http://{name}:{}{path}", self.server.port())
    }
}

fn literal(address: IpAddr) -> String {
    match address {
        IpAddr::V4(v4) => v4.to_string(),
        IpAddr::V6(v6) => format!("[{v6}]"),
    }
}

/// Every spelling of an IPv4 address that a URL may have.
fn spellings(address: Ipv4Addr) -> Vec<String> {
    let [a, b, c, d] = address.octets();
    let bits = address.to_bits();
    let dotted = address.to_string();
    let digits = |zero: char, one: char, dot: char| -> String {
        let digit = |c: char| match c {
            '0' => zero,
            '.' => dot,
            c => char::from_u32(one as u32 + c.to_digit(10).unwrap() - 1).unwrap(),
        };
        dotted.chars().map(digit).collect()
    };
    vec![
        bits.to_string(),
        format!("0x{bits:x}"),
        format!("0X{bits:08X}"),
        format!("0{bits:o}"),
        format!("0{a:o}.0{b:o}.0{c:o}.0{d:o}"),
        format!("0x{a:x}.0x{b:x}.0x{c:x}.0x{d:x}"),
        format!("{a}.0x{b:x}.0{c:o}.{d}"),
        format!("{a}.{}", bits & 0x00ff_ffff),
        format!("{a}.{b}.{}", bits & 0xffff),
        format!("{dotted}."),
        dotted.replace('.', "%2e"),
        dotted.bytes().map(|byte| format!("%{byte:02x}")).collect(),
        digits('⓪', '①', '.'),
        digits('０', '１', '。'),
        format!("[::ffff:{dotted}]"),
        format!("[::{dotted}]"),
        format!("[64:ff9b::{dotted}]"),
        format!("[2002:{:x}:{:x}::1]", bits >> 16, bits & 0xffff),
        format!("[2600::5efe:{dotted}]"),
    ]
}

#[tokio::test]
async fn no_way_leads_to_an_address_that_is_not_public() {
    let bench = Bench::start().await;
    let (server, zone, port) = (&bench.server, &bench.zone, bench.canaries.port);
    let public = || Answer::Addresses(vec![PUBLIC.into()]);
    let mut cases = 0;
    for address in table() {
        let private = || Answer::Addresses(vec![address]);
        zone.set("private.test", [private()]);
        zone.set(
            "public-first.test",
            [Answer::Addresses(vec![PUBLIC.into(), address])],
        );
        zone.set(
            "private-first.test",
            [Answer::Addresses(vec![address, PUBLIC.into()])],
        );
        zone.set("alias.test", [Answer::Alias("alias-of-alias.test")]);
        zone.set("alias-of-alias.test", [Answer::Alias("private.test")]);
        for scheme in ["http", "https"] {
            let to = |host: &str| format!("{scheme}://{host}:{port}/secret");
            let here = literal(address);
            let mut hosts = vec![("literal", here.as_str())];
            hosts.extend([
                ("name", "private.test"),
                ("mixed answers", "public-first.test"),
                ("mixed answers", "private-first.test"),
                ("alias", "alias.test"),
            ]);
            for (way, host) in hosts {
                bench.refused(way, address, &to(host)).await;
                server.route("/second", Reply::redirect(307, to(host)));
                server.route("/first", Reply::redirect(302, "/second"));
                let redirect = bench.at(&PUBLIC.to_string(), "/second");
                bench
                    .refused(&format!("redirect by {way}"), address, &redirect)
                    .await;
                let redirect = bench.at(&PUBLIC.to_string(), "/first");
                bench
                    .refused(&format!("second redirect by {way}"), address, &redirect)
                    .await;
                cases += 3;
            }
            // The first answer is good, and every later one is not; a name of its own, so that no connection is left from before.
            let name = format!("rebinding-{cases}.test");
            zone.set(&name, [public(), private()]);
            server.route("/rebinding", Reply::redirect(302, to(&name)));
            let rebinding = bench.at(&name, "/rebinding");
            bench.refused("rebinding", address, &rebinding).await;
            cases += 1;
        }
    }
    assert!(cases >= 120 * 2 * 16, "only {cases}");
    bench.canaries.end().await;
}

#[tokio::test]
async fn no_spelling_leads_to_an_address_that_is_not_public() {
    let bench = Bench::start().await;
    let port = bench.canaries.port;
    let mut cases = 0;
    for address in table() {
        let IpAddr::V4(v4) = address else { continue };
        for host in spellings(v4) {
            for scheme in ["http", "https"] {
                let url = format!("{scheme}://{host}:{port}/");
                bench.refused("spelling", address, &url).await;
                cases += 1;
            }
        }
    }
    assert!(cases >= 40 * 19 * 2, "only {cases}");
    bench.canaries.end().await;
}

#[tokio::test]
async fn every_way_leads_to_an_address_that_is_opened() {
    let bench = Bench::start().await;
    let (server, zone) = (&bench.server, &bench.zone);
    server.serve("/a", "ok");
    zone.set(
        "public.test",
        [Answer::Addresses(vec![PUBLIC.into(), PUBLIC.into()])],
    );
    zone.set("alias.test", [Answer::Alias("public.test")]);
    for host in [
        "public.test",
        "alias.test",
        "127.77.0.1",
        "127.77.1",
        "0x7f4d0001",
    ] {
        let there = bench.at(host, "/a");
        server.route("/second", Reply::redirect(307, there.as_str()));
        server.route("/first", Reply::redirect(302, "/second"));
        for url in [
            there,
            bench.at(host, "/second"),
            bench.at("alias.test", "/first"),
        ] {
            assert_eq!(bench.fetch(&url).await.unwrap(), b"ok", "{url}");
        }
    }
    bench.canaries.end().await;
}

#[tokio::test]
async fn what_is_opened_for_one_customer_is_closed_for_others() {
    let second = CustomerId::new(2).unwrap();
    let networks = AllowedNetworks::parse([PUBLIC.to_string()]).unwrap();
    let bench = Bench::with(OpenedNetworks::none().with_customer(second, &networks)).await;
    bench.server.serve("/a", "ok");
    bench
        .zone
        .set("own.test", [Answer::Addresses(vec![PUBLIC.into()])]);
    for host in ["own.test", "127.77.0.1"] {
        let url = bench.at(host, "/a");
        // The second time there is a connection in a pool, which is not for others.
        for _ in 0..2 {
            assert_eq!(bench.fetch_for(second, &url).await.unwrap(), b"ok", "{url}");
            bench.refused("another customer", PUBLIC.into(), &url).await;
        }
    }
    bench.canaries.end().await;
}

#[tokio::test]
async fn metadata_is_closed_even_where_everything_is_opened() {
    let bench = Bench::with(AllowedNetworks::all().into()).await;
    for address in METADATA.split_whitespace().map(|row| row.parse().unwrap()) {
        bench.zone.set(
            "metadata.test",
            [Answer::Addresses(vec![PUBLIC.into(), address])],
        );
        bench.server.route(
            "/a",
            Reply::redirect(302, format!("http://{}/latest", literal(address))),
        );
        for url in [
            format!("http://{}/latest", literal(address)),
            "http://metadata.test/latest".to_owned(),
            "https://metadata.test/latest".to_owned(),
            bench.at(&PUBLIC.to_string(), "/a"),
        ] {
            bench.refused("metadata", address, &url).await;
        }
    }
    for name in ["metadata.google.internal", "METADATA.google.internal."] {
        bench
            .refused(name, PUBLIC.into(), &format!("http://{name}/"))
            .await;
    }
    bench.canaries.end().await;
}
