//! A hold names all that waits for it; a decision is carried out once, for that, and for nothing that waits for another one.

use super::{Faults, Knobs, World};
use riva_core::activity::Level;
use riva_core::documents::{BecamePrivate, ConflictWinner, DeletePolicy, PrivateItems, Refused, SafetyLimit};
use riva_core::holds::{Decided, Decision, HoldId, HoldKind, HoldRow};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item, Sensitivity, Value};
use riva_core::rows::{Commit, PairState, Side};
use uuid::Uuid;

fn open_holds(world: &World) -> Vec<HoldRow> {
    world.store.all_holds().into_iter().filter(|hold| hold.closed.is_none()).collect()
}

/// An appointment whose place is another one on either side, and the hold that asks for it.
fn conflict() -> (World, HoldRow) {
    let mut world = World::new(105, Knobs::CALM);
    if let Some(calendar) = &mut world.policy.modules.calendar {
        calendar.conflict = ConflictWinner::Hold;
    }
    let event = world.new_event();
    world.mail.user_create(event);
    world.settle(3);
    for (side, room) in [(&world.mail, "room 1"), (&world.crm, "room 2")] {
        let (id, _) = side.live().remove(0);
        side.user_edit(&id, |item| item.set_text(Field::Location, room));
    }
    world.cycle().expect("nobody kills it");
    let hold = open_holds(&world).pop().expect("it is held");
    assert_eq!(hold.kind, HoldKind::Conflict);
    (world, hold)
}

fn rooms(world: &World) -> [Option<String>; 2] {
    [&world.mail, &world.crm].map(|side| side.live()[0].1.text(Field::Location).map(str::to_owned))
}

#[test]
fn what_is_held_is_told_as_a_warning_and_what_is_decided_by_whom() {
    let (mut world, hold) = conflict();
    let line = world.store.all_journal().pop().expect("it is told");
    assert_eq!((line.deed.as_str(), line.text.contains(&hold.reason)), ("held", true), "{line:?}");
    assert_eq!(world.log.levels(&line.text), [Level::Warning]);
    world.decide(hold.id, Decision::TakeCrm);
    world.settle(3);
    let line = format!(
        "{}: {}, decided by admin@desk for hold {}",
        hold.items[0].title,
        Decision::TakeCrm.choice().title(),
        hold.number
    );
    assert_eq!(world.log.levels(&line), [Level::Info], "{:#?}", world.log());
    assert_eq!(rooms(&world), [Some("room 2".to_owned()), Some("room 2".to_owned())]);
}

#[test]
fn an_earlier_decision_is_none_about_what_waits_for_a_later_one() {
    let (mut world, hold) = conflict();
    let decided = Decided { decision: Decision::TakeMail, by: "admin@desk".into(), at: world.now() };
    let since = hold.since - chrono::Duration::hours(1);
    let id = HoldId(Uuid::from_u128(7));
    let earlier = HoldRow { id, since, decided: Some(decided), ..hold.clone() };
    world.store.take_over(&Commit { holds: vec![earlier], ..Commit::default() });
    world.settle(3);
    assert_eq!(rooms(&world), [Some("room 1".to_owned()), Some("room 2".to_owned())]);
    let ids: Vec<HoldId> = open_holds(&world).into_iter().map(|hold| hold.id).collect();
    assert_eq!(ids, [hold.id], "nothing waits for the earlier one");
}

#[test]
fn what_is_to_be_left_alone_and_is_gone_on_both_sides_is_gone() {
    let (mut world, hold) = conflict();
    for side in [&world.mail, &world.crm] {
        let (id, _) = side.live().remove(0);
        side.user_delete(&id);
    }
    world.decide(hold.id, Decision::Ignore);
    world.settle(3);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Tombstoned, Some("Gone on both sides.")));
}

/// It may be edited: nobody else's twin is looked for there.
#[test]
fn what_is_left_alone_is_no_twin_of_what_comes_later() {
    let (mut world, hold) = conflict();
    world.decide(hold.id, Decision::Ignore);
    world.settle(3);
    let (left, event) = world.mail.live().remove(0);
    world.mail.user_edit(&left, |item| item.set_text(Field::Location, "room 3"));
    world.settle(3);
    assert!(world.store.all_items().iter().all(|row| row.match_keys.is_none()), "it was linked once");
    world.crm.user_create(event);
    world.settle(3);
    let linked = world.store.all_pairs().into_iter().filter(|pair| pair.state == PairState::Linked);
    let linked: Vec<RemoteId> = linked.filter_map(|pair| Some(pair.mail?.id)).collect();
    assert!(linked.len() == 1 && linked[0] != left, "{linked:?}");
    assert_eq!(open_holds(&world), []);
}

