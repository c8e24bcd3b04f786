//! The files of contacts and appointments: each is hung on its item's record once, none of them delays an item, and what a
//! user takes off the record does not come back.

use super::seeds::seeds;
use super::{Faults, Knobs, World, check};
use riva_core::documents::{CalendarPolicy, ContactsPolicy, DeletePolicy, Direction, PrivateItems};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Sensitivity, Value};
use riva_core::rows::PairState;
use std::collections::BTreeSet;

const MIB: u64 = 1 << 20;

/// A world whose policy brings files of up to a MiB.
fn bringing(seed: u64, knobs: Knobs) -> World {
    let mut world = World::new(seed, knobs);
    let modules = &mut world.policy.modules;
    let (attachments, attachment_mib) = (true, 1);
    modules.contacts = Some(ContactsPolicy { attachments, attachment_mib, ..ContactsPolicy::default() });
    modules.calendar = Some(CalendarPolicy { attachments, attachment_mib, ..CalendarPolicy::default() });
    world
}

/// A user leaves these files on an item.
fn hang(item: &mut Item, files: &[(&str, u64)]) {
    item.set_files(files.iter().map(|(name, size)| ((*name).to_owned(), *size)));
}

/// An appointment with files, in the mailbox alone.
fn with_files(files: &[(&str, u64)]) -> (World, RemoteId) {
    let mut world = bringing(1, Knobs::CALM);
    let mut event = world.new_event();
    hang(&mut event, files);
    let id = world.mail.user_create(event);
    (world, id)
}

/// In step.
fn settle(world: &mut World) {
    assert_eq!(world.settle(8), Some(0), "{:#?}", world.log());
}

/// What hangs on the only record.
fn kept(world: &World) -> Vec<(String, usize)> {
    let [(record, _)] = &world.crm.live()[..] else { panic!("one record") };
    world.crm.files_of(record)
}

fn files(all: &[(&str, usize)]) -> Vec<(String, usize)> {
    all.iter().map(|(name, size)| ((*name).to_owned(), *size)).collect()
}

fn says(world: &World, text: &str) -> usize {
    world.log().iter().filter(|line| line.contains(text)).count()
}

#[test]
fn each_file_comes_after_its_item_once() {
    let (mut world, id) =
        with_files(&[("a.txt", 3), ("b.pdf", 9), ("a.txt", 3), ("empty", 0), ("film", MIB + 1)]);
    settle(&mut world);
    let all = files(&[("a.txt", 3), ("a.txt", 3), ("b.pdf", 9)]);
    assert_eq!(kept(&world), all);
    assert_eq!(says(&world, "Attached 3 attachments of \"Visit #1\" in the CRM"), 1, "{:#?}", world.log());
    assert_eq!(says(&world, "Visit #1: empty is not attached in the CRM: it is empty"), 1);
    assert_eq!(says(&world, "Visit #1: film is not attached in the CRM: it is larger than 1 MiB"), 1);
    // Whatever changes besides, they stay as they are.
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "room 7"));
    settle(&mut world);
    assert_eq!(kept(&world), all);
    assert_eq!(says(&world, "is not attached"), 2, "what is left out is told once");
    assert_eq!(world.mail.writes(), 0);
}

#[test]
fn a_file_that_comes_later_is_brought_and_one_that_goes_stays_in_the_crm() {
    let (mut world, id) = with_files(&[("a.txt", 3)]);
    settle(&mut world);
    world.mail.user_edit(&id, |item| {
        hang(item, &[("b.pdf", 9)]);
        item.set_text(Field::Location, "room 7");
    });
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("a.txt", 3), ("b.pdf", 9)]));
    assert_eq!(world.crm.live()[0].1.text(Field::Location), Some("room 7"));
}

