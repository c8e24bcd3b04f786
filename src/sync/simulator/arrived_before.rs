//! What had arrived when a backup of the CRM is put back, though no answer told so: it is later than the backup, which does not
//! undo it.

use super::backups::{contacts, fault, world, write};
use super::recovered::{never_sent, note};
use super::{FakeSide, Faults, World};
use riva_core::documents::DeletePolicy;
use riva_core::item::{Element, Field, Value};
use riva_core::rows::PairRow;
use std::sync::Arc;

/// Else the backup would pass for its users' edit: no version in which the pair was in step is later than the backup's.
#[test]
fn what_reached_the_mailbox_though_its_answer_was_lost_is_later_than_a_backup() {
    let mut world = world();
    let record = contacts(&mut world, 1).remove(0);
    let backup = world.crm.back_up();
    world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
    world.mail.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    assert!(fault(&world).is_some());
    world.mail.set_faults(Faults::NONE);
    let before = world.mail.live();
    assert_eq!(before[0].1.get(Field::Notes), Some(&note("what was agreed today")));
    world.crm.put_back(backup, true);
    let why = fault(&world).unwrap_or_default();
    assert!(why.contains("A backup seems to have been put back"), "{why} {:#?}", world.log());
    assert_eq!(world.mail.live(), before);
    world.accepts(true);
    world.settle(6);
    let shown = world.crm.live().remove(0).1;
    assert_eq!(shown.get(Field::Notes), Some(&note("what was agreed today")), "{:#?}", world.log());
    assert_eq!(world.mail.live(), before);
}

#[test]
fn what_reached_the_crm_though_its_answer_was_lost_is_later_than_a_backup() {
    let mut world = world();
    contacts(&mut world, 1);
    let backup = world.crm.back_up();
    let (card, _) = world.mail.live().remove(0);
    world.mail.user_edit(&card, |item| write(item, "what was agreed today"));
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    assert!(fault(&world).is_some());
    world.crm.set_faults(Faults::NONE);
    // It is found carried out, and no more becomes of that cycle.
    world.mail.set_faults(Faults { unavailable: 100, ..Faults::NONE });
    assert!(fault(&world).is_some());
    world.mail.set_faults(Faults::NONE);
    let before = world.mail.live();
    world.crm.put_back(backup, true);
    let why = fault(&world).unwrap_or_default();
    assert!(why.contains("A backup seems to have been put back"), "{why} {:#?}", world.log());
    assert_eq!(world.mail.live(), before);
}

#[test]
fn what_arrives_in_the_mailbox_at_last_is_later_than_a_backup() {
    const AGREED: &str = "what was agreed today";
    let agreed = || {
        let mut world = world();
        let record = contacts(&mut world, 1).remove(0);
        let backup = world.crm.back_up();
        world.crm.user_edit(&record, |item| write(item, AGREED));
        (world, backup)
    };
    let shows = |world: &World| world.mail.live()[0].1.get(Field::Notes) == Some(&note(AGREED));
    for world in never_sent(|| agreed().0, shows) {
        world.mail.set_faults(Faults { not_now: 100, ..Faults::NONE });
        world.pass(20);
        world.cycle();
        world.mail.set_faults(Faults::NONE);
        // Now it arrives.
        let (card, _) = world.mail.live().remove(0);
        world.mail.user_edit(&card, |item| write(item, AGREED));
        let before = world.mail.live();
        world.crm.put_back(agreed().1, true);
        let why = fault(&world).unwrap_or_default();
        assert!(why.contains("A backup seems to have been put back"), "{why} {:#?}", world.log());
        assert_eq!(world.mail.live(), before);
    }
}

