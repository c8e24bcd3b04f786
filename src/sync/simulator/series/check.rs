//! What must hold between a mailbox with series and a CRM, when all is quiet again.

use super::make::ANN;
use super::world::World;
use crate::hash::FieldHasher;
use crate::series::{occurrence, occurrences};
use crate::veil::VEILED;
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Value};
use riva_core::rows::{PairRow, PairState, Side};
use std::collections::BTreeMap;

/// Checks a world in which the CRM has single appointments alone.
///
/// # Errors
/// The first invariant that does not hold.
pub fn check_unrolled(world: &World) -> Result<(), String> {
    quiet(world)?;
    let mail = expected(world)?;
    for (id, (item, private)) in &mail {
        let pair = world.pair_of(Side::Mail, id);
        match pair.as_ref().map(|p| p.state) {
            Some(PairState::Linked) => {
                let record = pair.as_ref().and_then(|p| world.crm.get(&p.crm.as_ref()?.id));
                let record = record.ok_or_else(|| format!("I3 loss: the record of {id} is not there"))?;
                let same = if *private { veiled(&record) } else { same(item, &record) };
                same.map_err(|why| format!("I7 convergence: {id}: {why}"))?;
            }
            Some(PairState::Held | PairState::Detached) => excused(world, pair.as_ref(), id)?,
            state if !private => return Err(format!("I3 loss: {id} has no record ({state:?})")),
            _ => {}
        }
    }
    let pairs = world.store.all_pairs();
    for record in world.crm.live().keys() {
        let of: Vec<&PairRow> = pairs
            .iter()
            .filter(|p| p.state != PairState::Tombstoned && p.crm.as_ref().is_some_and(|s| s.id == *record))
            .collect();
        let [pair] = of.as_slice() else {
            return Err(format!("I2 duplicate: the record {record} is in {} living pairs", of.len()));
        };
        // Nobody sees whether a private item recurs.
        let private = |id| world.mail.get(id).is_some_and(|item| item.is_private());
        let there = pair
            .mail
            .as_ref()
            .is_some_and(|at| mail.contains_key(&at.id) || outside(world, &at.id) || private(&at.id));
        match pair.state {
            PairState::Linked if !there => {
                return Err(format!("I4: {record} is kept in step with what is not there: {:?}", pair.mail));
            }
            PairState::Held | PairState::Detached => excused(world, Some(pair), record)?,
            PairState::Linked => {}
            state => return Err(format!("{record} is {state:?}: {:?}", pair.reason)),
        }
    }
    nothing_lost_in_the_mailbox(world)
}

/// Checks a world in which both sides have series.
///
/// # Errors
/// The first invariant that does not hold.
pub fn check_whole(world: &World) -> Result<(), String> {
    quiet(world)?;
    for (mine, theirs, side) in [(&world.mail, &world.crm, Side::Mail), (&world.crm, &world.mail, Side::Crm)]
    {
        let mut seen: BTreeMap<String, RemoteId> = BTreeMap::new();
        for (id, item) in mine.live() {
            if let Some(other) = seen.insert(item.title(), id.clone()) {
                return Err(format!("I2 duplicate: {} is {id} and {other}", item.title()));
            }
            let Some(pair) = world.pair_of(side, &id) else {
                if occurrences(&item, world.window())?.is_empty() {
                    // All of it that would take place in the window is cancelled.
                    continue;
                }
                return Err(format!("{id} has no pair"));
            };
            match pair.state {
                PairState::Linked => {
                    let twin = pair.side(side.other()).and_then(|at| theirs.get(&at.id));
                    let twin = twin.ok_or_else(|| format!("I3 loss: the twin of {id} is not there"))?;
                    same(&item, &twin).map_err(|why| format!("I7 convergence: {id}: {why}"))?;
                }
                PairState::Held => {}
                state => return Err(format!("{id} is {state:?}: {:?}", pair.reason)),
            }
        }
    }
    Ok(())
}

fn quiet(world: &World) -> Result<(), String> {
    let mut writes = world.settle();
    while world.approve() {
        writes = world.settle();
    }
    if writes > 0 { Err(format!("I8 quiescence: the last cycle still made {writes} writes")) } else { Ok(()) }
}

