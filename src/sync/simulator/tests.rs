//! Seeds.

use super::seeds::seeds;
use super::{Faults, Knobs, World, check};
use riva_core::rows::PairState;

fn knobs(seed: u64) -> Knobs {
    let faults = Faults {
        lost_answer: 6,
        unavailable: 4,
        not_now: 4,
        token_churn: 10,
        meddled: 8,
        cursor_lost: 3,
        ..Faults::NONE
    };
    Knobs {
        crm_without_tombstones: seed.is_multiple_of(3),
        mail_can_tag: !seed.is_multiple_of(2),
        faults: if seed.is_multiple_of(5) { Faults::NONE } else { faults },
        kills: !seed.is_multiple_of(7),
        ..Knobs::CALM
    }
}

/// Answers how many creates are still in doubt at the end.
fn run(seed: u64, knobs: Knobs) -> Result<usize, String> {
    let mut world = World::new(seed, knobs);
    for _ in 0..6 {
        world.user_has_on_both_sides();
    }
    for _ in 0..10 {
        world.user_creates();
    }
    world.chaos(12);
    check(&mut world).map_err(|why| {
        let log = world.log();
        let tail = log.len().saturating_sub(60);
        let journal: Vec<String> = world
            .store
            .all_journal()
            .iter()
            .map(|j| format!("{} {} {} {}", j.pair, j.deed, j.rule, j.text))
            .collect();
        format!("seed {seed}: {why}\n{}\n--- journal\n{}", log[tail..].join("\n"), journal.join("\n"))
    })?;
    Ok(world
        .store
        .all_pairs()
        .iter()
        .filter(|p| {
            p.state == PairState::Held
                && p.reason.as_ref().is_some_and(|why| why.starts_with("It is not known whether"))
        })
        .count())
}

#[test]
fn a_calm_world_comes_into_step() {
    for seed in seeds(200) {
        run(seed, Knobs::CALM).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn chaos_loses_doubles_and_resurrects_nothing() {
    for seed in seeds(2_000) {
        run(seed, knobs(seed)).unwrap_or_else(|why| panic!("{why}"));
    }
}

#[test]
fn first_sync_links_what_is_the_same() {
    let mut world = World::new(1, Knobs::CALM);
    for _ in 0..20 {
        world.user_has_on_both_sides();
    }
    check(&mut world).unwrap_or_else(|why| panic!("{why}"));
    assert_eq!(world.mail.live().len(), 20);
    assert_eq!(world.crm.live().len(), 20);
}

#[test]
fn nothing_is_doubled_where_nothing_can_be_looked_for() {
    let mut held = 0;
    for seed in seeds(1_000) {
        let knobs = Knobs { crm_without_marker: true, ..knobs(seed) };
        held += run(seed, knobs).unwrap_or_else(|why| panic!("{why}"));
    }
    assert!(held > 0, "no create was ever left in doubt");
}