#[test]
fn what_a_user_takes_off_the_record_does_not_come_back() {
    let (mut world, id) = with_files(&[("a.txt", 3), ("b.pdf", 9)]);
    settle(&mut world);
    let record = world.crm.live().remove(0).0;
    world.crm.user_takes_off(&record, "a.txt");
    world.crm.user_edit(&record, |item| item.set_text(Field::Location, "room 7"));
    settle(&mut world);
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "room 8"));
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("b.pdf", 9)]));
    // Put there anew by its user, it is another one.
    world.mail.user_edit(&id, |item| hang(item, &[("b.pdf", 9)]));
    settle(&mut world);
    world.mail.user_edit(&id, |item| hang(item, &[("a.txt", 3), ("b.pdf", 9)]));
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("a.txt", 3), ("b.pdf", 9)]));
}

#[test]
fn what_hangs_there_already_is_not_hung_there_again() {
    let mut world = bringing(2, Knobs::CALM);
    let event = world.new_event();
    let mut with_file = event.clone();
    hang(&mut with_file, &[("a.txt", 3), ("b.pdf", 9)]);
    world.mail.user_create(with_file);
    let record = world.crm.user_create(event);
    world.crm.user_hangs(&record, "a.txt", 3);
    settle(&mut world);
    assert_eq!((world.mail.live().len(), kept(&world)), (1, files(&[("a.txt", 3), ("b.pdf", 9)])));
    assert_eq!(says(&world, "Attached 1 attachment of"), 1, "{:#?}", world.log());
}

#[test]
fn an_item_that_came_from_the_crm_has_the_files_of_its_copy_in_the_mailbox() {
    let mut world = bringing(3, Knobs::CALM);
    let contact = world.new_contact();
    world.crm.user_create(contact);
    settle(&mut world);
    let id = world.mail.live().remove(0).0;
    world.mail.user_edit(&id, |item| hang(item, &[("card.vcf", 7)]));
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("card.vcf", 7)]));
}

#[test]
fn none_is_brought_where_the_policy_says_so() {
    let (mut world, id) = with_files(&[("a.txt", 3)]);
    let calendar = |world: &mut World, direction, attachments| {
        let policy = CalendarPolicy { direction, attachments, ..CalendarPolicy::default() };
        world.policy.modules.calendar = Some(policy);
    };
    calendar(&mut world, Direction::TwoWay, false);
    settle(&mut world);
    calendar(&mut world, Direction::CrmToMail, true);
    world.mail.user_edit(&id, |item| hang(item, &[("b.txt", 3)]));
    settle(&mut world);
    assert_eq!(kept(&world), []);
    // From now on they are: at the next change of their item.
    calendar(&mut world, Direction::TwoWay, true);
    settle(&mut world);
    assert_eq!(kept(&world), []);
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "room 7"));
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("b.txt", 3)]));
}

#[test]
fn private_appointments_keep_their_files() {
    for private in [PrivateItems::Skip, PrivateItems::BusyOnly, PrivateItems::Sync] {
        let (mut world, id) = with_files(&[]);
        let attachments = true;
        world.policy.modules.calendar =
            Some(CalendarPolicy { private, attachments, ..CalendarPolicy::default() });
        settle(&mut world);
        world.mail.user_edit(&id, |item| {
            item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
            hang(item, &[("secret.txt", 3)]);
        });
        settle(&mut world);
        let is_open = private == PrivateItems::Sync;
        assert_eq!(kept(&world), files(&[("secret.txt", 3)][..usize::from(is_open)]), "{private:?}");
        world.mail.user_edit(&id, |item| {
            item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
        });
        settle(&mut world);
        assert_eq!(kept(&world), files(&[("secret.txt", 3)]), "{private:?}");
    }
}

/// One that is marked private while its file waits.
#[test]
fn what_became_private_before_it_was_brought_is_not_brought() {
    let (mut world, id) = with_files(&[("a.txt", 3)]);
    world.policy.modules.calendar.iter_mut().for_each(|calendar| calendar.private = PrivateItems::BusyOnly);
    world.crm.refuse_files(true);
    world.settle(2);
    world.crm.refuse_files(false);
    world.mail.user_edit(&id, |item| {
        item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    });
    world.pass(24 * 60);
    settle(&mut world);
    assert_eq!(kept(&world), []);
    let told = "marked private before its attachments were attached in the CRM";
    assert_eq!(says(&world, told), 1, "{:#?}", world.log());
}

