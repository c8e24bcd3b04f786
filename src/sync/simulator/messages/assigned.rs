//! `Assign To`: messages that users drop at a record of the CRM, and the folders in which they do.

use super::super::random::Random;
use super::super::seeds::seeds;
use super::fake::{Faults, message};
use super::world::{MEMBERS, World};
use riva_core::documents::EmailPolicy;
use riva_core::ids::RemoteId;
use riva_core::item::{Assigned, Item, MailFolder};
use riva_core::ports::{ActiveRecord, RecordFolder};
use riva_core::rows::PairState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

pub(super) const STRANGER: &str = "stranger@far.example";

pub(super) fn record(id: &str, name: &str) -> ActiveRecord {
    ActiveRecord { id: id.into(), name: name.into() }
}

pub(super) fn world(seed: u64, limit: u32) -> World {
    let mut world = World::new(seed);
    let email = EmailPolicy { assign_to: true, assign_to_limit: limit, ..EmailPolicy::default() };
    world.policy.modules.email = Some(email);
    world
}

/// A message that lies in the folder of a record.
pub(super) fn assigned(serial: u64, folder: &RecordFolder, sent_at: i64) -> Item {
    let mut item = message(serial, MailFolder::Assigned, STRANGER, &[MEMBERS[0]], sent_at);
    let tag = folder.tag.as_ref().expect("it is of a record");
    item.set_assigned(&Assigned { record: tag.record.clone(), name: folder.name.clone() });
    item
}

pub(super) fn names(world: &World, member: usize) -> Vec<String> {
    world.mail[member].record_folders().into_iter().map(|folder| folder.name).collect()
}

/// The record of each message that was ever logged.
pub(super) fn logged(world: &World) -> Vec<(String, Option<RemoteId>)> {
    let of = |item: Item| item.assigned().map(|to| to.record);
    world.crm.records().into_iter().map(|logged| (logged.message_id, of(logged.item))).collect()
}

pub(super) fn said(world: &World, words: &str) -> usize {
    world.log().iter().filter(|line| line.contains(words)).count()
}

#[test]
fn what_is_dropped_at_a_record_waits_for_nobody() {
    let world = world(1, 100);
    world.crm.works_at(vec![record("r1", "500 seats"), record("r2", "a/b")]);
    world.settle();
    assert_eq!(
        (names(&world, 0), names(&world, 1)),
        (vec!["500 seats".into(), "a-b".into()], names(&world, 0))
    );
    let folder = world.mail[0].record_folders().remove(1);
    world.mail[0].put(assigned(1, &folder, world.now() - 9_000_000));
    assert_eq!(world.settle(), 0);
    assert_eq!(logged(&world), [("<1@sim.example>".to_owned(), Some("r2".into()))]);
    // Its user, of whom alone the CRM knows, stands with it.
    let people = world.crm.records().remove(0).item.related();
    assert_eq!(people.iter().map(|person| person.id.as_str()).collect::<Vec<_>>(), ["u1"]);
    assert_eq!(world.pairs(PairState::Quarantined), 0);
    let rule = "assigned by the user to \"a-b\", people by matching addresses";
    assert!(world.store.all_journal().iter().any(|line| line.rule == rule));
}

#[test]
fn a_copy_that_waits_elsewhere_is_logged_against_the_record() {
    let world = world(2, 100);
    world.crm.works_at(vec![record("r1", "500 seats")]);
    world.settle();
    world.mail[0].put(message(1, MailFolder::Drop, STRANGER, &[MEMBERS[0]], world.now()));
    world.settle();
    assert_eq!((logged(&world).len(), world.pairs(PairState::Quarantined)), (0, 1));
    let folder = world.mail[0].record_folders().remove(0);
    world.mail[0].put(assigned(1, &folder, world.now()));
    assert_eq!(world.settle(), 0);
    assert_eq!(logged(&world), [("<1@sim.example>".to_owned(), Some("r1".into()))]);
    assert_eq!(world.pairs(PairState::Quarantined), 0);
}

