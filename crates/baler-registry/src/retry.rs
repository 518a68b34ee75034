//! When a request is made again, and how long is waited before.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// How often something idempotent is tried, with which pauses.
#[derive(Clone, Debug)]
pub struct RetryPolicy {
    /// All tries together; at least one.
    pub tries: u32,
    /// The pause before the second try; it doubles from there.
    pub first_pause: Duration,
    /// Of these, how often somebody is waited for who does not answer: each time is long enough.
    pub silent_tries: u32,
    /// No pause is longer. A registry that asks for more is not waited for.
    pub longest_pause: Duration,
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self {
            tries: 5,
            silent_tries: 3,
            first_pause: Duration::from_millis(200),
            longest_pause: Duration::from_secs(30),
        }
    }
}

impl RetryPolicy {
    /// How long to wait after try number `tried` (from 1), or `None` if it was the last. Half of each pause is by chance,
    /// so that many clients of one registry do not come back together.
    pub fn pause(&self, tried: u32, retry_after: Option<Duration>) -> Option<Duration> {
        if tried >= self.tries {
            return None;
        }
        if let Some(asked) = retry_after {
            return (asked <= self.longest_pause).then_some(asked);
        }
        let doubled = self.first_pause.saturating_mul(1 << (tried - 1).min(16)).min(self.longest_pause);
        let chance = RandomState::new().hash_one(tried) % 1024;
        Some(doubled / 2 + doubled.mul_f64(chance_share(chance)))
    }
}

/// 0 to just under a half.
#[expect(clippy::cast_precision_loss, reason = "the number is below 1024")]
fn chance_share(chance: u64) -> f64 {
    chance as f64 / 2048.0
}

/// Statuses after which an idempotent request is made again.
pub(crate) fn is_passing(status: u16) -> bool {
    matches!(status, 408 | 429 | 500 | 502 | 503 | 504)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        let policy = RetryPolicy::default();
        for (tried, most) in [(1, 200), (2, 400), (3, 800), (4, 1600)] {
            let pause = policy.pause(tried, None).unwrap();
            assert!(pause >= Duration::from_millis(most / 2) && pause <= Duration::from_millis(most), "{pause:?}");
        }
        assert_eq!(policy.pause(5, None), None);
        assert_eq!(policy.pause(1, Some(Duration::from_secs(3))), Some(Duration::from_secs(3)));
        assert_eq!(policy.pause(1, Some(Duration::from_hours(1))), None);
    }
}