#[test]
fn a_file_that_is_refused_is_told_and_tried_again_and_delays_nothing() {
    let (mut world, id) = with_files(&[("a.txt", 3)]);
    world.crm.refuse_files(true);
    world.settle(3);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    assert_eq!(pair.state, PairState::Quarantined);
    let why = "Could not be attached in the CRM: a.txt: not permitted: storage is full.";
    assert!(pair.reason.as_deref().is_some_and(|reason| reason.starts_with(why)), "{:?}", pair.reason);
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "room 7"));
    world.settle(3);
    assert_eq!(world.crm.live()[0].1.text(Field::Location), Some("room 7"));
    assert_eq!(kept(&world), []);
    world.crm.refuse_files(false);
    world.pass(24 * 60);
    settle(&mut world);
    assert_eq!(kept(&world), files(&[("a.txt", 3)]));
    assert_eq!(world.store.all_pairs()[0].state, PairState::Linked);
}

/// The answer is lost, and what was sent arrives later.
/// No request is on its way then. What hangs there when it is tried again somebody else has hung there.
#[test]
fn a_file_that_was_not_taken_is_in_no_doubt() {
    let busy: fn(&World, bool) = |world, is| {
        world.crm.set_faults(Faults { not_now: if is { 100 } else { 0 }, ..Faults::NONE });
    };
    for goes_wrong in [busy, |world, is| world.crm.refuse_files(is), |world, is| world.crm.down_for_files(is)]
    {
        let (mut world, id) = with_files(&[]);
        settle(&mut world);
        world.mail.user_edit(&id, |item| hang(item, &[("a.txt", 3)]));
        goes_wrong(&world, true);
        world.cycle().expect("nobody kills it");
        assert_eq!(kept(&world), files(&[]));
        goes_wrong(&world, false);
        let record = world.crm.live().remove(0).0;
        world.crm.user_hangs(&record, "a.txt", 3);
        settle(&mut world);
        assert_eq!(kept(&world), files(&[("a.txt", 3)]));
        let told: Vec<String> = world.store.all_journal().into_iter().map(|line| line.text).collect();
        assert!(told.contains(&"there already: a.txt, of Visit #1".to_owned()), "{told:?}");
        assert_eq!(says(&world, "Attached 1 attachment"), 0, "{:#?}", world.log());
    }
}

/// How long it waits before it tries again grows until all are there: a CRM that is busy in between has taken none.
#[test]
fn a_file_that_is_refused_is_tried_less_and_less_often_until_it_is_taken() {
    let (world, _) = with_files(&[("a.txt", 3)]);
    let attempts = |world: &World| {
        world.cycle().expect("nobody kills it");
        world.pass(24 * 60);
        world.store.all_pairs()[0].attempts
    };
    world.crm.refuse_files(true);
    assert_eq!([(); 3].map(|()| attempts(&world)), [1, 2, 3]);
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    assert_eq!(attempts(&world), 3);
    world.crm.set_faults(Faults::NONE);
    assert_eq!(attempts(&world), 4);
    world.crm.refuse_files(false);
    assert_eq!((attempts(&world), kept(&world)), (0, files(&[("a.txt", 3)])));
}

#[test]
fn one_in_doubt_is_looked_for_when_it_must_have_arrived() {
    for arrives in [true, false] {
        let (mut world, _) = with_files(&[("a.txt", 3), ("b.pdf", 9)]);
        world.crm.slow_with_files(true);
        world.cycle();
        world.crm.slow_with_files(false);
        assert_eq!(kept(&world), []);
        world.cycle();
        assert_eq!(kept(&world), files(&[("b.pdf", 9)]), "this one waits: {:#?}", world.log());
        for _ in 0..2 {
            let outcome = world.cycle().expect("nobody kills it");
            assert!(outcome.again_at.is_some_and(|at| at > world.now()), "nobody would come back for it");
        }
        if arrives {
            world.crm.arrive();
        }
        settle(&mut world);
        assert_eq!(kept(&world), files(&[("a.txt", 3), ("b.pdf", 9)]));
    }
}