#[test]
fn what_is_in_the_log_already_is_not_changed_and_its_user_is_told() {
    let world = world(3, 100);
    world.knows(STRANGER);
    world.crm.works_at(vec![record("r1", "500 seats")]);
    world.settle();
    let at = world.now();
    let id = world.mail[0].put(message(1, MailFolder::Inbox, STRANGER, &[MEMBERS[0]], at));
    world.settle();
    world.mail[0].take_away(&id);
    // In this mailbox, and in another one.
    for member in [0, 1] {
        let folder = world.mail[member].record_folders().remove(0);
        world.mail[member].put(assigned(1, &folder, at));
        assert_eq!(world.settle(), 0);
    }
    assert_eq!(logged(&world), [("<1@sim.example>".to_owned(), None)]);
    assert_eq!(said(&world, "it was logged before it was assigned to \"500 seats\""), 2, "{:?}", world.log());
}

#[test]
fn a_limit_is_said_once_and_takes_no_folder_away() {
    let world = world(4, 1);
    world.crm.works_at(vec![record("r1", "One")]);
    world.settle();
    world.crm.works_at(vec![record("r2", "Two"), record("r1", "One"), record("r3", "Three")]);
    world.settle();
    assert_eq!(names(&world, 0), ["One", "Two"]);
    assert_eq!(said(&world, "There are more than 1 active records"), 2, "once for each member");
    world.crm.works_at(vec![record("r1", "One")]);
    world.settle();
    assert_eq!(names(&world, 0), ["One", "Two (inactive)"]);
}

#[test]
fn folders_that_its_user_deletes_come_back_for_active_records_alone() {
    let world = world(5, 100);
    world.crm.works_at(vec![record("r1", "One"), record("r2", "Two")]);
    world.settle();
    world.crm.works_at(vec![record("r2", "Two")]);
    world.settle();
    for folder in world.mail[0].record_folders() {
        world.mail[0].delete_record_folder(&folder.id);
    }
    world.settle();
    assert_eq!((names(&world, 0), names(&world, 1).len()), (vec!["Two".to_owned()], 2));
    // With all of them: they are back when the others are.
    world.mail[0].delete_folders();
    world.mail[0].delete_record_folder(&world.mail[0].record_folders()[0].id);
    world.pass(24 * 60 + 1);
    world.settle();
    assert_eq!(names(&world, 0), ["Two"]);
}

#[test]
fn where_nothing_can_be_assigned_no_folder_is_made_and_the_administrator_is_told() {
    let mut world = world(6, 100);
    for mail in &mut world.mail {
        Arc::get_mut(mail).expect("nobody else has it").keeps_no_record_folders();
    }
    world.crm.works_at(vec![record("r1", "One")]);
    world.settle();
    world.settle();
    assert_eq!(world.mail[0].folders(), ["CRM".to_owned()].into());
    assert_eq!(names(&world, 0), [""; 0]);
    assert_eq!(said(&world, "Assign To is switched on, but"), 2, "once for each member");
}