/// What names but a part of what waits could be approved unseen.
#[test]
fn a_hold_names_all_that_waits_for_it_whenever_the_process_is_killed() {
    let mut world = World::new(107, Knobs::CALM);
    world.carries_deletions_out();
    for _ in 0..115 {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
    world.settle(6);
    world.approves = false;
    world.policy.safety.contacts = SafetyLimit { items: 10, percent: 100 };
    for (id, _) in world.mail.live().into_iter().skip(5) {
        world.mail.user_delete(&id);
    }
    let before = world.store.back_up();
    let mut killed = 0;
    loop {
        world.store.put_back(before.clone());
        world.kill_after(Some(killed));
        let lived = world.cycle().is_some();
        world.kill_after(None);
        let held = world.store.all_pairs().into_iter().filter(|pair| pair.state == PairState::Held).count();
        let named: usize = open_holds(&world).iter().map(|hold| hold.items.len()).sum();
        assert!(held == named && (held == 0 || held == 110), "{held} held, {named} named: {killed} steps");
        if lived {
            assert_eq!(held, 110);
            break;
        }
        killed += 1;
    }
    assert!(killed > 20);
}

/// More than a cycle's share: those that are done are not decided about again.
#[test]
fn what_a_decision_has_done_is_not_done_again_with_the_rest() {
    let mut world = World::new(106, Knobs::CALM);
    world.carries_deletions_out();
    for _ in 0..600 {
        let contact = world.new_contact();
        world.mail.user_create(contact);
    }
    world.settle(6);
    world.approves = false;
    world.policy.safety.contacts = SafetyLimit { items: 10, percent: 100 };
    for (id, _) in world.mail.live().into_iter().skip(20) {
        world.mail.user_delete(&id);
    }
    world.cycle().expect("nobody kills it");
    let hold = open_holds(&world).pop().expect("they are held");
    world.decide(hold.id, Decision::Approve);
    world.settle(4);
    assert_eq!(world.crm.live().len(), 20);
    let decided = world.store.all_journal().into_iter().filter(|line| line.deed == "decided").count();
    assert_eq!(decided, 580);
}

/// An appointment that was edited in the mailbox and deleted in the CRM: an administrator keeps it, while the CRM is busy.
fn kept_while_the_crm_is_busy(refused: Refused) -> (World, RemoteId) {
    let mut world = World::new(108, Knobs::CALM);
    world.policy.safety.refused = refused;
    if let Some(calendar) = &mut world.policy.modules.calendar {
        calendar.deleted_in_crm = DeletePolicy::Propagate;
        (calendar.private, calendar.became_private) = (PrivateItems::Skip, BecamePrivate::Leave);
    }
    let event = world.new_event();
    let id = world.mail.user_create(event);
    world.settle(3);
    world.mail.user_edit(&id, |item| item.set_text(Field::Location, "room 1"));
    world.crm.user_delete(&world.crm.live()[0].0);
    world.cycle().expect("nobody kills it");
    let hold = open_holds(&world).pop().expect("it is held");
    assert_eq!(hold.kind, HoldKind::DeletedButEdited);
    world.decide(hold.id, Decision::Keep);
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    (world, id)
}

fn private(is: bool) -> impl Fn(&mut Item) {
    let sensitivity = if is { Sensitivity::Private } else { Sensitivity::Normal };
    move |item| item.set(Field::Sensitivity, Value::Sensitivity(sensitivity))
}

#[test]
fn what_is_kept_and_deleted_before_it_is_made_again_is_gone_on_both_sides() {
    for refused in [Refused::Restore, Refused::Detach] {
        let (mut world, id) = kept_while_the_crm_is_busy(refused);
        world.mail.user_delete(&id);
        world.settle(3);
        let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
        assert_eq!(
            (pair.state, pair.reason.as_deref()),
            (PairState::Tombstoned, Some("Gone on both sides."))
        );
        assert_eq!(open_holds(&world), []);
    }
}

/// It lives in the mailbox: it is not gone on both sides.
#[test]
fn what_is_kept_and_made_private_before_it_is_made_again_is_made_once_it_is_private_no_more() {
    for moves in [false, true] {
        for tried in [false, true] {
            let (mut world, mut id) = kept_while_the_crm_is_busy(Refused::Restore);
            if tried {
                world.cycle().expect("nobody kills it");
                world.pass(15);
            }
            if moves {
                id = world.mail.user_move(&id).expect("it is there");
            }
            world.mail.user_edit(&id, private(true));
            world.cycle().expect("nobody kills it");
            world.crm.set_faults(Faults::NONE);
            world.settle(3);
            assert_eq!(world.crm.live().len(), 0, "it is private");
            assert_eq!(open_holds(&world), []);
            let rows = world.store.all_items().into_iter().filter(|row| row.side == Side::Crm);
            assert_eq!(rows.count(), 0, "the record that is gone is forgotten");
            let told = world.log();
            assert!(!told.iter().any(|line| line.contains("Gone on both sides")), "{told:#?}");
            world.mail.user_edit(&id, private(false));
            world.settle(3);
            assert_eq!(rooms(&world), [Some("room 1".to_owned()), Some("room 1".to_owned())]);
            assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 1));
        }
    }
}

#[test]
fn what_is_kept_in_the_mailbox_alone_stays_there_alone_though_it_is_private() {
    let (mut world, id) = kept_while_the_crm_is_busy(Refused::Detach);
    world.mail.user_edit(&id, private(true));
    world.settle(3);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    let why = "Deleted in the CRM, and kept here: an administrator decided so.";
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Detached, Some(why)));
    world.crm.set_faults(Faults::NONE);
    world.mail.user_edit(&id, private(false));
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 0));
}
