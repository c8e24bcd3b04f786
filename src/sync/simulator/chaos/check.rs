//! The invariants of the engine design (section 4.1), and where each is checked.
//!
//! | | what | where |
//! |---|---|---|
//! | I1 | no e-mail | by type: the engine holds nothing but [`SilentWriter`](riva_core::ports::SilentWriter)s; what they promise is checked on each connector |
//! | I2 | no duplicate | here: [`each_item`] |
//! | I3 | no loss | here, by tokens: [`each_edit`]; at every delete: `Arena::check_delete` |
//! | I4 | no resurrection | at every create: `Arena::check_create` |
//! | I5 | no spurious delete | at every delete: `Arena::check_delete` |
//! | I6 | unseen edits survive | at every update and delete: `Arena::update`, `Arena::check_delete` |
//! | I7 | convergence in at most [`CYCLES`] cycles | here: [`each_item`] |
//! | I8 | quiescence | here: [`quiet`] |
//! | I9 | idempotence | pages told again, requests delivered twice: faults of every world; [`quiet`] |
//! | I10 | order | pages shuffled, members in any order: faults of every world; that it ends the same, but for what users share: `order.rs` |
//! | I11 | one writer | `Store`: an older claim writes nothing; zombies try |
//! | I12 | scope | at every write to the CRM and every create in a mailbox: `Arena::follow`, `Arena::check_create` |
//! | I13 | liveness | poison items in the workload, [`excused`]; `World::finish` for cycles without end; that nobody waits a cycle longer: `starved.rs`; nor longer in the queue than all others' turns take: `riva-store`'s `queue_tests.rs` |
//! | I14 | budget | no call while a system has asked to wait, at every call: `FakeSide::enter`; calls under way and rate, in the connectors' HTTP layer (`http/budget.rs`) |
//! | I15 | cursor safety | here: [`each_item`], everything that is there has a row |
//! | I16 | restart equivalence | killed at every await, and at every await of the cycle that recovers, for each kind of write: `matrix/restarts.rs`, `messages/restarts.rs`; at four points with everything that may go wrong: the effect matrix |
//! | I17 | lossy stability | on each pair of connectors; here by convergence of a CRM that cuts and rewrites |
//! | I18 | database loss | here: [`database_lost`] |
//! | | nothing is written to the side from which changes come, where they go one way | at every write: `Arena::carry_out` |

