//! Messages that are not logged at once: nobody in them is known to the CRM, it was refused, or nobody knows whether it was
//! done.

use super::fake::{Faults, message};
use super::world::{MEMBERS, World};
use riva_core::activity::Level;
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, MailFolder, Sensitivity, Value};
use riva_core::rows::{PairRow, PairState, Side};

const CUSTOMER: &str = "customer@far.example";

const WAITS: &str = "Subject 1: Nobody in it is known to the CRM: make a contact with one of its addresses there, and it \
                     is logged.";

/// A world in which everything is in step.
fn world() -> World {
    let world = World::new(81);
    world.settle();
    world
}

fn comes(world: &World, folder: MailFolder) -> RemoteId {
    world.mail[0].put(message(1, folder, CUSTOMER, &[MEMBERS[0]], world.now()))
}

fn pair(world: &World) -> PairRow {
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair: {:?}", world.store.all_pairs()) };
    pair.clone()
}

/// A cycle in which the CRM refuses it.
fn is_refused(world: &World) {
    world.set_faults(Faults { invalid: 100, ..Faults::default() });
    world.cycle(0);
    world.set_faults(Faults::default());
    assert_eq!((pair(world).state, pair(world).attempts), (PairState::Quarantined, 1));
}

/// An hour later.
fn later(world: &World) {
    world.pass(61);
    world.cycle(0);
}

fn told(world: &World, line: &str) -> usize {
    world.log().iter().filter(|said| *said == line).count()
}

fn journal(world: &World, deed: &str) -> Vec<String> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.deed == deed);
    lines.map(|line| line.text).collect()
}

#[test]
fn what_is_dropped_is_told_once_and_tried_for_as_long_as_it_lies_there() {
    let world = world();
    comes(&world, MailFolder::Drop);
    for _ in 0..60 {
        later(&world);
    }
    assert_eq!((told(&world, WAITS), journal(&world, "waits")), (1, vec![WAITS.to_owned()]));
    assert!(world.store.all_items().iter().all(|row| !row.dirty), "it is tried by the clock");
    world.knows(CUSTOMER);
    later(&world);
    assert_eq!((world.crm.records().len(), pair(&world).state), (1, PairState::Linked));
}

#[test]
fn what_is_taken_out_of_the_drop_folder_waits_no_more() {
    let world = world();
    let id = comes(&world, MailFolder::Drop);
    world.cycle(0);
    assert_eq!(pair(&world).state, PairState::Quarantined);
    world.mail[0].take_away(&id);
    world.cycle(0);
    assert_eq!((pair(&world).state, pair(&world).next_try), (PairState::Tombstoned, None));
}

#[test]
fn a_stranger_leaves_nothing_behind() {
    let world = world();
    comes(&world, MailFolder::Inbox);
    world.cycle(0);
    assert_eq!((world.store.all_pairs(), world.log().pop()), (vec![], Some("Nothing to log".into())));
    assert!(world.store.all_items().iter().all(|row| !row.dirty));
}

/// The contact was deleted in the CRM before its message was logged.
#[test]
fn what_was_refused_and_concerns_nobody_any_more_is_not_tried_again() {
    let world = world();
    world.knows(CUSTOMER);
    let id = comes(&world, MailFolder::Inbox);
    is_refused(&world);
    world.crm.forgets(CUSTOMER);
    later(&world);
    let left = pair(&world);
    assert_eq!(left.reason.as_deref(), Some("Nobody in it is known to the CRM any more."));
    assert_eq!((left.state, left.next_try), (PairState::Detached, None));
    world.knows(CUSTOMER);
    world.mail[0].touch(&id);
    later(&world);
    assert_eq!((world.crm.records().len(), pair(&world).state), (0, PairState::Detached));
}

#[test]
fn what_was_refused_and_lies_in_the_drop_folder_is_told_to_wait_for_somebody() {
    let world = world();
    world.knows(CUSTOMER);
    comes(&world, MailFolder::Drop);
    is_refused(&world);
    world.crm.forgets(CUSTOMER);
    later(&world);
    assert_eq!((told(&world, WAITS), journal(&world, "waits").len()), (1, 1));
    assert_eq!((pair(&world).state, pair(&world).attempts), (PairState::Quarantined, 1));
}

#[test]
fn what_was_refused_and_is_private_by_now_is_never_logged() {
    let world = world();
    world.knows(CUSTOMER);
    let id = comes(&world, MailFolder::Inbox);
    is_refused(&world);
    let mut private: Item = world.mail[0].live().remove(0).1;
    private.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    world.mail[0].put_back(&id, private);
    later(&world);
    let left = pair(&world);
    assert_eq!(left.reason.as_deref(), Some("Marked private before it was logged."));
    assert_eq!((left.state, world.crm.records().len()), (PairState::Tombstoned, 0));
}

