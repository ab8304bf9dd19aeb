use dlcs_core::CustomerId;

use super::*;
use crate::command::command;

fn read(flags: &[&str], variables: &[(&str, &str)]) -> Result<Config, Stop> {
    let arguments = ["dlcs", "serve"].iter().chain(flags);
    let matches = command().try_get_matches_from(arguments).unwrap();
    let (_, serve) = matches.subcommand().unwrap();
    Config::read(serve, |name| {
        let found = variables.iter().find(|(variable, _)| *variable == name);
        found.map(|(_, value)| (*value).into())
    })
}

fn sentence(flags: &[&str], variables: &[(&str, &str)]) -> String {
    let stop = read(flags, variables).unwrap_err();
    assert!(matches!(stop, Stop::Usage(_)), "{stop}");
    stop.to_string()
}

/// A file of settings and its path, for as long as the directory is held.
fn file(text: &str) -> (tempfile::TempDir, String) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("dlcs.toml");
    std::fs::write(&path, text).unwrap();
    (directory, path.to_str().unwrap().to_owned())
}

#[test]
fn everything_has_a_default() {
    let config = read(&[], &[]).unwrap();
    assert_eq!(config.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(config.data_dir, Path::new("./dlcs-data"));
    assert_eq!((config.workers, config.max_batch_size), (4, 1000));
    assert_eq!(config.per_host, 3, "one worker is left to other hosts");
    assert_eq!(config.lease.as_secs(), 60);
    assert!(config.database.is_none());
    let all = Roles::parse("api,delivery,worker").unwrap();
    assert_eq!(config.roles, all);
    assert!(config.public_url.is_none() && config.delivery_url.is_none());
    assert!(config.first_key.is_none() && config.file.is_none());
    assert!(config.store.is_none());
    assert!(config.allowed.is_none() && config.grants.is_none());
    assert!(config.authorities.is_empty());
    assert!(config.sealing_key.is_none() && config.old_sealing_key.is_none());
    assert_eq!(
        (config.max_body_size, config.max_upload_size),
        (64 << 20, 1 << 30)
    );
    assert_eq!(config.connections_per_address, 200);
    assert!(config.known_hosts.is_none());
    assert!(config.webhooks.is_none());
    assert_eq!(config.limits, Limits::default());
    assert_eq!(config.formats, FormatSet::ALL);
    assert_eq!(config.max_side, 65_500);
    assert_eq!(config.max_pixels, 2_000_000_000);
    assert_eq!(config.cache_size, 128 << 20);
    assert_eq!(config.decode_budget, 2 << 30);
}

#[test]
fn an_operator_limits_what_is_served_and_what_is_taken() {
    let (_directory, path) = file("max-width = 4000\nmax-area = \"12MP\"\n");
    let config = read(
        &[
            "--config",
            &path,
            "--max-height",
            "3000",
            "--formats",
            "png, jpg,webp",
        ],
        &[
            ("DLCS_MAX_SIDE", "40000"),
            ("DLCS_MAX_PIXELS", "400MP"),
            ("DLCS_CACHE_SIZE", "1GiB"),
            ("DLCS_DECODE_BUDGET", "500 MB"),
        ],
    )
    .unwrap();
    let expected = Limits {
        max_width: Some(4000),
        max_height: Some(3000),
        max_area: Some(12_000_000),
    };
    assert_eq!(config.limits, expected);
    let formats = FormatSet::of(&[Format::Jpg, Format::Png, Format::Webp]);
    assert_eq!(config.formats, formats);
    assert_eq!((config.max_side, config.max_pixels), (40_000, 400_000_000));
    assert_eq!(config.cache_size, 1 << 30);
    assert_eq!(config.decode_budget, 500_000_000);
}

#[test]
fn limits_that_cannot_be_are_refused_with_advice() {
    for (flags, part) in [
        (["--max-width", "0"], "from 1 to 65500"),
        (["--max-width", "70000"], "from 1 to 65500"),
        (["--max-area", "0"], "above 0"),
        (["--max-area", "50MB"], "MP for millions"),
        (["--max-pixels", "all"], "above 0"),
        (["--cache-size", "a lot"], "kB, MB, GB"),
        (["--decode-budget", "1.5GB"], "whole number of bytes"),
        (["--formats", "jpg,png,bmp"], "jpg, png, webp"),
        (["--formats", "jpg"], "add jpg and png"),
        (["--max-height", "100"], "without --max-width"),
    ] {
        let sentence = sentence(&flags, &[]);
        assert!(sentence.contains(part), "{flags:?}: {sentence}");
        assert!(sentence.contains(flags[0]), "{flags:?}: {sentence}");
    }
}

#[test]
fn flags_win_over_the_environment_over_the_file_over_the_default() {
    let (_directory, path) = file("workers = 5\nmax-batch-size = 50\nlisten = \"127.0.0.1:5\"\n");
    let config = read(
        &["--config", &path, "--workers", "7"],
        &[("DLCS_WORKERS", "6"), ("DLCS_LISTEN", "127.0.0.1:6")],
    )
    .unwrap();
    assert_eq!(config.workers, 7);
    assert_eq!(config.listen.port(), 6);
    assert_eq!(config.max_batch_size, 50);
    assert_eq!(config.data_dir, Path::new("./dlcs-data"));
    assert_eq!(config.file.unwrap().to_str(), Some(path.as_str()));
}

#[test]
fn a_flag_with_the_default_value_still_wins() {
    let config = read(&["--workers", "2"], &[("DLCS_WORKERS", "6")]).unwrap();
    assert_eq!(config.workers, 2);
}

#[test]
fn the_environment_names_the_file_too() {
    let (_directory, path) = file("workers = 5");
    assert_eq!(read(&[], &[("DLCS_CONFIG", &path)]).unwrap().workers, 5);
}

#[test]
fn an_empty_variable_counts_as_unset() {
    assert_eq!(read(&[], &[("DLCS_WORKERS", "")]).unwrap().workers, 4);
}

#[test]
fn every_setting_can_stand_in_the_file() {
    let (_directory, path) = file(
        r#"
        listen = "[::1]:0"
        data_dir = "/tmp/x"
        store-url = "s3://bucket/prefix?region=eu-west-1"
        public-url = "https://api.example.org/dlcs"
        delivery-url = "https://iiif.example.org"
        admin-key = "key"
        admin-secret = "secret"
        allow-private = ["10.0.0.0/8", "2=fd00::/8"]
        grant-bucket = ["1=masters", "2=others"]
        allow-file-origin = ["/", "/tmp"]
        known-hosts = "/tmp/known_hosts"
        webhook = ["1=https://example.org/a?token=canary", "2=http://10.0.0.1/b"]
        webhook-secret = "canary: sixteen bytes or more"
        workers = 0
        lease = 5
        max-batch-size = "10"
        max-width = 1000
        max_height = 900
        max-area = "1MP"
        max-pixels = 1000000
        formats = "jpg,png"
        cache-size = 0
        decode-budget = "1GiB"
        log = "info,dlcs_core=debug"
        "#,
    );
    let config = read(&["--config", &path], &[]).unwrap();
    assert!(!format!("{config:?}").contains("canary"));
    assert_eq!(config.allowed.to_string(), "10.0.0.0/8, 2=fd00::/8");
    assert_eq!(config.lease.as_secs(), 5);
    assert_eq!(config.store.unwrap().to_string(), "s3://bucket/prefix");
    assert!(config.grants.allow(CustomerId::FIRST, "masters"));
    assert!(!config.grants.allow(CustomerId::FIRST, "others"));
    assert_eq!(
        config.known_hosts.as_deref(),
        Some(Path::new("/tmp/known_hosts"))
    );
    let webhooks = config.webhooks.unwrap();
    let told = webhooks.targets.of(CustomerId::FIRST).map(Url::as_str);
    assert_eq!(told, Some("https://example.org/a?token=canary"));
    assert_eq!(webhooks.public_url.as_str(), "https://api.example.org/dlcs");
    assert_eq!(config.first_key.unwrap().secret.expose(), "secret");
    assert_eq!((config.workers, config.max_batch_size), (0, 10));
    assert_eq!(config.limits.max_area, Some(1_000_000));
    assert_eq!((config.max_pixels, config.cache_size), (1_000_000, 0));
    assert_eq!(
        config.delivery_url.unwrap().as_str(),
        "https://iiif.example.org/"
    );
}

#[test]
fn networks_add_up_and_may_share_a_variable() {
    let flags = [
        "--allow-private",
        "10.0.0.0/8",
        "--allow-private",
        "192.168.0.0/16",
    ];
    assert_eq!(
        read(&flags, &[]).unwrap().allowed.to_string(),
        "10.0.0.0/8, 192.168.0.0/16"
    );
    let variable = [("DLCS_ALLOW_PRIVATE", "10.0.0.0/8, all")];
    assert_eq!(read(&[], &variable).unwrap().allowed.to_string(), "all");
}

#[test]
fn bad_values_are_refused_with_the_flag_the_value_and_what_to_do() {
    for (flag, value, expected) in [
        (
            "--listen",
            "8080",
            "--listen cannot be `8080`: write an IP address and a port, such as 127.0.0.1:8080 or [::]:80",
        ),
        (
            "--workers",
            "-1",
            "--workers cannot be `-1`: write a whole number from 0 to 256",
        ),
        (
            "--workers",
            "many",
            "--workers cannot be `many`: write a whole number from 0 to 256",
        ),
        (
            "--lease",
            "0",
            "--lease cannot be `0`: write a whole number from 1 to 3600",
        ),
        (
            "--max-batch-size",
            "0",
            "--max-batch-size cannot be `0`: write a whole number from 1 to 100000",
        ),
        (
            "--public-url",
            "dlcs.example.org",
            "--public-url cannot be `dlcs.example.org`: write an http or https URL such as https://dlcs.example.org",
        ),
        (
            "--public-url",
            "ftp://x/",
            "--public-url cannot be `ftp://x/`: write an http or https URL such as https://dlcs.example.org",
        ),
        (
            "--public-url",
            "http://u:canary@x",
            "--public-url cannot be `http://***@x`: leave out the user and the password",
        ),
        (
            "--delivery-url",
            "http://u:can/ary@x:y@z/",
            "--delivery-url cannot be `http://***@z/`: write an http or https URL such as https://dlcs.example.org",
        ),
        (
            "--store-url",
            "/srv/canary",
            "--store-url cannot be used: write it as s3://BUCKET/PREFIX, and where the service is not AWS its address after that, as in s3://BUCKET/PREFIX?endpoint=http://127.0.0.1:9000&region=us-east-1",
        ),
        (
            "--store-url",
            "s3://id:canary@bucket",
            "--store-url cannot be used: leave out the user and the password: credentials come from AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY",
        ),
        (
            "--store-url",
            "s3://bucket?endpoint=minio:9000",
            "--store-url cannot be used: `endpoint` is no http or https address without user and query: write one such as http://127.0.0.1:9000",
        ),
        (
            "--delivery-url",
            "https://x/?a",
            "--delivery-url cannot be `https://x/?a`: leave out the query and the fragment",
        ),
        (
            "--log",
            "dlcs_core=loud",
            "--log cannot be `dlcs_core=loud`: write a level (error, warn, info, debug, trace) or pairs such as info,dlcs_core=debug",
        ),
        (
            "--data-dir",
            "",
            "--data-dir is empty: give it a value or leave it out",
        ),
        (
            "--allow-private",
            "localhost",
            "--allow-private cannot be used: `localhost` is not a network: write one as 10.0.0.0/8 or fd00::/8, or `all`",
        ),
        (
            "--allow-private",
            "me=10.0.0.0/8",
            "--allow-private cannot be used: `me=10.0.0.0/8` names no customer: write one as 2=10.0.0.0/8",
        ),
        (
            "--grant-bucket",
            "masters",
            "--grant-bucket cannot be used: `masters` is no grant: write a customer and a bucket as 2=masters",
        ),
        (
            "--grant-bucket",
            "1=a/b",
            "--grant-bucket cannot be used: `a/b` is not the name of a bucket",
        ),
        (
            "--origin-ca",
            "/nowhere/ca.pem",
            "--origin-ca cannot be `/nowhere/ca.pem`: give the path of a file that can be read (No such file or directory (os error 2))",
        ),
        (
            "--origin-ca",
            "/dev/null",
            "--origin-ca cannot be `/dev/null`: holds no certificate: give a PEM file with at least one `BEGIN CERTIFICATE`",
        ),
        (
            "--allow-file-origin",
            "/nonexistent/masters",
            "--allow-file-origin cannot be `/nonexistent/masters`: No such file or directory (os error 2); name a directory that is there",
        ),
        (
            "--allow-file-origin",
            "/dev/null",
            "--allow-file-origin cannot be `/dev/null`: not a directory; name a directory that is there",
        ),
        (
            "--known-hosts",
            "",
            "--known-hosts is empty: give it a value or leave it out",
        ),
        (
            "--webhook",
            "https://example.org/?canary",
            "--webhook cannot be used: number 1 is no webhook: write a customer and a URL as 2=https://example.org/batches, and a comma in a URL as %2C",
        ),
        (
            "--webhook",
            "1=https://example.org/",
            "--webhook is given without --webhook-secret: give that too, because notices are signed",
        ),
        (
            "--webhook-secret",
            "0123456789abcdef",
            "--webhook-secret is given without --webhook: give both or neither",
        ),
        (
            "--webhook-secret",
            "canary",
            "--webhook-secret cannot be used: use 16 to 1024 bytes without control characters, such as `openssl rand -hex 32` makes",
        ),
        (
            "--admin-key",
            "k",
            "--admin-key is given without --admin-secret: give both or neither",
        ),
        (
            "--admin-secret",
            "s",
            "--admin-secret is given without --admin-key: give both or neither",
        ),
        (
            "--admin-key",
            "a:b",
            "--admin-key cannot be `a:b`: use up to 128 ASCII letters, digits and signs, without `:` and spaces",
        ),
    ] {
        assert_eq!(sentence(&[&format!("{flag}={value}")], &[]), expected);
    }
}

#[test]
fn notices_are_signed_and_link_to_the_public_url() {
    let flags = ["--webhook", "1=https://a.example/,2=https://b.example/"];
    let secret = ("DLCS_WEBHOOK_SECRET", "0123456789abcdef");
    assert_eq!(
        sentence(&flags, &[secret]),
        "--webhook is given without --public-url: give that too, because the links in notices need it"
    );
    let url = ("DLCS_PUBLIC_URL", "https://api.example.org");
    let webhooks = read(&flags, &[secret, url]).unwrap().webhooks.unwrap();
    assert_eq!(webhooks.secret.expose(), "0123456789abcdef");
    let second = CustomerId::new(2).unwrap();
    let told = webhooks.targets.of(second).map(Url::as_str);
    assert_eq!(told, Some("https://b.example/"));
}

#[test]
fn a_bad_variable_is_named_as_one() {
    let variable = [("DLCS_WORKERS", "x")];
    assert_eq!(
        sentence(&[], &variable),
        "DLCS_WORKERS cannot be `x`: write a whole number from 0 to 256"
    );
}

#[test]
fn a_bad_secret_is_not_shown() {
    let stop = sentence(&["--admin-key", "k", "--admin-secret", "canary\u{1}"], &[]);
    assert!(!stop.contains("canary"), "{stop}");
    let config = read(&["--admin-key", "k", "--admin-secret", "canary"], &[]).unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}

#[test]
fn bad_files_are_refused_with_the_line_and_the_nearest_key() {
    for (text, expected) in [
        (
            "workers = 1\n\nlisten-on = \"x\"",
            "line 3 of `FILE` has the unknown key `listen-on`: did you mean `listen`?",
        ),
        (
            "[server]\nworkers = 1",
            "line 1 of `FILE` has the unknown key `server`: did you mean `workers`?",
        ),
        (
            "config = \"x\"",
            "line 1 of `FILE` has the unknown key `config`: did you mean `log`?",
        ),
        (
            "workers = 1.5",
            "`workers` in line 1 of `FILE` cannot be of type float: write a text or a whole number",
        ),
        (
            "allow-private = [1]",
            "`allow-private` in line 1 of `FILE` cannot be of type array: write a text, or an array of texts",
        ),
        (
            "\nworkers = -1",
            "`workers` in line 2 of `FILE` cannot be `-1`: write a whole number from 0 to 256",
        ),
    ] {
        let (_directory, path) = file(text);
        assert_eq!(
            sentence(&["--config", &path], &[]).replace(&path, "FILE"),
            expected
        );
    }
}

#[test]
fn what_is_not_toml_and_what_is_not_there_are_refused() {
    let (_directory, path) = file("workers = 1\nlisten : x\n");
    let stop = sentence(&["--config", &path], &[]).replace(&path, "FILE");
    assert!(stop.starts_with("line 2 of `FILE` is not TOML: "), "{stop}");
    let stop = sentence(&["--config", "/nowhere/dlcs.toml"], &[]);
    assert!(
        stop.starts_with("--config cannot read `/nowhere/dlcs.toml`: "),
        "{stop}"
    );
}

#[test]
fn a_host_gets_three_quarters_of_the_workers_and_at_most_eight() {
    for (workers, per_host) in [(0, 1), (1, 1), (2, 2), (4, 3), (8, 6), (256, 8)] {
        let config = read(&["--workers", &workers.to_string()], &[]).unwrap();
        assert_eq!(config.per_host, per_host, "{workers}");
    }
    let config = read(&["--per-host", "20"], &[]).unwrap();
    assert_eq!(config.per_host, 20);
}

#[test]
fn a_database_is_never_shown() {
    let refused = read(
        &["--database-url", "mysql://anna:canary@db.example/dlcs"],
        &[],
    )
    .unwrap_err();
    let sentence = refused.to_string();
    assert!(
        sentence.contains("--database-url cannot be used"),
        "{sentence}"
    );
    assert!(!sentence.contains("canary"), "{sentence}");
    let config = read(
        &["--database-url", "postgres://anna:canary@db.example/dlcs"],
        &[],
    )
    .unwrap();
    assert!(!format!("{config:?}").contains("canary"));
}
