//! What recovery finds out by itself, before any feed tells of it: a request that arrived, and one that did not.

use super::world::run_until_killed;
use super::{Faults, Knobs, World};
use chrono::Duration;
use riva_core::documents::{BecamePrivate, CalendarPolicy, ContactsPolicy, DeletePolicy};
use riva_core::holds::HoldKind;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Body, Field, Module, Sensitivity, Value};
use riva_core::ports::SyncStore as _;
use riva_core::rows::PairState;
use std::sync::Arc;

/// One contact in the mailbox, and nothing that goes wrong by itself.
fn world() -> World {
    let mut world = World::new(3, Knobs::CALM);
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world
}

/// What the log says of recoveries.
fn recoveries(world: &World) -> Vec<String> {
    world.log().into_iter().filter(|line| line.contains("Recovered after")).collect()
}

/// What the journal says of recoveries: deed and text.
fn found(world: &World) -> Vec<(String, String)> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == "recovery");
    lines.map(|line| (line.deed, line.text)).collect()
}

fn said(carried_out: u32, not: u32, in_doubt: u32) -> String {
    format!(
        "Recovered after an interruption. Writes carried out: {carried_out}; not carried out: {not}; still in doubt: {in_doubt}"
    )
}

/// Of worlds that are killed after each step of a cycle in turn, those in which something was written down and not sent.
pub(super) fn never_sent(world: impl Fn() -> World, sent: impl Fn(&World) -> bool) -> Vec<World> {
    let killed = (1..200).map(|steps| {
        let world = world();
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        (died, world)
    });
    let crashed: Vec<World> = killed
        .filter(|(died, world)| *died && has_open_intents(world) && !sent(world))
        .map(|(_, world)| world)
        .collect();
    assert!(!crashed.is_empty(), "it was never killed between the writing down and the sending");
    crashed
}

fn has_open_intents(world: &World) -> bool {
    let open = run_until_killed(world.store.open_intents(MemberId(1))).expect("nobody kills it");
    !open.expect("it is in memory").is_empty()
}

/// The answer to what the CRM is sent in the next cycle is lost.
pub(super) fn answer_lost(world: &World) {
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::default() });
    assert!(world.cycle().is_some_and(|outcome| outcome.fault.is_some()));
    world.crm.set_faults(Faults::default());
    world.pass(20);
}

pub(super) fn note(text: &str) -> Value {
    Value::body(Body::plain(text))
}

fn notes(world: &World) -> Vec<Option<Value>> {
    world.crm.live().into_iter().map(|(_, item)| item.get(Field::Notes).cloned()).collect()
}

#[test]
fn what_was_made_though_its_answer_was_lost_is_adopted() {
    let mut world = world();
    answer_lost(&world);
    assert_eq!(world.crm.live().len(), 1);
    world.cycle();
    let title = world.crm.live()[0].1.title();
    assert_eq!(found(&world), [("adopt".to_owned(), format!("found again: {title}"))]);
    assert_eq!(recoveries(&world), [said(1, 0, 0)]);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(world.crm.live().len(), 1);
    let states: Vec<PairState> = world.store.all_pairs().iter().map(|pair| pair.state).collect();
    assert_eq!(states, [PairState::Linked]);
    assert_eq!(recoveries(&world).len(), 1, "what is settled is not recovered again");
}

#[test]
fn what_was_written_down_and_never_sent_is_made_once() {
    for mut world in never_sent(world, |world| !world.crm.live().is_empty()) {
        world.pass(20);
        world.cycle();
        assert_eq!(recoveries(&world), [said(0, 1, 0)]);
        world.settle(4);
        assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 1));
    }
}

#[test]
fn what_may_not_be_visible_yet_is_waited_for() {
    let slow = || {
        let mut world = world();
        Arc::get_mut(&mut world.crm).expect("nobody else has it").shows_after(30 * 60);
        world
    };
    for mut world in never_sent(slow, |world| !world.crm.live().is_empty()) {
        let visible_at = world.now() + Duration::minutes(30);
        world.pass(20);
        let outcome = world.cycle().expect("nobody kills it");
        assert_eq!(outcome.again_at, Some(visible_at));
        assert!(!outcome.modules[&Module::Contacts].initial_done, "it is not known what there is");
        assert_eq!(recoveries(&world), [said(0, 0, 1)]);
        assert!(world.crm.live().is_empty());
        // Now it would be seen.
        world.pass(10);
        world.cycle();
        assert_eq!(recoveries(&world)[1..], [said(0, 1, 0)]);
        world.settle(4);
        assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 1));
    }
}

#[test]
fn what_was_made_and_refused_is_adopted() {
    let mut world = world();
    world.crm.set_faults(Faults { made_and_refused: 100, ..Faults::NONE });
    assert!(world.cycle().is_some_and(|outcome| outcome.fault.is_none()));
    world.crm.set_faults(Faults::NONE);
    world.pass(20);
    world.cycle();
    let title = world.crm.live()[0].1.title();
    assert_eq!(found(&world), [("adopt".to_owned(), format!("found again: {title}"))]);
    assert_eq!(recoveries(&world), [said(1, 0, 0)]);
    world.settle(4);
    assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 1));
}

#[test]
fn what_was_refused_and_not_made_is_no_matter_of_doubt() {
    // Of one that keeps no marker nobody could tell: it is believed.
    for crm_without_marker in [false, true] {
        let mut world = World::new(3, Knobs { crm_without_marker, ..Knobs::CALM });
        let contact = world.new_contact();
        world.mail.user_create(contact);
        world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
        assert!(world.cycle().is_some_and(|outcome| outcome.fault.is_none()));
        world.crm.set_faults(Faults::NONE);
        world.settle(4);
        assert_eq!((found(&world), recoveries(&world)), (vec![], vec![]));
        assert_eq!((world.crm.live().len(), world.crm.writes()), (1, 1));
    }
}

