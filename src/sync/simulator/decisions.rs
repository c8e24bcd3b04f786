//! Holds, quarantine, preview and undo, on many seeds and as stories.

use super::seeds::seeds;
use super::{FakeSide, Knobs, World, check};
use riva_core::documents::{ConflictWinner, DeletePolicy, Refused, SafetyLimit};
use riva_core::history::{Deed, DeedKind, Order};
use riva_core::holds::{Choice, Decision, HoldKind, HoldRow};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Field, Item, Value};
use riva_core::rows::{PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

pub(super) fn knobs(seed: u64) -> Knobs {
    Knobs {
        crm_without_tombstones: seed.is_multiple_of(3),
        mail_can_tag: !seed.is_multiple_of(2),
        ..Knobs::CALM
    }
}

pub(super) fn calm() -> World {
    let mut world = World::new(7, knobs(1));
    world.approves = false;
    world
}

fn open_holds(world: &World) -> Vec<HoldRow> {
    world.store.all_holds().into_iter().filter(|hold| hold.closed.is_none()).collect()
}

/// So many contacts on both sides, in step.
pub(super) fn in_step(world: &mut World, n: usize) {
    for _ in 0..n {
        let item = world.new_contact();
        world.mail.user_create(item);
    }
    world.settle(5);
    assert_eq!(world.crm.live().len(), n);
}

/// A world in which more contacts were deleted in the CRM than allowed.
fn tripped(deleted: usize) -> (World, HoldRow) {
    let mut world = calm();
    in_step(&mut world, 30);
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 25 };
    for (id, _) in world.crm.live().into_iter().take(deleted) {
        world.crm.user_delete(&id);
    }
    world.settle(2);
    let [hold] = open_holds(&world).try_into().expect("one hold");
    (world, hold)
}

#[test]
fn a_hold_names_its_items_and_stops_its_module_alone() {
    let (mut world, hold) = tripped(20);
    assert_eq!((hold.kind, hold.items.len()), (HoldKind::DeleteSafety, 20));
    assert!(
        hold.items.iter().all(|item| item.title.starts_with("Ann Lee #") && item.side == Some(Side::Mail))
    );
    // Nothing of this module is written: not even a new contact. The calendar goes on.
    let item = world.new_contact();
    world.mail.user_create(item);
    let mut event = Item::new(riva_core::item::Module::Calendar);
    event.set_text(Field::Summary, "Visit #99");
    let start = "2026-12-01T08:00:00Z".parse().expect("an instant");
    let when = riva_core::item::When::timed(start, start + chrono::Duration::hours(1), chrono_tz::UTC);
    event.set(Field::When, Value::When(when));
    world.mail.user_create(event);
    world.settle(6);
    assert_eq!(world.crm.live().len(), 10 + 1, "the event was made, the contact was not");
    assert_eq!(world.mail.live().len(), 30 + 2);
    assert_eq!(open_holds(&world).len(), 1, "it never expires, and is not opened twice");
}

#[test]
fn an_approval_lets_exactly_the_named_deletions_through() {
    let (mut world, hold) = tripped(20);
    // More are deleted, and one of the held ones is edited, after the hold was opened.
    for (id, _) in world.crm.live().into_iter().take(10) {
        world.crm.user_delete(&id);
    }
    let named: BTreeSet<String> = hold.items.iter().map(|item| item.title.clone()).collect();
    let (edited, _) =
        world.mail.live().into_iter().find(|(_, item)| named.contains(&item.title())).expect("a held item");
    world.mail.user_edit(&edited, |item| item.set_text(Field::Notes, "still needed"));
    world.decide(hold.id, Decision::Approve);
    world.settle(3);
    let left: BTreeSet<String> = world.mail.live().iter().map(|(_, item)| item.title()).collect();
    assert_eq!(left.len(), 11, "19 of the named 20, none of the 10 that came later");
    assert!(world.mail.live().iter().any(|(id, _)| *id == edited), "what was edited since is kept");
    let later = open_holds(&world);
    assert_eq!(later.len(), 1, "the later ones have a hold of their own: {later:?}");
    assert!(later[0].items.iter().all(|item| !named.contains(&item.title)));
    // Who decided stands in the journal.
    let journal = world.store.all_journal();
    assert_eq!(journal.iter().filter(|l| l.deed == "decided" && l.text.contains("admin@desk")).count(), 20);
}

