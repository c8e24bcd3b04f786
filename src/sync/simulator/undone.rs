//! What an undo writes, tells and leaves behind, as stories.

use super::{FakeSide, Faults, Knobs, World};
use riva_core::documents::{BecamePrivate, ConflictWinner, DeletePolicy, PrivateItems};
use riva_core::history::{Order, UndoSpan};
use riva_core::holds::{Decision, HoldKind};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Body, Field, Item, Sensitivity, Value};
use riva_core::rows::{PairRow, PairState};

/// So many appointments in step, and what is written from now on is kept.
fn in_step(appointments: usize) -> World {
    let mut world = World::new(21, Knobs::CALM);
    world.carries_deletions_out();
    for _ in 0..appointments {
        let mut event = world.new_event();
        event.set_text(Field::Location, "Room 1");
        world.mail.user_create(event);
    }
    assert_eq!(world.settle(6), Some(0));
    world.keep_images = true;
    world.pass(15);
    world
}

fn set_place(item: &mut Item, place: &str) {
    item.set_text(Field::Location, place);
}

fn places(items: &[(RemoteId, Item)]) -> Vec<&str> {
    items.iter().map(|(_, item)| item.text(Field::Location).unwrap_or_default()).collect()
}

/// A cycle. Answers with what would undo it.
fn cycle(world: &World) -> UndoSpan {
    let span = UndoSpan::Cycle(world.next_cycle());
    world.cycle().expect("nobody kills it");
    world.pass(1);
    span
}

/// An administrator undoes it with the next cycle. Answers with what they are told.
fn undo(world: &World, span: UndoSpan) -> Vec<String> {
    let order = world.store.order(MemberId(1), Order::Undo { span }, world.now());
    world.cycle().expect("nobody kills it");
    world.pass(1);
    world.store.outcome(order).expect("it is carried out")
}

fn told(writes: &str, cannot: &[&str]) -> Vec<String> {
    let first = format!("Undone by admin@desk: {writes} taken back");
    std::iter::once(first).chain(cannot.iter().map(|line| (*line).to_owned())).collect()
}

/// What the journal says of undoing: of which pair, and what.
fn undone(world: &World) -> Vec<(PairRow, String)> {
    let of = |id| world.store.all_pairs().into_iter().find(|pair| pair.id == id).expect("it is known");
    let journal = world.store.all_journal().into_iter().filter(|line| line.deed == "undo");
    journal.map(|line| (of(line.pair), line.text)).collect()
}

#[test]
fn edits_that_are_undone_are_taken_back_and_the_items_stay_in_step() {
    let mut world = in_step(3);
    for (id, _) in world.mail.live() {
        world.mail.user_edit(&id, |item| set_place(item, "Room 2"));
    }
    let span = cycle(&world);
    assert_eq!(places(&world.crm.live()), ["Room 2"; 3]);
    assert_eq!(undo(&world, span), told("3 writes were", &[]));
    assert_eq!(places(&world.crm.live()), ["Room 1"; 3]);
    let journal = undone(&world);
    assert_eq!(journal.len(), 3);
    for (pair, text) in journal {
        assert_eq!((pair.state, pair.reason, pair.next_try), (PairState::Linked, None, None));
        let at = pair.crm.expect("it is in the CRM").id;
        let (_, item) = world.crm.live().into_iter().find(|(id, _)| *id == at).expect("it is there");
        assert_eq!(text, format!("{}: undone", item.title()));
    }
    assert_eq!((undo(&world, span), world.preview_undo(span)), (told("0 writes were", &[]), vec![]), "once");
    // The mailbox keeps what its user has written, until somebody edits one of them.
    assert_eq!((world.settle(4), places(&world.mail.live())), (Some(0), vec!["Room 2"; 3]));
    let (id, _) = world.crm.live().remove(0);
    world.crm.user_edit(&id, |item| set_place(item, "Room 3"));
    world.settle(4);
    assert!(places(&world.mail.live()).contains(&"Room 3"));
}

#[test]
fn what_was_made_is_taken_away_and_its_origin_is_on_its_own() {
    let mut world = in_step(0);
    let event = world.new_event();
    world.mail.user_create(event);
    let span = cycle(&world);
    assert_eq!(undo(&world, span), told("one write was", &[]));
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (1, 0));
    let [(pair, _)] = &undone(&world)[..] else { panic!("one is undone") };
    let why = "Undone by admin@desk: each side keeps what it has.";
    assert_eq!((pair.state, pair.reason.as_deref()), (PairState::Detached, Some(why)));
}

