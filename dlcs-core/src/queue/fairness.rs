//! Who comes next: customers by the time of workers that they have had.
//!
//! This is start-time fair queueing (Goyal, Vin, Cheng: "Start-time fair queuing", 1996) with the time of workers as the cost. A claim charges
//! what images of the customer typically cost, because nobody knows what this one will; its end puts that right.

use std::time::Duration;

/// What is charged for an image of a customer of whom nothing is known, in microseconds.
const FIRST_GUESS: i64 = 1_000_000;
/// The least that is charged, in microseconds: what costs nothing would never end its turn.
const LEAST: i64 = 1_000;
/// One part in so many is what an image adds to what is typical.
const INERTIA: i64 = 8;

/// What one customer has had in one lane: the lowest `served` comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// The customer's virtual time, in microseconds of a worker.
    pub served: i64,
    /// What an image of this customer typically costs, in microseconds of a worker.
    pub typical: i64,
}

impl Default for Share {
    fn default() -> Self {
        Self {
            served: 0,
            typical: FIRST_GUESS,
        }
    }
}

impl Share {
    /// Has something in the lane again after having had nothing: who was idle has saved nothing up.
    ///
    /// `floor` is what the customer had had whose turn came last in the lane. Immediate registrations take no turns: they do not raise it.
    pub fn wake(&mut self, floor: i64) {
        self.served = self.served.max(floor);
    }

    /// An image is claimed: returns what is charged for it.
    pub fn start(&mut self) -> i64 {
        let charge = self.typical.max(LEAST);
        self.served = self.served.saturating_add(charge);
        charge
    }

    /// A claimed image has ended, after so long: what was charged is put right.
    pub fn end(&mut self, charged: i64, took: Duration) {
        let real = i64::try_from(took.as_micros())
            .unwrap_or(i64::MAX)
            .max(LEAST);
        self.served = self.served.saturating_add(real.saturating_sub(charged));
        self.typical = self
            .typical
            .saturating_add((real.saturating_sub(self.typical)) / INERTIA);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Lets two customers have work all the time, whose images cost so many milliseconds; returns what each has had after so many claims.
    fn run(costs: [u64; 2], claims: usize) -> [u64; 2] {
        let mut shares = [Share::default(); 2];
        let mut had = [0; 2];
        for _ in 0..claims {
            let next = usize::from(shares[1].served < shares[0].served);
            let charged = shares[next].start();
            shares[next].end(charged, Duration::from_millis(costs[next]));
            had[next] += costs[next];
        }
        had
    }

    #[test]
    fn customers_share_time_and_not_images() {
        let [slow, quick] = run([1000, 20], 5000);
        let part = slow as f64 / (slow + quick) as f64;
        assert!((0.45..0.55).contains(&part), "{slow} {quick}");
    }

    #[test]
    fn who_was_idle_comes_next_and_has_saved_nothing_up() {
        let mut busy = Share::default();
        let mut floor = 0;
        for _ in 0..100 {
            floor = busy.served;
            let charged = busy.start();
            busy.end(charged, Duration::from_secs(1));
        }
        let mut idle = Share::default();
        idle.wake(floor);
        assert!(idle.served < busy.served, "comes next");
        idle.start();
        idle.start();
        assert!(idle.served > busy.served, "and not for ever");
    }

    #[test]
    fn several_claims_at_once_are_charged_before_they_end() {
        let mut share = Share::default();
        let first = share.start();
        share.start();
        assert_eq!(share.served, 2 * first);
        share.end(first, Duration::from_millis(500));
        assert_eq!(share.served, first + 500_000);
    }

    #[test]
    fn nothing_overflows() {
        let mut share = Share {
            served: i64::MAX - 5,
            typical: i64::MAX,
        };
        let charged = share.start();
        share.end(charged, Duration::MAX);
        share.wake(i64::MIN);
        assert!(share.served > 0);
    }
}
