//! What another sync has left in a mailbox, when its user is first synced.

mod held;

use super::{FakeSide, Faults, Knobs, MemoryStore, World};
use riva_core::documents::{Direction, FirstSync, LostAndFound};
use riva_core::history::{DeedKind, Order, UndoSpan};
use riva_core::holds::{Decision, HoldKind, HoldRow};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Element, Field, Item, Module, Value};
use riva_core::rows::{PairRow, PairState, Side};
use std::sync::Arc;

fn world(choice: LostAndFound) -> World {
    let mut world = World::new(77, Knobs::CALM);
    world.policy.first_sync.lost_and_found = choice;
    world.approves = false;
    world
}

/// As another sync marks what it has made.
fn marked(mut item: Item) -> Item {
    let riva = ("riva".to_owned(), Element::plain("riva"));
    item.set(Field::Categories, Value::set([riva].into()));
    item
}

/// A marked contact, a marked appointment, and a contact of the user's own, in the mailbox alone.
fn with_leftovers(choice: LostAndFound) -> World {
    let mut world = world(choice);
    for item in [world.new_contact(), world.new_event()] {
        world.mail.user_create(marked(item));
    }
    let own = world.new_contact();
    world.mail.user_create(own);
    world
}

fn cycle(world: &World) {
    let outcome = world.cycle().expect("nobody kills it");
    assert_eq!(outcome.fault, None);
    world.pass(20);
}

fn titles(items: impl IntoIterator<Item = Item>) -> Vec<String> {
    let mut titles: Vec<String> = items.into_iter().map(|item| item.title()).collect();
    titles.sort();
    titles
}

/// What the mailbox shows, what lies in Lost & Found, and what the CRM has.
fn all(world: &World) -> [Vec<String>; 3] {
    let live = |items: Vec<(_, Item)>| titles(items.into_iter().map(|(_, item)| item));
    [live(world.mail.live()), titles(world.mail.lost_and_found_has()), live(world.crm.live())]
}

fn named(names: [&[&str]; 3]) -> [Vec<String>; 3] {
    names.map(|names| names.iter().map(|name| (*name).to_owned()).collect())
}

fn open_holds(world: &World) -> Vec<HoldRow> {
    world.store.all_holds().into_iter().filter(|hold| hold.closed.is_none()).collect()
}

const CARD: &str = "Ann Lee #1";
const VISIT: &str = "Visit #2";
const OWN: &str = "Ann Lee #3";

#[test]
fn what_another_sync_has_left_is_moved_to_lost_and_found_and_never_synced() {
    let world = with_leftovers(LostAndFound::Move);
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[OWN], &[CARD, VISIT], &[OWN]]), "{:#?}", world.log());
    assert_eq!(open_holds(&world), []);
    assert!(world.log().iter().any(|line| line.contains("1 moved to Lost & Found")), "{:#?}", world.log());
    let moved = world.store.all_journal().into_iter().filter(|line| line.deed == "move mail");
    let told: Vec<String> = moved.map(|line| format!("{}: {}", line.rule, line.text)).collect();
    assert_eq!(
        told,
        [CARD, VISIT].map(|t| format!("Lost & Found: moved to Lost & Found in the mailbox: {t}"))
    );
    let gone = world.store.all_pairs().into_iter().filter(|pair| pair.state == PairState::Tombstoned);
    let why: Vec<String> = gone.filter_map(|pair| pair.reason).collect();
    assert_eq!(why, ["Left by another sync: moved to Lost & Found."; 2]);
}

/// It is read day by day there.
#[test]
fn an_appointment_is_moved_to_lost_and_found_in_a_mailbox_that_has_series_as_well() {
    let mut world = world(LostAndFound::Move);
    Arc::get_mut(&mut world.mail).expect("nobody else has it").have_series();
    let visit = world.new_event();
    world.mail.user_create(marked(visit));
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[], &["Visit #1"], &[]]), "{:#?}", world.log());
    assert_eq!(open_holds(&world), []);
}

#[test]
fn what_its_user_moves_back_is_his() {
    let world = with_leftovers(LostAndFound::Move);
    cycle(&world);
    world.mail.user_moves_back();
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[CARD, OWN, VISIT]]), "{:#?}", world.log());
}