#[test]
fn a_refusal_keeps_or_restores_as_the_policy_says() {
    for (refused, in_crm) in [(Refused::Detach, 10), (Refused::Restore, 30)] {
        let (mut world, hold) = tripped(20);
        world.policy.safety.refused = refused;
        world.decide(hold.id, Decision::Refuse);
        world.settle(4);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (30, in_crm), "{refused:?}");
        assert!(open_holds(&world).is_empty());
        // And it stays so.
        assert_eq!(world.settle(3), Some(0));
    }
}

#[test]
fn a_decision_survives_kills() {
    for kill in 0..60 {
        let (mut world, hold) = tripped(20);
        world.decide(hold.id, Decision::Approve);
        world.kill_after(Some(kill));
        world.cycle();
        world.kill_after(None);
        world.settle(4);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (10, 10), "killed after {kill} steps");
        assert!(open_holds(&world).is_empty(), "killed after {kill} steps");
    }
}

#[test]
fn a_possible_duplicate_is_linked_made_or_left_alone() {
    let duplicates = || {
        let mut world = calm();
        let item = world.new_contact();
        world.mail.user_create(item.clone());
        world.mail.user_create(item.clone());
        world.crm.user_create(item);
        world.settle(4);
        let mut holds = open_holds(&world);
        assert_eq!(holds.len(), 3);
        assert!(holds.iter().all(|hold| hold.kind == HoldKind::PossibleDuplicate));
        holds.retain(|hold| hold.items[0].side == Some(Side::Mail));
        (world, holds)
    };
    // One is the same person; the other is one of its own.
    let (world, holds) = duplicates();
    let shown = world.shown_items(&holds[0]);
    let sides: Vec<Side> = shown.iter().map(|item| item.side).collect();
    assert_eq!(sides, [Side::Mail, Side::Crm], "the held one, and the one that it may be");
    let items: Vec<&Item> = shown.iter().filter_map(|shown| shown.item.as_ref()).collect();
    assert!(items.iter().all(|item| item.title() == "Ann Lee #1"), "{items:?}");
    let twin = &holds[0].items[0].twins[0].id;
    world.crm.user_delete(twin);
    let gone = world.shown_items(&holds[0]).remove(1);
    assert_eq!((&gone.id, gone.item, gone.why_not.as_str()), (twin, None, "It is not there any more."));
    let (mut world, holds) = duplicates();
    let twin = holds[0].items[0].twins[0].clone();
    assert_eq!(twin.title, "Ann Lee #1");
    world.decide(holds[0].id, Decision::Link { to: twin.id });
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 1));
    let linked = world.store.all_pairs().iter().filter(|p| p.state == PairState::Linked).count();
    assert_eq!(linked, 1);
    world.decide(holds[1].id, Decision::Create);
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 2));
    assert!(open_holds(&world).is_empty(), "{:?}", open_holds(&world));
    // Or left alone.
    let (mut world, holds) = duplicates();
    for hold in &holds {
        world.decide(hold.id, Decision::Ignore);
    }
    world.settle(3);
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (2, 1));
    let detached = world.store.all_pairs().into_iter().filter(|p| p.state == PairState::Detached);
    let why: Vec<String> = detached.filter_map(|pair| pair.reason).collect();
    assert_eq!(why, ["Left alone: an administrator decided so."; 2]);
}

