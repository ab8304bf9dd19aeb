//! Rows that are read again and again, kept in memory.
//!
//! A row is forgotten before its change is committed, and is not kept again until the change is over: so a reader that finds it here has
//! found what the database says. A reader that looked before the change keeps nothing after it.
//!
//! That holds for changes that are made here. Where others write, too, a row counts only for a time after it was asked for.

use std::collections::HashMap;
use std::fmt;
use std::future::Future;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use dlcs_core::customer::Customer;
use dlcs_core::id::ImageId;
use dlcs_core::image::Image;
use dlcs_core::origin::OriginPattern;
use quick_cache::Weighter;
use quick_cache::sync::Cache;

use crate::lock::Lock;

/// The most bytes of images that are kept: some ten thousand.
const IMAGE_BYTES: u64 = 32 << 20;
/// The most bytes of customers that are kept.
const CUSTOMER_BYTES: u64 = 1 << 20;

/// The most patterns that are kept; each may take a few megabytes.
const PATTERNS: usize = 128;

/// What readers keep and the writer takes away.
#[derive(Debug)]
pub(super) struct Caches {
    pub(super) images: RowCache<ImageId, Arc<Image>>,
    /// By name, in lower case.
    pub(super) customers: RowCache<String, Customer>,
    /// Compiled; a pattern is what its text says, and never stale.
    pub(super) patterns: Cache<String, OriginPattern>,
}

impl Caches {
    /// Caches for the only writer there is.
    #[cfg(feature = "catalogue-sqlite")]
    pub(super) fn new() -> Self {
        Self::with_age(None)
    }

    /// Caches whose rows others may change: none counts for longer than this after it was asked for.
    #[cfg(feature = "catalogue-postgres")]
    pub(super) fn for_at_most(age: Duration) -> Self {
        Self::with_age(Some(age))
    }

    fn with_age(age: Option<Duration>) -> Self {
        Self {
            images: RowCache::new(IMAGE_BYTES, age),
            customers: RowCache::new(CUSTOMER_BYTES, age),
            patterns: Cache::new(PATTERNS),
        }
    }
}

/// Says how much memory a row takes.
pub(super) trait Weigh {
    /// An estimate in bytes.
    fn weight(&self) -> usize;
}

/// Rows of one table, by their keys.
pub(super) struct RowCache<K, V> {
    rows: Cache<K, Kept<V>, RowWeight>,
    /// For how long a row counts; without it, until it changes.
    age: Option<Duration>,
    /// The keys of rows that transactions change which are being committed, and how many of them: nobody can tell what they are.
    in_doubt: Lock<HashMap<K, usize>>,
}

#[derive(Clone)]
struct Kept<V> {
    row: V,
    /// The database said so at this time, or later.
    asked: Instant,
}

impl<K, V> RowCache<K, V>
where
    K: Clone + Eq + Hash + Send + Sync,
    V: Clone + Weigh + Send + Sync,
{
    fn new(bytes: u64, age: Option<Duration>) -> Self {
        Self {
            // A row is some 2 KiB; the weight is what bounds the cache.
            rows: Cache::with_weighter((bytes >> 11) as usize, bytes, RowWeight),
            age,
            in_doubt: Lock::default(),
        }
    }

    /// Returns a row, reading it when it is not here; what is not there is not kept.
    ///
    /// A row that is here is returned at once. Those who miss the same row at the same time wait for one of them to read it.
    pub(super) async fn get_or_read<E>(
        &self,
        key: &K,
        read: impl Future<Output = Result<Option<V>, E>> + Send,
    ) -> Result<Option<V>, E> {
        if let Some(kept) = self.rows.get(key) {
            if self.counts(&kept) {
                return Ok(Some(kept.row));
            }
            // At worst this forgets what somebody has just read.
            self.rows.remove(key);
        }
        if self.in_doubt.lock().contains_key(key) {
            return read.await;
        }
        match self.rows.get_value_or_guard_async(key).await {
            Ok(kept) if self.counts(&kept) => Ok(Some(kept.row)),
            Ok(_) => read.await,
            Err(place) => {
                let asked = Instant::now();
                let found = read.await?;
                if let Some(row) = &found {
                    let in_doubt = self.in_doubt.lock();
                    if !in_doubt.contains_key(key) {
                        let row = row.clone();
                        // The place is taken away when the row is changed meanwhile: then this does nothing.
                        let _ = place.insert(Kept { row, asked });
                    }
                }
                Ok(found)
            }
        }
    }

    fn counts(&self, kept: &Kept<V>) -> bool {
        self.age.is_none_or(|age| kept.asked.elapsed() <= age)
    }

    /// Forgets rows whose change is about to be committed, and keeps none of them until [`settle`](Self::settle).
    pub(super) fn doubt(&self, keys: &[K]) {
        if keys.is_empty() {
            return;
        }
        let mut in_doubt = self.in_doubt.lock();
        for key in keys {
            *in_doubt.entry(key.clone()).or_default() += 1;
        }
        drop(in_doubt);
        self.forget(keys);
    }

    /// Ends the doubt, whichever way the commit has ended.
    pub(super) fn settle(&self, keys: &[K]) {
        if keys.is_empty() {
            return;
        }
        // Also the places of those who began to read before the commit was over.
        self.forget(keys);
        let mut in_doubt = self.in_doubt.lock();
        for key in keys {
            if let Some(changes) = in_doubt.get_mut(key) {
                *changes -= 1;
                if *changes == 0 {
                    in_doubt.remove(key);
                }
            }
        }
    }

    fn forget(&self, keys: &[K]) {
        for key in keys {
            self.rows.remove(key);
        }
    }
}

