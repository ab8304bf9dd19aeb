//! Starting and stopping, as an operator sees it.

use std::process::Output;

use super::program::Program;

const NONE: [&str; 0] = [];

fn data() -> tempfile::TempDir {
    tempfile::tempdir().expect("there is room for a directory")
}

async fn status(url: String) -> u16 {
    reqwest::get(url)
        .await
        .expect("the server answers")
        .status()
        .as_u16()
}

/// The one sentence of a start that was refused.
fn refusal(output: &Output, code: i32) -> String {
    let sentence = String::from_utf8(output.stderr.clone()).expect("the sentence is text");
    assert_eq!(output.status.code(), Some(code), "{sentence}");
    assert!(output.stdout.is_empty(), "{output:?}");
    assert_eq!(sentence.trim_end().lines().count(), 1, "{sentence}");
    sentence.trim_end().to_owned()
}

#[tokio::test]
async fn the_first_start_shows_the_key_once_and_serves() {
    let data = data();
    let directory = data.path().join("made/by/the/start");
    let mut program = Program::start(&directory, &NONE);
    let user = program.user();
    assert!(program.banner.contains("(new)"), "{}", program.banner);
    let line = format!(
        "    curl --user {user} -X PUT -d '{{\"origin\":\"https://example.org/image.jpg\"}}' {}/customers/1/spaces/1/images/my-new-image-id\n",
        program.url
    );
    assert!(program.banner.contains(&line), "{}", program.banner);
    for path in ["/health", "/ready", "/"] {
        assert_eq!(status(program.at(path)).await, 200, "{path}");
    }
    let (key, secret) = program.key.clone().unwrap();
    let space = reqwest::Client::new()
        .get(program.at("/customers/1/spaces/1"))
        .basic_auth(key, Some(secret.clone()));
    assert_eq!(space.send().await.unwrap().status(), 200);
    program.sigterm();
    assert_eq!(program.wait().code(), Some(0), "{}", program.stderr());
    assert!(
        !program.stderr().contains(&secret),
        "the secret is in the log"
    );
}

#[test]
fn the_second_start_keeps_the_key_and_shows_no_secret() {
    let data = data();
    let mut first = Program::start(data.path(), &NONE);
    let (_, secret) = first.key.clone().unwrap();
    first.sigterm();
    assert!(first.wait().success());
    let second = Program::start(data.path(), &NONE);
    assert!(second.key.is_none(), "{}", second.banner);
    assert!(!second.banner.contains(&secret) && !second.banner.contains("Secret:"));
    assert!(!second.banner.contains("(new)"), "{}", second.banner);
}

#[tokio::test]
async fn a_chosen_key_works_and_its_secret_is_not_shown() {
    let data = data();
    let chosen = ["--admin-key", "the-key", "--admin-secret", "canary:secret"];
    let program = Program::start(data.path(), &chosen);
    assert!(!program.banner.contains("canary"), "{}", program.banner);
    assert!(program.banner.contains("`the-key`"), "{}", program.banner);
    let customer = reqwest::Client::new()
        .get(program.at("/customers/1"))
        .basic_auth("the-key", Some("canary:secret"));
    assert_eq!(customer.send().await.unwrap().status(), 200);
    assert!(!program.stderr().contains("canary"));
    program.sigkill();

    let later = Program::start(
        data.path(),
        &["--admin-key", "another", "--admin-secret", "x"],
    );
    assert!(
        later.banner.contains("There is no key `another`"),
        "{}",
        later.banner
    );
    drop(later);
    let same = Program::start(data.path(), &chosen);
    assert!(!same.banner.contains("There is no key"), "{}", same.banner);
}

#[test]
fn a_second_process_on_the_same_data_is_refused() {
    let data = data();
    let first = Program::start(data.path(), &NONE);
    let directory = data.path().to_str().unwrap();
    let output = Program::run(&["serve", "--listen", "127.0.0.1:0", "--data-dir", directory]);
    let sentence = refusal(&output, 1);
    assert!(sentence.contains("in use by another process"), "{sentence}");
    drop(first);
}

