//! Concurrency, rate and waiting, per scope.

use super::message::Scope;
use super::options::HttpOptions;
use governor::{DefaultKeyedRateLimiter, Quota, RateLimiter};
use riva_core::fault::{Fault, FaultKind};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How long a scope waits if the server asked to slow down without saying how long: doubled each time.
const FIRST_WAIT: Duration = Duration::from_secs(5);
/// The longest wait without a hint.
const LONGEST_WAIT: Duration = Duration::from_mins(15);
/// Idle scopes are forgotten when there are more than this.
const MANY_SCOPES: usize = 4096;

/// Keeps requests within the bounds of their scope.
pub(super) struct Limits {
    all: Arc<Semaphore>,
    per_scope: usize,
    rate: Option<DefaultKeyedRateLimiter<String>>,
    scopes: Mutex<HashMap<String, ScopeState>>,
}

struct ScopeState {
    slots: Arc<Semaphore>,
    blocked_until: Option<Instant>,
    strikes: u32,
}

/// A request's right to be under way; given back when dropped.
pub(super) struct Slot {
    _all: OwnedSemaphorePermit,
    _scope: OwnedSemaphorePermit,
}

impl Limits {
    pub(super) fn new(options: &HttpOptions) -> Self {
        Self {
            all: Arc::new(Semaphore::new(options.max_concurrent.clamp(1, Semaphore::MAX_PERMITS))),
            per_scope: options.max_concurrent_per_scope.clamp(1, Semaphore::MAX_PERMITS),
            rate: options.rate_per_scope.map(|n| RateLimiter::keyed(Quota::per_second(n))),
            scopes: Mutex::default(),
        }
    }

    fn scopes(&self) -> MutexGuard<'_, HashMap<String, ScopeState>> {
        self.scopes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<R>(&self, scope: &Scope, f: impl FnOnce(&mut ScopeState) -> R) -> R {
        let mut scopes = self.scopes();
        if scopes.len() > MANY_SCOPES {
            let now = Instant::now();
            let per_scope = self.per_scope;
            scopes.retain(|_, s| {
                s.blocked_until.is_some_and(|t| t > now) || s.slots.available_permits() < per_scope
            });
        }
        f(scopes.entry(scope.as_str().to_owned()).or_insert_with(|| ScopeState {
            slots: Arc::new(Semaphore::new(self.per_scope)),
            blocked_until: None,
            strikes: 0,
        }))
    }

    /// Waits for a slot; refuses while the server's wish to be left alone lasts.
    pub(super) async fn admit(&self, scope: &Scope) -> Result<Slot, Fault> {
        self.refuse_while_blocked(scope)?;
        // The scope's slot first: whoever waits for a busy mailbox must not keep others from the connection. The
        // connection's own requests have no bound but the connection's.
        let slots = if scope.as_str().is_empty() {
            Arc::new(Semaphore::new(1))
        } else {
            self.with(scope, |s| s.slots.clone())
        };
        let closed = |_| Fault::new(FaultKind::SystemNotAvailable, "the connection is being closed");
        let slot = slots.acquire_owned().await.map_err(closed)?;
        let all = self.all.clone().acquire_owned().await.map_err(closed)?;
        if let Some(rate) = &self.rate {
            rate.until_key_ready(&scope.as_str().to_owned()).await;
            if rate.len() > MANY_SCOPES {
                rate.retain_recent();
            }
        }
        // Things may have changed while we waited.
        self.refuse_while_blocked(scope)?;
        Ok(Slot { _all: all, _scope: slot })
    }

    fn refuse_while_blocked(&self, scope: &Scope) -> Result<(), Fault> {
        let now = Instant::now();
        let scopes = self.scopes();
        let until = |name: &str| scopes.get(name).and_then(|s| s.blocked_until).filter(|t| *t > now);
        let Some(until) = until(scope.as_str()).max(until(Scope::connection().as_str())) else {
            return Ok(());
        };
        let left = until - now;
        let whom = if scope.as_str().is_empty() { "this connection" } else { scope.as_str() };
        Err(Fault::new(
            FaultKind::Throttled,
            format!("the system asked to slow down; next request in {} s, for {whom}", left.as_secs() + 1),
        )
        .retry_after(left))
    }

    /// The server asked to be left alone: for as long as it says, or longer each time. Says how long.
    pub(super) fn block(&self, scope: &Scope, hint: Option<Duration>) -> Duration {
        self.with(scope, |s| {
            s.strikes = s.strikes.saturating_add(1);
            let usual = FIRST_WAIT.saturating_mul(1 << (s.strikes - 1).min(10)).min(LONGEST_WAIT);
            let wait = hint.unwrap_or(usual);
            let until = Instant::now() + wait;
            s.blocked_until = Some(s.blocked_until.map_or(until, |t| t.max(until)));
            wait
        })
    }

    /// The server answered as it should.
    pub(super) fn succeeded(&self, scope: &Scope) {
        if let Some(state) = self.scopes().get_mut(scope.as_str()) {
            state.strikes = 0;
        }
    }
}