/// Users drop messages at records that come, are renamed and go, while systems fail and the process is killed.
fn run(seed: u64) -> Result<(), String> {
    let mut world = world(seed, 4);
    let mut random = Random::new(seed ^ 0xA_551C);
    world.set_faults(Faults {
        unavailable: 6,
        lost_request: 6,
        lost_answer: 12,
        not_now: 5,
        cursor_lost: 4,
        ..Faults::default()
    });
    let (mut serial, mut dropped) = (0, BTreeMap::<String, BTreeSet<RemoteId>>::new());
    let mut active: Vec<ActiveRecord> = Vec::new();
    let mut ever: [BTreeSet<RemoteId>; 2] = Default::default();
    for round in 0..14 {
        match random.below(4) {
            0 if !active.is_empty() => drop(active.remove(random.below(active.len()))),
            1 if !active.is_empty() => {
                let at = random.below(active.len());
                active[at].name = format!("Name {}", random.below(3));
            }
            _ => active.insert(0, record(&format!("r{round}"), &format!("name {}", random.below(3)))),
        }
        world.crm.works_at(active.clone());
        for _ in 0..random.below(4) {
            let member = random.below(2);
            let folders = world.mail[member].record_folders();
            let Some(folder) = folders.get(random.below(folders.len().max(1))) else { continue };
            serial += u64::from(random.percent(80) || serial == 0);
            let item = assigned(serial, folder, world.now());
            let uid = item.uid.clone().unwrap_or_default();
            dropped.entry(uid).or_default().extend(item.assigned().map(|to| to.record));
            world.mail[member].put(item);
        }
        let member = random.below(2);
        if random.percent(50) {
            world.deadly_cycle(member);
        } else {
            world.cycle(member);
        }
        for (ever, mail) in ever.iter_mut().zip(&world.mail) {
            ever.extend(mail.record_folders().into_iter().map(|folder| folder.id));
        }
        world.pass(15);
    }
    world.set_faults(Faults::default());
    let writes = world.settle();
    let fail = |what: String| Err(format!("seed {seed}: {what}\n{}", world.log().join("\n")));
    if writes != 0 {
        return fail(format!("{writes} writes when nothing changes"));
    }
    let logged = logged(&world);
    let ids: BTreeSet<&String> = logged.iter().map(|(id, _)| id).collect();
    if ids.len() < logged.len() || ids.len() < dropped.len() {
        return fail(format!("{dropped:?} were dropped, and logged: {logged:?}"));
    }
    for (id, record) in &logged {
        if !dropped.get(id).zip(record.as_ref()).is_some_and(|(records, record)| records.contains(record)) {
            return fail(format!("{id} was logged against {record:?}, and dropped at {:?}", dropped.get(id)));
        }
    }
    for (mail, ever) in world.mail.iter().zip(&ever) {
        let folders = mail.record_folders();
        let there: BTreeSet<&RemoteId> = folders.iter().map(|folder| &folder.id).collect();
        if ever.iter().any(|id| !there.contains(id)) {
            return fail("a folder was deleted".into());
        }
        let names: BTreeSet<String> = folders.iter().map(|folder| folder.name.to_lowercase()).collect();
        let tags = folders.iter().filter_map(|folder| folder.tag.as_ref());
        let records: BTreeSet<&RemoteId> = tags.clone().map(|tag| &tag.record).collect();
        if names.len() < folders.len() || records.len() < folders.len() {
            return fail(format!("two folders of one name, or of one record: {folders:?}"));
        }
        for tag in tags {
            let of = active.iter().find(|record| record.id == tag.record);
            let fits = match of {
                Some(record) => tag.given.starts_with(&record.name) && !tag.given.ends_with("(inactive)"),
                None => tag.given.contains("(inactive)"),
            };
            if !fits {
                return fail(format!("{tag:?} is the folder of {of:?}"));
            }
        }
        if let Some(record) = active.iter().take(4).find(|record| !records.contains(&record.id)) {
            return fail(format!("{record:?} has no folder"));
        }
        if mail.writes() > 0 {
            return fail("a message was written".into());
        }
    }
    Ok(())
}

#[test]
fn whatever_happens_each_is_logged_once_against_a_record_at_which_it_was_dropped() {
    for seed in seeds(300) {
        if let Err(why) = run(seed) {
            panic!("{why}");
        }
    }
}

#[test]
fn a_cycle_that_is_to_end_makes_no_more_folders() {
    let mut made = BTreeSet::new();
    for asks in 0..12 {
        let world = world(9, 100);
        world.crm.works_at(vec![record("r1", "One"), record("r2", "Two")]);
        world.stop.after(asks);
        world.cycle(0).expect("nobody kills it");
        made.insert(names(&world, 0).len());
        world.stop.after(u32::MAX);
        assert_eq!((world.settle(), names(&world, 0).len()), (0, 2), "{asks}");
    }
    assert_eq!(made, BTreeSet::from([0, 1, 2]), "it may end between two of them");
}
