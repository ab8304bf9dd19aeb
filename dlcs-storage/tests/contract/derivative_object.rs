//! Derivatives in an object store: the contract on local files and in memory, and what only files have.
#![expect(clippy::unwrap_used, reason = "a test stops at what goes wrong")]

mod in_memory {
    use std::sync::Arc;

    use dlcs_storage::derivative::object::ObjectDerivatives;
    use object_store::memory::InMemory;

    async fn new() -> ((), ObjectDerivatives) {
        ((), ObjectDerivatives::new(Arc::new(InMemory::new())))
    }

    dlcs_testkit::derivative_contract!(new());
}

mod local {
    use std::fs;
    use std::path::{Path, PathBuf};
    use std::process::Command;
    use std::time::{Duration, Instant};

    use bytes::Bytes;
    use dlcs_core::derivative::{DerivativeError, DerivativeKey, DerivativeStore, UploadId};
    use dlcs_core::queue::{Generation, LeaseToken};
    use dlcs_storage::derivative::object::{ObjectDerivatives, ObjectDerivativesConfig};
    use futures_util::{StreamExt, stream};
    use tempfile::TempDir;

    async fn new() -> (TempDir, ObjectDerivatives) {
        let directory = tempfile::tempdir().unwrap();
        let store = ObjectDerivatives::local(&directory.path().join("deep/derivatives")).unwrap();
        (directory, store)
    }

    dlcs_testkit::derivative_contract!(new());

    fn files(directory: &Path) -> Vec<PathBuf> {
        let entries = fs::read_dir(directory)
            .unwrap()
            .map(|entry| entry.unwrap().path());
        entries
            .flat_map(|path| {
                if path.is_dir() {
                    files(&path)
                } else {
                    vec![path]
                }
            })
            .collect()
    }

    #[tokio::test]
    async fn unknown_files_are_not_listed() {
        let (directory, store) = new().await;
        let root = directory.path().join("deep/derivatives");
        let key = DerivativeKey::Upload(UploadId::assign());
        let body = || stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
        store.put(&key, body()).await.unwrap();
        let stale = format!("{key}#1");
        for name in [
            "README",
            "uploads/not-an-id",
            "uploads/.hidden",
            stale.as_str(),
        ] {
            fs::write(root.join(name), "x").unwrap();
        }
        assert_eq!(store.list().await.unwrap(), std::slice::from_ref(&key));
        // What a killed process left beside an object is not in the way of the next one.
        store.put(&key, body()).await.unwrap();
    }

    #[tokio::test]
    async fn failed_and_dropped_puts_leave_no_file() {
        let (directory, store) = new().await;
        let key = DerivativeKey::Upload(UploadId::assign());
        let chunks = || stream::iter((0..20).map(|_| Ok(Bytes::from(vec![7; 1 << 20]))));
        let error = || DerivativeError::Body {
            source: "broken".into(),
        };
        let failed = store.put(
            &key,
            chunks()
                .chain(stream::once(async move { Err(error()) }))
                .boxed(),
        );
        assert!(matches!(failed.await, Err(DerivativeError::Body { .. })));
        assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
        let gate = dlcs_testkit::Gate::new();
        let waiting = gate.clone();
        let endless = chunks().chain(stream::once(async move {
            waiting.pass().await;
            Err(error())
        }));
        tokio::select! {
            put = store.put(&key, endless.boxed()) => panic!("{put:?}"),
            () = gate.reached() => {}
        }
        // Another thread removes the file.
        let limit = Instant::now() + Duration::from_secs(10);
        while !files(directory.path()).is_empty() && Instant::now() < limit {
            std::thread::yield_now();
        }
        assert_eq!(files(directory.path()), Vec::<PathBuf>::new());
    }

    const HALF_PUT: &str = "DLCS_TEST_HALF_PUT";

    /// Has another process, which is killed half-way, put a large object.
    fn put_half(root: &Path, test: &str, key: &DerivativeKey) {
        let module = module_path!().split_once("::").unwrap().1;
        let killed = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", &format!("{module}::{test}")])
            .env(HALF_PUT, format!("{key} {}", root.display()))
            .output()
            .unwrap();
        let staged = root.join(format!("{key}#1"));
        assert!(staged.is_file(), "{killed:?}");
    }