#[test]
fn of_what_was_made_twice_the_first_stays() {
    let mut world = world();
    answer_lost(&world);
    let first = world.crm.live()[0].0.clone();
    world.crm.deliver_again(&first).expect("it is there");
    world.cycle();
    let [(double, text), (adopted, _)] = &found(&world)[..] else { panic!("{:?}", found(&world)) };
    assert_eq!((double.as_str(), adopted.as_str()), ("delete double", "adopt"));
    assert!(text.starts_with("a request was carried out twice"), "{text}");
    assert_eq!(recoveries(&world), [said(1, 0, 0)]);
    let ids = |world: &World| world.crm.live().into_iter().map(|(id, _)| id).collect::<Vec<RemoteId>>();
    assert_eq!(ids(&world), std::slice::from_ref(&first));
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(ids(&world), [first]);
}

/// A contact that is in step, and of which something is about to be written to the CRM.
fn in_step(then: fn(&World)) -> World {
    let mut world = world();
    let deletions = ContactsPolicy { deleted_in_mail: DeletePolicy::Propagate, ..ContactsPolicy::default() };
    world.policy.modules.contacts = Some(deletions);
    world.settle(4);
    assert_eq!(world.crm.live().len(), 1);
    then(&world);
    world.pass(61);
    world
}

fn edited(world: &World) {
    let id = world.mail.live()[0].0.clone();
    assert!(world.mail.user_edit(&id, |item| item.set(Field::Notes, note("new"))));
}

fn deleted(world: &World) {
    let id = world.mail.live()[0].0.clone();
    assert!(world.mail.user_delete(&id));
}

#[test]
fn what_was_written_though_its_answer_was_lost_is_adopted() {
    for (change, left, told) in
        [(edited as fn(&World), 1, "the change had been made"), (deleted, 0, "the deletion had been made")]
    {
        let mut world = in_step(change);
        answer_lost(&world);
        let writes = world.crm.writes();
        world.cycle();
        assert_eq!(found(&world), [("adopt".to_owned(), told.to_owned())]);
        assert_eq!(recoveries(&world), [said(1, 0, 0)]);
        assert_eq!(world.settle(4), Some(0), "{told}");
        assert_eq!((world.crm.live().len(), world.mail.live().len()), (left, left));
        assert_eq!(world.crm.writes(), writes, "nothing is written twice");
    }
}

#[test]
fn what_was_written_down_and_not_written_is_written_once() {
    for mut world in never_sent(|| in_step(edited), |world| notes(world) == [Some(note("new"))]) {
        world.pass(20);
        world.cycle();
        assert_eq!(found(&world).iter().map(|(deed, _)| deed.as_str()).collect::<Vec<_>>(), ["drop"]);
        assert_eq!(recoveries(&world), [said(0, 1, 0)]);
        world.settle(4);
        assert_eq!((notes(&world), world.crm.writes()), (vec![Some(note("new"))], 2));
    }
    for mut world in never_sent(|| in_step(deleted), |world| world.crm.live().is_empty()) {
        world.pass(20);
        world.cycle();
        assert_eq!((found(&world), recoveries(&world)), (vec![], vec![said(0, 1, 0)]));
        world.settle(4);
        assert_eq!((world.crm.live().len(), world.crm.writes()), (0, 2));
    }
}

#[test]
fn what_nobody_can_look_for_is_held_once() {
    let without_marker = || {
        let mut world = World::new(3, Knobs { crm_without_marker: true, ..Knobs::CALM });
        let contact = world.new_contact();
        world.mail.user_create(contact);
        world
    };
    for mut world in never_sent(without_marker, |world| !world.crm.live().is_empty()) {
        world.pass(20);
        world.cycle();
        assert_eq!(recoveries(&world), [said(0, 0, 1)]);
        let told = found(&world);
        let [(deed, why)] = &told[..] else { panic!("{told:?}") };
        assert_eq!(deed, "held");
        assert!(why.starts_with("It is not known whether it was made in the CRM"), "{why}");
        let holds =
            || world.store.all_holds().into_iter().filter(|hold| hold.kind == HoldKind::InDoubt).count();
        assert_eq!(holds(), 1);
        let pairs = world.store.all_pairs();
        assert_eq!((pairs[0].state, pairs[0].reason.as_ref()), (PairState::Held, Some(why)));
        // Nothing is made, and nothing said again, as long as nobody decides.
        world.settle(3);
        assert_eq!((world.crm.writes(), recoveries(&world).len(), found(&world).len()), (0, 1, 1));
    }
}

/// The record of what became private is deleted, and comes back with the item once it is private no more.
#[test]
fn what_became_private_is_on_its_own_though_the_answer_was_lost() {
    let mut world = World::new(3, Knobs::CALM);
    let became_private = BecamePrivate::Delete;
    world.policy.modules.calendar = Some(CalendarPolicy { became_private, ..CalendarPolicy::default() });
    let event = world.new_event();
    let id = world.mail.user_create(event);
    world.settle(4);
    let becomes = |world: &World, how| {
        assert!(world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, Value::Sensitivity(how))));
        world.pass(61);
    };
    becomes(&world, Sensitivity::Private);
    answer_lost(&world);
    assert!(world.crm.live().is_empty());
    world.cycle();
    assert_eq!(found(&world), [("adopt".to_owned(), "the deletion had been made".to_owned())]);
    world.settle(4);
    assert!(world.crm.live().is_empty());
    becomes(&world, Sensitivity::Normal);
    world.settle(4);
    assert_eq!(world.crm.live().len(), 1);
}