impl<K, V> fmt::Debug for RowCache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("RowCache(..)")
    }
}

#[derive(Debug, Clone, Copy)]
struct RowWeight;

impl<K, V: Weigh> Weighter<K, Kept<V>> for RowWeight {
    fn weight(&self, _key: &K, kept: &Kept<V>) -> u64 {
        kept.row.weight() as u64
    }
}

impl<V: Weigh> Weigh for Arc<V> {
    fn weight(&self) -> usize {
        V::weight(self)
    }
}

impl Weigh for Image {
    fn weight(&self) -> usize {
        self.memory()
    }
}

impl Weigh for Customer {
    fn weight(&self) -> usize {
        size_of::<Self>() + 2 * self.name.as_str().len() + self.display_name.len() + 128
    }
}

#[cfg(test)]
mod tests {
    use std::convert::Infallible;
    use std::future::{Ready, ready};
    use std::sync::atomic::{AtomicU32, Ordering};

    use shuttle::future::block_on;
    use shuttle::thread::spawn;
    use tokio::sync::oneshot;

    use crate::lock::explored::{all_orders, others_may_go_first, some_orders};

    use super::*;

    impl Weigh for u32 {
        fn weight(&self) -> usize {
            4
        }
    }

    const KEYS: [&str; 1] = ["a"];

