//! The table of addresses: what may be dialled, by default and in opened networks.

use std::net::IpAddr;

use dlcs_core::origin::OriginError;
use dlcs_storage::origin::guard::{
    PortRule, Refusal, check_address, check_url, is_metadata, is_public,
};
use dlcs_storage::origin::network::AllowedNetworks;
use url::Url;

/// The first, some, and the last address of every block that is not public; everything outside `2000::/3`; every way to wrap an IPv4 address.
const NOT_PUBLIC: &str = include_str!("not_public.txt");

/// The neighbours of those blocks.
const PUBLIC_V4: &str = "
    1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 126.255.255.255 128.0.0.0
    169.253.255.255 169.255.0.0 172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0
    192.88.98.255 192.88.100.0 192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255
    198.51.101.0 203.0.112.255 203.0.114.0 223.255.255.255
";

const PUBLIC_V6: &str = "
    2000::1 2001:200::1 2001:4860:4860::8888 2001:db7:ffff:: 2001:db9:: 2003:: 2600::1
    2606:4700:4700::1111 2620:fe::fe 2a00:1450:4001:81b::200e 3ffe:ffff:: 3fff:1000:: ::ffff:8.8.8.8
    ::ffff:1.1.1.1
";

/// Where clouds hand out credentials, bare and wrapped.
const METADATA: &str = include_str!("metadata.txt");

fn rows(table: &str) -> Vec<IpAddr> {
    table
        .split_whitespace()
        .map(|row| row.parse().unwrap_or_else(|_| panic!("{row}")))
        .collect()
}

fn url(text: &str) -> Url {
    Url::parse(text).unwrap_or_else(|error| panic!("{text}: {error}"))
}

#[test]
fn only_public_addresses_pass_unless_a_network_is_opened() {
    let none = AllowedNetworks::none();
    let refused = rows(NOT_PUBLIC);
    let passed = [rows(PUBLIC_V4), rows(PUBLIC_V6)].concat();
    assert!(refused.len() + passed.len() >= 120);
    for address in refused {
        assert!(!is_public(address), "{address} is not public");
        assert_eq!(
            check_address(address, PortRule::Anywhere, &none),
            Err(Refusal::NotPublic),
            "{address}"
        );
        assert_eq!(
            check_address(address, PortRule::OpenedNetworks, &AllowedNetworks::all()),
            Ok(()),
            "{address}"
        );
    }
    for address in passed {
        assert!(is_public(address), "{address} is public");
        assert_eq!(
            check_address(address, PortRule::Anywhere, &none),
            Ok(()),
            "{address}"
        );
    }
}

#[test]
fn metadata_is_refused_whatever_is_opened() {
    for address in rows(METADATA) {
        assert!(is_metadata(address), "{address}");
        let itself = AllowedNetworks::parse([address.to_string()]).unwrap();
        for allowed in [AllowedNetworks::none(), AllowedNetworks::all(), itself] {
            assert_eq!(
                check_address(address, PortRule::Anywhere, &allowed),
                Err(Refusal::Metadata),
                "{address} with `{allowed}` opened"
            );
        }
    }
    for host in [
        "metadata.google.internal",
        "METADATA.google.internal",
        "metadata.google.internal.",
        "metadata.google.internal..",
        "169.254.169.254",
        "169.254.169.254.",
        "2852039166",
        "0xa9fea9fe",
        "0251.0376.0251.0376",
        "[::ffff:169.254.169.254]",
        "[fd00:ec2::254]",
    ] {
        assert_eq!(
            check_url(
                &url(&format!("http://{host}/latest")),
                &AllowedNetworks::all()
            ),
            Err(Refusal::Metadata),
            "{host}"
        );
    }
    assert!(!is_metadata("169.254.169.253".parse().unwrap()));
}

