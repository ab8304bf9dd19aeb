//! Large results are made on threads that let others go first, so that tiles flow meanwhile.

/// How nice such a thread is: it gets about a tenth of a processor that others want too, and all of one that nobody wants.
#[cfg(target_os = "linux")]
const NICENESS: i32 = 10;

/// Does work on a thread of its own, which lets others go first.
///
/// A thread may become nicer and, without rights, never less so again: those of the blocking pool must stay as they are.
pub(super) fn behind_others<T: Send>(work: impl FnOnce() -> T + Send) -> T {
    let done = std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            step_back();
            work()
        });
        thread.join()
    });
    done.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

/// Lets other threads go before this one from now on.
#[cfg(target_os = "linux")]
pub(crate) fn step_back() {
    // Linux gives every thread a niceness of its own. Without it the work is only less polite.
    let _ = rustix::process::setpriority_process(Some(rustix::thread::gettid()), NICENESS);
}

/// Lets other threads go before this one from now on, where the system knows how.
#[cfg(not(target_os = "linux"))]
pub(crate) fn step_back() {}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    fn niceness() -> i32 {
        rustix::process::getpriority_process(Some(rustix::thread::gettid()))
            .expect("every thread has a niceness")
    }

    #[test]
    fn work_is_done_politely_and_nothing_else_is() {
        let before = niceness();
        assert_eq!(behind_others(niceness), NICENESS.max(before));
        assert_eq!(niceness(), before);
    }
}