/// It is not doubled, whether its user has edited it since or not.
#[test]
fn what_was_left_alone_is_the_twin_of_a_record_that_comes_later() {
    for edited in [false, true] {
        let mut world = calm();
        let item = world.new_contact();
        let (first, second) = (world.mail.user_create(item.clone()), world.mail.user_create(item.clone()));
        let record = world.crm.user_create(item.clone());
        world.settle(4);
        for hold in open_holds(&world) {
            world.decide(hold.id, Decision::Ignore);
        }
        world.settle(3);
        world.mail.user_delete(&second);
        world.crm.user_delete(&record);
        if edited {
            world.mail.user_edit(&first, |item| item.set_text(Field::Notes, "edited since"));
        }
        world.settle(3);
        let later = world.crm.user_create(item);
        world.settle(3);
        let ids = |side: &FakeSide| side.live().into_iter().map(|(id, _)| id).collect::<Vec<_>>();
        assert_eq!(
            [ids(&world.mail), ids(&world.crm)],
            [vec![first], vec![later]],
            "edited: {edited} {:#?}",
            world.log()
        );
        let linked = world.store.all_pairs().iter().filter(|p| p.state == PairState::Linked).count();
        assert_eq!(linked, 1);
    }
}

#[test]
fn a_conflict_is_decided_for_either_side() {
    for (decision, wins) in [(Decision::TakeMail, "room 1"), (Decision::TakeCrm, "room 2")] {
        let mut world = calm();
        if let Some(calendar) = &mut world.policy.modules.calendar {
            calendar.conflict = ConflictWinner::Hold;
        }
        let event = world.new_event();
        world.mail.user_create(event);
        world.settle(3);
        let (in_mail, _) = world.mail.live().remove(0);
        let (in_crm, _) = world.crm.live().remove(0);
        world.mail.user_edit(&in_mail, |item| item.set_text(Field::Location, "room 1"));
        world.crm.user_edit(&in_crm, |item| item.set_text(Field::Location, "room 2"));
        world.settle(3);
        let [hold] = open_holds(&world).try_into().expect("one hold");
        assert_eq!(hold.kind, HoldKind::Conflict);
        world.decide(hold.id, decision);
        world.settle(3);
        for side in [&world.mail, &world.crm] {
            assert_eq!(side.live()[0].1.text(Field::Location), Some(wins));
        }
        assert!(open_holds(&world).is_empty());
    }
}

#[test]
fn a_text_that_an_edit_would_cut_is_cut_or_kept_as_decided() {
    let long = "a location of more than twenty-four characters";
    for (decision, mail, crm) in
        [(Decision::TakeMail, long, "a location of more than"), (Decision::TakeCrm, "short", "short")]
    {
        let mut world = calm();
        let mut event = world.new_event();
        event.set_text(Field::Location, long);
        world.mail.user_create(event);
        world.settle(3);
        let (in_crm, _) = world.crm.live().remove(0);
        world.crm.user_edit(&in_crm, |item| item.set_text(Field::Location, "short"));
        world.settle(3);
        let [hold] = open_holds(&world).try_into().expect("one hold");
        assert_eq!(hold.kind, HoldKind::Conflict);
        world.decide(hold.id, decision);
        world.settle(3);
        assert_eq!(world.mail.live()[0].1.text(Field::Location), Some(mail));
        assert_eq!(world.crm.live()[0].1.text(Field::Location).map(str::trim), Some(crm));
        assert!(open_holds(&world).is_empty());
    }
}

