//! A user who may read the CRM and not write there: what becomes of what he does in his mailbox, by policy.

use super::{Faults, Knobs, World};
use riva_core::documents::{
    BecamePrivate, ConflictWinner, DeletePolicy, Direction, MayNot, MayNotCreate, NoPermission,
};
use riva_core::history::Order;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Body, Element, Field, Sensitivity, Value};
use riva_core::rows::{PairState, Side};
use std::collections::BTreeMap;

const READ_ONLY: Faults = Faults { forbidden: 100, ..Faults::NONE };

fn policy(create: MayNotCreate, modify: MayNot, delete: MayNot) -> NoPermission {
    NoPermission { create, modify, delete }
}

/// A contact on both sides, in step; then the CRM is read only.
fn world(no_permission: NoPermission) -> World {
    let mut world = World::new(5, Knobs::CALM);
    let mut contact = world.new_contact();
    contact.set(Field::Notes, note("as it was"));
    world.mail.user_create(contact);
    assert_eq!(world.settle(4), Some(0));
    let contacts = world.policy.modules.contacts.as_mut().expect("they are synced");
    contacts.deleted_in_mail = DeletePolicy::Propagate;
    world.policy.no_permission = no_permission;
    world.crm.set_faults(READ_ONLY);
    world
}

/// What is put back is, in the cycle after the one that was refused, which writes nothing.
fn settle(world: &mut World) -> Option<u32> {
    world.settle(1);
    world.settle(5)
}

fn note(text: &str) -> Value {
    Value::body(Body::plain(text))
}

fn edit(world: &World, side: Side, text: &str) {
    let side = if side == Side::Mail { &world.mail } else { &world.crm };
    let id = side.live().remove(0).0;
    side.user_edit(&id, |item| item.set(Field::Notes, note(text)));
}

/// What the mailbox and the CRM have for notes.
fn notes(world: &World) -> [Vec<String>; 2] {
    [&world.mail, &world.crm].map(|side| {
        let text = |(_, item): (RemoteId, riva_core::item::Item)| match item.get(Field::Notes) {
            Some(Value::Body(body)) => body.text.clone(),
            _ => String::new(),
        };
        side.live().into_iter().map(text).collect()
    })
}

fn each(mail: &str, crm: &str) -> [Vec<String>; 2] {
    [vec![mail.to_owned()], vec![crm.to_owned()]]
}

fn state(world: &World) -> (PairState, Option<String>) {
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    (pair.state, pair.reason.clone())
}

#[test]
fn where_the_policy_says_nothing_it_is_tried_again() {
    let mut world = world(NoPermission::default());
    edit(&world, Side::Mail, "edited");
    settle(&mut world);
    assert_eq!(state(&world).0, PairState::Quarantined);
    assert_eq!(notes(&world), each("edited", "as it was"));
    world.crm.set_faults(Faults::NONE);
    settle(&mut world);
    assert_eq!((state(&world).0, notes(&world)), (PairState::Linked, each("edited", "edited")));
}

#[test]
fn a_change_that_is_put_back_is_put_back_each_time() {
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Retry));
    for text in ["one", "two", "two", "three"] {
        edit(&world, Side::Mail, text);
        assert_eq!(settle(&mut world), Some(0), "{text}");
        assert_eq!(
            (state(&world), notes(&world)),
            ((PairState::Linked, None), each("as it was", "as it was"))
        );
    }
    let told = world.log().iter().filter(|line| line.contains("the mailbox gets what the CRM has")).count();
    assert_eq!(told, 4);
    // What the CRM's users do goes on.
    edit(&world, Side::Crm, "by a colleague");
    settle(&mut world);
    assert_eq!(notes(&world), each("by a colleague", "by a colleague"));
    // And what the user may do by now.
    world.crm.set_faults(Faults::NONE);
    edit(&world, Side::Mail, "two");
    settle(&mut world);
    assert_eq!(notes(&world), each("two", "two"));
}

