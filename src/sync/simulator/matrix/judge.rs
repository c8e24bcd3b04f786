//! What must be true in the end: nothing is lost, doubled or brought back, nobody is mailed, both sides are the same or what
//! is not says why.

use super::axes::{Cell, Crash, Kind, Op, Trouble};
use super::systems::{meddled, value, written};
use super::world::{TIMES, World, second};
use crate::hash::FieldHasher;
use crate::series::{occurrence, occurrences};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Value};
use riva_core::rows::{PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// How a cell may end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum End {
    /// Both sides are the same.
    InStep,
    /// They are not, and the pair says why.
    Listed,
}

/// Whether a create may have been made or not, where nobody can find out.
fn unknowable(cell: Cell) -> bool {
    // An open intent for what was not carried out, and that nothing can look for.
    let not_done = match (cell.trouble, cell.crash) {
        (_, Crash::BeforeCall) | (Trouble::RequestLost, _) => true,
        (trouble, Crash::BeforeRecord) => matches!(
            trouble,
            Trouble::Throttled
                | Trouble::Unavailable
                | Trouble::Forbidden
                | Trouble::ForbiddenForGood
                | Trouble::WouldNotify
        ),
        _ => false,
    };
    cell.op == Op::Create && !cell.target().keeps_markers() && cell.kind != Kind::Message && not_done
}

/// How a cell must end; `None`: either way.
fn must_end(cell: Cell) -> Option<End> {
    let for_good = matches!(cell.trouble, Trouble::ForbiddenForGood | Trouble::WouldNotify);
    match cell.op {
        // What cannot be marked is left unmarked.
        Op::Tag => Some(End::InStep),
        // Deleted here, and edited there at the same time: made again, kept, or for somebody to decide.
        Op::Delete if cell.trouble == Trouble::Precondition => None,
        _ if for_good || unknowable(cell) => Some(End::Listed),
        Op::Create | Op::Update | Op::Delete => Some(End::InStep),
    }
}

type View = BTreeMap<String, Vec<(RemoteId, Item)>>;

/// The items of a side that are the subject, each occurrence of a series by itself.
fn view(world: &World, side: Side) -> Result<View, String> {
    let mut view = View::new();
    for (id, item) in world.subjects(side) {
        let key = |item: &Item| match (world.cell.kind, item.when()) {
            (Kind::Occurrence, Some(when)) => when.utc().0.to_string(),
            _ => String::new(),
        };
        if item.is_recurring() {
            for of in occurrences(&item, world.window())? {
                let one = occurrence(&item, of);
                view.entry(key(&one)).or_default().push((id.occurrence(of), one));
            }
        } else {
            view.entry(key(&item)).or_default().push((id, item));
        }
    }
    Ok(view)
}

/// Judges a world that is quiet again.
///
/// # Errors
/// What is wrong.
pub fn judge(world: &World) -> Result<End, String> {
    let cell = world.cell;
    for side in [Side::Mail, Side::Crm] {
        let server = world.side(side).server();
        if server.mails > 0 {
            return Err(format!("I1 no e-mail: {} people were mailed", server.mails));
        }
        if server.importunate > 0 {
            return Err(format!("I14 budget: {} calls after it had asked to wait", server.importunate));
        }
    }
    bystander(world)?;
    // A process that dies before it marks an origin leaves it unmarked, and one of which nobody can know whether it made
    // something makes nothing more; everything else is made up for.
    let made_up_for = cell.op != Op::Tag && !unknowable(cell);
    if !world.side(cell.side).server().has_sprung() && made_up_for {
        return Err("the write was never made".into());
    }
    markers(world)?;
    let (mail, crm) = (view(world, Side::Mail)?, view(world, Side::Crm)?);
    let keys: BTreeSet<&String> = mail.keys().chain(crm.keys()).collect();
    let changed = world.cell.kind == Kind::Occurrence && cell.op != Op::Create;
    let changed_key = changed.then(|| second_start(world)).flatten();
    let of_all = if cell.kind == Kind::Occurrence { TIMES as usize } else { 1 };
    let gone = of_all - keys.len().min(of_all);
    if gone > usize::from(cell.op == Op::Delete) {
        return Err(format!("I3 loss: {gone} of {of_all} are nowhere"));
    }
    let mut end = End::InStep;
    for key in keys {
        let none = Vec::new();
        let (m, c) = (mail.get(key).unwrap_or(&none), crm.get(key).unwrap_or(&none));
        let concerned = changed_key.as_ref().is_none_or(|changed| changed == key);
        match one(world, m, c, concerned).map_err(|why| format!("{why} ({key})"))? {
            End::Listed if !concerned => return Err(format!("{key} is not in step, and was not touched")),
            End::Listed => end = End::Listed,
            End::InStep => {}
        }
    }
    match must_end(cell) {
        Some(wanted) if wanted != end => {
            Err(format!("it ends as {end:?}, not as {wanted:?}: {:?}", pairs(world)))
        }
        _ => Ok(end),
    }
}

/// The start of the occurrence that users change, as its view has it.
fn second_start(world: &World) -> Option<String> {
    let (_, series) = world.subjects(Side::Mail).into_iter().find(|(_, item)| item.is_recurring())?;
    let mut plain = series;
    plain.set(Field::Overrides, Value::Blank);
    Some(occurrence(&plain, second()).when()?.utc().0.to_string())
}

