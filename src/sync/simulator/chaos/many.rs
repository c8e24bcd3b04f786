//! Many seeds, and what is told of those that fail.
//!
//! `RIVA_SEEDS=20000` runs so many, `RIVA_SEEDS=5000..6000` a range, on all cores; a failing seed is printed as a short
//! script.

use super::{Script, World, check, shown, shrink};
use std::collections::BTreeSet;
use std::ops::Range;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// Failing seeds after which no more are tried.
const ENOUGH: usize = 16;

/// The log of a failing script's world.
fn story(script: &Script) -> String {
    let mut world = World::play(script);
    check(&mut world).ok();
    let journal = world.store.all_journal();
    let journal: Vec<String> =
        journal.iter().map(|j| format!("{} {} {} {} {}", j.at, j.pair, j.deed, j.rule, j.text)).collect();
    let log = world.log().join("\n");
    format!("{log}\n--- journal\n{}\n--- stand\n{}", journal.join("\n"), world.stand())
}

/// Runs scripts of seeds on all cores.
///
/// # Panics
/// One of them fails: it is printed at its smallest before.
pub(super) fn many(
    name: &str,
    seeds: Range<u64>,
    script: impl Fn(u64) -> Script + Sync,
    fails: impl Fn(&Script) -> Option<String> + Sync,
) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let (next, done) = (AtomicU64::new(seeds.start), AtomicUsize::new(0));
    let failing = Mutex::new(Vec::new());
    let begun = Instant::now();
    std::thread::scope(|scope| {
        for _ in 0..cores {
            scope.spawn(|| {
                loop {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    let mut known = failing.lock().unwrap_or_else(PoisonError::into_inner);
                    if seed >= seeds.end || known.len() >= ENOUGH {
                        return;
                    }
                    drop(known);
                    let script = script(seed);
                    if let Some(why) = fails(&script) {
                        known = failing.lock().unwrap_or_else(PoisonError::into_inner);
                        known.push((script, why));
                    }
                    done.fetch_add(1, Ordering::Relaxed);
                }
            });
        }
    });
    let (took, done) = (begun.elapsed().as_secs_f64(), done.into_inner());
    #[expect(clippy::cast_precision_loss, reason = "a rate for a person")]
    let rate = done as f64 / took;
    println!(
        "{name}: {done} seeds, each played more than once, in {took:.1} s on {cores} cores: {rate:.0} seeds a second"
    );
    let mut failing = failing.into_inner().unwrap_or_else(PoisonError::into_inner);
    failing.sort_by_key(|(script, _)| script.seed);
    for (script, why) in &failing {
        println!("seed {}: {why}", script.seed);
    }
    // One of each kind, at its smallest.
    let mut kinds = BTreeSet::new();
    failing.retain(|(_, why)| kinds.insert(why.split(':').next().unwrap_or_default().to_owned()));
    for (script, why) in &failing {
        let (small, why) = shrink(script.clone(), why.clone(), &fails);
        println!(
            "\n=== seed {}, at its smallest: {why}\n{}\n\n{}",
            script.seed,
            shown(&small),
            story(&small)
        );
    }
    assert!(failing.is_empty(), "{name}: {}", failing[0].1);
}