/// The change waits to be put back when its user deletes the item: what the CRM shows is nobody's edit, by which the item would
/// come back.
#[test]
fn what_is_deleted_before_it_is_put_back_is_deleted() {
    for edited_there in [false, true] {
        let mut world = world(policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Retry));
        edit(&world, Side::Mail, "one");
        world.settle(1);
        assert_eq!(notes(&world), each("one", "as it was"), "it waits");
        let id = world.mail.live().remove(0).0;
        world.mail.user_edit(&id, |item| item.set(Field::Notes, note("two")));
        world.mail.user_delete(&id);
        world.crm.set_faults(Faults::NONE);
        if edited_there {
            edit(&world, Side::Crm, "by a colleague");
        }
        settle(&mut world);
        let there = if edited_there { vec!["by a colleague".to_owned()] } else { Vec::new() };
        assert_eq!(notes(&world), [there.clone(), there], "{:?}", world.log());
    }
}

/// What the CRM shows while a change waits to be put back is nobody's edit: what the user edits meanwhile does not lose to it.
#[test]
fn what_is_edited_before_it_is_put_back_is_an_edit() {
    let waits = || {
        let mut world = world(policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Retry));
        edit(&world, Side::Mail, "one");
        world.settle(1);
        assert_eq!(notes(&world), each("one", "as it was"), "it waits");
        world
    };
    let told = |world: &World, what: &str| world.log().iter().filter(|line| line.contains(what)).count();
    let mut again = waits();
    edit(&again, Side::Mail, "two");
    settle(&mut again);
    assert_eq!(notes(&again), each("as it was", "as it was"));
    assert_eq!(told(&again, "the mailbox gets what the CRM has"), 2, "{:?}", again.log());

    let mut permitted = waits();
    edit(&permitted, Side::Mail, "two");
    permitted.crm.set_faults(Faults::NONE);
    settle(&mut permitted);
    assert_eq!(notes(&permitted), each("two", "two"), "{:?}", permitted.log());

    let mut by_both = waits();
    edit(&by_both, Side::Mail, "two");
    edit(&by_both, Side::Crm, "by a colleague");
    settle(&mut by_both);
    let winner = by_both.policy.modules.contacts.as_ref().expect("they are synced").conflict;
    assert_eq!((winner, notes(&by_both)), (ConflictWinner::Crm, each("by a colleague", "by a colleague")));
    assert_eq!(told(&by_both, "different on both sides"), 1, "{:?}", by_both.log());

    // His edit cannot be written, and he takes it back: what is not permitted waits on.
    let mut taken_back = waits();
    edit(&taken_back, Side::Mail, "two");
    taken_back.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    taken_back.settle(1);
    edit(&taken_back, Side::Mail, "one");
    taken_back.crm.set_faults(Faults::NONE);
    settle(&mut taken_back);
    assert_eq!(notes(&taken_back), each("as it was", "as it was"), "{:?}", taken_back.log());
}

/// Of a set, each element is an edit of its own.
#[test]
fn what_is_added_to_a_set_before_it_is_put_back_is_an_edit_and_the_rest_is_put_back() {
    let numbers = |numbers: &[(&str, &str)]| {
        let one = |(kind, number): &(&str, &str)| ((*kind).to_owned(), Element::plain(*number));
        Value::set(numbers.iter().map(one).collect())
    };
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Retry));
    world.crm.set_faults(Faults::NONE);
    let id = world.mail.live().remove(0).0;
    let set = |world: &World, value: Value| world.mail.user_edit(&id, |item| item.set(Field::Phones, value));
    let (was, one, two) = (("work", "030 1"), ("work", "030 2"), ("mobile", "0170 1"));
    set(&world, numbers(&[was]));
    settle(&mut world);
    world.crm.set_faults(READ_ONLY);
    set(&world, numbers(&[one]));
    world.settle(1);
    set(&world, numbers(&[one, two]));
    world.crm.set_faults(Faults::NONE);
    settle(&mut world);
    let shown = [&world.mail, &world.crm].map(|side| side.live().remove(0).1.get(Field::Phones).cloned());
    assert_eq!(shown, [Some(numbers(&[was, two])), Some(numbers(&[was, two]))], "{:?}", world.log());
}