#[test]
fn what_was_deleted_in_the_crm_and_edited_in_the_mailbox_is_kept_or_let_go() {
    for (decision, refused, left) in [
        (Decision::Keep, Refused::Detach, (1, 0)),
        (Decision::Keep, Refused::Restore, (1, 1)),
        (Decision::LetGo, Refused::Detach, (0, 0)),
    ] {
        let mut world = calm();
        world.policy.safety.refused = refused;
        let event = world.new_event();
        world.mail.user_create(event);
        world.settle(3);
        let (in_mail, _) = world.mail.live().remove(0);
        let (in_crm, _) = world.crm.live().remove(0);
        world.mail.user_edit(&in_mail, |item| item.set_text(Field::Location, "room 1"));
        world.crm.user_delete(&in_crm);
        world.settle(3);
        let [hold] = open_holds(&world).try_into().expect("one hold");
        assert_eq!(hold.kind, HoldKind::DeletedButEdited);
        assert_eq!(hold.kind.choices(), [Choice::Keep, Choice::LetGo]);
        world.decide(hold.id, decision);
        world.settle(3);
        assert_eq!((world.mail.live().len(), world.crm.live().len()), left);
        assert!(open_holds(&world).is_empty());
    }
}

#[test]
fn many_deletions_after_a_lost_cursor_are_held_even_below_the_limit() {
    let mut world = calm();
    in_step(&mut world, 40);
    world.policy.safety.contacts = SafetyLimit { items: 250, percent: 90 };
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.deleted_in_mail = DeletePolicy::Propagate;
    }
    for (id, _) in world.mail.live().into_iter().take(15) {
        world.mail.user_delete(&id);
    }
    world.mail.lose_cursor();
    world.settle(3);
    assert_eq!(world.crm.live().len(), 40, "nothing was deleted");
    let [hold] = open_holds(&world).try_into().expect("one hold");
    assert!(hold.reason.contains("listed anew"), "{}", hold.reason);
    world.decide(hold.id, Decision::Approve);
    world.settle(3);
    assert_eq!(world.crm.live().len(), 25);
}

#[test]
fn a_bad_item_climbs_down_the_ladder_and_delays_no_other() {
    let mut world = calm();
    let mut bad = world.new_contact();
    bad.set(Field::Notes, Value::body(riva_core::item::Body::plain("poison")));
    world.mail.user_create(bad);
    world.crm.refuse_for_good(true);
    world.cycle();
    in_step_besides(&mut world, 12, 1);
    let state = |world: &World| {
        let pairs = world.store.all_pairs();
        let bad = pairs.iter().find(|p| p.state == PairState::Quarantined).expect("a bad one");
        (bad.attempts, bad.next_try.is_some(), bad.reason.clone().unwrap_or_default())
    };
    for _ in 0..60 {
        world.pass(61);
        world.cycle();
    }
    let (attempts, tried_again, reason) = state(&world);
    assert_eq!((attempts, tried_again), (51, false), "{reason}");
    assert!(reason.contains("`riva retry`"), "{reason}");
    // Asked for, it is tried once more, and goes down the ladder again.
    world.store.order(MemberId(1), Order::Retry { pair: None }, world.now());
    world.cycle();
    assert_eq!(state(&world).0, 1);
    // A change starts anew, and what is sound by then goes through.
    world.crm.refuse_for_good(false);
    let (id, _) = world.mail.live().remove(0);
    world.mail.user_edit(&id, |item| item.set(Field::Notes, Value::Blank));
    world.settle(3);
    assert_eq!(world.crm.live().len(), 13);
}

fn in_step_besides(world: &mut World, n: usize, bad: usize) {
    for _ in 0..n {
        let item = world.new_contact();
        world.mail.user_create(item);
    }
    for _ in 0..3 {
        world.pass(1);
        world.cycle();
    }
    assert_eq!((world.mail.live().len(), world.crm.live().len()), (n + bad, n));
}

// --- preview

/// What a deed says, but for the pair: a new one has another id in the rehearsal.
fn words(deed: &Deed) -> String {
    format!(
        "{:?} {:?} {} {} {:?} {}",
        deed.module, deed.kind, deed.title, deed.rule, deed.fields, deed.reason
    )
}

/// What stands on a side.
pub(super) fn standing(world: &World, side: Side) -> BTreeMap<RemoteId, Item> {
    let side = if side == Side::Mail { &world.mail } else { &world.crm };
    side.live().into_iter().collect()
}

