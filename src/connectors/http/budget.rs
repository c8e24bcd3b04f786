//! What a connection and each of its scopes may have under way, in virtual time: never more than that, and no less while
//! somebody waits.

use super::limits::Limits;
use super::{HttpOptions, Scope};
use futures_util::FutureExt as _;
use riva_core::fault::{Fault, FaultKind};
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, advance, sleep};

fn limits(of_all: usize, of_scope: usize, rate: Option<NonZeroU32>) -> Limits {
    let mut options = HttpOptions::new("http://127.0.0.1:1/".parse().expect("an address"));
    options.max_concurrent = of_all;
    options.max_concurrent_per_scope = of_scope;
    options.rate_per_scope = rate;
    Limits::new(&options)
}

/// Requests under way now, and the most that there ever were: by scope, and of all ("all").
#[derive(Default)]
struct UnderWay(Mutex<BTreeMap<String, (usize, usize)>>);

impl UnderWay {
    fn count(&self, scope: &str, more: bool) {
        let mut counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for of in [scope, "all"] {
            let (now, most) = counts.entry(of.to_owned()).or_default();
            *now = if more { *now + 1 } else { *now - 1 };
            *most = (*most).max(*now);
        }
    }

    fn most(&self) -> BTreeMap<String, usize> {
        let counts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        counts.iter().map(|(of, (_, most))| (of.clone(), *most)).collect()
    }
}

async fn throttled(limits: &Limits, scope: &Scope) -> Option<Duration> {
    match limits.admit(scope).await {
        Ok(_) => None,
        Err(Fault { kind: FaultKind::Throttled, retry_after, .. }) => retry_after,
        Err(other) => panic!("not throttled: {other:?}"),
    }
}

#[tokio::test(start_paused = true)]
async fn never_more_is_under_way_than_may_be_and_nobody_waits_for_ever() {
    const REQUESTS: u64 = 300;
    let (of_all, of_scope) = (6, 2);
    let limits = Arc::new(limits(of_all, of_scope, None));
    let under_way = Arc::new(UnderWay::default());
    let mut tasks = JoinSet::new();
    for n in 0..REQUESTS {
        let (limits, under_way) = (Arc::clone(&limits), Arc::clone(&under_way));
        tasks.spawn(async move {
            let scope = Scope::of(format!("user{}", n % 5));
            let slot = limits.admit(&scope).await.expect("nobody asked for quiet");
            under_way.count(scope.as_str(), true);
            sleep(Duration::from_secs(1)).await;
            under_way.count(scope.as_str(), false);
            drop(slot);
        });
    }
    let begun = Instant::now();
    while let Some(done) = tasks.join_next().await {
        done.expect("it ends");
    }
    let most = under_way.most();
    assert_eq!(most.len(), 6, "{most:?}");
    for (of, most) in most {
        assert_eq!(most, if of == "all" { of_all } else { of_scope }, "{of}");
    }
    // Six at a time, a second each: no slot stood empty while somebody waited, but for the last ones of a scope.
    let seconds = begun.elapsed().as_secs();
    assert!((REQUESTS / 6..=REQUESTS / 6 + 30).contains(&seconds), "{seconds} s");
}

/// What waits for its turn was not sent when the server asked for quiet: it is not sent then.
#[tokio::test(start_paused = true)]
async fn who_waits_for_a_slot_when_the_server_asks_for_quiet_sends_nothing() {
    let limits = limits(4, 1, None);
    let (ann, bob) = (Scope::of("ann"), Scope::of("bob"));
    let slot = limits.admit(&ann).await.expect("free");
    let mut waiting = Box::pin(limits.admit(&ann));
    assert!(waiting.as_mut().now_or_never().is_none(), "the slot is taken");
    limits.block(&ann, Some(Duration::from_mins(1)));
    drop(slot);
    let refused = waiting.await.err().expect("it waited for its turn, and may not go now");
    assert_eq!((refused.kind, refused.retry_after), (FaultKind::Throttled, Some(Duration::from_mins(1))));
    assert_eq!(throttled(&limits, &bob).await, None, "bob was not meant");
    advance(Duration::from_secs(59)).await;
    assert_eq!(throttled(&limits, &ann).await, Some(Duration::from_secs(1)));
    advance(Duration::from_secs(1)).await;
    assert_eq!(throttled(&limits, &ann).await, None, "it is over");
}

#[tokio::test(start_paused = true)]
async fn without_a_hint_each_wait_is_twice_the_last_up_to_a_quarter_of_an_hour() {
    let limits = limits(4, 1, None);
    let ann = Scope::of("ann");
    for seconds in [5, 10, 20, 40, 80, 160, 320, 640, 900, 900] {
        let wait = Duration::from_secs(seconds);
        assert_eq!(limits.block(&ann, None), wait);
        assert_eq!(throttled(&limits, &ann).await, Some(wait));
        advance(wait).await;
        assert_eq!(throttled(&limits, &ann).await, None);
    }
    limits.succeeded(&ann);
    assert_eq!(limits.block(&ann, None), Duration::from_secs(5));
    // A longer wait that was asked for is not cut short by a shorter one.
    limits.block(&ann, Some(Duration::from_mins(2)));
    limits.block(&ann, Some(Duration::from_secs(1)));
    assert_eq!(throttled(&limits, &ann).await, Some(Duration::from_mins(2)));
}

#[tokio::test]
async fn a_scope_begins_no_more_requests_in_a_second_than_it_may() {
    let limits = limits(100, 100, NonZeroU32::new(3));
    let begins = |name: &str| limits.admit(&Scope::of(name)).now_or_never().is_some();
    let begun = [(); 5].map(|()| begins("ann"));
    assert_eq!(begun, [true, true, true, false, false]);
    assert!(begins("bob"), "each scope has its own rate");
}
