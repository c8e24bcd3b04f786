//! Backups that are put back: of the CRM, which is noticed before anything is undone by it; and of our own database.

use super::check::{by_serial, check};
use super::random::Random;
use super::{Knobs, World};
use riva_core::documents::Refused;
use riva_core::holds::{Decision, HoldKind};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Module, Value};
use riva_core::rows::PairState;
use std::collections::{BTreeMap, BTreeSet};

/// A world in step, whose policy carries deletions out, and asks nobody.
fn world(seed: u64) -> World {
    let mut world = World::new(seed, Knobs { crm_without_tombstones: seed.is_multiple_of(2), ..Knobs::CALM });
    world.carries_deletions_out();
    world.policy.safety.refused = Refused::Restore;
    for _ in 0..6 {
        world.user_creates();
    }
    world.settle(8);
    world
}

fn mailbox(world: &World) -> BTreeMap<RemoteId, Item> {
    world.mail.live().into_iter().collect()
}

/// A record that is kept in step.
fn a_linked_record(world: &World, random: &mut Random) -> RemoteId {
    let pairs = world.store.all_pairs();
    let linked = pairs.iter().filter(|pair| pair.state == PairState::Linked);
    let ids: BTreeSet<RemoteId> = linked.filter_map(|pair| Some(pair.crm.as_ref()?.id.clone())).collect();
    let live: Vec<RemoteId> =
        world.crm.live().into_iter().map(|(id, _)| id).filter(|id| ids.contains(id)).collect();
    live[random.below(live.len())].clone()
}

fn write(item: &mut Item, text: &str) {
    let field = if item.module == Module::Contacts { Field::Notes } else { Field::Body };
    item.set(field, Value::body(riva_core::item::Body::plain(text)));
}

/// Cycles for some days. Answers what stopped them in the end.
fn some_days(world: &World) -> Option<String> {
    let mut fault = None;
    for _ in 0..40 {
        world.pass(121);
        fault = world.cycle().expect("nobody kills it").fault.map(|fault| fault.to_string());
    }
    fault
}

/// An administrator refuses all deletions that wait.
fn refuse(world: &World) -> usize {
    let waiting: Vec<_> = world
        .store
        .all_holds()
        .into_iter()
        .filter(|hold| hold.kind == HoldKind::DeleteSafety && hold.decided.is_none() && hold.closed.is_none())
        .collect();
    for hold in &waiting {
        world.decide(hold.id, Decision::Refuse);
    }
    waiting.len()
}

/// A day's work after a backup of the CRM, which is put back then; and users who go on in the mailbox. Answers what that
/// shows; `None` if by chance nothing is left that the backup has otherwise.
fn put_back(world: &mut World, random: &mut Random) -> Option<BTreeMap<RemoteId, Item>> {
    for _ in 0..random.below(4) {
        world.user_works();
    }
    world.settle(8);
    let backup = world.crm.back_up();
    let record = a_linked_record(world, random);
    world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
    for _ in 0..random.below(6) {
        if random.percent(50) {
            world.user_creates();
        } else {
            world.user_works();
        }
    }
    if world.crm.live().iter().all(|(id, _)| *id != record) {
        return None;
    }
    world.settle(8);
    world.crm.put_back(backup, random.percent(30));
    let ids: Vec<RemoteId> = mailbox(world).into_keys().collect();
    for _ in 0..random.below(3) {
        world.mail.user_edit(&ids[random.below(ids.len())], |item| write(item, "written since"));
    }
    Some(mailbox(world))
}

#[test]
fn a_backup_of_the_crm_undoes_nothing_in_the_mailbox() {
    for seed in 0..300 {
        let (mut world, mut random) = (world(seed), Random::new(seed));
        world.approves = false;
        let Some(before) = put_back(&mut world, &mut random) else { continue };
        let fault = some_days(&world).unwrap_or_default();
        assert!(fault.contains("A backup seems to have been put back"), "seed {seed}: {:?}", world.log());
        assert_eq!(mailbox(&world), before, "seed {seed}");
    }
}