/// What the mailbox has within the window, occurrence by occurrence; and whether it is private.
fn expected(world: &World) -> Result<BTreeMap<RemoteId, (Item, bool)>, String> {
    let mut all = BTreeMap::new();
    for (id, item) in world.mail.live() {
        let private = item.is_private();
        if item.is_recurring() {
            // What has come into the window today is added in the night.
            let mut window = world.window();
            window.to -= chrono::Duration::days(1);
            for of in occurrences(&item, window)? {
                all.insert(id.occurrence(of), (occurrence(&item, of), private));
            }
        } else {
            all.insert(id, (item, private));
        }
    }
    Ok(all)
}

/// An occurrence that has left the window.
fn outside(world: &World, id: &RemoteId) -> bool {
    let Some((_, of)) = id.as_occurrence() else { return false };
    let at = of.wall().and_utc();
    let day = chrono::Duration::days(1);
    at < world.window().from + day || at > world.window().to - day
}

/// Why something may stand on one side alone.
fn excused(world: &World, pair: Option<&PairRow>, id: &RemoteId) -> Result<(), String> {
    let why = pair.and_then(|p| p.reason.clone()).unwrap_or_default();
    let by_deeds = (why.starts_with("Deleted in the CRM") && world.deeds.deleted_in_crm > 0)
        || (why.starts_with("Marked private") && world.deeds.private)
        || (why.starts_with("Possible duplicate") && world.deeds.edited_in_crm > 0)
        || (why.starts_with("It is in the calendar twice") && world.deeds.edited_in_crm > 0)
        || why.starts_with("It lies before the time")
        // Edited between its making and the moment in which the answer was found out, and deleted then.
        || (why.starts_with("Deleted in the mailbox") && world.deeds.edited_in_crm > 0)
        || why.starts_with("Delete Safety");
    if by_deeds {
        Ok(())
    } else {
        Err(format!("I3: {id} is not in step, and no user is the reason: {why:?}"))
    }
}

/// A series is never deleted by us; and what we make in the mailbox follows from an edit in the CRM.
fn nothing_lost_in_the_mailbox(world: &World) -> Result<(), String> {
    let live = world.mail.live();
    let deeds = &world.deeds;
    for id in deeds.made.iter().filter(|id| !deeds.deleted.contains(*id)) {
        if !live.contains_key(id) && deeds.deleted_in_crm == 0 {
            return Err(format!("I3 loss: {id} is gone from the mailbox, and no user deleted it"));
        }
    }
    let ours = live.keys().filter(|id| !deeds.made.contains(*id)).count();
    if ours > deeds.edited_in_crm {
        return Err(format!(
            "I5 resurrection: {ours} appointments were made in the mailbox by nobody's edit"
        ));
    }
    Ok(())
}

/// Nothing of what is private is left in the CRM.
fn veiled(record: &Item) -> Result<(), String> {
    let blank = |field| matches!(record.get(field), None | Some(Value::Blank));
    let open = record.title() != VEILED || !blank(Field::Location) || !blank(Field::Body);
    if open { Err(format!("of a private appointment the CRM shows {record:?}")) } else { Ok(()) }
}

/// Equal as far as the CRM can hold it.
fn same(mail: &Item, crm: &Item) -> Result<(), String> {
    let hasher = FieldHasher::new([0; 16]);
    for (field, theirs) in &crm.fields {
        let Some(ours) = mail.get(*field) else { continue };
        let cut = |item: &Item| item.text(*field).unwrap_or_default().chars().take(12).collect::<String>();
        let foreign = mail.text(Field::Organizer).is_some_and(|by| by != ANN);
        let equal = match field {
            // What the CRM has besides is left there.
            _ if foreign && *ours == Value::Blank => true,
            Field::Location => cut(mail).trim() == cut(crm).trim(),
            _ => hasher.value(*field, theirs) == hasher.value(*field, ours),
        };
        if !equal {
            return Err(format!("{field} differs: mailbox {ours:?}, CRM {theirs:?}"));
        }
    }
    Ok(())
}