use super::super::check::rows_agree;
use super::history::Standing;
use super::items::{Content, Slot, serial_of};
use super::server::Stored;
use super::world::World;
use crate::hash::FieldHasher;
use crate::permission::is_left;
use chrono::Duration;
use riva_core::documents::{MayNot, MayNotCreate};
use riva_core::holds::HoldRow;
use riva_core::ids::{MemberId, PairId, RemoteId};
use riva_core::item::{Field, Item, Module};
use riva_core::rows::{JournalRow, PairRow, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// Cycles after which all must be in step.
pub const CYCLES: usize = 4;

/// Checks a world whose faults are over. Returns what is wrong.
///
/// # Errors
/// The first invariant that does not hold, with the item.
pub fn check(world: &mut World) -> Result<(), String> {
    quiet(world)?;
    let view = View::of(world);
    for claimant in world.store.claimants() {
        if view.pairs.values().any(|p| p.id == claimant && p.state == PairState::Tombstoned) {
            return Err(format!("the pair {claimant} is gone, and still claims its record"));
        }
    }
    rows_agree(&world.store.all_pairs(), &world.store.all_items())?;
    each_item(world, &view)?;
    each_edit(world, &view)?;
    each_that_went(world)
}

/// I3: what went with an item that somebody deleted without having seen it had lost a conflict before, which is named: the
/// policy had let go of it.
fn each_that_went(world: &World) -> Result<(), String> {
    let (pairs, journal) = (world.store.all_pairs(), world.store.all_journal());
    for went in &world.remote.lock().went {
        let of_item = |p: &&PairRow| p.side(went.side).is_some_and(|at| at.id == went.id);
        // What one user's mailbox lost against a record is lost for all users of the record.
        let records: BTreeSet<&RemoteId> =
            pairs.iter().filter(of_item).filter_map(|p| Some(&p.crm.as_ref()?.id)).collect();
        let of_record = |p: &&PairRow| p.crm.as_ref().is_some_and(|at| records.contains(&at.id));
        let of_item: BTreeSet<PairId> =
            pairs.iter().filter(|p| of_item(p) || of_record(p)).map(|p| p.id).collect();
        let field = conflict_of(went.slot);
        let named = |j: &JournalRow| j.deed == "conflict" && j.text.contains(&field);
        if !journal.iter().any(|j| of_item.contains(&j.pair) && named(j)) {
            return Err(format!(
                "I3 loss: t{} went with {}, which was deleted by somebody who had not seen it",
                went.token, went.id
            ));
        }
    }
    Ok(())
}

/// What the journal says of a conflict about a slot.
fn conflict_of(slot: Slot) -> String {
    format!(": {} is different on both sides", slot.field())
}

/// I7 and I8: in step after [`CYCLES`] cycles; one more writes nothing, and reads no item.
fn quiet(world: &mut World) -> Result<(), String> {
    let quiet = world.settle(CYCLES);
    if quiet != Some(0) {
        return Err(format!("I7 convergence: cycle {CYCLES} after the faults still made {quiet:?} writes"));
    }
    let busy = |world: &World| {
        let arena = world.remote.lock();
        arena.mail.busy_calls + arena.crm.busy_calls
    };
    // What lay outside the window is looked at when a day begins.
    let now = world.remote.lock().now;
    if (now + Duration::hours(2)).date_naive() != now.date_naive() {
        world.pass(120);
        world.settle(1);
    }
    // What failed is tried every hour.
    let failing = world.store.all_pairs().iter().any(|p| p.state == PairState::Quarantined);
    // What was found to be linked already is looked at once more, without a write.
    if !failing && world.store.all_items().iter().any(|row| row.dirty) {
        world.settle(1);
    }
    let before = busy(world);
    if world.settle(1) != Some(0) || (busy(world) != before && !failing) {
        return Err(format!("I8 quiescence: one more cycle made {} calls", busy(world) - before));
    }
    match world.remote.lock().broken.first() {
        Some(what) => Err(what.clone()),
        None => Ok(()),
    }
}

/// What there is, by user and serial number.
struct View {
    items: BTreeMap<(Side, usize, u64), Vec<(RemoteId, Stored)>>,
    pairs: BTreeMap<(MemberId, Side, RemoteId), PairRow>,
    serials: BTreeSet<u64>,
    /// Modules in which nothing is written until an administrator has decided.
    held: BTreeSet<(MemberId, Module)>,
}

fn member(user: usize) -> MemberId {
    MemberId(1 + i64::try_from(user).unwrap_or(0))
}

pub(super) fn user_of(pair: &PairRow) -> usize {
    usize::try_from(pair.member.0 - 1).unwrap_or(0)
}

impl View {
    fn of(world: &World) -> Self {
        let arena = world.remote.lock();
        let mut items: BTreeMap<(Side, usize, u64), Vec<(RemoteId, Stored)>> = BTreeMap::new();
        let mut serials = BTreeSet::new();
        for side in [Side::Mail, Side::Crm] {
            for (id, stored) in &arena.its(side).items {
                let Some(serial) = serial_of(&stored.item) else { continue };
                serials.insert(serial);
                for user in (0..world.knobs.users).filter(|user| stored.is_of(*user) && stored.live()) {
                    items.entry((side, user, serial)).or_default().push((id.clone(), stored.clone()));
                }
            }
        }
        let mut pairs = BTreeMap::new();
        for pair in world.store.all_pairs() {
            for side in [Side::Mail, Side::Crm] {
                if let Some(at) = pair.side(side) {
                    pairs.insert((pair.member, side, at.id.clone()), pair.clone());
                }
            }
        }
        let blocking = |h: &HoldRow| h.blocks_module() && h.closed.is_none();
        let held =
            world.store.all_holds().into_iter().filter(blocking).map(|h| (h.member, h.module)).collect();
        Self { items, pairs, serials, held }
    }

    fn live(&self, side: Side, user: usize, serial: u64) -> &[(RemoteId, Stored)] {
        self.items.get(&(side, user, serial)).map_or(&[], Vec::as_slice)
    }
}

fn each_item(world: &World, view: &View) -> Result<(), String> {
    for user in 0..world.knobs.users {
        for serial in &view.serials {
            one_item(world, view, user, *serial)
                .map_err(|why| format!("{why} (#{serial} of user {user})"))?;
        }
    }
    let rows: BTreeSet<(MemberId, Side, RemoteId)> =
        world.store.all_items().into_iter().map(|r| (r.member, r.side, r.id)).collect();
    for ((side, user, serial), copies) in &view.items {
        for (id, _) in copies {
            if !rows.contains(&(member(*user), *side, id.clone())) {
                return Err(format!(
                    "I15 cursor safety: {id} (#{serial}) was never observed for user {user}"
                ));
            }
        }
    }
    Ok(())
}

fn one_item(world: &World, view: &View, user: usize, serial: u64) -> Result<(), String> {
    let (mail, crm) = (view.live(Side::Mail, user, serial), view.live(Side::Crm, user, serial));
    // What users made twice may stand twice on both sides.
    let more = world.remote.lock().doubled.get(&serial).copied().unwrap_or(0);
    let (doubles, most) = (more > 0, 1 + more);
    // A request that was carried out twice, and whose item was changed before the second was found: named, and left.
    let left = |side, id: &RemoteId| {
        let pair = view.pairs.get(&(member(user), side, id.clone()));
        pair.is_some_and(|p| p.reason.as_ref().is_some_and(|why| why.starts_with("A copy of a synced item")))
    };
    let counted = |side, copies: &[(RemoteId, Stored)]| -> Vec<(RemoteId, Stored)> {
        copies.iter().filter(|(id, _)| !left(side, id)).cloned().collect()
    };
    let (mail, crm) = (&counted(Side::Mail, mail)[..], &counted(Side::Crm, crm)[..]);
    let live = |side| if side == Side::Mail { mail } else { crm };
    for side in [Side::Mail, Side::Crm] {
        let copies = live(side);
        if copies.len() > most {
            let ids: Vec<&str> = copies.iter().map(|(id, _)| id.as_str()).collect();
            return Err(format!("I2 duplicate: {ids:?} in the {}", side.title()));
        }
    }
    let pair_of = |side, copies: &[(RemoteId, Stored)]| {
        copies.iter().find_map(|(id, _)| view.pairs.get(&(member(user), side, id.clone())))
    };
    let pair = pair_of(Side::Mail, mail).or_else(|| pair_of(Side::Crm, crm));
    let waits = mail.iter().chain(crm).any(|(_, s)| view.held.contains(&(member(user), s.item.module)));
    // Nothing is written, nor tried again, while a hold blocks its module.
    if let Some(pair) = pair.filter(|p| !waits || p.state != PairState::Quarantined) {
        excused(world, pair, serial, doubles)?;
    }
    if waits {
        return Ok(());
    }
    match (mail, crm) {
        ([], []) => Ok(()),
        ([(m, in_mail)], [(c, in_crm)]) => {
            let linked = |p: &&PairRow| {
                p.state == PairState::Linked
                    && p.mail.as_ref().is_some_and(|s| s.id == *m)
                    && p.crm.as_ref().is_some_and(|s| s.id == *c)
            };
            match pair {
                Some(pair) if linked(&pair) => {
                    let mut but_for = left_alone(world, pair, serial, in_mail);
                    but_for.extend(of_target_alone(world, user, in_mail, in_crm));
                    same(&in_mail.item, &in_crm.item, &but_for)
                        .map_err(|why| format!("I7 convergence: {why}"))
                }
                Some(pair) if pair.state != PairState::Linked => Ok(()),
                None if in_mail.item.is_private() => Ok(()),
                other => Err(format!("I7 convergence: {m} and {c} are not linked: {other:?}")),
            }
        }
        _ if doubles => Ok(()),
        ([], _) | (_, []) if world.remote.lock().source().is_some_and(|source| live(source).is_empty()) => {
            Ok(())
        }
        _ => {
            let private = mail.iter().all(|(_, s)| s.item.is_private());
            match pair {
                Some(p)
                    if matches!(p.state, PairState::Held | PairState::Detached | PairState::Quarantined) =>
                {
                    Ok(())
                }
                Some(p) if private && crm.is_empty() && p.state == PairState::Tombstoned => Ok(()),
                None if private && crm.is_empty() => Ok(()),
                other => Err(format!(
                    "I3 loss: {} in the mailbox, {} in the CRM, and nothing says why: {other:?}",
                    mail.len(),
                    crm.len()
                )),
            }
        }
    }
}

/// What is not in step says why, and for a reason that there is.
fn excused(world: &World, pair: &PairRow, serial: u64, doubles: bool) -> Result<(), String> {
    let reason = pair.reason.clone().unwrap_or_default();
    let user = user_of(pair);
    let arena = world.remote.lock();
    let poison = arena.mail.poison.contains(&serial) || arena.crm.poison.contains(&serial);
    let has = |side: Side, of: fn(&Stored) -> bool| {
        arena.its(side).items.values().any(|s| serial_of(&s.item) == Some(serial) && of(s))
    };
    let deleted = has(Side::Mail, |s| s.was_deleted) || has(Side::Crm, |s| s.was_deleted);
    let deleted = deleted || arena.was_returned(user, serial);
    let shared = (0..world.knobs.users).filter(|user| arena.concerned.contains(&(*user, serial))).count() > 1;
    let twice = world.knobs.faults.twice + world.knobs.faults.late > 0;
    let fine = match pair.state {
        PairState::Linked | PairState::Tombstoned => true,
        PairState::Unrolled => false,
        PairState::Quarantined => {
            let (rights, policy) = (arena.rights_of(user), world.policy.no_permission);
            poison || arena.refusals.tried_again(user, serial, rights, policy)
        }
        PairState::Detached => {
            deleted
                || (shared
                    && (reason.contains("already, from another") || reason.contains("already, as another")))
                || (shared && reason.starts_with("No longer this user's"))
                || (reason.starts_with("A copy") && (doubles || twice))
                || reason.starts_with("Marked private")
                || (reason.starts_with("It was made of a record before this user's own copy")
                    && arena.copies(Side::Mail, user, serial).count() > 1)
                || (is_left(pair)
                    && world.policy.no_permission.create == MayNotCreate::Ignore
                    && arena.refusals.left(user, serial))
                || ((shared || arena.was_returned(user, serial))
                    && reason.starts_with("Was gone on both sides"))
                // It went with a backup, and nothing told so; or an administrator was asked.
                || (arena.went_with_backup(serial) && reason.starts_with("Deleted in the CRM"))
        }
        PairState::Held => {
            let undecided = world.knobs.admin
                || has(Side::Mail, |s| {
                    s.item.text(Field::Location).is_some_and(|text| text.chars().count() > 24)
                });
            (reason.starts_with("Possible duplicate") && (doubles || shared))
                || (reason.starts_with("It is not known whether") && world.knobs.crm_without_marker)
                || (reason.starts_with("Conflict:") && undecided)
                || (reason.starts_with("Deleted in the CRM, but edited")
                    && (deleted || arena.went_with_backup(serial)))
                || (reason.starts_with("Delete Safety") && deleted)
        }
    };
    if fine { Ok(()) } else { Err(format!("{:?} without cause: {reason}", pair.state)) }
}

/// I3 and I6: every edit is on both sides, or was overwritten by one that knew of it, or lost a conflict that is named, or
/// was put back because its user may not make it in the CRM.
fn each_edit(world: &World, view: &View) -> Result<(), String> {
    let arena = world.remote.lock();
    let journal = world.store.all_journal();
    for user in 0..world.knobs.users {
        for serial in &view.serials {
            let (mail, crm) = (view.live(Side::Mail, user, *serial), view.live(Side::Crm, user, *serial));
            let ([(id, in_mail)], [(_, in_crm)]) = (mail, crm) else { continue };
            let pair = view.pairs.get(&(member(user), Side::Mail, id.clone()));
            let Some(pair) = pair.filter(|p| p.state == PairState::Linked) else { continue };
            // A record may be several users': what was decided for one of them holds for all.
            let record = pair.crm.as_ref().map(|at| &at.id);
            let of_record: BTreeSet<PairId> = view
                .pairs
                .values()
                .filter(|p| p.crm.as_ref().map(|at| &at.id) == record)
                .map(|p| p.id)
                .collect();
            for slot in Slot::of(in_mail.item.module) {
                let standing = [in_mail, in_crm].map(|s| stands(s, *slot));
                for (token, edit) in
                    arena.history.of(*serial).filter(|(_, e)| e.slot == *slot && e.users & (1 << user) != 0)
                {
                    if arena.source().is_some_and(|source| !arena.its(source).items.contains_key(&edit.id)) {
                        continue;
                    }
                    // Whoever deletes an item lets go of what stands in it.
                    let gone = |side| {
                        arena.its(side).items.get(&edit.id).is_some_and(|s| !s.live() || !s.is_of(user))
                    };
                    if gone(Side::Mail) || gone(Side::Crm) {
                        continue;
                    }
                    // A conflict that was named: the policy has decided.
                    let field = conflict_of(*slot);
                    // So was a change whose answer was lost, and that was not there any more when it was looked for: whether
                    // whoever replaced it knew it cannot be told from here.
                    let named = journal.iter().filter(|j| of_record.contains(&j.pair)).any(|j| {
                        (j.deed == "conflict" && j.text.contains(&field))
                            || (j.deed == "drop" && j.rule == "recovery")
                    });
                    // What is blank when two items are linked is filled (table row 17), whatever its user wrote before.
                    let emptied = || {
                        let mut later = arena.history.of(*serial).filter(|(_, e)| e.slot == *slot && e.blank);
                        later.any(|(blank, _)| arena.history.follows(blank, token))
                    };
                    let linked = || journal.iter().any(|j| of_record.contains(&j.pair) && j.deed == "link");
                    let filled = emptied() && linked();
                    let put_back = || {
                        arena.was_put_back(user, *serial, token) || arena.may_be_undone(user, *serial, token)
                    };
                    if arena.history.is_lost(token, &standing) && !named && !filled && !put_back() {
                        return Err(format!(
                            "I3 loss: t{token} ({edit:?}) of #{serial}, user {user}, is nowhere: {standing:?} {pair:?}"
                        ));
                    }
                }
            }
        }
    }
    Ok(())
}

fn stands(stored: &Stored, slot: Slot) -> Standing {
    match (slot.read(&stored.item), stored.shows.get(&slot)) {
        (_, Some(token)) => Standing::Edit(*token),
        (Content::Blank, None) => Standing::Blank,
        (Content::Token(token), None) => Standing::Edit(token),
        (Content::Other, None) => Standing::Other,
    }
}

/// The fields in which a pair in step differs: its user may not change them in the CRM, and the policy leaves the mailbox as it
/// is; or there is nothing to put back, because they were never in step.
fn left_alone(world: &World, pair: &PairRow, serial: u64, in_mail: &Stored) -> BTreeSet<Field> {
    let user = user_of(pair);
    let arena = world.remote.lock();
    if !arena.refusals.has_any() {
        return BTreeSet::new();
    }
    let mut journal = world.store.all_journal();
    journal.retain(|j| j.pair == pair.id);
    let named = |deed: &str| journal.iter().any(|j| j.deed == deed);
    let left = |slot: &&Slot| {
        let lost = journal.iter().any(|j| j.deed == "conflict" && j.text.contains(&conflict_of(**slot)));
        // What was linked, or made by a request whose answer told nothing, was in step in nothing yet.
        let row_17 = journal.iter().any(|j| j.deed == "left alone" && j.rule.contains("row 17"));
        let unknown = named("link") || named("adopt") || row_17 || world.knobs.bare_answers;
        let never_in_step = |stood: bool| unknown && (named("left alone") || lost || !stood);
        arena.refusals.of_slot(user, serial, **slot, slot.read(&in_mail.item)).any(|(says, stood)| match says
        {
            MayNot::Retry => false,
            MayNot::Ignore => named("left alone"),
            // Where nothing goes to the mailbox, nothing goes back.
            MayNot::Rollback if arena.source() == Some(Side::Mail) => named("left alone"),
            MayNot::Rollback => never_in_step(stood),
        })
    };
    Slot::of(in_mail.item.module).iter().filter(left).map(|slot| slot.field()).collect()
}

/// Where changes go one way, the fields in which the other side differs, because they were edited there after the source's, or
/// in another user's copy of it.
fn of_target_alone(world: &World, user: usize, in_mail: &Stored, in_crm: &Stored) -> BTreeSet<Field> {
    let arena = world.remote.lock();
    let Some(source) = arena.source() else { return BTreeSet::new() };
    let (from, to) = if source == Side::Mail { (in_mail, in_crm) } else { (in_crm, in_mail) };
    let later = |slot: &&Slot| {
        let Some(token) = to.shows.get(slot) else { return false };
        let Some(edit) = arena.history.get(*token) else { return false };
        let copies = &arena.its(source).items;
        let of_another =
            || copies.values().any(|s| !s.is_of(user) && s.shows.get(slot).is_some_and(|t| t == token));
        match copies.get(&edit.id) {
            Some(stored) => !stored.is_of(user) || of_another(),
            // What was emptied before it was read was never filled, as far as anybody can tell.
            None => Some(token) > from.shows.get(slot) || slot.read(&from.item) == Content::Blank,
        }
    };
    Slot::of(in_mail.item.module).iter().filter(later).map(|slot| slot.field()).collect()
}

/// Equal as far as the CRM can hold it, but for some fields.
fn same(mail: &Item, crm: &Item, but_for: &BTreeSet<Field>) -> Result<(), String> {
    let hasher = FieldHasher::new([0; 16]);
    for (field, value) in crm.fields.iter().filter(|(field, _)| !but_for.contains(field)) {
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

/// I18: the database is lost. Whatever was linked is found again: nothing is made, nothing deleted.
///
/// # Errors
/// What was made or deleted.
pub fn database_lost(world: &mut World) -> Result<(), String> {
    let counts = |world: &World| {
        let view = View::of(world);
        let mut counts: BTreeMap<(Side, usize, u64), usize> = BTreeMap::new();
        for (key, copies) in view.items {
            counts.insert(key, copies.len());
        }
        (counts, view.pairs)
    };
    let (before, pairs) = counts(world);
    let taken_away = |world: &World| {
        let arena = world.remote.lock();
        arena.mail.deletes + arena.crm.deletes
    };
    let earlier = taken_away(world);
    world.remote.lock().may_resurrect = true;
    world.store.lose_everything();
    if world.settle(CYCLES) != Some(0) {
        return Err("I18 database loss: not in step again".into());
    }
    if taken_away(world) != earlier {
        return Err("I18 database loss: something was deleted".into());
    }
    let linked: BTreeSet<(MemberId, Side, RemoteId)> =
        pairs.into_iter().filter(|(_, p)| p.state == PairState::Linked).map(|(key, _)| key).collect();
    let (after, _) = counts(world);
    let view = View::of(world);
    for ((side, user, serial), count) in after {
        let was_linked = view
            .live(side, user, serial)
            .iter()
            .any(|(id, _)| linked.contains(&(member(user), side, id.clone())));
        let doubled = world.remote.lock().doubled.contains_key(&serial);
        if was_linked && !doubled && before.get(&(side, user, serial)) != Some(&count) {
            return Err(format!(
                "I18 database loss: #{serial} of user {user} is {count} times in the {}",
                side.title()
            ));
        }
    }
    Ok(())
}