#[test]
fn a_process_that_is_killed_forgets_no_file_and_brings_none_twice() {
    for step in 0..80 {
        let (mut world, _) = with_files(&[("a.txt", 3), ("b.pdf", 9)]);
        world.kill_after(Some(step));
        for _ in 0..3 {
            if world.cycle().is_none() {
                break;
            }
        }
        world.kill_after(None);
        settle(&mut world);
        assert_eq!(kept(&world), files(&[("a.txt", 3), ("b.pdf", 9)]), "killed at step {step}");
    }
}

#[test]
fn a_record_that_is_made_again_has_all_files_again() {
    let (mut world, _) = with_files(&[("a.txt", 3), ("b.pdf", 9)]);
    world.policy.modules.calendar.iter_mut().for_each(|c| c.deleted_in_crm = DeletePolicy::Restore);
    settle(&mut world);
    let record = world.crm.live().remove(0).0;
    world.crm.user_takes_off(&record, "a.txt");
    world.crm.user_delete(&record);
    settle(&mut world);
    let again = world.crm.live().remove(0).0;
    assert_ne!(again, record);
    assert_eq!(kept(&world), files(&[("a.txt", 3), ("b.pdf", 9)]), "{:#?}", world.log());
}

/// An item of which only its files were touched was not edited: its deletion in the CRM is carried out.
#[test]
fn a_file_keeps_no_item_that_was_deleted_in_the_crm() {
    let (mut world, id) = with_files(&[("a.txt", 3)]);
    world.policy.modules.calendar.iter_mut().for_each(|c| c.deleted_in_crm = DeletePolicy::Propagate);
    settle(&mut world);
    world.mail.user_edit(&id, |item| hang(item, &[("a.txt", 3), ("b.pdf", 9)]));
    let record = world.crm.live().remove(0).0;
    world.crm.user_delete(&record);
    settle(&mut world);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (0, 0));
}

/// Users hang files on items and take them off, on both sides, while all goes wrong that may.
#[test]
fn in_chaos_no_file_is_lost_or_doubled_or_comes_back() {
    let faults =
        Faults { lost_answer: 6, unavailable: 4, not_now: 6, token_churn: 10, meddled: 8, ..Faults::NONE };
    let (mut hung, mut taken_off) = (0, 0);
    for seed in seeds(500) {
        let mut world =
            bringing(seed, Knobs { faults, kills: !seed.is_multiple_of(3), files: true, ..Knobs::CALM });
        for _ in 0..10 {
            world.user_creates();
        }
        world.chaos(12);
        check(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
        judge(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}\n{:#?}", world.log()));
        hung += world.crm.live().iter().map(|(id, _)| world.crm.files_of(id).len()).sum::<usize>();
        taken_off += world.taken_off.len();
    }
    assert!(hung > 0 && taken_off > 0, "{hung} files hung, {taken_off} taken off");
}

/// Every file that an item in step lists is on its record, unless somebody took it off there; none is there twice.
fn judge(world: &mut World) -> Result<(), String> {
    world.pass(24 * 60);
    world.settle(8);
    let listed = world.mail.live();
    for pair in world.store.all_pairs() {
        let (Some(mail), Some(crm)) = (&pair.mail, &pair.crm) else { continue };
        let names: Vec<String> = world.crm.files_of(&crm.id).into_iter().map(|(name, _)| name).collect();
        let once: BTreeSet<&String> = names.iter().collect();
        if once.len() < names.len() {
            return Err(format!("{}: files are there twice: {names:?}", crm.id));
        }
        if let Some(back) = names.iter().find(|name| world.taken_off.contains(*name)) {
            return Err(format!("{}: {back} is back", crm.id));
        }
        let Some((_, item)) = listed.iter().find(|(id, _)| *id == mail.id) else { continue };
        let missing =
            item.files.iter().find(|f| !names.contains(&f.name) && !world.taken_off.contains(&f.name));
        if let Some(missing) = missing.filter(|_| pair.state == PairState::Linked) {
            return Err(format!("{}: {} is missing", crm.id, missing.name));
        }
    }
    Ok(())
}