#[test]
fn what_a_backup_has_put_back_is_brought_up_to_date() {
    for seed in 0..300 {
        let (mut world, mut random) = (world(seed), Random::new(seed));
        world.approves = false;
        let Some(before) = put_back(&mut world, &mut random) else { continue };
        some_days(&world);
        world.accepts(true);
        world.settle(8);
        while refuse(&world) > 0 {
            world.settle(8);
        }
        check(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}: {:#?}", world.log()));
        let after = mailbox(&world);
        for (id, item) in &before {
            assert_eq!(after.get(id), Some(item), "seed {seed}: {:?}", world.log());
        }
        // Each has its record again, but for what is left alone for what its users did.
        let records = by_serial(&world.crm);
        for (serial, _) in by_serial(&world.mail) {
            let known = &world.known[&serial];
            assert!(records.contains_key(&serial) || known.deleted, "seed {seed}: #{serial}");
        }
    }
}

#[test]
fn what_a_backup_has_put_back_may_be_taken_as_it_is() {
    for seed in 0..300 {
        let (mut world, mut random) = (world(seed), Random::new(seed));
        world.approves = false;
        let Some(before) = put_back(&mut world, &mut random) else { continue };
        let records = world.crm.live().len();
        some_days(&world);
        world.accepts(false);
        world.settle(8);
        let after: BTreeSet<RemoteId> = mailbox(&world).into_keys().collect();
        assert!(before.keys().all(|id| after.contains(id)), "seed {seed}: nothing is deleted unasked");
        assert!(world.crm.live().len() >= records, "seed {seed}");
        while refuse(&world) > 0 {
            world.settle(8);
        }
        // That it is not there counts as its users' deed.
        world.known.values_mut().for_each(|known| known.deleted = true);
        check(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}: {:#?}", world.log()));
        assert_eq!(some_days(&world), None, "seed {seed}: it is not found once more");
    }
}

#[test]
fn what_was_made_since_a_backup_is_not_deleted_with_it() {
    for seed in 0..10 {
        let mut world = world(seed);
        world.approves = false;
        let backup = world.crm.back_up();
        for _ in 0..3 {
            let contact = world.new_contact();
            world.crm.user_create(contact);
        }
        world.settle(8);
        let before = mailbox(&world);
        assert_eq!(before.len(), 9);
        world.crm.put_back(backup, seed.is_multiple_of(3));
        assert_eq!(some_days(&world), None, "nothing there is older than it was");
        assert_eq!(mailbox(&world), before, "seed {seed}: {:?}", world.log());
        let waiting = world.store.all_holds();
        let [hold] = waiting.as_slice() else { panic!("seed {seed}: {waiting:?}") };
        assert!(hold.reason.contains("as if a backup had been put back there"), "{}", hold.reason);
        assert_eq!(hold.items.len(), 3);
        assert_eq!(refuse(&world), 1);
        world.settle(8);
        assert_eq!((mailbox(&world), world.crm.live().len()), (before, 9), "seed {seed}");
    }
}

#[test]
fn a_backup_of_our_own_database_changes_nothing() {
    let mut played = 0;
    for seed in 0..300 {
        let (mut world, mut random) = (world(seed), Random::new(seed));
        let backup = world.store.back_up();
        for _ in 0..=random.below(6) {
            if random.percent(40) {
                world.user_creates();
            } else {
                world.user_works();
            }
            if random.percent(40) {
                world.settle(8);
            }
        }
        world.settle(8);
        if world.store.all_pairs().iter().any(|pair| pair.state == PairState::Held) {
            // What waits for a decision is not in step: on which side it was edited last is forgotten with it.
            continue;
        }
        played += 1;
        world.approves = false;
        let before = (mailbox(&world), world.crm.live());
        world.store.put_back(backup);
        world.settle(8);
        assert_eq!((mailbox(&world), world.crm.live()), before, "seed {seed}: {:?}", world.log());
        check(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}: {:#?}", world.log()));
    }
    assert!(played > 200, "{played}");
}