#[test]
fn what_a_user_has_changed_since_stays_and_goes_on_being_in_step() {
    let mut world = in_step(1);
    let (first, _) = world.mail.live().remove(0);
    let event = world.new_event();
    world.mail.user_create(event);
    world.mail.user_edit(&first, |item| set_place(item, "Room 2"));
    let span = cycle(&world);
    for (id, _) in world.crm.live() {
        world.crm.user_edit(&id, |item| set_place(item, "Room 3"));
    }
    let cannot = [
        "Visit #1 in the CRM: location was changed since: it is left as it is",
        "Visit #2 in the CRM: it was changed since it was made: it is left as it is",
    ];
    assert_eq!(undo(&world, span), told("0 writes were", &cannot));
    assert_eq!(undone(&world), []);
    assert!(world.store.all_pairs().iter().all(|pair| pair.state == PairState::Linked));
    assert_eq!(world.settle(4), Some(0));
    for side in [&world.mail, &world.crm] {
        assert_eq!(places(&side.live()), ["Room 3"; 2]);
    }
    assert_eq!(undo(&world, span), told("0 writes were", &cannot), "it is told as often as it is asked for");
}

/// What could not be restored is, once it can be; what was restored is not restored once more.
#[test]
fn what_could_not_be_restored_is_once_it_can_be() {
    let world = in_step(1);
    let edit = |side: &FakeSide, field: Field, text: &str| {
        let (id, _) = side.live().remove(0);
        side.user_edit(&id, |item| item.set_text(field, text));
    };
    let shown = || {
        let (_, item) = world.crm.live().remove(0);
        [Field::Location, Field::Summary].map(|field| item.text(field).unwrap_or_default().to_owned())
    };
    edit(&world.mail, Field::Location, "Room 2");
    edit(&world.mail, Field::Summary, "Call #1");
    let span = cycle(&world);
    edit(&world.crm, Field::Summary, "Talk #1");
    let cannot = "Talk #1 in the CRM: summary was changed since: it is left as it is";
    let line = |line: &str| line.replace("Talk #1 in", &format!("{} in", world.preview_undo(span)[0].title));
    assert_eq!(undo(&world, span), told("one write was", &[&line(cannot)]));
    assert_eq!(shown(), ["Room 1", "Talk #1"]);
    assert_eq!(undo(&world, span), told("0 writes were", &[&line(cannot)]));
    edit(&world.crm, Field::Summary, "Call #1");
    assert_eq!(undo(&world, span), told("one write was", &[]));
    assert_eq!(shown(), ["Room 1", "Visit #1"]);
    assert_eq!(undo(&world, span), told("0 writes were", &[]));
}

#[test]
fn what_a_user_has_put_back_is_nothing_to_undo() {
    let world = in_step(1);
    let [(in_mail, _), (in_crm, _)] = [world.mail.live().remove(0), world.crm.live().remove(0)];
    world.mail.user_edit(&in_mail, |item| set_place(item, "Room 2"));
    let span = cycle(&world);
    world.crm.user_edit(&in_crm, |item| set_place(item, "Room 1"));
    assert_eq!(world.preview_undo(span), []);
    assert_eq!((undo(&world, span), undone(&world)), (told("0 writes were", &[]), vec![]));
}

/// What is undone since a time is as it was then, whatever an earlier undo has written.
#[test]
fn an_undo_since_a_time_undoes_no_earlier_undo() {
    let mut world = in_step(3);
    let since = UndoSpan::Since(world.now());
    let [gone, moved, _] = [0, 1, 2].map(|n| world.mail.live().remove(n).0);
    world.mail.user_delete(&gone);
    world.mail.user_edit(&moved, |item| set_place(item, "Room 2"));
    let event = world.new_event();
    world.mail.user_create(event);
    cycle(&world);
    let shown = |world: &World| {
        let mut all: Vec<String> = world
            .crm
            .live()
            .iter()
            .map(|(_, item)| format!("{} {}", item.title(), item.text(Field::Location).unwrap_or_default()))
            .collect();
        all.sort();
        all
    };
    assert_eq!(shown(&world).len(), 3);
    assert_eq!(undo(&world, since), told("3 writes were", &[]));
    let restored = shown(&world);
    assert_eq!(restored.len(), 3);
    assert!(restored.iter().all(|line| line.ends_with("Room 1")), "{restored:?}");
    for _ in 0..2 {
        world.pass(15);
        assert_eq!(world.preview_undo(since), []);
        assert_eq!(undo(&world, since), told("0 writes were", &[]));
        assert_eq!(shown(&world), restored);
    }
}