/// The deeds of a cycle as both sides themselves tell them, from what stood there before and after.
fn judged(world: &World, before: &[BTreeMap<RemoteId, Item>; 2], deeds: &[Deed]) -> Result<(), String> {
    for (side, before) in [Side::Mail, Side::Crm].into_iter().zip(before) {
        let after = standing(world, side);
        let told = |kind: DeedKind| {
            let mut titles: Vec<&str> =
                deeds.iter().filter(|d| d.kind == kind).map(|d| d.title.as_str()).collect();
            titles.sort_unstable();
            titles
        };
        let titles = |items: Vec<&Item>| {
            let mut titles: Vec<String> = items.into_iter().map(Item::title).collect();
            titles.sort_unstable();
            titles
        };
        let made = titles(after.iter().filter(|(id, _)| !before.contains_key(*id)).map(|(_, i)| i).collect());
        let gone = titles(before.iter().filter(|(id, _)| !after.contains_key(*id)).map(|(_, i)| i).collect());
        let changed = before.iter().filter(|(id, item)| after.get(*id).is_some_and(|now| now != *item));
        let changed = titles(changed.map(|(_, item)| item).collect());
        for (what, kind) in [
            (made, DeedKind::Create { side }),
            (changed, DeedKind::Update { side }),
            (gone, DeedKind::Delete { side }),
        ] {
            if what != told(kind) {
                return Err(format!("{kind:?}: the side shows {what:?}, told were {:?}", told(kind)));
            }
        }
    }
    Ok(())
}

#[test]
fn the_preview_lists_exactly_what_the_next_cycle_does() {
    let (mut deeds_in_all, mut kinds) = (0, BTreeSet::new());
    for seed in seeds(1_000) {
        let mut world = World::new(seed, knobs(seed));
        if seed.is_multiple_of(4) {
            world.policy.safety.contacts = SafetyLimit { items: 0, percent: 100 };
            world.policy.safety.calendar = SafetyLimit { items: 0, percent: 100 };
        }
        for _ in 0..4 {
            world.user_has_on_both_sides();
        }
        for _ in 0..6 {
            world.user_creates();
        }
        for round in 0..3 {
            let (rows, before) =
                (world.store.image(), [standing(&world, Side::Mail), standing(&world, Side::Crm)]);
            let preview = world.preview();
            assert_eq!(preview.ended, None, "seed {seed}");
            assert_eq!(world.store.image(), rows, "seed {seed}: the preview changed a row");
            assert_eq!(before, [standing(&world, Side::Mail), standing(&world, Side::Crm)], "seed {seed}");
            world.deeds.take();
            world.cycle();
            let done: Vec<String> = world.deeds.take().iter().map(words).collect();
            let told: Vec<String> = preview.deeds.iter().map(words).collect();
            assert_eq!(told, done, "seed {seed}, round {round}");
            judged(&world, &before, &preview.deeds)
                .unwrap_or_else(|why| panic!("seed {seed}, round {round}: {why}"));
            deeds_in_all += told.len();
            kinds.extend(preview.deeds.iter().map(|deed| deed.kind));
            for _ in 0..5 {
                world.user_works();
            }
            world.user_creates();
            world.pass(if round == 0 { 15 } else { 61 });
        }
        world.approves = true;
        check(&mut world).unwrap_or_else(|why| panic!("seed {seed}: {why}"));
    }
    assert!(deeds_in_all > 0);
    for side in [Side::Mail, Side::Crm] {
        for kind in [DeedKind::Create { side }, DeedKind::Update { side }] {
            assert!(kinds.contains(&kind), "{kind:?} was never among the deeds");
        }
    }
    let hold = DeedKind::Hold { hold: HoldKind::DeleteSafety };
    for kind in [DeedKind::Delete { side: Side::Mail }, DeedKind::Link, DeedKind::Detach, hold] {
        assert!(kinds.contains(&kind), "{kind:?} was never among the deeds: {kinds:?}");
    }
}