    /// What that process does.
    async fn be_killed(task: &str) {
        let (key, root) = task.split_once(' ').unwrap();
        let store = ObjectDerivatives::local(Path::new(root)).unwrap();
        let chunks = stream::iter((0..20).map(|_| Ok(Bytes::from(vec![7; 1 << 20]))));
        let killed = stream::once(async { std::process::abort() });
        let key = key.parse().unwrap();
        let put = store.put(&key, chunks.chain(killed).boxed()).await;
        panic!("{put:?}");
    }

    fn wait_until_gone(path: &Path) {
        let limit = Instant::now() + Duration::from_secs(10);
        while path.try_exists().unwrap() && Instant::now() < limit {
            std::thread::yield_now();
        }
        assert!(!path.try_exists().unwrap(), "{} stays", path.display());
    }

    #[tokio::test]
    async fn what_a_killed_put_left_is_removed_by_the_next_start() {
        if let Ok(task) = std::env::var(HALF_PUT) {
            be_killed(&task).await;
        }
        let test = "what_a_killed_put_left_is_removed_by_the_next_start";
        let directory = tempfile::tempdir().unwrap();
        let upload = DerivativeKey::Upload(UploadId::assign());
        let image = "1/2/x".parse().unwrap();
        let pyramid = DerivativeKey::pyramid(&image, Generation::new(3), LeaseToken::new(44));
        let root = directory.path();
        put_half(root, test, &upload);
        put_half(root, test, &pyramid);
        let store = ObjectDerivatives::local(root).unwrap();
        for key in [upload, pyramid] {
            wait_until_gone(&root.join(format!("{key}#1")));
            let body = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
            store.put(&key, body).await.unwrap();
        }
        assert_eq!(store.list().await.unwrap().len(), 2);
    }

    #[tokio::test]
    async fn a_deleted_object_takes_what_was_staged_for_it_along() {
        let (directory, store) = new().await;
        let root = directory.path().join("deep/derivatives");
        let (key, other) = (UploadId::assign(), UploadId::assign());
        let body = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
        let object = DerivativeKey::Upload(key);
        store.put(&object, body).await.unwrap();
        for name in [
            format!("{key}#1"),
            format!("{key}#3"),
            format!("{key}#x"),
            format!("{other}"),
        ] {
            fs::write(root.join("uploads").join(name), "x").unwrap();
        }
        store.delete(&object).await.unwrap();
        let mut left: Vec<_> = files(&root)
            .iter()
            .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
            .collect();
        left.sort();
        let mut expected = vec![format!("{key}#x"), other.to_string()];
        expected.sort();
        assert_eq!(left, expected);
    }

    #[tokio::test]
    async fn a_put_in_work_keeps_what_it_has_staged() {
        let (directory, store) = new().await;
        let key = DerivativeKey::Upload(UploadId::assign());
        let chunks = || stream::iter((0..20).map(|_| Ok(Bytes::from(vec![7; 1 << 20]))));
        let gate = dlcs_testkit::Gate::new();
        let waiting = gate.clone();
        let slow = chunks().chain(stream::once(async move {
            waiting.pass().await;
            Ok(Bytes::from_static(b"end"))
        }));
        let others = async {
            gate.reached().await;
            store.delete(&key).await.unwrap();
            assert_eq!(files(directory.path()).len(), 1);
            gate.open();
        };
        let (put, ()) = tokio::join!(store.put(&key, slow.boxed()), others);
        assert_eq!(put.unwrap(), (20 << 20) + 3);
    }