#[test]
fn a_change_that_is_left_alone_stays_until_somebody_changes_more() {
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Ignore, MayNot::Retry));
    edit(&world, Side::Mail, "one");
    assert_eq!(settle(&mut world), Some(0));
    assert_eq!((state(&world), notes(&world)), ((PairState::Linked, None), each("one", "as it was")));
    let tried = world.log().len();
    assert_eq!(settle(&mut world), Some(0));
    assert!(!world.log()[tried..].iter().any(|line| line.contains("not permitted")), "it is not tried again");
    world.crm.set_faults(Faults::NONE);
    edit(&world, Side::Mail, "two");
    settle(&mut world);
    assert_eq!(notes(&world), each("two", "two"));
    world.crm.set_faults(READ_ONLY);
    edit(&world, Side::Mail, "three");
    settle(&mut world);
    edit(&world, Side::Crm, "by a colleague");
    settle(&mut world);
    assert_eq!(notes(&world), each("by a colleague", "by a colleague"));
}

/// What was never in step is nobody's change: the mailbox does not lose what the CRM has not got.
#[test]
fn what_the_crm_lacks_when_both_are_linked_stays_in_the_mailbox() {
    let mut world = World::new(5, Knobs::CALM);
    world.policy.no_permission = policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Retry);
    world.crm.set_faults(READ_ONLY);
    let mut contact = world.new_contact();
    let addresses = BTreeMap::from([("1".to_owned(), Element::plain("mia@example.com"))]);
    contact.set(Field::Emails, Value::set(addresses));
    world.crm.user_create(contact.clone());
    contact.set(Field::Notes, note("likes tea"));
    world.mail.user_create(contact);
    settle(&mut world);
    assert_eq!((state(&world), notes(&world)), ((PairState::Linked, None), each("likes tea", "")));
    // From then on a change is a change.
    edit(&world, Side::Mail, "likes coffee");
    settle(&mut world);
    assert_eq!(notes(&world), each("", ""));
}

#[test]
fn a_deletion_that_is_put_back_makes_the_item_again_once() {
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Retry, MayNot::Rollback));
    for _ in 0..3 {
        let id = world.mail.live().remove(0).0;
        world.mail.user_delete(&id);
        assert_eq!(settle(&mut world), Some(0));
        assert_eq!(
            (state(&world), notes(&world)),
            ((PairState::Linked, None), each("as it was", "as it was"))
        );
    }
    edit(&world, Side::Crm, "by a colleague");
    settle(&mut world);
    assert_eq!(notes(&world), each("by a colleague", "by a colleague"));
}

#[test]
fn a_deletion_that_is_left_alone_leaves_the_record_where_it_is() {
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Retry, MayNot::Ignore));
    let id = world.mail.live().remove(0).0;
    world.mail.user_delete(&id);
    settle(&mut world);
    let why = "Deleted in the mailbox: the CRM keeps it, and it does not come back.";
    assert_eq!(state(&world), (PairState::Detached, Some(why.to_owned())));
    edit(&world, Side::Crm, "by a colleague");
    world.crm.set_faults(Faults::NONE);
    settle(&mut world);
    assert_eq!(notes(&world), [vec![], vec!["by a colleague".to_owned()]]);
}

