//! How often authentication has failed from an address: who guesses secrets has to wait.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::peer::network;

/// So many failures of one address are answered as such within a window; those after them have to wait until it is over.
const MOST: u32 = 100;
const WINDOW: Duration = Duration::from_secs(60);
/// So many addresses are remembered. Where there are more, those are forgotten whose windows are over, else those that need not wait, and else all.
const ADDRESSES: usize = 10_000;

/// What has failed lately, by address.
#[derive(Debug, Clone, Default)]
pub(crate) struct Failures(Arc<Mutex<HashMap<IpAddr, Window>>>);

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Instant,
    count: u32,
}

impl Failures {
    /// How long an address has to wait before it is listened to; `None` when it need not.
    pub(crate) fn wait(&self, address: IpAddr, now: Instant) -> Option<Duration> {
        let windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let window = windows.get(&network(address))?;
        let left = WINDOW.checked_sub(now.saturating_duration_since(window.begun))?;
        (window.count >= MOST && !left.is_zero()).then_some(left)
    }

    /// Counts one more.
    pub(crate) fn count(&self, address: IpAddr, now: Instant) {
        let is_over = |window: &Window| now.saturating_duration_since(window.begun) >= WINDOW;
        let mut windows = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if windows.len() >= ADDRESSES {
            windows.retain(|_, window| !is_over(window));
            if windows.len() >= ADDRESSES {
                // Who has to wait, waits on.
                windows.retain(|_, window| window.count >= MOST);
            }
            if windows.len() >= ADDRESSES {
                windows.clear();
            }
        }
        let new = Window {
            begun: now,
            count: 0,
        };
        let window = windows.entry(network(address)).or_insert(new);
        if is_over(window) {
            *window = new;
        }
        window.count = window.count.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn who_fails_too_often_waits_until_the_window_is_over_and_nobody_else_does() {
        let (failures, begun) = (Failures::default(), Instant::now());
        let later = |seconds| begun + Duration::from_secs(seconds);
        let guesser = address("192.0.2.1");
        for _ in 0..MOST {
            assert_eq!(failures.wait(guesser, begun), None);
            failures.count(guesser, begun);
        }
        assert_eq!(
            failures.wait(guesser, later(20)),
            Some(Duration::from_secs(40))
        );
        assert_eq!(failures.wait(address("192.0.2.2"), later(20)), None);
        assert_eq!(failures.wait(guesser, later(60)), None);
        // The next window begins with its first failure.
        failures.count(guesser, later(70));
        assert_eq!(failures.wait(guesser, later(71)), None);
    }

    #[test]
    fn addresses_of_one_subscriber_count_as_one() {
        let (failures, now) = (Failures::default(), Instant::now());
        for host in 0..MOST {
            failures.count(address(&format!("2001:db8:1:2::{host:x}")), now);
        }
        assert!(failures.wait(address("2001:db8:1:2:ffff::"), now).is_some());
        assert!(failures.wait(address("2001:db8:1:3::1"), now).is_none());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let (failures, now) = (Failures::default(), Instant::now());
        for number in 0..3 * ADDRESSES as u32 {
            failures.count(IpAddr::V4(number.into()), now);
        }
        assert!(failures.0.lock().unwrap().len() <= ADDRESSES);
    }
}
