//! What every contract suite is made with: one test per clause, races, and the check that no clause is forgotten.

use std::future::Future;
use std::panic::resume_unwind;
use std::sync::Barrier;
use std::thread;

use tokio::runtime::{Builder, Handle};
use tokio::task::block_in_place;

/// Expands to one test per clause.
///
/// ```
/// # mod example { pub async fn adds_up(number: &u32) { assert_eq!(*number, 2) } }
/// dlcs_testkit::clause_tests! {
///     (_guard, number) = async { ((), 2) }, &number;
///     crate::example { adds_up }
/// }
/// # fn main() {}
/// ```
#[macro_export]
macro_rules! clause_tests {
    ($setup:pat = $new:expr, $argument:expr; $module:path { $($clause:ident),+ $(,)? }) => {
        $(
            #[test]
            fn $clause() {
                use $module as clauses;
                $crate::contract::run(async {
                    let $setup = $new.await;
                    clauses::$clause($argument).await;
                });
            }
        )+
    };
}

/// Runs one clause to its end, on two threads.
///
/// # Panics
/// When the clause does.
pub fn run(clause: impl Future<Output = ()>) {
    Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .expect("a runtime of two threads can be made")
        .block_on(clause);
}

/// Runs futures at once, each on a thread of its own, and returns their outcomes in order.
///
/// # Panics
/// When a future does, and outside a runtime of several threads.
pub fn race<F>(futures: impl IntoIterator<Item = F>) -> Vec<F::Output>
where
    F: Future<Output: Send> + Send,
{
    let futures: Vec<_> = futures.into_iter().collect();
    let (barrier, runtime) = (&Barrier::new(futures.len()), &Handle::current());
    let run = |future: F| {
        move || {
            barrier.wait();
            runtime.block_on(future)
        }
    };
    block_in_place(|| {
        thread::scope(|scope| {
            let threads: Vec<_> = futures
                .into_iter()
                .map(|future| scope.spawn(run(future)))
                .collect();
            threads
                .into_iter()
                .map(|thread| thread.join().unwrap_or_else(|panic| resume_unwind(panic)))
                .collect()
        })
    })
}

/// Returns the clauses of a source that a macro does not list; give the texts of the macro's own file and of the clauses' file.
#[must_use]
pub fn unlisted<'a>(listing: &str, clauses: &'a str) -> Vec<&'a str> {
    let (_, list) = listing
        .split_once("macro_rules!")
        .expect("the listing holds a macro");
    let listed: Vec<_> = list
        .split(|c: char| !(c.is_alphanumeric() || c == '_'))
        .collect();
    clauses
        .lines()
        .filter_map(|line| line.strip_prefix("pub async fn "))
        .filter_map(|rest| rest.split(['(', '<']).next())
        .filter(|clause| !listed.contains(clause))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forgotten_clauses_are_named() {
        let clauses = "pub async fn one(a: &A) {}\npub async fn two(a: &A) {}\npub async fn two_more<T>(a: &T) {}";
        let listing = "// two\nmacro_rules! contract { () => { one, two_more } }";
        assert_eq!(unlisted(listing, clauses), ["two"]);
    }

    #[test]
    fn races_return_outcomes_in_order() {
        run(async {
            assert_eq!(race((0..4).map(|n| async move { n * n })), [0, 1, 4, 9]);
        });
    }
}