fn pairs(world: &World) -> Vec<(PairState, Option<String>)> {
    world.store.all_pairs().into_iter().map(|p| (p.state, p.reason)).collect()
}

/// An origin carries the marker of its own pair or none; where nothing kept us from marking it, it does.
fn markers(world: &World) -> Result<(), String> {
    let cell = world.cell;
    if cell.op != Op::Tag {
        return Ok(());
    }
    let pairs = world.store.all_pairs();
    for (id, _) in world.subjects(cell.side) {
        let pair = pairs.iter().find(|p| p.side(cell.side).is_some_and(|at| at.id == id));
        let (marker, own) = (world.marker(cell.side, &id), pair.map(PairRow::marker));
        let untroubled = matches!((cell.trouble, cell.crash), (Trouble::No, Crash::No | Crash::AfterRecord));
        if marker.is_some() && marker != own || untroubled && marker.is_none() {
            return Err(format!("{id} carries {marker:?}, and its pair's marker is {own:?}"));
        }
    }
    Ok(())
}

/// The item that has nothing to do with it is as it was, in step, and nobody has written to it.
fn bystander(world: &World) -> Result<(), String> {
    let item = |side| {
        let server = world.side(side).server();
        world.bystander.get(&side).and_then(|id| server.live(id).map(|s| s.item.clone()))
    };
    match (item(Side::Mail), item(Side::Crm)) {
        (Some(mail), Some(crm)) => same(&mail, &crm).map_err(|why| format!("the bystander: {why}")),
        _ => Err("I5 spurious delete: the bystander is gone".into()),
    }
}

/// One item, or one occurrence.
fn one(
    world: &World,
    mail: &[(RemoteId, Item)],
    crm: &[(RemoteId, Item)],
    concerned: bool,
) -> Result<End, String> {
    let cell = world.cell;
    for (copies, side) in [(mail, Side::Mail), (crm, Side::Crm)] {
        if copies.len() > 1 {
            return Err(format!("I2 duplicate: {} times in the {}", copies.len(), side.title()));
        }
    }
    let pair = world.store.all_pairs().into_iter().find(|p| {
        let has = |side: Side, copies: &[(RemoteId, Item)]| {
            p.side(side).is_some_and(|at| copies.iter().any(|(id, _)| *id == at.id))
        };
        p.state != PairState::Tombstoned && (has(Side::Mail, mail) || has(Side::Crm, crm))
    });
    let end = match (mail.first(), crm.first(), listed(pair.as_ref())) {
        (_, _, Some(_)) => End::Listed,
        (Some((_, m)), Some((_, c)), None) => {
            same(m, c).map_err(|why| format!("I7 convergence: {why}"))?;
            End::InStep
        }
        _ => return Err(format!("I3 loss: on one side alone, and nothing says why: {pair:?}")),
    };
    let of = |side| if side == Side::Mail { mail } else { crm };
    let deleted = cell.op == Op::Delete && concerned;
    if deleted && cell.trouble != Trouble::Precondition {
        if end == End::InStep {
            return Err("I4 resurrection: it was deleted, and is on both sides".into());
        }
        if !of(cell.side.other()).is_empty() {
            return Err("I4 resurrection: it was deleted, and is back there".into());
        }
    }
    if cell.op != Op::Delete && (concerned || cell.op == Op::Create) {
        stands(of(cell.side.other()), written(cell.kind), 1)?;
        if end == End::InStep {
            stands(of(cell.side), written(cell.kind), 1)?;
        }
    }
    // What somebody wrote in the meantime stands, too.
    let meddling = cell.trouble == Trouble::Precondition && cell.op != Op::Create;
    if meddling && concerned && world.side(cell.side).server().has_sprung() {
        stands(of(cell.side), meddled(cell.kind.module()), 2)?;
    }
    Ok(end)
}

/// A pair that says why it is not in step.
fn listed(pair: Option<&PairRow>) -> Option<&str> {
    let pair = pair?;
    let says = matches!(pair.state, PairState::Held | PairState::Quarantined | PairState::Detached);
    pair.reason.as_deref().filter(|why| says && !why.is_empty())
}

fn stands(copies: &[(RemoteId, Item)], field: Field, n: u32) -> Result<(), String> {
    let hasher = FieldHasher::new([0; 16]);
    let wanted = hasher.value(field, &value(field, n));
    match copies.first() {
        Some((_, item)) if item.get(field).is_some_and(|v| hasher.value(field, v) == wanted) => Ok(()),
        other => Err(format!("I3 loss: writing {n} of {field} is not there: {other:?}")),
    }
}

/// Equal as far as both can hold it.
fn same(mail: &Item, crm: &Item) -> Result<(), String> {
    let hasher = FieldHasher::new([0; 16]);
    for (field, theirs) in &crm.fields {
        let Some(ours) = mail.get(*field).filter(|_| *field != Field::People) else { continue };
        if hasher.value(*field, theirs) != hasher.value(*field, ours) {
            return Err(format!("{field} differs: mailbox {ours:?}, CRM {theirs:?}"));
        }
    }
    Ok(())
}
