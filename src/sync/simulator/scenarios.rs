//! What a user would tell as a story, one test each.

use super::check::by_serial;
use super::fake::FakeSide;
use super::{Knobs, World};
use chrono::DateTime;
use riva_core::documents::{ConflictWinner, DeletePolicy, Direction, SafetyLimit};
use riva_core::item::{Body, Field, Item, Module, Sensitivity, Value};
use riva_core::rows::PairState;

fn calm() -> World {
    let mut world = World::new(7, Knobs::CALM);
    world.approves = false;
    world
}

fn states(world: &World) -> Vec<(PairState, String)> {
    world.store.all_pairs().into_iter().map(|p| (p.state, p.reason.unwrap_or_default())).collect()
}

/// A contact with a serial number and further changes, in the mailbox alone.
fn in_the_mailbox(world: &mut World, change: impl Fn(&mut Item)) {
    let mut item = world.new_contact();
    change(&mut item);
    world.mail.user_create(item);
}

#[test]
fn more_deletions_than_allowed_are_held() {
    let mut world = calm();
    for _ in 0..30 {
        in_the_mailbox(&mut world, |_| {});
    }
    world.settle(5);
    assert_eq!(world.crm.live().len(), 30);
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 25 };
    for (id, _) in world.crm.live().into_iter().take(20) {
        world.crm.user_delete(&id);
    }
    let before = world.mail.writes();
    world.settle(3);
    assert_eq!(world.mail.live().len(), 30, "nothing was deleted");
    assert_eq!(world.mail.writes(), before);
    let held = states(&world)
        .iter()
        .filter(|(s, why)| *s == PairState::Held && why.contains("Delete Safety"))
        .count();
    assert_eq!(held, 20);
}

#[test]
fn a_few_deletions_pass() {
    let mut world = calm();
    for _ in 0..30 {
        in_the_mailbox(&mut world, |_| {});
    }
    world.settle(5);
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 25 };
    for (id, _) in world.crm.live().into_iter().take(3) {
        world.crm.user_delete(&id);
    }
    world.settle(3);
    assert_eq!(world.mail.live().len(), 27);
}

#[test]
fn an_emptied_side_deletes_nothing_on_the_other() {
    let mut world = calm();
    for _ in 0..8 {
        in_the_mailbox(&mut world, |_| {});
    }
    world.settle(5);
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 100 };
    for (id, _) in world.crm.live() {
        world.crm.user_delete(&id);
    }
    world.settle(3);
    assert_eq!(world.mail.live().len(), 8);
}

#[test]
fn two_with_one_address_are_a_possible_duplicate() {
    let mut world = calm();
    let item = world.new_contact();
    world.mail.user_create(item.clone());
    world.mail.user_create(item.clone());
    world.crm.user_create(item);
    world.settle(4);
    assert_eq!(
        (world.mail.live().len(), world.crm.live().len()),
        (2, 1),
        "nothing is linked by guess, or made again"
    );
    assert!(
        states(&world).iter().all(|(s, why)| *s == PairState::Held && why.starts_with("Possible duplicate"))
    );
}

/// A contact whose notes were changed in the mailbox and in the CRM at these milliseconds (`None`: not told), and what became of
/// it where the later change wins.
fn changed_on_both(mail_at: Option<i64>, crm_at: Option<i64>) -> (String, String) {
    let mut world = calm();
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.conflict = ConflictWinner::Newest;
    }
    in_the_mailbox(&mut world, |item| item.set(Field::Notes, Value::body(Body::plain("as it was"))));
    world.settle(4);
    for (side, at, text) in [(&world.mail, mail_at, "by mail"), (&world.crm, crm_at, "by CRM")] {
        side.set_clock(at.and_then(DateTime::from_timestamp_millis));
        let (id, _) = side.live().remove(0);
        side.user_edit(&id, |item| item.set(Field::Notes, Value::body(Body::plain(text))));
    }
    world.settle(4);
    let notes = |side: &FakeSide| match side.live().remove(0).1.get(Field::Notes) {
        Some(Value::Body(body)) => body.text.clone(),
        other => panic!("notes: {other:?}"),
    };
    (notes(&world.mail), notes(&world.crm))
}

#[test]
fn the_later_change_stands_on_both_sides() {
    let by = |text: &str| (text.to_owned(), text.to_owned());
    assert_eq!(changed_on_both(Some(2_000), Some(1_999)), by("by mail"));
    assert_eq!(changed_on_both(Some(1_999), Some(2_000)), by("by CRM"));
    // Within a second, or where one side does not say, nobody knows.
    assert_eq!(changed_on_both(Some(1_900), Some(1_100)), by("by CRM"));
    assert_eq!(changed_on_both(None, Some(1_000)), by("by CRM"));
    assert_eq!(changed_on_both(Some(5_000), None), by("by CRM"));
}

#[test]
fn a_private_item_never_reaches_the_crm() {
    let mut world = calm();
    in_the_mailbox(&mut world, |item| item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private)));
    world.settle(4);
    assert!(world.crm.live().is_empty());
    // Once it is not private any more, it is synced.
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal)));
    world.settle(4);
    assert_eq!(world.crm.live().len(), 1);
}