/// An administrator has kept it when it was deleted in the CRM: it is nobody's copy any more.
#[test]
fn the_last_copy_is_not_taken_away() {
    let mut world = in_step(0);
    if let Some(calendar) = &mut world.policy.modules.calendar {
        calendar.deleted_in_crm = DeletePolicy::Detach;
    }
    for _ in 0..2 {
        let event = world.new_event();
        world.crm.user_create(event);
    }
    let span = cycle(&world);
    assert_eq!(world.mail.live().len(), 2);
    let (record, item) = world.crm.live().remove(0);
    world.crm.user_delete(&record);
    cycle(&world);
    let cannot = format!(
        "{} in the mailbox: what it was made of is not in the CRM any more: this may be the last copy, and stays",
        item.title()
    );
    assert_eq!(undo(&world, span), told("one write was", &[&cannot]));
    let left: Vec<String> = world.mail.live().iter().map(|(_, item)| item.title()).collect();
    assert_eq!(left, [item.title()]);
}

#[test]
fn what_is_refused_is_named_and_can_be_undone_again() {
    let world = in_step(1);
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_edit(&id, |item| set_place(item, "Room 2"));
    let span = cycle(&world);
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    let refused = "Visit #1: not restored: it changed just now, or was refused; undo again";
    assert_eq!(undo(&world, span), told("0 writes were", &[refused]));
    assert_eq!((undone(&world), places(&world.crm.live())), (vec![], vec!["Room 2"]));
    world.crm.set_faults(Faults::NONE);
    assert_eq!(undo(&world, span), told("one write was", &[]));
    assert_eq!(places(&world.crm.live()), ["Room 1"]);
}

#[test]
fn what_is_in_doubt_is_said_to_be() {
    let world = in_step(1);
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_edit(&id, |item| set_place(item, "Room 2"));
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    let span = cycle(&world);
    let [line] = &world.preview_undo(span)[..] else { panic!("one item") };
    assert_eq!(line.cannot, ["a write to it is in doubt; undo again later"]);
    world.crm.set_faults(Faults::NONE);
    assert_eq!(undo(&world, span), told("one write was", &[]));
    assert_eq!(places(&world.crm.live()), ["Room 1"]);
}

/// What waits for an administrator goes on waiting, for the same reason.
#[test]
fn what_is_held_is_held_after_an_undo() {
    let mut world = in_step(1);
    if let Some(calendar) = &mut world.policy.modules.calendar {
        calendar.conflict = ConflictWinner::Hold;
    }
    let [(in_mail, _), (in_crm, _)] = [world.mail.live().remove(0), world.crm.live().remove(0)];
    world.mail.user_edit(&in_mail, |item| set_place(item, "Room 2"));
    let span = cycle(&world);
    for (side, text) in [(&world.mail, "in the mailbox"), (&world.crm, "in the CRM")] {
        let id = if text == "in the CRM" { &in_crm } else { &in_mail };
        side.user_edit(id, |item| item.set_text(Field::Summary, format!("Visit {text} #1")));
    }
    cycle(&world);
    let [before] = &world.store.all_pairs()[..] else { panic!("one pair") };
    assert!(before.state == PairState::Held && before.reason.is_some(), "{before:?}");
    assert_eq!(undo(&world, span), told("one write was", &[]));
    assert_eq!(places(&world.crm.live()), ["Room 1"]);
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    let waits = |pair: &PairRow| (pair.state, pair.reason.clone(), pair.attempts, pair.next_try);
    assert_eq!(waits(pair), waits(before));
    let [hold] = &world.store.all_holds()[..] else { panic!("one hold") };
    assert_eq!((hold.kind, hold.closed), (HoldKind::Conflict, None));
    world.decide(hold.id, Decision::TakeMail);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(world.crm.live()[0].1.text(Field::Summary), Some("Visit in the mailbox #1"));
}

