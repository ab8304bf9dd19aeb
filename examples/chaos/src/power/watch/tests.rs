//! What is made of calls, and that nothing which is not understood is passed over.

use super::super::history::Disk;
use super::super::tree::Tree;
use super::{arguments, watch};
use crate::strace::parse;

const OPEN: &str = r#"openat(AT_FDCWD</>, "/d/f", O_RDWR|O_CLOEXEC) = 7</d/f>"#;

fn start() -> Tree {
    let file = ("f".to_owned(), Some(b"0123456789"[..].into()));
    Tree::from([file, ("sub".to_owned(), None)])
}

/// What is there after these calls.
fn end(lines: &[&str]) -> Result<Tree, String> {
    let log: String = lines.iter().map(|line| format!("7 {line}\n")).collect();
    watch(&parse(&log), "/d", &Disk::of(&start())).map(|history| history.end().tree())
}

fn file(lines: &[&str], path: &str) -> String {
    let tree = end(&[&[OPEN], lines].concat()).unwrap();
    let bytes = tree[path].as_ref().unwrap();
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn bytes_go_where_they_were_written_to() {
    for (lines, is) in [
        (&[r#"write(7</d/f>, "ab\0", 3) = 2"#][..], "ab23456789"),
        (&[r#"pwrite64(7</d/f>, "ab", 2, 9) = 2"#], "012345678ab"),
        (
            &[r#"pwrite64(7</d/f>, "\0\33", 2, 8) = 2"#],
            "01234567\0\u{1b}",
        ),
        (
            &[
                r#"lseek(7</d/f>, 0, SEEK_END) = 10"#,
                r#"write(7</d/f>, "a", 1) = 1"#,
            ],
            "0123456789a",
        ),
        (
            &[
                r#"read(7</d/f>, "0123", 4) = 4"#,
                r#"write(7</d/f>, "a", 1) = 1"#,
            ],
            "0123a56789",
        ),
        (
            &[r#"writev(7</d/f>, [{iov_base="a", iov_len=1}, {iov_base="b", iov_len=1}], 2) = 2"#],
            "ab23456789",
        ),
        (
            &[
                r#"pwritev(7</d/f>, [{iov_base="a", iov_len=1}, {iov_base="b", iov_len=1}], 2, 4) = 2"#,
            ],
            "0123ab6789",
        ),
        (&[r#"ftruncate(7</d/f>, 3) = 0"#], "012"),
        (&[r#"fallocate(7</d/f>, 0, 8, 4) = 0"#], "0123456789\0\0"),
        (
            &[r#"openat(AT_FDCWD</>, "/d/f", O_WRONLY|O_TRUNC) = 8</d/f>"#],
            "",
        ),
        (
            &[
                r#"openat(AT_FDCWD</>, "/d/f", O_WRONLY|O_APPEND) = 8</d/f>"#,
                r#"write(8</d/f>, "a", 1) = 1"#,
            ],
            "0123456789a",
        ),
        // A descriptor that was duplicated shares its position; one that was closed may be given away.
        (
            &[
                r#"fcntl(7</d/f>, F_DUPFD_CLOEXEC, 3) = 9</d/f>"#,
                r#"close(7</d/f>) = 0"#,
                r#"write(9</d/f>, "a", 1) = 1"#,
                r#"openat(AT_FDCWD</>, "/elsewhere", O_WRONLY) = 7</elsewhere>"#,
                r#"write(7</elsewhere>, "x", 1) = 1"#,
                r#"write(9</d/f>, "b", 1) = 1"#,
            ],
            "ab23456789",
        ),
        // A file keeps its descriptor when it is renamed, and when its name is gone.
        (
            &[
                r#"rename("/d/f", "/d/sub/g") = 0"#,
                r#"write(7</d/sub/g>, "a", 1) = 1"#,
                r#"openat(AT_FDCWD</>, "/d/f", O_WRONLY|O_CREAT|O_EXCL, 0666) = 8</d/f>"#,
                r#"write(8</d/f>, "n", 1) = 1"#,
                r#"unlink("/d/sub/g") = 0"#,
                r#"write(7</d/sub/g>(deleted), "x", 1) = 1"#,
            ],
            "n",
        ),
    ] {
        assert_eq!(file(lines, "f"), is, "{lines:?}");
    }
}

#[test]
fn names_are_read_from_wherever_they_are_said() {
    let tree = end(&[
        r#"openat(AT_FDCWD</>, "/d/sub", O_RDONLY|O_DIRECTORY) = 5</d/sub>"#,
        r#"mkdirat(5</d/sub>, "x", 0777) = 0"#,
        r#"linkat(AT_FDCWD</d>, "f", 5</d/sub>, "g", 0) = 0"#,
        r#"renameat2(AT_FDCWD</d>, "f", 5</d/sub>, "h", RENAME_NOREPLACE) = 0"#,
        r#"unlinkat(5</d/sub>, "g", 0) = 0"#,
        r#"mkdir("/d/y", 0777) = 0"#,
        r#"rmdir("/d/y") = 0"#,
        r#"mkdir("/elsewhere", 0777) = 0"#,
    ])
    .unwrap();
    assert_eq!(
        tree.into_keys().collect::<Vec<_>>(),
        ["sub", "sub/h", "sub/x"]
    );
}

#[test]
fn what_is_not_understood_is_not_passed_over() {
    for line in [
        r#"copy_file_range(3</e>, NULL, 7</d/f>, NULL, 9, 0) = 9"#,
        r#"sendfile(7</d/f>, 3</e>, NULL, 9) = 9"#,
        r#"pwritev2(7</d/f>, [{iov_base="a", iov_len=1}], 1, 0, RWF_DSYNC) = 1"#,
        r#"write(7</d/f>, "ab"..., 20) = 20"#,
        r#"truncate("/d/f", 1) = 0"#,
        r#"symlink("f", "/d/g") = 0"#,
        r#"ioctl(7</d/f>, FICLONE, 3) = 0"#,
        r#"fallocate(7</d/f>, FALLOC_FL_KEEP_SIZE|FALLOC_FL_PUNCH_HOLE, 0, 4) = 0"#,
        r#"mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_SHARED, 7</d/f>, 0) = 0x1000"#,
        r#"openat(AT_FDCWD</>, "/d/f", O_RDWR|O_DSYNC) = 8</d/f>"#,
        r#"openat(AT_FDCWD</>, "/d/g", O_RDWR) = 8</d/g>"#,
        r#"rename("/elsewhere", "/d/f") = 0"#,
        r#"renameat2(AT_FDCWD</d>, "f", AT_FDCWD</d>, "sub", RENAME_EXCHANGE) = 0"#,
        r#"unlink("/d/sub/../f") = 0"#,
        r#"write(8</d/f>, "a", 1) = 1"#,
        r#"pwrite64(7</d/g>, "a", 1, 0) = 1"#,
        r#"fsync(7</d/f> <unfinished ...>"#,
        r#"openat(AT_FDCWD</>, "/d/g", O_RDWR|O_CREAT <unfinished ...>"#,
        r#"sync() = 0"#,
        r#"io_uring_setup(8, {}) = 9<anon_inode:[io_uring]>"#,
        r#"vfork() = 99"#,
        r#"clone(child_stack=NULL, flags=CLONE_CHILD_CLEARTID|SIGCHLD) = 99"#,
    ] {
        assert!(end(&[OPEN, line]).is_err(), "{line}");
    }
    for line in [
        r#"mmap(NULL, 10, PROT_READ, MAP_SHARED, 7</d/f>, 0) = 0x1000"#,
        r#"mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_PRIVATE, 7</d/f>, 0) = 0x1000"#,
        r#"ioctl(7</d/f>, TCGETS, 0x7ffe) = -1 ENOTTY (Inappropriate ioctl for device)"#,
        r#"fcntl(7</d/f>, F_SETLK, {l_type=F_WRLCK, l_whence=SEEK_SET, l_start=1, l_len=1}) = 0"#,
        r#"clone3({flags=CLONE_VM|CLONE_FS|CLONE_FILES|CLONE_THREAD}, 88) = 99"#,
        r#"openat(AT_FDCWD</>, "/d/sub", O_RDONLY|O_DIRECTORY <unfinished ...>"#,
        r#"write(1<pipe:[3]>, "/d/f is here", 12) = 12"#,
        r#"copy_file_range(3</e>, NULL, 4</g>, NULL, 9, 0) = 9"#,
    ] {
        assert_eq!(end(&[OPEN, line]), Ok(start()), "{line}");
    }
}

#[test]
fn shared_memory_is_known_by_its_name() {
    let log = r#"7 openat(AT_FDCWD</>, "/d/db-shm", O_RDWR|O_CREAT, 0666) = 7</d/db-shm>
7 mmap(NULL, 10, PROT_READ|PROT_WRITE, MAP_SHARED, 7</d/db-shm>, 0) = 0x1000
"#;
    let history = watch(&parse(log), "/d", &Disk::of(&start())).unwrap();
    assert!(history.is_mapped("db-shm") && !history.is_mapped("f"));
}

#[test]
fn strace_shows_what_it_is_not_told_to_leave_out() {
    let arguments = arguments();
    let last = arguments.last().unwrap();
    for changes in [
        "write", "rename", "sync", "recvfrom", "sendto", "mmap", "lseek", "read,",
    ] {
        assert!(!last.contains(&format!("?{changes}")), "{changes}");
    }
}