#[test]
fn what_has_a_twin_is_linked_whatever_its_category() {
    for choice in LostAndFound::ALL {
        let mut world = world(choice);
        let item = world.new_contact();
        world.crm.user_create(item.clone());
        world.mail.user_create(marked(item));
        cycle(&world);
        cycle(&world);
        assert_eq!(all(&world), named([&[CARD], &[], &[CARD]]), "{choice:?}");
        assert_eq!(world.store.all_pairs()[0].state, PairState::Linked, "{choice:?}");
    }
}

#[test]
fn the_mark_of_another_sync_is_no_category_of_the_crm() {
    let mut world = world(LostAndFound::SyncToCrm);
    for side in [&mut world.mail, &mut world.crm] {
        Arc::get_mut(side).expect("nobody else has it").hold(Module::Contacts, Field::Categories);
    }
    let with = |mut item: Item, names: &[&str]| {
        let all = names.iter().map(|name| ((*name).to_owned(), Element::plain(*name)));
        item.set(Field::Categories, Value::set(all.collect()));
        item
    };
    // One that has a twin, one that goes to the CRM as the policy says, one whose only category is the mark.
    let (linked, alone, plain) = (world.new_contact(), world.new_contact(), world.new_contact());
    world.crm.user_create(with(linked.clone(), &["VIP"]));
    world.mail.user_create(with(linked, &["riva", "Friend"]));
    world.mail.user_create(with(alone, &["Riva", "Friend"]));
    world.crm.user_create(with(plain.clone(), &[]));
    world.mail.user_create(with(plain, &["Riva"]));
    cycle(&world);
    cycle(&world);
    let names = |live: Vec<(RemoteId, Item)>| {
        let names = |item: Item| {
            let all = item.set_elements(Field::Categories).cloned().unwrap_or_default();
            all.into_keys().collect::<Vec<_>>().join(", ")
        };
        let mut all: Vec<String> = live.into_iter().map(|(_, item)| names(item)).collect();
        all.sort();
        all
    };
    assert_eq!(names(world.crm.live()), ["", "Friend", "Friend, VIP"], "{:#?}", world.log());
    // Its user keeps it.
    assert_eq!(names(world.mail.live()), ["Friend, Riva", "Friend, VIP, riva", "Riva"]);
    // Nothing is written of what has it alone.
    assert_eq!(world.crm.writes(), 2);
    // It has no part in what comes later, either.
    let someone = world.mail.live().into_iter().find(|(_, item)| item.title() == OWN).expect("it is there").0;
    world.mail.user_edit(&someone, |item| {
        *item = with(item.clone(), &["Riva", "Golf"]);
    });
    cycle(&world);
    cycle(&world);
    assert_eq!(names(world.crm.live()), ["Friend", "Friend, VIP", "Golf"], "{:#?}", world.log());
}

#[test]
fn what_is_called_so_in_the_crm_is_called_so_in_the_mailbox() {
    let mut world = world(LostAndFound::Move);
    for side in [&mut world.mail, &mut world.crm] {
        Arc::get_mut(side).expect("nobody else has it").hold(Module::Contacts, Field::Categories);
    }
    let mut contact = world.new_contact();
    contact.set(Field::Categories, Value::set([("Riva".to_owned(), Element::plain("Riva"))].into()));
    world.crm.user_create(contact.clone());
    cycle(&world);
    cycle(&world);
    let shown = world.mail.live().remove(0).1;
    assert_eq!(shown.get(Field::Categories), contact.get(Field::Categories), "{:#?}", world.log());
}

#[test]
fn a_record_that_comes_later_is_linked_with_what_waits() {
    let mut world = world(LostAndFound::Hold);
    let item = world.new_contact();
    world.mail.user_create(marked(item.clone()));
    cycle(&world);
    assert_eq!(open_holds(&world).len(), 1);
    world.crm.user_create(item);
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD], &[], &[CARD]]), "{:#?}", world.log());
    assert_eq!(open_holds(&world), []);
}

#[test]
fn what_a_user_marks_after_the_first_sync_is_his() {
    let mut world = world(LostAndFound::Move);
    cycle(&world);
    let item = world.new_contact();
    world.mail.user_create(marked(item));
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD], &[], &[CARD]]));
}

#[test]
fn nothing_is_looked_for_without_a_category() {
    let mut world = with_leftovers(LostAndFound::Move);
    world.policy.first_sync.category = String::new();
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[CARD, OWN, VISIT]]));
}