/// Its old text would be put where others read it.
#[test]
fn nothing_is_put_back_in_the_crm_of_what_is_private_by_now() {
    let private = "Visit #1 in the CRM: it is private in the mailbox now";
    for (policy, written, cannot) in [
        (PrivateItems::Skip, "0 writes were", &[private][..]),
        (PrivateItems::BusyOnly, "0 writes were", &[private]),
        (PrivateItems::Sync, "one write was", &[]),
    ] {
        let mut world = in_step(1);
        if let Some(calendar) = &mut world.policy.modules.calendar {
            (calendar.private, calendar.became_private) = (policy, BecamePrivate::Leave);
        }
        let (id, _) = world.mail.live().remove(0);
        world.mail.user_edit(&id, |item| set_place(item, "Room 2"));
        let span = cycle(&world);
        let secret = Value::Sensitivity(Sensitivity::Private);
        world.mail.user_edit(&id, |item| item.set(Field::Sensitivity, secret));
        assert_eq!(undo(&world, span), told(written, cannot), "{policy:?}");
    }
}

fn calendar(world: &mut World, private: PrivateItems, became_private: BecamePrivate) {
    if let Some(calendar) = &mut world.policy.modules.calendar {
        (calendar.private, calendar.became_private) = (private, became_private);
    }
}

fn make(item: &mut Item, sensitivity: Sensitivity) {
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
}

const POLICIES: [(PrivateItems, BecamePrivate); 4] = [
    (PrivateItems::Skip, BecamePrivate::Leave),
    (PrivateItems::Skip, BecamePrivate::Blank),
    (PrivateItems::BusyOnly, BecamePrivate::Leave),
    (PrivateItems::Sync, BecamePrivate::Leave),
];

/// Whatever the CRM may see of it: its user gets back what stood there, and the CRM all of it once it is private no more.
#[test]
fn what_is_private_by_now_is_put_back_in_the_mailbox() {
    for (policy, became) in POLICIES {
        for was_seen in [false, true] {
            let mut world = in_step(1);
            calendar(&mut world, policy, became);
            let [(in_mail, _), (in_crm, _)] = [world.mail.live().remove(0), world.crm.live().remove(0)];
            world.crm.user_edit(&in_crm, |item| set_place(item, "Room 2"));
            let span = cycle(&world);
            assert_eq!(places(&world.mail.live()), ["Room 2"]);
            world.mail.user_edit(&in_mail, |item| {
                make(item, Sensitivity::Private);
                item.set(Field::Body, Value::body(Body::plain("secret")));
            });
            if was_seen {
                assert_eq!(world.settle(4), Some(0));
            }
            let lines = world.preview_undo(span);
            assert!(lines.len() == 1 && !format!("{lines:?}").contains("secret"), "{lines:?}");
            assert_eq!(undo(&world, span), told("one write was", &[]), "{policy:?} {became:?} {was_seen}");
            assert_eq!(places(&world.mail.live()), ["Room 1"]);
            assert_eq!(world.settle(4), Some(0));
            let kept = policy == PrivateItems::Sync
                || became == BecamePrivate::Leave && policy == PrivateItems::Skip;
            let shows = if kept { "Room 2" } else { "" };
            assert_eq!(places(&world.crm.live()), [shows], "{policy:?} {became:?} {was_seen}");
            world.mail.user_edit(&in_mail, |item| {
                make(item, Sensitivity::Normal);
                item.set(Field::Body, Value::Blank);
            });
            assert_eq!(world.settle(4), Some(0));
            // What the CRM has kept it keeps, as after any undo.
            let shows = if kept { "Room 2" } else { "Room 1" };
            assert_eq!(places(&world.crm.live()), [shows], "{policy:?} {became:?} {was_seen}");
            assert_eq!(places(&world.mail.live()), ["Room 1"], "{policy:?} {became:?} {was_seen}");
        }
    }
}

#[test]
fn what_the_policy_does_not_sync_any_more_is_not_restored() {
    let mut world = in_step(1);
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_edit(&id, |item| set_place(item, "Room 2"));
    let span = cycle(&world);
    let calendar = world.policy.modules.calendar.take();
    let why = "Visit #1: not restored: the policy does not sync Calendar any more";
    assert_eq!(undo(&world, span), told("0 writes were", &[why]));
    let [line] = &world.preview_undo(span)[..] else { panic!("one item") };
    assert_eq!((line.deed, line.cannot.len()), (None, 1));
    world.policy.modules.calendar = calendar;
    assert_eq!(undo(&world, span), told("one write was", &[]), "its time comes with the calendar");
}