#[test]
fn what_cannot_be_read_is_told_once_and_not_tried_before_it_changes() {
    let world = world();
    world.knows(CUSTOMER);
    let id = comes(&world, MailFolder::Inbox);
    is_refused(&world);
    world.mail[0].is_readable(&id, false);
    later(&world);
    let unread = pair(&world);
    let why = "The mailbox's message cannot be read: it has no date";
    assert_eq!((unread.state, unread.reason.as_deref()), (PairState::Quarantined, Some(why)));
    assert_eq!((unread.next_try, journal(&world, "quarantined").len()), (None, 1));
    // Flagged, it cannot be read either.
    world.mail[0].touch(&id);
    later(&world);
    let told = journal(&world, "quarantined");
    assert!(matches!(&told[..], [line] if line.ends_with(why)), "{told:?}");
    assert_eq!(world.log.levels(&told[0]), [Level::Error]);
    world.mail[0].is_readable(&id, true);
    world.mail[0].touch(&id);
    later(&world);
    assert_eq!((world.crm.records().len(), pair(&world).state), (1, PairState::Linked));
}

/// Somebody else has logged it meanwhile.
#[test]
fn what_was_refused_and_is_in_the_log_by_now_is_linked_and_all_is_well() {
    let world = world();
    world.knows(CUSTOMER);
    comes(&world, MailFolder::Inbox);
    is_refused(&world);
    world.crm.put("<1@sim.example>", world.mail[0].live().remove(0).1);
    later(&world);
    let linked = pair(&world);
    assert_eq!((linked.state, linked.reason, linked.attempts), (PairState::Linked, None, 0));
    assert_eq!((linked.next_try, journal(&world, "link")), (None, vec!["Subject 1".to_owned()]));
    let rows = world.store.all_items();
    let record = rows.iter().find(|row| row.side == Side::Crm).expect("it has a row on either side");
    assert_eq!((record.pair, &record.id, record.dirty), (Some(linked.id), &world.crm.records()[0].id, false));
    assert_eq!(world.crm.records().len(), 1);
}

#[test]
fn while_nobody_knows_whether_it_was_logged_it_counts_as_logged() {
    let world = world();
    world.knows(CUSTOMER);
    comes(&world, MailFolder::Inbox);
    world.set_faults(Faults { lost_answer: 100, ..Faults::default() });
    world.cycle(0);
    let doubtful = pair(&world);
    assert_eq!((doubtful.state, doubtful.reason, doubtful.next_try), (PairState::Linked, None, None));
}

/// Until its request is written down, it is shown as what it is: not logged yet.
#[test]
fn a_message_whose_logging_was_interrupted_is_about_to_be_logged() {
    let mut seen = 0;
    for steps in 0..40 {
        let world = world();
        world.knows(CUSTOMER);
        comes(&world, MailFolder::Inbox);
        world.killer.arm(Some(steps));
        world.cycle(0);
        world.killer.arm(None);
        let begun = world.store.all_pairs().pop().filter(|pair| pair.state != PairState::Linked);
        if let Some(begun) = begun {
            seen += 1;
            let reason = Some("About to be logged.".to_owned());
            assert_eq!((begun.state, begun.reason), (PairState::Quarantined, reason), "after {steps} steps");
            assert!(world.store.all_items().iter().all(|row| row.pair == Some(begun.id) && !row.dirty));
        }
        world.settle();
        assert_eq!((world.crm.records().len(), pair(&world).state), (1, PairState::Linked), "{steps} steps");
    }
    assert!(seen > 0);
}

#[test]
fn mail_of_so_many_days_is_logged_and_what_was_done_is_told() {
    let mut world = World::new(82);
    world.policy.modules.email.as_mut().expect("it is synced").days_back = 3;
    world.knows(CUSTOMER);
    let day = 24 * 60 * 60;
    for (serial, days) in [(1, 1), (2, 2), (3, 4)] {
        let sent = world.now() - days * day;
        world.mail[0].put(message(serial, MailFolder::Inbox, CUSTOMER, &[MEMBERS[0]], sent));
    }
    world.cycle(0);
    let subjects: Vec<String> = world.crm.records().into_iter().map(|record| record.item.title()).collect();
    assert_eq!(subjects, ["Subject 1", "Subject 2"]);
    assert_eq!(told(&world, "Logged 2 e-mails in the CRM"), 1);
    assert_eq!(told(&world, "Made the folder \"CRM\" in the mailbox"), 1);
    world.mail[0].put(message(4, MailFolder::Sent, MEMBERS[0], &[CUSTOMER], world.now()));
    world.cycle(0);
    assert_eq!(world.log().pop().as_deref(), Some("Logged 1 e-mail in the CRM"));
    world.cycle(0);
    assert_eq!(world.log().pop().as_deref(), Some("Nothing to log"));
}