/// The database was lost: what we had made is known by its marker.
#[test]
fn what_we_have_made_ourselves_is_ours_whatever_its_category() {
    let mut world = world(LostAndFound::Move);
    let item = world.new_contact();
    let record = world.crm.user_create(item);
    cycle(&world);
    let (made, item) = world.mail.live().pop().expect("it was made");
    world.mail.user_edit(&made, |there| *there = marked(item));
    world.crm.user_delete(&record);
    world.store = Arc::new(MemoryStore::default());
    cycle(&world);
    cycle(&world);
    assert_eq!(world.mail.lost_and_found_has(), []);
    assert_eq!(world.mail.live().len(), 1, "{:#?}", world.log());
}

#[test]
fn what_goes_to_the_crm_all_the_same_is_warned_of() {
    let world = with_leftovers(LostAndFound::SyncToCrm);
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN, VISIT], &[], &[CARD, OWN, VISIT]]));
    let warned = world.log().into_iter().filter(|line| line.contains("duplicates are likely"));
    assert_eq!(warned.count(), 2, "each module: {:#?}", world.log());
}

/// It was a possible duplicate, and is edited when its twins are gone, before the first sync is through: it is moved, wherever the
/// process dies.
#[test]
fn what_was_held_for_its_twins_is_moved_once_they_are_gone() {
    let begun = |steps| {
        let mut world = world(LostAndFound::Move);
        let contact = world.new_contact();
        let card = world.mail.user_create(marked(contact.clone()));
        for _ in 0..2 {
            world.crm.user_create(contact.clone());
        }
        world.kill_after(Some(steps));
        let died = world.cycle().is_none();
        world.kill_after(None);
        let of_card = |pair: &PairRow| pair.mail.as_ref().is_some_and(|at| at.id == card);
        let held = world.store.all_pairs().iter().any(|p| of_card(p) && p.state == PairState::Held);
        (died && held).then_some(world)
    };
    let first = (0..200).find(|steps| begun(*steps).is_some()).expect("it is killed once it is held");
    for steps in 0..60 {
        let world = begun(first).expect("as before");
        for (record, _) in world.crm.live() {
            world.crm.user_delete(&record);
        }
        let card = world.mail.live()[0].0.clone();
        world.mail.user_edit(&card, |item| item.set(Field::Notes, Value::Blank));
        world.pass(20);
        world.kill_after(Some(steps));
        world.cycle();
        world.kill_after(None);
        for _ in 0..3 {
            world.pass(20);
            cycle(&world);
        }
        assert_eq!(all(&world), named([&[], &[CARD], &[]]), "killed after {steps}: {:#?}", world.log());
        assert_eq!(open_holds(&world), [], "killed after {steps}");
    }
}

#[test]
fn its_note_is_none_of_what_was_sent() {
    assert!(crate::loops::is_note("left over") && !crate::loops::is_note("left over/1"));
}

#[test]
fn what_its_user_claims_before_it_is_moved_is_his() {
    let world = with_leftovers(LostAndFound::Move);
    let (mail, card) = (Arc::clone(&world.mail), world.mail.live()[0].0.clone());
    world.mail.set_faults(Faults { not_now: 100, ..Faults::NONE });
    cycle(&world);
    world.mail.set_faults(Faults::NONE);
    // Its user takes the category off: it is his.
    let pairs = world.store.all_pairs().into_iter().filter(|pair| pair.crm.is_none());
    let waits: Vec<_> = pairs.map(|pair| (pair.state, pair.reason, pair.next_try.is_some())).collect();
    let why =
        "Left by another sync, by its category, and without a twin in the CRM: it is moved to Lost & Found.";
    assert_eq!(waits, [PairState::Quarantined; 2].map(|state| (state, Some(why.to_owned()), true)));
    mail.user_edit(&card, |item| item.set(Field::Categories, Value::Blank));
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[CARD, OWN], &[VISIT], &[CARD, OWN]]), "{:#?}", world.log());
}

#[test]
fn where_nothing_goes_to_the_crm_it_is_moved_all_the_same() {
    let mut world = with_leftovers(LostAndFound::Move);
    let contacts = world.policy.modules.contacts.get_or_insert_default();
    contacts.direction = Direction::CrmToMail;
    world.mail.set_faults(Faults { not_now: 100, ..Faults::NONE });
    cycle(&world);
    assert_eq!(all(&world)[1], Vec::<String>::new());
    world.mail.set_faults(Faults::NONE);
    cycle(&world);
    cycle(&world);
    assert_eq!(all(&world), named([&[OWN], &[CARD, VISIT], &[]]), "{:#?}", world.log());
}

