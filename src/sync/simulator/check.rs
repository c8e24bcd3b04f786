//! The invariants, checked when all is quiet again.

use super::FakeSide;
use super::items::serial_of;
use super::world::World;
use crate::hash::FieldHasher;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Field, Item};
use riva_core::rows::{ItemRow, PairRow, PairState, Side};
use std::collections::BTreeMap;

/// All live items of a side by serial number.
pub fn by_serial(side: &FakeSide) -> BTreeMap<u64, Vec<(RemoteId, Item)>> {
    let mut all: BTreeMap<u64, Vec<(RemoteId, Item)>> = BTreeMap::new();
    for (id, item) in side.live() {
        if let Some(serial) = serial_of(&item) {
            all.entry(serial).or_default().push((id, item));
        }
    }
    all
}

/// Checks a world that has settled. Returns what is wrong.
///
/// # Errors
/// The first invariant that does not hold, with the item.
pub fn check(world: &mut World) -> Result<(), String> {
    let quiet = world.settle(12);
    if quiet != Some(0) {
        return Err(format!("I8 quiescence: the last cycle still made {quiet:?} writes"));
    }
    let (mail, crm) = (by_serial(&world.mail), by_serial(&world.crm));
    let pairs = world.store.all_pairs();
    for claimant in world.store.claimants() {
        if pairs.iter().any(|p| p.id == claimant && p.state == PairState::Tombstoned) {
            return Err(format!("the pair {claimant} is gone, and still claims its record"));
        }
    }
    rows_agree(&pairs, &world.store.all_items())?;
    for (serial, known) in &world.known {
        let none = Vec::new();
        let (m, c) = (mail.get(serial).unwrap_or(&none), crm.get(serial).unwrap_or(&none));
        if m.len() > 1 || c.len() > 1 {
            return Err(format!(
                "I2 duplicate: #{serial} is {} times in the mailbox, {} in the CRM",
                m.len(),
                c.len()
            ));
        }
        let named =
            |id: &RemoteId, side: Side| pairs.iter().find(|p| p.side(side).is_some_and(|s| s.id == *id));
        let pair = m.first().and_then(|(id, _)| named(id, Side::Mail)).or_else(|| {
            let (id, _) = c.first()?;
            named(id, Side::Crm)
        });
        match (m.first(), c.first()) {
            (Some((_, m)), Some((_, c))) => {
                if pair.is_some_and(|p| p.state == PairState::Linked) {
                    same(m, c).map_err(|why| format!("I7 convergence: #{serial}: {why}"))?;
                }
            }
            (None, None) => {
                if !known.deleted {
                    return Err(format!("I3 loss: #{serial} is gone, and no user deleted it"));
                }
            }
            (Some(_), None) | (None, Some(_)) => {
                let excused = pair.is_some_and(|p| matches!(p.state, PairState::Held | PairState::Detached));
                if !excused {
                    let state = pair.map(|p| (p.state, p.reason.clone()));
                    return Err(format!("I3 loss: #{serial} is on one side alone ({known:?}, {state:?})"));
                }
                if !known.deleted && pair.is_some_and(|p| p.state == PairState::Detached) {
                    return Err(format!("I3: #{serial} was detached, and no user deleted it"));
                }
            }
        }
    }
    Ok(())
}

/// Pairs and rows say the same: a row's pair has that item, and what is in step needs no reason.
///
/// # Errors
/// What does not agree.
pub fn rows_agree(pairs: &[PairRow], items: &[ItemRow]) -> Result<(), String> {
    let pairs: BTreeMap<PairId, &PairRow> = pairs.iter().map(|pair| (pair.id, pair)).collect();
    for pair in pairs.values().filter(|pair| pair.state == PairState::Linked) {
        if let Some(reason) = &pair.reason {
            return Err(format!("the pair {} is in step, and says: {reason}", pair.id));
        }
    }
    for row in items {
        let Some(id) = row.pair else { continue };
        let at = pairs.get(&id).and_then(|pair| pair.side(row.side));
        if at.is_none_or(|at| at.id != row.id) {
            return Err(format!("{} is said to be in the pair {id}, which has {at:?}", row.id));
        }
    }
    Ok(())
}

/// Equal as far as the CRM can hold it.
fn same(mail: &Item, crm: &Item) -> Result<(), String> {
    let hasher = FieldHasher::new([0; 16]);
    for (field, value) in &crm.fields {
        let Some(ours) = mail.get(*field) else { continue };
        let equal = match field {
            Field::Location => {
                let cut = |item: &Item| {
                    item.text(Field::Location).unwrap_or_default().chars().take(24).collect::<String>()
                };
                cut(mail).trim() == cut(crm).trim()
            }
            Field::Emails => true,
            _ => hasher.value(*field, value) == hasher.value(*field, ours),
        };
        if !equal {
            return Err(format!("{field} differs: mailbox {ours:?}, CRM {value:?}"));
        }
    }
    Ok(())
}