#[test]
fn an_item_that_is_left_in_the_mailbox_is_made_once_it_may_be() {
    for by_order in [false, true] {
        let mut world = World::new(5, Knobs::CALM);
        world.policy.no_permission = policy(MayNotCreate::Ignore, MayNot::Retry, MayNot::Retry);
        world.crm.set_faults(READ_ONLY);
        let mut contact = world.new_contact();
        contact.set(Field::Notes, note("mine"));
        world.mail.user_create(contact);
        assert_eq!(settle(&mut world), Some(0));
        let (held, why) = state(&world);
        assert_eq!(held, PairState::Detached);
        assert!(why.is_some_and(|why| why.starts_with("Not made in the CRM, and left alone")));
        edit(&world, Side::Mail, "mine still");
        world.crm.set_faults(Faults::NONE);
        assert_eq!(settle(&mut world), Some(0), "it is left alone");
        assert_eq!(notes(&world), [vec!["mine still".to_owned()], vec![]]);
        if by_order {
            world.store.order(MemberId(1), Order::Retry { pair: None }, world.now());
        } else {
            world.policy.no_permission.create = MayNotCreate::Retry;
        }
        settle(&mut world);
        assert_eq!(
            (state(&world), notes(&world)),
            ((PairState::Linked, None), each("mine still", "mine still"))
        );
    }
}

/// However often the process dies, each side has the item once, and the CRM has what it had.
#[test]
fn a_process_that_dies_puts_nothing_back_twice() {
    let mut died = 0;
    for steps in 0..60 {
        for deletes in [false, true] {
            let mut world = world(policy(MayNotCreate::Ignore, MayNot::Rollback, MayNot::Rollback));
            if deletes {
                let id = world.mail.live().remove(0).0;
                world.mail.user_delete(&id);
            } else {
                edit(&world, Side::Mail, "edited");
            }
            world.kill_after(Some(steps));
            died += u32::from(world.cycle().is_none());
            world.kill_after(None);
            assert_eq!(settle(&mut world), Some(0));
            assert_eq!(
                (state(&world), notes(&world)),
                ((PairState::Linked, None), each("as it was", "as it was"))
            );
        }
    }
    assert!(died > 40, "{died}");
}

#[test]
fn nothing_is_put_back_where_nothing_goes_to_the_mailbox() {
    let mut world = world(policy(MayNotCreate::Retry, MayNot::Rollback, MayNot::Rollback));
    world.policy.modules.contacts.as_mut().expect("they are synced").direction = Direction::MailToCrm;
    edit(&world, Side::Mail, "edited");
    assert_eq!(settle(&mut world), Some(0));
    assert_eq!((state(&world), notes(&world)), ((PairState::Linked, None), each("edited", "as it was")));
    let id = world.mail.live().remove(0).0;
    world.mail.user_delete(&id);
    assert_eq!(settle(&mut world), Some(0));
    assert_eq!(notes(&world), [vec![], vec!["as it was".to_owned()]]);
}

/// What became private is not to stay in the CRM because nobody may take it away there: it is listed until somebody does.
#[test]
fn what_became_private_is_never_left_alone() {
    for (became_private, title) in [(BecamePrivate::Blank, "blanked"), (BecamePrivate::Delete, "deleted")] {
        for may_not in [MayNot::Ignore, MayNot::Rollback] {
            let mut world = World::new(5, Knobs::CALM);
            let calendar = world.policy.modules.calendar.as_mut().expect("it is synced");
            calendar.became_private = became_private;
            let event = world.new_event();
            let subject = event.title();
            world.mail.user_create(event);
            assert_eq!(world.settle(4), Some(0));
            world.policy.no_permission = policy(MayNotCreate::Ignore, may_not, may_not);
            world.crm.set_faults(READ_ONLY);
            let id = world.mail.live().remove(0).0;
            let private = Value::Sensitivity(Sensitivity::Private);
            world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, private.clone()));
            settle(&mut world);
            assert_eq!(state(&world).0, PairState::Quarantined, "{title}");
            assert_eq!(world.mail.live()[0].1.title(), subject, "the mailbox keeps what it had");
            world.crm.set_faults(Faults::NONE);
            settle(&mut world);
            assert!(world.crm.live().iter().all(|(_, item)| item.title() != subject), "{title}");
            assert_eq!(world.mail.live()[0].1.title(), subject);
        }
    }
}