/// Wherever the process dies, an item is in one place, and in the end where it belongs.
#[test]
fn a_crash_leaves_each_item_in_one_place() {
    for choice in [LostAndFound::Move, LostAndFound::Hold, LostAndFound::Delete] {
        let mut died = 0;
        for steps in 0..200 {
            let world = with_leftovers(choice);
            world.kill_after(Some(steps));
            died += u32::from(world.cycle().is_none());
            world.kill_after(None);
            let [mail, lost, _] = all(&world);
            assert_eq!(mail.len() + lost.len(), 3, "{choice:?} killed after {steps}");
            for _ in 0..3 {
                world.pass(20);
                cycle(&world);
            }
            let aside: &[&str] = if choice == LostAndFound::Move { &[CARD, VISIT] } else { &[] };
            let stays: &[&str] = if choice == LostAndFound::Move { &[OWN] } else { &[CARD, OWN, VISIT] };
            assert_eq!(all(&world), named([stays, aside, &[OWN]]), "{choice:?} killed after {steps}");
            let held: Vec<String> =
                open_holds(&world).into_iter().flat_map(|h| h.items).map(|item| item.title).collect();
            let waits: &[&str] = if choice == LostAndFound::Move { &[] } else { &[CARD, VISIT] };
            assert_eq!(held, waits, "{choice:?} killed after {steps}");
            let ever: Vec<String> =
                world.store.all_holds().into_iter().flat_map(|h| h.items).map(|item| item.title).collect();
            assert_eq!(ever, waits, "{choice:?} killed after {steps}: each was held once");
        }
        assert!(died > 20, "{choice:?}: it was killed {died} times only");
    }
}

#[test]
fn a_move_whose_answer_is_lost_is_found_made() {
    let world = with_leftovers(LostAndFound::Move);
    world.mail.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    for _ in 0..3 {
        world.cycle().expect("nobody kills it");
        world.pass(20);
    }
    world.mail.set_faults(Faults::NONE);
    cycle(&world);
    assert_eq!(all(&world), named([&[OWN], &[CARD, VISIT], &[OWN]]), "{:#?}", world.log());
}

#[test]
fn a_preview_lists_what_is_moved_and_what_would_wait() {
    let kinds = |choice| {
        let world = with_leftovers(choice);
        let deeds = world.preview().deeds;
        let left = deeds.iter().filter(|deed| deed.title != OWN);
        assert!(left.into_iter().all(|deed| deed.rule == "Lost & Found"), "{deeds:#?}");
        let mut kinds: Vec<(String, DeedKind)> =
            deeds.into_iter().map(|deed| (deed.title, deed.kind)).collect();
        kinds.sort();
        assert_eq!(all(&world)[1..], named([&[], &[], &[]])[1..], "a preview writes nothing");
        kinds
    };
    let own = (OWN.to_owned(), DeedKind::Create { side: Side::Crm });
    let both = |kind| [(CARD.to_owned(), kind), own.clone(), (VISIT.to_owned(), kind)];
    assert_eq!(kinds(LostAndFound::Move), both(DeedKind::Move { side: Side::Mail }));
    assert_eq!(kinds(LostAndFound::Hold), both(DeedKind::Hold { hold: HoldKind::LostAndFound }));
    assert_eq!(kinds(LostAndFound::Delete), both(DeedKind::Hold { hold: HoldKind::DeleteSafety }));
}

#[test]
fn an_undo_says_where_it_lies() {
    let mut world = with_leftovers(LostAndFound::Move);
    world.keep_images = true;
    let span = UndoSpan::Cycle(world.next_cycle());
    cycle(&world);
    let order = world.store.order(MemberId(1), Order::Undo { span }, world.now());
    cycle(&world);
    let told = world.store.outcome(order).expect("it is carried out");
    let lies = told.iter().filter(|line| line.contains("it lies in the folder Lost & Found")).count();
    assert_eq!((lies, told.len()), (2, 3), "and nothing else: {told:#?}");
    assert_eq!(all(&world)[1].len(), 2);
}

#[test]
fn a_policy_that_says_nothing_moves_what_riva_has_left() {
    assert_eq!(World::new(1, Knobs::CALM).policy.first_sync, FirstSync::default());
    assert_eq!(FirstSync::default().lost_and_found, LostAndFound::Move);
}