#[test]
fn a_series_is_held_with_its_reason() {
    let mut world = calm();
    let mut item = Item::new(Module::Calendar);
    item.set_text(Field::Summary, "Stand-up #1");
    item.set_text(Field::Recurrence, "RRULE:FREQ=DAILY");
    world.mail.user_create(item);
    world.settle(4);
    assert!(world.crm.live().is_empty());
    assert!(matches!(states(&world).as_slice(), [(PairState::Held, why)] if why.contains("series")));
}

#[test]
fn one_direction_writes_one_side_alone() {
    for direction in [Direction::MailToCrm, Direction::CrmToMail] {
        let mut world = calm();
        if let Some(contacts) = &mut world.policy.modules.contacts {
            contacts.direction = direction;
        }
        let (mine, theirs) = (world.new_contact(), world.new_contact());
        world.mail.user_create(mine);
        world.crm.user_create(theirs);
        world.settle(4);
        let (mail, crm) = (by_serial(&world.mail).len(), by_serial(&world.crm).len());
        match direction {
            Direction::MailToCrm => assert_eq!((mail, crm, world.mail.writes()), (1, 2, 0)),
            _ => assert_eq!((mail, crm, world.crm.writes()), (2, 1, 0)),
        }
    }
}

#[test]
fn a_deleted_contact_does_not_come_back() {
    let mut world = calm();
    in_the_mailbox(&mut world, |_| {});
    world.settle(4);
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_delete(&id);
    world.settle(3);
    assert_eq!(world.crm.live().len(), 1, "a contact deleted in the mailbox stays in the CRM");
    let (record, _) = world.crm.live().remove(0);
    world.crm.user_edit(&record, |item| item.set_text(Field::DisplayName, "Edited later"));
    world.settle(3);
    assert!(world.mail.live().is_empty(), "and does not come back when it is edited there");
}

/// Row 20: a move is no deletion, and edits are followed to where the item lies now.
#[test]
fn an_item_that_was_moved_is_followed() {
    let mut world = calm();
    in_the_mailbox(&mut world, |_| {});
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 100 };
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.deleted_in_mail = DeletePolicy::Propagate;
    }
    world.settle(4);
    let (id, _) = world.mail.live().remove(0);
    let new = world.mail.user_move(&id).unwrap();
    let (mail_writes, crm_writes) = (world.mail.writes(), world.crm.writes());
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1));
    assert_eq!((world.mail.writes(), world.crm.writes()), (mail_writes, crm_writes), "nothing is written");
    assert!(states(&world).iter().all(|(s, _)| *s == PairState::Linked), "{:?}", states(&world));
    let told = world.store.all_journal().into_iter().filter(|line| line.deed == "moved");
    let text =
        format!("{}: it was moved in the mailbox, and is followed there.", world.crm.live()[0].1.title());
    assert_eq!(told.map(|line| line.text).collect::<Vec<_>>(), std::slice::from_ref(&text));
    assert!(world.log().contains(&text), "{:?}", world.log());
    let (record, _) = world.crm.live().remove(0);
    let later = Value::body(Body::plain("Edited later"));
    world.crm.user_edit(&record, |item| item.set(Field::Notes, later.clone()));
    world.settle(3);
    let (there, item) = world.mail.live().remove(0);
    assert_eq!((there, item.get(Field::Notes)), (new.clone(), Some(&later)));
    // What is deleted there is deleted.
    world.mail.user_delete(&new);
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (0, 0));
}

/// A user's copy of an item stands alone; once the original is gone, it is what was moved.
#[test]
fn a_copy_takes_the_place_of_an_original_that_is_gone() {
    let mut world = calm();
    in_the_mailbox(&mut world, |_| {});
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 100 };
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.deleted_in_mail = DeletePolicy::Propagate;
    }
    world.settle(4);
    let (original, record) = (world.mail.live().remove(0).0, world.crm.live().remove(0).0);
    let copy = world.mail.deliver_again(&original).expect("it is there");
    let note = Value::body(Body::plain("my copy"));
    world.mail.user_edit(&copy, |item| item.set(Field::Notes, note.clone()));
    world.settle(4);
    let of = |world: &World, state| states(world).iter().filter(|(s, _)| *s == state).count();
    assert_eq!(
        (of(&world, PairState::Linked), of(&world, PairState::Detached)),
        (1, 1),
        "{:?}",
        states(&world)
    );
    world.mail.user_delete(&original);
    world.settle(4);
    assert_eq!(
        (of(&world, PairState::Linked), of(&world, PairState::Detached)),
        (1, 0),
        "{:?}",
        states(&world)
    );
    let [(there, shown)] = &world.crm.live()[..] else { panic!("{:?}", world.crm.live()) };
    assert_eq!((there, shown.get(Field::Notes)), (&record, Some(&note)));
    assert_eq!(world.mail.live().len(), 1);
}
