//! What a cycle tells and counts, when the initial sync is done, and what waits for the next one.

use super::{Faults, Knobs, World};
use riva_core::documents::SafetyLimit;
use riva_core::holds::HoldKind;
use riva_core::item::{Field, Item, Module, Sensitivity, Value};
use riva_core::rows::PairState;

fn in_step(contacts: usize) -> World {
    contacts_in_step(Knobs::CALM, contacts)
}

/// So many contacts in step, and a policy that carries deletions out.
pub(super) fn contacts_in_step(knobs: Knobs, contacts: usize) -> World {
    let mut world = World::new(11, knobs);
    world.carries_deletions_out();
    for _ in 0..contacts {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
    assert_eq!(world.settle(6), Some(0));
    world
}

fn note(item: &mut Item, text: &str) {
    item.set(Field::Notes, Value::body(riva_core::item::Body::plain(text)));
}

/// What is said from this line on.
fn said(world: &World, from: usize) -> Vec<String> {
    world.log().split_off(from)
}

#[test]
fn a_cycle_says_what_it_did_and_when_the_initial_sync_is_done() {
    let mut world = World::new(11, Knobs::CALM);
    world.carries_deletions_out();
    let [ann, ben] = [world.new_contact(), world.new_contact()];
    let card = world.mail.user_create(ann);
    world.crm.user_create(ben);
    let outcome = world.cycle().expect("nobody kills it");
    let first = [
        "Initial sync under way",
        "1 created in the CRM, 1 created in the mailbox",
        "Full initial sync completed",
        "Initial sync under way",
        "No changes",
        "Full initial sync completed",
    ];
    assert_eq!(world.log(), first);
    let counts = outcome.modules[&Module::Contacts];
    assert!(counts.initial_done && outcome.initial_done());
    assert_eq!((counts.created_crm, counts.created_mail, counts.updated_crm), (1, 1, 0));

    world.mail.user_edit(&card, |item| note(item, "by phone"));
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!(said(&world, 6), ["1 updated in the CRM", "No changes"]);
    assert!(outcome.modules[&Module::Contacts].initial_done);
    assert_eq!(outcome.modules[&Module::Contacts].updated_crm, 1);

    world.mail.user_delete(&card);
    world.cycle().expect("nobody kills it");
    assert_eq!(said(&world, 8), ["1 deleted in the CRM", "No changes"]);
}

/// While something is in doubt, or the CRM is down, it is not done.
#[test]
fn the_initial_sync_is_not_done_before_all_is_known() {
    let mut world = World::new(12, Knobs::CALM);
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    let outcome = world.cycle().expect("nobody kills it");
    assert!(!outcome.modules[&Module::Contacts].initial_done && !outcome.initial_done());
    assert!(!said(&world, 0).contains(&"Full initial sync completed".to_owned()), "{:#?}", world.log());
    world.crm.set_faults(Faults::NONE);
    assert_eq!(world.settle(6), Some(0));
    assert!(world.cycle().expect("nobody kills it").initial_done());
    let done = said(&world, 0).iter().filter(|line| *line == "Full initial sync completed").count();
    assert_eq!(done, 2, "once for each module: {:#?}", world.log());
}

/// What is missing in the listing that takes a lost feed's place may be there: it is looked for once more.
#[test]
fn nothing_is_deleted_in_the_cycle_that_lost_its_place() {
    let mut world = in_step(8);
    world.approves = false;
    let (card, _) = world.mail.live().remove(0);
    world.mail.user_delete(&card);
    world.mail.lose_cursor();
    let before = world.log().len();
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!((world.crm.live().len(), outcome.more_work), (8, true), "{:#?}", world.log());
    let warning = "The mailbox no longer knows where the last poll ended (too old); listing everything again. Nothing is \
                   deleted in this cycle.";
    assert_eq!(said(&world, before)[0], warning);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!((world.crm.live().len(), world.store.all_holds().len()), (7, 0));
}

/// The same, of the CRM's feed.
#[test]
fn nothing_is_deleted_in_the_cycle_in_which_the_crm_is_listed_anew() {
    let mut world = in_step(8);
    world.approves = false;
    let (record, _) = world.crm.live().remove(0);
    world.crm.user_delete(&record);
    world.crm.lose_cursor();
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!((world.mail.live().len(), outcome.more_work), (8, true), "{:#?}", world.log());
    assert_eq!(world.settle(4), Some(0));
    assert_eq!((world.mail.live().len(), world.store.all_holds().len()), (7, 0));
}

#[test]
fn what_delete_safety_holds_is_told_once_and_not_read_again() {
    let mut world = in_step(8);
    world.policy.safety.contacts = SafetyLimit { items: 1, percent: 100 };
    world.approves = false;
    for (card, _) in world.mail.live().into_iter().take(3) {
        world.mail.user_delete(&card);
    }
    let before = world.log().len();
    let outcome = world.cycle().expect("nobody kills it");
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!((hold.kind, hold.items.len()), (HoldKind::DeleteSafety, 3));
    assert_eq!(said(&world, before)[0], hold.reason, "{:#?}", said(&world, before));
    let lines = world.store.all_journal().into_iter().filter(|line| line.deed == "held");
    let rules: Vec<String> = lines.map(|line| line.rule).collect();
    assert!(rules.len() == 3 && rules.iter().all(|rule| rule.ends_with(", Delete Safety")), "{rules:?}");
    assert!(outcome.modules[&Module::Contacts].initial_done);
    let pairs = world.store.all_pairs();
    assert_eq!(pairs.iter().filter(|pair| pair.state == PairState::Held).count(), 3);
    // Their rows are taken into account: nothing of them is to be planned until somebody decides.
    assert!(world.store.all_items().iter().all(|row| !row.dirty));
    let before = world.log().len();
    world.cycle().expect("nobody kills it");
    let text =
        format!("Held: {}. Nothing else is written until it is decided (hold {}).", hold.reason, hold.number);
    assert_eq!(said(&world, before), [text, "No changes".to_owned()]);
    assert_eq!((world.crm.live().len(), world.store.all_holds().len()), (8, 1));
}

/// An appointment that is marked private before it had a twin is as if it had never been seen.
#[test]
fn what_is_private_before_it_had_a_twin_is_let_go_and_comes_when_it_is_private_no_more() {
    let mut world = World::new(13, Knobs::CALM);
    let event = world.new_event();
    let id = world.mail.user_create(event);
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    world.cycle().expect("nobody kills it");
    let private = |world: &World, sensitivity| {
        world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, Value::Sensitivity(sensitivity)));
    };
    private(&world, Sensitivity::Private);
    world.crm.set_faults(Faults::NONE);
    world.settle(4);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    assert_eq!((pair.state, world.crm.live().len()), (PairState::Tombstoned, 0));
    assert_eq!(pair.reason.as_deref(), Some("Marked private before it had a twin."));
    assert!(pair.mail.is_none() && pair.next_try.is_none());
    private(&world, Sensitivity::Normal);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(world.crm.live().len(), 1);
}
