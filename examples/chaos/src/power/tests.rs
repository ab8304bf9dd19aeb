//! What a loss of power may leave of small histories, in full.

use std::collections::BTreeSet;

use super::fate::{Fate, Kept};
use super::history::{Deed, Disk, History};
use super::tree::Tree;
use super::watch::watch;
use crate::random::Random;
use crate::strace::parse;

/// A file in a directory that has just been made: as a program does it that takes care.
const CAREFUL: [&str; 8] = [
    r#"mkdir("/d/x", 0777) = 0"#,
    r#"openat(AT_FDCWD</>, "/d/x/f#1", O_WRONLY|O_CREAT|O_CLOEXEC, 0666) = 7</d/x/f#1>"#,
    r#"write(7</d/x/f#1>, "new", 3) = 3"#,
    r#"fsync(7</d/x/f#1>) = 0"#,
    r#"rename("/d/x/f#1", "/d/x/f") = 0"#,
    r#"openat(AT_FDCWD</>, "/d/x", O_RDONLY|O_CLOEXEC) = 8</d/x>"#,
    r#"fsync(8</d/x>) = 0"#,
    r#"close(8</d/x>) = 0"#,
];
const ABOVE: [&str; 2] = [
    r#"openat(AT_FDCWD</>, "/d", O_RDONLY|O_CLOEXEC) = 9</d>"#,
    r#"fsync(9</d>) = 0"#,
];

fn tree(files: &[(&str, &str)]) -> Tree {
    let files = files.iter();
    let named = files.map(|(path, text)| ((*path).to_owned(), Some(text.as_bytes().into())));
    named.collect()
}

/// What was done in these lines on a disk with these files.
fn history(files: &[(&str, &str)], lines: &[&str]) -> History {
    let log: String = lines.iter().map(|line| format!("7 {line}\n")).collect();
    watch(&parse(&log), "/d", &Disk::of(&tree(files))).unwrap()
}

/// Everything that may be left when the power fails before a line: `x/ x/f=new`.
fn left(history: &History, line: usize) -> BTreeSet<String> {
    let pending = history.lose_power(line);
    let mut random = Random::new(11);
    let mut left = BTreeSet::new();
    for _ in 0..3000 {
        let mut fate = Fate::draw(&mut random);
        fate.is_stale = false;
        let tree = pending.survive(&fate, &mut random);
        let shown: Vec<_> = tree
            .iter()
            .map(|(path, bytes)| match bytes {
                Some(bytes) => format!("{path}={}", String::from_utf8_lossy(bytes)),
                None => format!("{path}/"),
            })
            .collect();
        left.insert(shown.join(" "));
    }
    left
}

fn set(left: &[&str]) -> BTreeSet<String> {
    left.iter().map(|left| (*left).to_owned()).collect()
}

#[test]
fn a_file_that_was_made_with_care_is_there_whole_in_the_end() {
    let lines = [&CAREFUL[..], &ABOVE].concat();
    let history = history(&[], &lines);
    assert_eq!(left(&history, lines.len()), set(&["x/ x/f=new"]));
    // Before that its directory may be missing, with everything in it, and nothing else.
    assert_eq!(left(&history, 8), set(&["", "x/ x/f=new"]));
    // Before the directory was synced it may have its first name, or none; what is in it is there with either.
    let names = ["", "x/", "x/ x/f#1=new", "x/ x/f=new"];
    assert_eq!(left(&history, 5), set(&names));
    // Before it was synced, anything.
    assert!(left(&history, 3).contains("x/ x/f#1=\0\0\0"));
    assert!(left(&history, 3).contains("x/ x/f#1="));
    assert_eq!(
        history.end().tree(),
        history
            .lose_power(99)
            .survive(&Fate::of(Kept::Everything), &mut Random::new(1))
    );
}

#[test]
fn what_a_program_forgets_is_found_missing() {
    let lines = [&CAREFUL[..], &ABOVE].concat();
    let sound = history(&[], &lines);
    for (forgotten, is_directory, may_be) in [
        ("x/f#1", false, "x/ x/f="),
        ("x", true, "x/ x/f#1=new"),
        ("", true, ""),
    ] {
        let mut history = sound.clone();
        history.forget(|synced| synced.path == forgotten && synced.is_directory == is_directory);
        let left = left(&history, lines.len());
        assert!(left.contains(may_be), "{forgotten}: {left:?}");
    }
}

