//! Locks that are held for a moment, never while something is waited for.

use std::sync::{Mutex, MutexGuard, PoisonError};

/// A lock under which nothing is ever left half done: a panic of one who held it is of no concern to the others.
///
/// In unit tests every order in which threads come by it can be explored.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[cfg(not(test))]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.guard()
    }

    #[cfg(test)]
    pub(crate) fn lock(&self) -> Guard<'_, T> {
        explored::others_may_go_first();
        Guard::new(self.guard())
    }

    pub(crate) fn into_inner(self) -> T {
        self.0.into_inner().unwrap_or_else(PoisonError::into_inner)
    }

    fn guard(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What is under a lock, while it is held.
#[cfg(not(test))]
pub(crate) type Guard<'l, T> = MutexGuard<'l, T>;
#[cfg(test)]
pub(crate) use explored::Guard;

/// The orders in which threads can come by locks, tried one after another by `shuttle`.
///
/// Its threads take turns on one, and change places before a lock is taken, after it is given back, and wherever a test says so.
#[cfg(test)]
pub(crate) mod explored {
    use std::cell::Cell;
    use std::future::poll_fn;
    use std::ops::{Deref, DerefMut};
    use std::pin::pin;
    use std::sync::MutexGuard;
    use std::task::Poll;

    use shuttle::rand::{Rng, thread_rng};
    use shuttle::scheduler::{DfsScheduler, RandomScheduler};
    use shuttle::{Config, Runner};

    thread_local! {
        static EXPLORES: Cell<bool> = const { Cell::new(false) };
    }

    /// Every order there is; returns how many.
    pub(crate) fn all_orders(test: impl Fn() + Send + Sync + 'static) -> usize {
        let runner = Runner::new(DfsScheduler::new(None, false), config());
        explore(|| runner.run(test))
    }

    /// So many orders by chance, the same ones each time.
    pub(crate) fn some_orders(most: usize, test: impl Fn() + Send + Sync + 'static) {
        let runner = Runner::new(RandomScheduler::new_from_seed(1, most), config());
        explore(|| runner.run(test));
    }

    fn config() -> Config {
        let mut config = Config::new();
        config.stack_size = 1 << 20;
        config
    }

    fn explore<T>(run: impl FnOnce() -> T) -> T {
        EXPLORES.set(true);
        let outcome = run();
        EXPLORES.set(false);
        outcome
    }

    /// Another thread may go on here.
    pub(crate) fn others_may_go_first() {
        if EXPLORES.get() && !std::thread::panicking() {
            shuttle::thread::yield_now();
        }
    }

    /// What a future gives; one that half of the time is given up after some looks at it.
    pub(crate) async fn unless_given_up<T>(future: impl Future<Output = T>) -> Option<T> {
        let looks = thread_rng().gen_range(0..8_usize);
        let mut looks = (looks < 4).then_some(looks);
        let mut future = pin!(future);
        poll_fn(|context| match &mut looks {
            Some(0) => Poll::Ready(None),
            looks => {
                if let Some(looks) = looks {
                    *looks -= 1;
                    context.waker().wake_by_ref();
                }
                future.as_mut().poll(context).map(Some)
            }
        })
        .await
    }

    /// What a lock gives, and a change of places after it.
    pub(crate) struct Guard<'l, T> {
        guard: MutexGuard<'l, T>,
        _given_back: GivenBack,
    }

    impl<'l, T> Guard<'l, T> {
        pub(super) fn new(guard: MutexGuard<'l, T>) -> Self {
            Self {
                guard,
                _given_back: GivenBack,
            }
        }
    }

    impl<T> Deref for Guard<'_, T> {
        type Target = T;

        fn deref(&self) -> &T {
            &self.guard
        }
    }

    impl<T> DerefMut for Guard<'_, T> {
        fn deref_mut(&mut self) -> &mut T {
            &mut self.guard
        }
    }

    /// Dropped after the guard.
    struct GivenBack;

    impl Drop for GivenBack {
        fn drop(&mut self) {
            others_may_go_first();
        }
    }
}