    fn cache() -> RowCache<&'static str, u32> {
        RowCache::new(1 << 20, None)
    }

    /// What the database says.
    fn says(row: Option<u32>) -> Ready<Result<Option<u32>, Infallible>> {
        ready(Ok(row))
    }

    async fn read(cache: &RowCache<&'static str, u32>, row: u32) -> u32 {
        let Ok(read) = cache.get_or_read(&"a", says(Some(row))).await;
        read.unwrap()
    }

    #[tokio::test]
    async fn what_was_read_once_is_not_read_again() {
        let cache = cache();
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 1);
        let Ok(other) = cache.get_or_read(&"b", says(None)).await;
        assert_eq!(other, None, "what is not there is not kept");
        let Ok(other) = cache.get_or_read(&"b", says(Some(3))).await;
        assert_eq!(other, Some(3));
    }

    #[tokio::test]
    async fn a_row_that_others_may_change_counts_for_its_time_only() {
        let cache = RowCache::new(1 << 20, Some(Duration::ZERO));
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 2, "its time is over at once");
        let cache = RowCache::new(1 << 20, Some(Duration::from_secs(3600)));
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 1);
    }

    #[tokio::test]
    async fn nothing_is_kept_of_a_row_in_doubt() {
        let cache = cache();
        assert_eq!(read(&cache, 1).await, 1);
        cache.doubt(&KEYS);
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 2);
        cache.settle(&KEYS);
        assert_eq!(read(&cache, 3).await, 3);
        assert_eq!(read(&cache, 4).await, 3);
    }

    #[tokio::test]
    async fn a_row_is_in_doubt_until_its_last_change_is_over() {
        let cache = cache();
        cache.doubt(&KEYS);
        cache.doubt(&KEYS);
        cache.settle(&KEYS);
        assert_eq!(read(&cache, 1).await, 1);
        assert_eq!(read(&cache, 2).await, 2);
        cache.settle(&KEYS);
        assert_eq!(read(&cache, 3).await, 3);
        assert_eq!(read(&cache, 4).await, 3);
    }

    /// What the next read gives when one that had begun `before` the given step sees the old row and ends after the commit.
    async fn after_a_slow_read(begins_in_doubt: bool) -> u32 {
        let cache = cache();
        let (seen, old) = oneshot::channel::<u32>();
        let slow = cache.get_or_read(&"a", async { Ok::<_, Infallible>(old.await.ok()) });
        let mut slow = std::pin::pin!(slow);
        if begins_in_doubt {
            cache.doubt(&KEYS);
            assert!(futures_util::poll!(&mut slow).is_pending());
        } else {
            assert!(futures_util::poll!(&mut slow).is_pending());
            cache.doubt(&KEYS);
        }
        cache.settle(&KEYS);
        seen.send(1).unwrap();
        assert_eq!(slow.await, Ok(Some(1)));
        read(&cache, 2).await
    }

    #[tokio::test]
    async fn a_reader_that_looked_before_the_change_keeps_nothing_after_it() {
        for begins_in_doubt in [false, true] {
            assert_eq!(
                after_a_slow_read(begins_in_doubt).await,
                2,
                "{begins_in_doubt}"
            );
        }
    }

    #[tokio::test]
    async fn a_reader_that_goes_away_does_not_hold_up_the_others() {
        let cache = cache();
        let never = std::future::pending::<Result<Option<u32>, Infallible>>();
        let mut first = Box::pin(cache.get_or_read(&"a", never));
        assert!(futures_util::poll!(&mut first).is_pending());
        let mut second = Box::pin(cache.get_or_read(&"a", says(Some(2))));
        assert!(futures_util::poll!(&mut second).is_pending());
        drop(first);
        assert_eq!(second.await, Ok(Some(2)));
    }

    /// A row, and the cache before it.
    struct Table {
        row: AtomicU32,
        /// The last change that is over.
        over: AtomicU32,
        cache: RowCache<&'static str, u32>,
    }

    impl Table {
        fn new() -> Arc<Self> {
            Arc::new(Self {
                row: AtomicU32::new(0),
                over: AtomicU32::new(0),
                cache: cache(),
            })
        }

        /// Reads, and is not told what was so before a change that was over by then.
        fn read(&self) {
            let over = self.over.load(Ordering::SeqCst);
            let Ok(read) = block_on(self.cache.get_or_read(&"a", async {
                others_may_go_first();
                let row = self.row.load(Ordering::SeqCst);
                others_may_go_first();
                Ok::<_, Infallible>(Some(row))
            }));
            let read = read.unwrap();
            assert!(read >= over, "read {read} after {over}");
        }

        fn change(&self, to: u32) {
            self.cache.doubt(&KEYS);
            others_may_go_first();
            self.row.fetch_max(to, Ordering::SeqCst);
            others_may_go_first();
            self.cache.settle(&KEYS);
            self.over.fetch_max(to, Ordering::SeqCst);
        }
    }

    #[test]
    fn nobody_is_told_what_was_so_before_a_change_in_whatever_order_that_is_done() {
        let orders = all_orders(|| {
            let table = Table::new();
            let reader = spawn({
                let table = Arc::clone(&table);
                move || table.read()
            });
            table.change(1);
            table.read();
            reader.join().unwrap();
        });
        assert!(orders > 1000, "{orders}");
        some_orders(5000, || {
            let table = Table::new();
            let threads = [1, 2].map(|to| {
                let (reader, writer) = (Arc::clone(&table), Arc::clone(&table));
                let reader = spawn(move || reader.read());
                let writer = spawn(move || {
                    writer.change(to);
                    writer.read();
                });
                [reader, writer]
            });
            for thread in threads.into_iter().flatten() {
                thread.join().unwrap();
            }
            table.read();
            assert!(table.cache.in_doubt.lock().is_empty());
        });
    }

    #[tokio::test]
    async fn the_cache_is_bounded() {
        let cache = RowCache::<u32, u32>::new(4000, None);
        for key in 0..100_000 {
            let read = cache.get_or_read(&key, says(Some(key))).await;
            assert_eq!(read, Ok(Some(key)));
        }
        assert!(cache.rows.weight() <= 4000, "{}", cache.rows.weight());
    }
}