#[test]
fn a_rename_is_done_or_not() {
    let lines = [r#"rename("/d/new", "/d/f") = 0"#];
    let history = history(&[("f", "old"), ("new", "new")], &lines);
    assert_eq!(left(&history, 0), set(&["f=old new=new"]));
    assert_eq!(left(&history, 1), set(&["f=old new=new", "f=new"]));
}

#[test]
fn names_are_lost_one_by_one_and_a_later_one_not_without_an_earlier_one() {
    let lines = [
        r#"unlink("/d/a") = 0"#,
        r#"unlink("/d/b") = 0"#,
        r#"link("/d/c", "/d/a") = 0"#,
    ];
    let history = history(&[("a", "1"), ("b", "2"), ("c", "3")], &lines);
    let expected = [
        "a=1 b=2 c=3",
        "b=2 c=3",
        "a=3 b=2 c=3",
        "a=1 c=3",
        "c=3",
        "a=3 c=3",
    ];
    assert_eq!(left(&history, 3), set(&expected));
}

#[test]
fn a_directory_that_is_synced_takes_with_it_what_had_to_come_before() {
    let lines = [
        r#"rename("/d/a", "/d/x/a") = 0"#,
        r#"rename("/d/x/a", "/d/y/a") = 0"#,
        r#"unlink("/d/b") = 0"#,
        r#"openat(AT_FDCWD</>, "/d/y", O_RDONLY) = 8</d/y>"#,
        r#"fsync(8</d/y>) = 0"#,
    ];
    let start: Tree = [("x", None), ("y", None)]
        .into_iter()
        .map(|(path, none)| (path.to_owned(), none))
        .chain(tree(&[("a", "1"), ("b", "2")]))
        .collect();
    let log: String = lines.iter().map(|line| format!("7 {line}\n")).collect();
    let history = watch(&parse(&log), "/d", &Disk::of(&start)).unwrap();
    assert_eq!(left(&history, 5), set(&["b=2 x/ y/ y/a=1", "x/ y/ y/a=1"]));
}

#[test]
fn a_sync_is_of_what_had_ended_before_it_began_and_counts_from_its_end() {
    let log = r#"1 openat(AT_FDCWD</>, "/d/f", O_RDWR) = 7</d/f>
1 pwrite64(7</d/f>, "1", 1, 0) = 1
2 pwrite64(7</d/f>, "2", 1, 600 <unfinished ...>
1 fdatasync(7</d/f> <unfinished ...>
2 <... pwrite64 resumed>) = 1
1 <... fdatasync resumed>) = 0
"#;
    let file = "0".repeat(700);
    let history = watch(&parse(log), "/d", &Disk::of(&tree(&[("f", &file)]))).unwrap();
    let shown = |line: usize| -> BTreeSet<(char, char)> {
        let left = left(&history, line).into_iter();
        let ends = left.map(|left| {
            let bytes = left.as_bytes();
            (char::from(bytes[2]), char::from(bytes[602]))
        });
        ends.collect()
    };
    let all = [('0', '0'), ('0', '2'), ('1', '0'), ('1', '2')];
    // It has begun, and what ended meanwhile may be there.
    for line in [3, 4, 5] {
        assert_eq!(shown(line), BTreeSet::from(all), "{line}");
    }
    assert_eq!(shown(6), BTreeSet::from([('1', '0'), ('1', '2')]));
    assert_eq!(shown(2), BTreeSet::from([('0', '0'), ('1', '0')]));
}

#[test]
fn what_fails_does_nothing_and_is_no_sync() {
    let lines = [
        r#"openat(AT_FDCWD</>, "/d/f", O_RDWR) = 7</d/f>"#,
        r#"pwrite64(7</d/f>, "1", 1, 0) = 1"#,
        r#"fsync(7</d/f>) = -1 EIO (Input/output error)"#,
        r#"unlink("/d/f") = -1 EIO (Input/output error)"#,
    ];
    let history = history(&[("f", "0")], &lines);
    assert_eq!(left(&history, 4), set(&["f=0", "f=1"]));
    assert!(
        !history
            .events
            .iter()
            .any(|event| matches!(event.deed, Deed::Sync(..) | Deed::Name(_)))
    );
}

#[test]
fn what_a_killed_program_has_not_synced_is_seen_and_may_go_later() {
    let first = history(&[], &CAREFUL).until(6);
    let restarted = [
        r#"openat(AT_FDCWD</>, "/d/x", O_RDONLY|O_CLOEXEC) = 3</d/x>"#,
        r#"openat(AT_FDCWD</>, "/d/x/g", O_WRONLY|O_CREAT, 0666) = 4</d/x/g>"#,
        r#"fsync(3</d/x>) = 0"#,
    ];
    let log: String = restarted.iter().map(|line| format!("9 {line}\n")).collect();
    let second = watch(&parse(&log), "/d", &first.end()).unwrap();
    let both = first.then(second, 6);
    assert_eq!(both.end().tree(), {
        let mut tree = tree(&[("x/f", "new"), ("x/g", "")]);
        tree.insert("x".to_owned(), None);
        tree
    });
    // Nobody has ever synced what is above.
    assert_eq!(left(&both, 9), set(&["", "x/ x/f=new x/g="]));
    assert!(left(&both, 6).contains("x/ x/f#1=new"));
}
