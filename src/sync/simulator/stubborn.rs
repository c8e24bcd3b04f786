//! Systems that will not have a value: one puts its own back, one refuses a blank.

use super::{Knobs, World};
use riva_core::documents::DeletePolicy;
use riva_core::item::{Body, Field, Item, Module, Value};
use riva_core::rows::PairState;
use std::collections::BTreeSet;
use std::sync::Arc;

fn calm() -> World {
    World::new(7, Knobs::CALM)
}

/// A contact with this note, in the mailbox alone.
fn in_the_mailbox(world: &mut World, text: &str) {
    let mut item: Item = world.new_contact();
    item.set(Field::Notes, note(text));
    world.mail.user_create(item);
}

fn state(world: &World) -> (PairState, String) {
    let pair = world.store.all_pairs().remove(0);
    (pair.state, pair.reason.unwrap_or_default())
}

/// Two systems' own rules each put a note back to the text that they want.
#[test]
fn two_rules_that_fight_are_left_alone_for_a_day() {
    let mut world = calm();
    in_the_mailbox(&mut world, "first");
    world.settle(5);
    let (mail, crm) = (world.mail.live()[0].0.clone(), world.crm.live()[0].0.clone());
    let shown = |world: &World| [&world.mail, &world.crm].map(|side| side.live()[0].1.clone());
    let mut writes = Vec::new();
    for _ in 0..4 {
        for (in_mail, text) in [(true, "as the mailbox wants it"), (false, "as the CRM wants it")] {
            let side = if in_mail { &world.mail } else { &world.crm };
            side.user_edit(if in_mail { &mail } else { &crm }, |item| item.set(Field::Notes, note(text)));
            writes.push(world.settle(2).is_some().then(|| world.mail.writes() + world.crm.writes()));
        }
    }
    assert_eq!(writes[3..].iter().collect::<BTreeSet<_>>().len(), 1, "{writes:?}");
    assert!(writes[0] < writes[1] && writes[1] < writes[2] && writes[2] < writes[3], "{writes:?}");
    assert!(
        world.log().iter().any(|line| line.contains("notes is left alone for a day")),
        "{:?}",
        world.log()
    );
    let [in_mail, in_crm] = shown(&world);
    assert_ne!(in_mail.get(Field::Notes), in_crm.get(Field::Notes), "each keeps its own");
    // What is new goes over at once; the old text too, a day later.
    world.mail.user_edit(&mail, |item| item.set(Field::Notes, note("something else")));
    world.settle(3);
    let [in_mail, in_crm] = shown(&world);
    assert_eq!(in_mail.get(Field::Notes), in_crm.get(Field::Notes));
}

/// Who changes his mind often enough looks like a rule that fights: what he wrote last goes over a day later.
#[test]
fn what_was_left_alone_is_looked_at_a_day_later() {
    let mut world = calm();
    in_the_mailbox(&mut world, "first");
    world.settle(5);
    let (mail, crm) = (world.mail.live()[0].0.clone(), world.crm.live()[0].0.clone());
    while !world.log().iter().any(|line| line.contains("notes is left alone for a day")) {
        for (side, id, text) in [(&world.mail, &mail, "yes"), (&world.crm, &crm, "no")] {
            side.user_edit(id, |item| item.set(Field::Notes, note(text)));
            world.pass(61);
            world.cycle();
        }
    }
    let shown = |world: &World| [&world.mail, &world.crm].map(|side| side.live()[0].1.clone());
    let [in_mail, in_crm] = shown(&world);
    assert_ne!(in_mail.get(Field::Notes), in_crm.get(Field::Notes), "each keeps its own");
    let writes = world.mail.writes() + world.crm.writes();
    world.pass(12 * 60);
    world.settle(3);
    assert_eq!(world.mail.writes() + world.crm.writes(), writes, "half a day is not enough");
    world.pass(24 * 60);
    world.settle(3);
    let [in_mail, in_crm] = shown(&world);
    assert_eq!(in_mail.get(Field::Notes), in_crm.get(Field::Notes));
}

/// A value that a user goes back to is news to a side that has shown another one since.
#[test]
fn an_edit_back_to_an_earlier_value_is_not_lost() {
    let mut world = calm();
    in_the_mailbox(&mut world, "first");
    world.settle(5);
    let (mail, crm) = (world.mail.live()[0].0.clone(), world.crm.live()[0].0.clone());
    world.crm.user_edit(&crm, |item| item.set(Field::Notes, note("second")));
    world.settle(3);
    assert_eq!(world.mail.live()[0].1.get(Field::Notes), Some(&note("second")));
    world.mail.user_edit(&mail, |item| item.set(Field::Notes, note("first")));
    world.settle(3);
    assert_eq!(world.crm.live()[0].1.get(Field::Notes), Some(&note("first")));
}

fn note(text: &str) -> Value {
    Value::body(Body::plain(text))
}

/// A side that needs a value for a field, and an item that has lost it.
#[test]
fn an_item_made_again_has_what_the_side_requires() {
    let mut world = calm();
    world.policy.modules.contacts.as_mut().expect("contacts").deleted_in_crm = DeletePolicy::Restore;
    let crm = Arc::get_mut(&mut world.crm).expect("nobody else has it");
    crm.require(Module::Contacts, Field::Notes);
    in_the_mailbox(&mut world, "kept");
    world.settle(5);
    let (mail, crm) = (world.mail.live()[0].0.clone(), world.crm.live()[0].0.clone());
    world.mail.user_edit(&mail, |item| item.set(Field::Notes, Value::Blank));
    world.crm.user_delete(&crm);
    world.settle(3);
    let refused = (PairState::Quarantined, "The CRM requires notes, which is blank here.".to_owned());
    assert_eq!(state(&world), refused);
    world.mail.user_edit(&mail, |item| item.set(Field::Notes, note("back")));
    world.settle(5);
    assert_eq!(world.crm.live().len(), 1, "made again once it has what is required: {:?}", state(&world));
    world.mail.user_edit(&mail, |item| item.set(Field::Notes, Value::Blank));
    world.settle(3);
    assert_eq!(state(&world), refused, "nor is it blanked");
    assert_eq!(world.crm.live()[0].1.get(Field::Notes), Some(&note("back")));
}