/// The same, of what was made again where nothing can be looked for, and is known by what was sent. The process dies before
/// both are looked at once more.
#[test]
fn what_is_found_made_again_is_later_than_a_backup() {
    let mut found = 0;
    for steps in 1..200 {
        let mut world = world();
        Arc::get_mut(&mut world.mail).expect("nobody else has it").keep_no_markers();
        world.policy.modules.contacts.as_mut().expect("contacts").deleted_in_mail = DeletePolicy::Restore;
        let record = contacts(&mut world, 1).remove(0);
        let backup = world.crm.back_up();
        world.mail.user_delete(&world.mail.live()[0].0);
        world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
        world.mail.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
        assert!(fault(&world).is_some());
        world.mail.set_faults(Faults::NONE);
        let (card, _) = world.mail.live().remove(0);
        world.pass(61);
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        if !died {
            break;
        }
        let is_found = |pair: &PairRow| pair.mail.as_ref().is_some_and(|at| at.id == card);
        if world.store.all_pairs().iter().any(is_found) {
            found += 1;
            world.crm.put_back(backup, true);
            let why = fault(&world).unwrap_or_default();
            assert!(
                why.contains("A backup seems to have been put back"),
                "killed after {steps} steps: {why}"
            );
            assert_eq!(world.mail.live()[0].1.get(Field::Notes), Some(&note("what was agreed today")));
        }
    }
    assert!(found > 0, "it was never killed in between");
}

/// A contact that was in step when the backup was made, and a change of it that the CRM was told of in vain: it was given up,
/// and may arrive yet. The CRM is too busy for anything else, and so is the mailbox.
fn given_up() -> Vec<World> {
    let edited = || {
        let mut world = world();
        contacts(&mut world, 1);
        let (card, _) = world.mail.live().remove(0);
        world.mail.user_edit(&card, |item| write(item, "what was agreed today"));
        world
    };
    let arrived = |world: &World| shown_in(&world.crm) == [Some(note("what was agreed today"))];
    let worlds = never_sent(edited, arrived);
    for world in &worlds {
        world.mail.set_faults(Faults { not_now: 100, ..Faults::NONE });
        world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
        world.pass(20);
        assert_eq!(world.cycle().expect("nobody kills it").fault, None);
    }
    worlds
}

fn shown_in(side: &FakeSide) -> Vec<Option<Value>> {
    side.live().into_iter().map(|(_, item)| item.get(Field::Notes).cloned()).collect()
}

/// What is on its way since then cannot be written, so that nothing but its arrival tells in which version both were in step.
#[test]
fn what_arrives_in_the_crm_at_last_is_later_than_a_backup() {
    for world in given_up() {
        let backup = world.crm.back_up();
        let (record, _) = world.crm.live().remove(0);
        world.crm.user_edit(&record, |item| write(item, "what was agreed today"));
        let (card, _) = world.mail.live().remove(0);
        world.mail.user_edit(&card, |item| write(item, "agreed, and signed"));
        assert_eq!(fault(&world), None, "it arrives");
        world.crm.put_back(backup, true);
        let why = fault(&world).unwrap_or_default();
        assert!(
            why.contains("A backup seems to have been put back: in the CRM, "),
            "{why} {:#?}",
            world.log()
        );
        assert_eq!(shown_in(&world.mail), [Some(note("agreed, and signed"))]);
    }
}

/// It never reached the mailbox: that it is gone undoes nothing.
#[test]
fn what_was_edited_in_place_of_what_may_arrive_yet_was_in_step_in_no_version() {
    for mut world in given_up() {
        let backup = world.crm.back_up();
        let (record, _) = world.crm.live().remove(0);
        let number = || Value::set([("work".to_owned(), Element::plain("030 1234567"))].into());
        world.crm.user_edit(&record, |item| item.set(Field::Phones, number()));
        assert_eq!(fault(&world), None);
        world.crm.put_back(backup, true);
        assert_eq!(fault(&world), None, "{:#?}", world.log());
        world.mail.set_faults(Faults::NONE);
        world.crm.set_faults(Faults::NONE);
        world.settle(4);
        for side in [&world.mail, &world.crm] {
            assert_eq!(shown_in(side), [Some(note("what was agreed today"))]);
        }
    }
}
