//! An image over which the program dies, each time: it is set apart, given up when the program has died over it alone, and takes nothing else
//! with it.

use std::time::{Duration, Instant};

use dlcs_testkit::Gate;
use dlcs_testkit::program::say;
use dlcs_testkit::server::{HttpServer, Reply};

use crate::api::{Api, asked, members, until};
use crate::database::Database;
use crate::photograph::tiny;
use crate::program::Program;

const PATIENCE: Duration = Duration::from_secs(120);
/// In company, after which it is set apart.
const TOGETHER: usize = 2;
/// Alone, after which it is given up.
const ALONE: usize = 3;
const INNOCENT: usize = 20;

/// Lets the program die whenever it has begun with the poison, until the batch has finished.
async fn dies_over_an_image(flags: &[String]) {
    let (origin, never) = (HttpServer::start().await, Gate::new());
    let sound = Reply::bytes(tiny(1).file);
    let held = sound.clone().gated(never.clone());
    let poison = origin.route("/poison.jpg", held.clone());
    // This one is in work both times when the poison is among others: what is blamed on both is not its fault.
    let replies = [held.clone(), held, sound.clone()];
    let companion = origin.route_in_turn("/companion.jpg", replies);
    let mut images = vec![
        ("poison".to_owned(), poison.to_string()),
        ("companion".to_owned(), companion.to_string()),
    ];
    images.extend(members(&origin, "innocent", INNOCENT, &sound));

    let (api, data) = (Api::new(), tempfile::tempdir().unwrap());
    let mut program = Program::start(data.path(), flags);
    let batch = api.submit(&program, "/customers/1/queue", &images).await;
    let (mut deaths, begun) = (0, Instant::now());
    loop {
        let has_begun = || asked(&origin, "/poison").len() > deaths;
        if deaths < TOGETHER {
            let both = || has_begun() && asked(&origin, "/companion").len() > deaths;
            until("both are in work", both).await;
        }
        let has_finished = loop {
            if has_begun() {
                break false;
            }
            if api.get(&program, &batch).await.get("finished").is_some() {
                break true;
            }
            assert!(begun.elapsed() < PATIENCE, "after {deaths} deaths");
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        if has_finished {
            break;
        }
        program.sigkill();
        deaths += 1;
        assert!(deaths <= TOGETHER + ALONE, "it is never given up");
        program = Program::start(data.path(), flags);
    }
    say(&format!(
        "given up after {deaths} deaths, in {:.1?}",
        begun.elapsed()
    ));
    assert_eq!(deaths, TOGETHER + ALONE, "only crashes alone condemn");
    let images = INNOCENT as u64 + 1;
    assert_eq!(api.finished(&program, &batch).await, (images, 1));
    let image = api
        .get(&program, "/customers/1/spaces/1/images/poison")
        .await;
    let error = image["error"].as_str().unwrap();
    assert!(
        error.contains("three times while it did nothing else"),
        "{error}"
    );
    // And it comes back when somebody says so.
    let again = origin.serve("/mended.jpg", tiny(1).file);
    let put = api
        .put(&program, "poison", again.as_str())
        .send()
        .await
        .unwrap();
    assert!(put.status().is_success(), "{}", put.status());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_over_which_the_program_dies_is_given_up_and_no_other() {
    dies_over_an_image(&Api::flags(&["--workers", "4"])).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_image_over_which_a_node_dies_is_given_up_and_no_other() {
    let test = "an_image_over_which_a_node_dies_is_given_up_and_no_other";
    let Some(database) = Database::new(test).await else {
        return;
    };
    let url = database.url();
    dies_over_an_image(&Api::flags(&["--workers", "4", "--database-url", &url])).await;
    database.drop().await;
}