#[test]
fn no_spelling_of_a_private_host_passes() {
    for host in [
        "127.0.0.1",
        "127.1",
        "127.0.1",
        "2130706433",
        "0x7f000001",
        "0x7f.1",
        "0x7f.0x0.0x0.0x1",
        "0177.0.0.1",
        "017700000001",
        "127.0.0.1.",
        "0",
        "0.0.0.0",
        "①②⑦.⓪.⓪.①",
        "１２７.０.０.１",
        "127。0。0。1",
        "127%2e0%2e0%2e1",
        "%31%32%37.0.0.1",
        "10.1",
        "192.168.257",
        "[::1]",
        "[0:0:0:0:0:0:0:1]",
        "[::]",
        "[::ffff:7f00:1]",
        "[::ffff:127.0.0.1]",
        "[::127.0.0.1]",
        "[64:ff9b::7f00:1]",
        "[2002:7f00:1::]",
        "[fe80::1]",
        "[fd00::1]",
    ] {
        for scheme in ["http", "https"] {
            assert_eq!(
                check_url(
                    &url(&format!("{scheme}://{host}/a.jpg")),
                    &AllowedNetworks::none()
                ),
                Err(Refusal::NotPublic),
                "{scheme}://{host}"
            );
        }
    }
    for nonsense in [
        "http://[::1%25lo]/",
        "http://[fe80::1%eth0]/",
        "http://256.0.0.1/",
        "http://1.2.3.4.5/",
    ] {
        assert!(Url::parse(nonsense).is_err(), "{nonsense}");
    }
    // The `url` crate leaves literals of other schemes alone.
    assert_eq!(
        check_url(&url("sftp://127.0.0.1./a"), &AllowedNetworks::none()),
        Err(Refusal::NotPublic)
    );
}

#[test]
fn an_opened_network_opens_itself_and_nothing_else() {
    let allowed: AllowedNetworks = "10.0.0.0/8, fd00::/8".parse().unwrap();
    for (address, open) in [
        ("10.255.0.1", true),
        ("::ffff:10.0.0.1", true),
        ("fd12::1", true),
        ("11.0.0.1", true),
        ("127.0.0.1", false),
        ("192.168.0.1", false),
        ("::10.0.0.1", false),
        ("2002:a00:1::", false),
        ("fe80::1", false),
    ] {
        let verdict = check_address(address.parse().unwrap(), PortRule::Anywhere, &allowed);
        assert_eq!(verdict.is_ok(), open, "{address}");
    }
}

#[test]
fn ports_of_other_services_are_for_opened_networks() {
    let none = AllowedNetworks::none();
    for (port, anywhere) in [
        (80, true),
        (443, true),
        (8080, true),
        (8443, true),
        (1, false),
        (22, false),
        (25, false),
        (587, false),
        (6379, false),
        (5432, false),
        (6667, false),
        (10080, false),
        (27017, false),
    ] {
        for host in ["8.8.8.8", "[2600::1]", "example.org"] {
            let there = url(&format!("http://{host}:{port}/"));
            assert_eq!(check_url(&there, &none).is_ok(), anywhere, "{there}");
        }
        let opened = "8.8.8.0/24".parse().unwrap();
        assert_eq!(
            check_url(&url(&format!("http://8.8.8.8:{port}/")), &opened),
            Ok(())
        );
        let elsewhere = check_url(&url(&format!("http://9.9.9.9:{port}/")), &opened);
        assert_eq!(elsewhere.is_ok(), anywhere);
    }
}

#[test]
fn a_refusal_says_what_can_be_done_and_no_address() {
    for (address, reason) in [
        (
            "http://10.1.2.3/",
            "it lies in a network that is not public; use a public address, or ask the operator to open the network with `allow-private`",
        ),
        (
            "http://169.254.169.254/",
            "it is a cloud metadata service, which no setting opens; use another address",
        ),
        (
            "http://8.8.8.8:22/",
            "its port belongs to another service; use another port, or ask the operator to open the network with `allow-private`, which opens every port in it",
        ),
    ] {
        let refusal = check_url(&url(address), &AllowedNetworks::none()).unwrap_err();
        let error = OriginError::from(refusal);
        assert_eq!(
            error.to_string(),
            format!("the origin address is not allowed: {reason}")
        );
        assert!(!error.is_transient());
    }
}
