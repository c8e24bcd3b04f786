//! "This and following": the old series ends, and a new one goes on from there. The records of the occurrences that were cut
//! off go on with it (table row 20), and are not deleted and made anew.

use super::expand::{first, occurrence};
use super::unroll::{Unrolling, starts};
use crate::context::CycleFault;
use crate::journal;
use crate::module_cycle::ModuleCycle;
use riva_core::ids::{PairId, Version};
use riva_core::item::{Field, Item, RecurrenceId, When};
use riva_core::rows::{Commit, ItemRow, PairState, Presence};
use std::collections::BTreeSet;

/// Gives the records of what was cut off to the series that goes on.
pub(super) async fn rekey(
    cycle: &ModuleCycle<'_, '_>,
    all: &mut [Unrolling],
    commit: &mut Commit,
) -> Result<(), CycleFault> {
    let pieces: Vec<(usize, usize, BTreeSet<RecurrenceId>)> = all
        .iter()
        .enumerate()
        .filter(|(_, new)| new.known.is_empty() && !new.yields.is_empty())
        .filter_map(|(to, new)| {
            let cut = |(from, old): (usize, &Unrolling)| {
                let tail = cut_off(old, &old.lost)?;
                let goes_on = old.side == new.side && continues(old.item()?, new.item()?, *tail.first()?);
                let shared: BTreeSet<_> = tail.into_iter().filter(|of| new.yields.contains_key(of)).collect();
                (goes_on && !shared.is_empty()).then_some((from, to, shared))
            };
            all.iter().enumerate().find_map(cut)
        })
        .collect();
    if pieces.is_empty() {
        return Ok(());
    }
    let member = cycle.ctx.member.id;
    let open: BTreeSet<PairId> = cycle.ctx.store.open_intents(member).await?.iter().map(|i| i.pair).collect();
    for (from, to, shared) in pieces {
        for of in shared {
            let Some(row) = all.get(from).and_then(|old| old.known.get(&of)).cloned() else { continue };
            let Some(pair) = row.pair.filter(|pair| !open.contains(pair)) else { continue };
            let Some(mut pair) = cycle.ctx.store.pairs(member, &[pair]).await?.pop() else { continue };
            if pair.state == PairState::Tombstoned {
                continue;
            }
            let (Some(old), side) = (all.get_mut(from), row.side) else { continue };
            old.known.remove(&of);
            old.lost.remove(&of);
            let Some(new) = all.get(to) else { continue };
            let moved = ItemRow {
                id: new.id.occurrence(of),
                version: Version::default(),
                presence: Presence::Present,
                dirty: true,
                seen: 0,
                ..row.clone()
            };
            if let Some(at) = pair.side_mut(side) {
                at.id = moved.id.clone();
                at.version = Version::default();
            }
            let title = new.item().map(|item| cycle.title_of(item)).unwrap_or_default();
            if let Some(series) = new.item() {
                cycle.claim_anew(&pair, &occurrence(series, of)).await?;
            }
            commit.journal.push(journal::line(
                &pair,
                cycle.ctx.clock.now(),
                "goes on",
                "table row 20",
                title,
            ));
            commit.forget_items.push(row.forgotten());
            commit.items.push(moved);
            commit.pairs.push(pair);
        }
    }
    Ok(())
}

/// Whether what a series lost just now may be the part that another series goes on with.
pub(super) fn may_come(series: &Unrolling, lost: &BTreeSet<RecurrenceId>) -> bool {
    let is_news =
        |of: &&RecurrenceId| series.known.get(of).is_some_and(|row| row.presence != Presence::Deleted);
    cut_off(series, &lost.iter().filter(is_news).copied().collect()).is_some()
}

/// What a series that goes on until then has lost at its end.
fn cut_off(series: &Unrolling, lost: &BTreeSet<RecurrenceId>) -> Option<BTreeSet<RecurrenceId>> {
    let item = series.item().filter(|item| item.is_recurring())?;
    let start = starts(item)?;
    let end = series.yields.keys().next_back().copied().unwrap_or(start);
    let tail: BTreeSet<_> = lost
        .iter()
        .filter(|of| **of > end && series.known.get(of).is_some_and(|row| row.pair.is_some()))
        .filter(|of| super::occurs(item, **of) == Ok(false))
        .copied()
        .collect();
    (!tail.is_empty()).then_some(tail)
}

/// Whether a series is the other one's continuation from `cut` on: the same organizer, subject and time of day.
fn continues(old: &Item, new: &Item, cut: RecurrenceId) -> bool {
    let text = |item: &Item, field| item.text(field).unwrap_or_default().trim().to_lowercase();
    let same_text = |field| text(old, field) == text(new, field);
    let same_clock = match (old.when(), new.when()) {
        (Some(When::AllDay { .. }), Some(When::AllDay { .. })) => true,
        (Some(When::Timed { start: a, zone: in_a, .. }), Some(When::Timed { start: b, zone: in_b, .. })) => {
            a.time() == b.time() && in_a == in_b
        }
        _ => false,
    };
    let from_there =
        new.when().map(first).is_some_and(|start| start <= cut && super::occurs(old, start) == Ok(false));
    from_there && same_clock && same_text(Field::Organizer) && same_text(Field::Summary)
}