    #[tokio::test]
    async fn objects_are_where_their_key_says() {
        let (directory, store) = new().await;
        let key = DerivativeKey::Upload(UploadId::assign());
        let body = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
        store.put(&key, body).await.unwrap();
        let path = directory.path().join("deep/derivatives").join(key.path());
        assert_eq!(fs::read(path).unwrap(), b"x");
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn links_pipes_and_directories_are_no_objects() {
        let (directory, store) = new().await;
        let secret = directory.path().join("secret");
        fs::write(&secret, "secret").unwrap();
        type Make<'a> = &'a dyn Fn(&Path);
        let makers: [(&str, Make<'_>); 4] = [
            ("link", &|place| {
                std::os::unix::fs::symlink(&secret, place).unwrap();
            }),
            ("broken link", &|place| {
                std::os::unix::fs::symlink("nowhere", place).unwrap();
            }),
            ("pipe", &|place| {
                let made = Command::new("mkfifo").arg(place).status();
                assert!(made.unwrap().success());
            }),
            ("directory", &|place| fs::create_dir(place).unwrap()),
        ];
        for (kind, make) in makers {
            let key = DerivativeKey::Upload(UploadId::assign());
            let place = directory.path().join("deep/derivatives").join(key.path());
            fs::create_dir_all(place.parent().unwrap()).unwrap();
            make(&place);
            let limit = Duration::from_secs(10);
            let read = tokio::time::timeout(limit, store.get_range(&key, 0..3)).await;
            assert!(
                matches!(read, Ok(Err(DerivativeError::Backend { .. }))),
                "{kind}: {read:?}"
            );
            let length = tokio::time::timeout(limit, store.length(&key)).await;
            assert!(
                matches!(length, Ok(Err(DerivativeError::Backend { .. }))),
                "{kind}: {length:?}"
            );
        }
    }

    #[tokio::test]
    async fn deleted_and_replaced_objects_are_not_read_from_files_that_were_open() {
        let (_directory, store) = new().await;
        let key = DerivativeKey::Upload(UploadId::assign());
        let body = |text: &'static str| stream::iter([Ok(Bytes::from_static(text.as_bytes()))]);
        store.put(&key, body("first").boxed()).await.unwrap();
        assert_eq!(store.get_range(&key, 0..9).await.unwrap(), "first");
        store.put(&key, body("the other").boxed()).await.unwrap();
        assert_eq!(store.get_range(&key, 0..9).await.unwrap(), "the other");
        store.delete(&key).await.unwrap();
        let read = store.get_range(&key, 0..9).await;
        assert!(
            matches!(read, Err(DerivativeError::NotFound { .. })),
            "{read:?}"
        );
        let length = store.length(&key).await;
        assert!(
            matches!(length, Err(DerivativeError::NotFound { .. })),
            "{length:?}"
        );
    }

    #[tokio::test]
    async fn ranges_longer_than_what_is_copied_at_once_are_read_whole() {
        let (_directory, store) = new().await;
        let key = DerivativeKey::Upload(UploadId::assign());
        let bytes: Bytes = (0..3_000_000_u32).map(|n| (n % 251) as u8).collect();
        let body = stream::iter([Ok(bytes.clone())]).boxed();
        store.put(&key, body).await.unwrap();
        for (start, end) in [
            (0, 3_000_000),
            (1, 262_145),
            (1, 262_146),
            (17, 17 + 65_536),
        ] {
            let read = store.get_range(&key, start..end).await.unwrap();
            assert_eq!(
                read,
                bytes.slice(start as usize..end as usize),
                "{start}..{end}"
            );
        }
    }

    /// How many files below a directory this process has open.
    #[cfg(target_os = "linux")]
    fn open_below(directory: &Path) -> usize {
        let descriptors = fs::read_dir("/proc/self/fd").unwrap();
        let places = descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok());
        places.filter(|place| place.starts_with(directory)).count()
    }

    #[cfg(target_os = "linux")]
    #[tokio::test]
    async fn files_stay_open_up_to_a_bound() {
        let directory = tempfile::tempdir().unwrap();
        let root = directory.path().canonicalize().unwrap();
        let config = ObjectDerivativesConfig::local(&root).with_open_files(8);
        let store = ObjectDerivatives::open(&config).unwrap();
        for number in 0..100 {
            let key = DerivativeKey::Upload(UploadId::assign());
            let body = stream::iter([Ok(Bytes::from_static(b"x"))]).boxed();
            store.put(&key, body).await.unwrap();
            assert_eq!(store.get_range(&key, 0..1).await.unwrap(), "x");
            let open = open_below(&root);
            assert!((1..=8).contains(&open), "{open} are open after {number}");
            if number % 2 == 0 {
                store.delete(&key).await.unwrap();
            }
        }
        drop(store);
        assert_eq!(open_below(&root), 0);
    }

    #[test]
    fn a_place_that_is_no_directory_is_refused_with_a_sentence() {
        let file = tempfile::NamedTempFile::new().unwrap();
        let error = ObjectDerivatives::local(file.path())
            .unwrap_err()
            .to_string();
        let sentence = "cannot hold derivatives: name a directory that this user may write to";
        assert!(error.ends_with(sentence), "{error}");
    }
}
