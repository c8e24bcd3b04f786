//! Stops knocking at a server that is down.

use riva_core::fault::Fault;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::time::Instant;

/// The longest time without a try.
const LONGEST: Duration = Duration::from_mins(10);

/// A circuit breaker: opens after some unavailable faults in a row; then lets one request through after a wait, which
/// doubles until that request succeeds.
pub(super) struct Breaker {
    threshold: u32,
    first_wait: Duration,
    state: Mutex<State>,
}

enum State {
    /// Requests go out; so many failed in a row.
    Closed { failed: u32 },
    /// Nothing goes out until then, then one request may try.
    Open { until: Instant, wait: Duration, last: Fault },
    /// One request tries; if nothing is heard of it until then, another may.
    Probing { until: Instant, wait: Duration, last: Fault },
}

impl Breaker {
    pub(super) fn new(threshold: u32, first_wait: Duration) -> Self {
        Self { threshold: threshold.max(1), first_wait, state: Mutex::new(State::Closed { failed: 0 }) }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether a request may be sent now; else why not.
    pub(super) fn admit(&self) -> Result<(), Fault> {
        let mut state = self.state();
        let now = Instant::now();
        match &*state {
            State::Closed { .. } => Ok(()),
            State::Open { until, wait, last } | State::Probing { until, wait, last } if now >= *until => {
                *state = State::Probing { until: now + *wait, wait: *wait, last: last.clone() };
                Ok(())
            }
            State::Open { until, last, .. } | State::Probing { until, last, .. } => {
                let left = *until - now;
                let mut fault = last.clone().retry_after(left);
                fault.detail =
                    format!("{} (not tried again yet; next try in {} s)", last.detail, left.as_secs() + 1);
                Err(fault)
            }
        }
    }

    /// The server answered.
    pub(super) fn succeeded(&self) {
        *self.state() = State::Closed { failed: 0 };
    }

    /// The server was not available.
    pub(super) fn failed(&self, fault: &Fault) {
        let mut state = self.state();
        let wait = match &mut *state {
            State::Closed { failed } => {
                *failed += 1;
                if *failed < self.threshold {
                    return;
                }
                self.first_wait
            }
            // A straggler that was sent before it opened says nothing new.
            State::Open { .. } => return,
            State::Probing { wait, .. } => (*wait * 2).min(LONGEST),
        };
        *state = State::Open { until: Instant::now() + wait, wait, last: fault.clone() };
    }
}