#[test]
fn a_port_in_use_is_refused_before_anything_is_made() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let data = data();
    let directory = data.path().to_str().unwrap();
    let output = Program::run(&["serve", "--listen", &address, "--data-dir", directory]);
    let sentence = refusal(&output, 1);
    assert!(
        sentence.starts_with(&format!("dlcs: cannot listen on {address}: ")),
        "{sentence}"
    );
    assert_eq!(std::fs::read_dir(data.path()).unwrap().count(), 0);
    let later = Program::start(data.path(), &NONE);
    assert!(later.key.is_some() && later.banner.contains("(new)"));
}

#[test]
fn bad_settings_stop_the_start_with_a_sentence() {
    for (args, expected) in [
        (
            vec!["serve", "--listen", "here"],
            "dlcs: --listen cannot be `here`: write an IP address and a port, such as 127.0.0.1:8080 or [::]:80",
        ),
        (
            vec!["serve", "--log", "dlcs_core=loud"],
            "dlcs: --log cannot be `dlcs_core=loud`: write a level (error, warn, info, debug, trace) or pairs such as info,dlcs_core=debug",
        ),
        (
            vec!["serve", "--lisen", "x"],
            "dlcs: unexpected argument '--lisen' found: see `dlcs serve --help`",
        ),
        (
            vec!["server"],
            "dlcs: unrecognized subcommand 'server': see `dlcs serve --help`",
        ),
    ] {
        assert_eq!(refusal(&Program::run(&args), 2), expected);
    }
}

#[cfg(unix)]
#[test]
fn a_variable_that_is_not_text_stops_the_start_with_a_sentence() {
    use std::os::unix::ffi::OsStrExt;

    // A flag that is wrong too: whatever happens, the program must not begin to serve.
    let value = std::ffi::OsStr::from_bytes(b"info\xff");
    let output = Program::run_in(&["serve", "--listen", "here"], &[("DLCS_LOG", value)]);
    assert_eq!(
        refusal(&output, 2),
        "dlcs: DLCS_LOG is not UTF-8: write it as UTF-8 text"
    );
}

#[tokio::test]
async fn a_refused_request_is_in_the_log_under_its_instance() {
    let data = data();
    let mut program = Program::start(data.path(), &["--log", "info"]);
    let address = program.at("/customers/1/spaces?canary=1");
    let refused = reqwest::get(address).await.unwrap();
    assert_eq!(refused.status(), 401);
    let error = refused.text().await.unwrap();
    let error: serde_json::Value = serde_json::from_str(&error).unwrap();
    program.sigterm();
    assert!(program.wait().success());
    let log = program.stderr();
    let lines: Vec<_> = log
        .lines()
        .filter(|line| line.contains(error["instance"].as_str().unwrap()))
        .collect();
    let [line] = lines.as_slice() else {
        panic!("one line is about the request: {log}");
    };
    for part in [
        "INFO",
        "\"GET\"",
        "/customers/1/spaces\"",
        "401",
        "unauthorised",
    ] {
        assert!(line.contains(part), "{part}: {line}");
    }
    assert!(!log.contains("canary"), "{log}");
}

#[test]
fn help_explains_the_flags() {
    let output = Program::run(&["serve", "--help"]);
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    for flag in [
        "--listen",
        "--allow-private",
        "DLCS_ADMIN_SECRET",
        "127.0.0.1:8080",
    ] {
        assert!(help.contains(flag), "{help}");
    }
}

#[tokio::test]
async fn addresses_follow_the_public_and_the_delivery_url() {
    let data = data();
    let urls = [
        "--public-url",
        "https://api.example.org/dlcs/",
        "--delivery-url",
        "https://iiif.example.org",
    ];
    let program = Program::start(data.path(), &urls);
    assert!(
        program
            .banner
            .contains("API      https://api.example.org/dlcs/\n"),
        "{}",
        program.banner
    );
    assert!(
        program
            .banner
            .contains("IIIF     https://iiif.example.org/iiif-img/ "),
        "{}",
        program.banner
    );
    let entry = reqwest::get(program.at("/"))
        .await
        .unwrap()
        .text()
        .await
        .unwrap();
    assert!(entry.contains("https://api.example.org/dlcs"), "{entry}");
}

#[test]
fn what_a_killed_process_left_in_the_spool_is_removed() {
    let data = data();
    let spool = data.path().join("spool");
    std::fs::create_dir_all(&spool).unwrap();
    std::fs::write(spool.join("left-over"), "bytes").unwrap();
    let _program = Program::start(data.path(), &NONE);
    assert_eq!(std::fs::read_dir(&spool).unwrap().count(), 0);
}
