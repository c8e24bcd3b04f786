//! Items meet their twins: one by one, all in one cycle, and whatever is told in the middle of it.

use super::recovered::{answer_lost, note};
use super::world::run_until_killed;
use super::{Faults, Knobs, MemoryStore, World};
use crate::journal;
use riva_core::documents::Direction;
use riva_core::holds::{Decision, HoldKind, HoldRow};
use riva_core::ids::{MemberId, RemoteId, Version};
use riva_core::item::{Element, Field, Item, Module, Name, Value};
use riva_core::ports::SyncStore as _;
use riva_core::rows::{FeedScope, Ingest, Observation, PairRow, PairState, Presence, Side};
use std::sync::Arc;

fn world() -> World {
    World::new(51, Knobs::CALM)
}

/// What a set of addresses or numbers holds.
fn set(values: &[&str]) -> Value {
    let elements = values.iter().enumerate().map(|(n, value)| ((n + 1).to_string(), Element::plain(*value)));
    Value::set(elements.collect())
}

/// A contact of this family with these addresses and numbers.
fn person(world: &mut World, given: &str, emails: &[&str], phones: &[&str]) -> Item {
    let mut item = world.new_contact();
    let name = Name { given: given.into(), family: "Lee #1".into(), ..Name::default() };
    item.set(Field::Name, Value::Name(name));
    item.set(Field::Emails, set(emails));
    item.set(Field::Phones, set(phones));
    item
}

fn cycle(world: &World) {
    world.cycle().expect("nobody kills it");
    world.pass(20);
}

fn there(world: &World) -> (usize, usize) {
    (world.mail.live().len(), world.crm.live().len())
}

/// The pair of an item.
fn pair_of(world: &World, id: &RemoteId) -> PairRow {
    let is_its = |pair: &PairRow| [&pair.mail, &pair.crm].into_iter().flatten().any(|at| at.id == *id);
    world.store.all_pairs().into_iter().find(is_its).expect("it has a pair")
}

fn twin_of(world: &World, card: &RemoteId) -> Option<RemoteId> {
    pair_of(world, card).crm.map(|at| at.id)
}

/// What the journal says of an item: deed and rule.
fn told_of(world: &World, id: &RemoteId) -> Vec<(String, String)> {
    let pair = pair_of(world, id).id;
    let lines = world.store.all_journal().into_iter().filter(|line| line.pair == pair);
    lines.map(|line| (line.deed, line.rule)).collect()
}

/// Another user's cycle has read the connection's feed: this is there in a version.
pub(super) fn told(store: &MemoryStore, module: Module, id: RemoteId, version: &str) {
    let version = Some(Version::new(version));
    let seen = Observation { member: MemberId(1), id, presence: Presence::Present, version };
    let scope = FeedScope::Member(MemberId(1));
    let page = Ingest { scope, module, side: Side::Crm, observations: vec![seen], after: None, cursor: None };
    run_until_killed(store.ingest(1, &page)).expect("nobody kills it").expect("it is in memory");
}

/// The other's number leads to an item that has its twin: that is nobody's rival any more.
#[test]
fn a_couple_with_one_phone_is_linked_one_by_one() {
    let mut world = world();
    let home = "030 1234567";
    let ann = person(&mut world, "Ann", &["ann@example.com"], &[home]);
    let ben = person(&mut world, "Ben", &[], &[home, "0171 7654321"]);
    let cards = [ann.clone(), ben.clone()].map(|item| world.mail.user_create(item));
    let mut bens = ben;
    bens.set(Field::Phones, set(&["0171 7654321"]));
    let records = [ann, bens].map(|item| world.crm.user_create(item));
    cycle(&world);
    let twins = [0, 1].map(|n| twin_of(&world, &cards[n]));
    assert_eq!(twins, records.map(Some), "{:#?}", world.log());
    assert_eq!((there(&world), world.store.all_holds()), ((2, 2), Vec::new()));
}

#[test]
fn what_two_sides_showed_differently_is_in_step_in_the_cycle_that_links_them() {
    let mut world = world();
    let mut item = world.new_contact();
    let record = world.crm.user_create(item.clone());
    item.set(Field::Notes, note("by phone"));
    let card = world.mail.user_create(item);
    cycle(&world);
    assert_eq!(twin_of(&world, &card), Some(record));
    assert_eq!(world.crm.live()[0].1.get(Field::Notes), Some(&note("by phone")));
    let by = "match by e-mail address".to_owned();
    assert_eq!(told_of(&world, &card), [("link".to_owned(), by.clone()), ("update crm".to_owned(), by)]);
}

#[test]
fn the_journal_says_by_which_row_an_item_was_made() {
    let mut world = world();
    let [ann, ben] = [world.new_contact(), world.new_contact()];
    let (card, record) = (world.mail.user_create(ann), world.crm.user_create(ben));
    cycle(&world);
    for (id, row, side) in [(card, 15, "crm"), (record, 16, "mail")] {
        assert_eq!(told_of(&world, &id), [(format!("create {side}"), journal::row(row))], "{id}");
    }
}

/// A card whose record could not be made so far.
fn not_made_yet(world: &mut World) -> (Item, RemoteId) {
    let item = world.new_contact();
    let card = world.mail.user_create(item.clone());
    world.crm.set_faults(Faults { not_now: 100, ..Faults::NONE });
    cycle(world);
    world.crm.set_faults(Faults::NONE);
    (item, card)
}

#[test]
fn what_somebody_makes_in_the_middle_of_a_cycle_is_linked_and_not_made_again() {
    let mut world = world();
    let (item, card) = not_made_yet(&mut world);
    // While it is tried again.
    let (crm, store) = (Arc::clone(&world.crm), Arc::clone(&world.store));
    world.mail.meanwhile(move || told(&store, Module::Contacts, crm.user_create(item.clone()), "1"));
    cycle(&world);
    assert_eq!(twin_of(&world, &card).as_ref(), Some(&world.crm.live()[0].0), "{:#?}", world.log());
    assert_eq!((there(&world), world.crm.writes()), ((1, 1), 0));
}

fn holds_of(world: &World, id: &RemoteId) -> Vec<HoldRow> {
    let pair = pair_of(world, id).id;
    let is_its = |hold: &HoldRow| hold.items.iter().any(|item| item.pair == pair);
    world.store.all_holds().into_iter().filter(is_its).collect()
}

/// Two cards like one record: which of them is it?
fn two_cards() -> (World, [RemoteId; 2], RemoteId) {
    let mut world = world();
    let item = world.new_contact();
    let cards = [item.clone(), item.clone()].map(|item| world.mail.user_create(item));
    let record = world.crm.user_create(item);
    cycle(&world);
    (world, cards, record)
}

#[test]
fn a_possible_duplicate_is_told_once_and_again_when_there_is_news() {
    let (world, cards, _) = two_cards();
    let why = |n: u32| {
        format!(
            "Possible duplicate: {n} items share its e-mail address; it is neither linked nor made again until \
                 somebody decides."
        )
    };
    let pair = pair_of(&world, &cards[0]);
    assert_eq!((pair.state, pair.reason), (PairState::Held, Some(why(2))));
    let holds = holds_of(&world, &cards[0]);
    assert!(holds.len() == 1 && holds[0].kind == HoldKind::PossibleDuplicate && holds[0].reason == why(2));
    let title = world.mail.live()[0].1.title();
    let says = |n| world.log().iter().filter(|line| **line == format!("{title}: {}", why(n))).count();
    let noted = |n: u32| {
        let of_pair = world.store.all_journal().into_iter().filter(|line| line.pair == pair.id);
        of_pair.filter(|line| line.deed == "held" && line.text == format!("{title}: {}", why(n))).count()
    };
    assert_eq!((says(2), noted(2)), (3, 1), "of each of the three");
    world.mail.user_edit(&cards[0], |item| item.set(Field::Notes, note("by phone")));
    cycle(&world);
    assert_eq!((says(2), holds_of(&world, &cards[0])), (3, holds), "nothing is new");
    // A third one in the mailbox.
    let (_, item) = world.mail.live().remove(1);
    world.mail.user_create(item);
    world.mail.user_edit(&cards[0], |item| item.set(Field::Notes, note("by mail")));
    cycle(&world);
    assert_eq!(pair_of(&world, &cards[0]).reason, Some(why(3)));
    assert_eq!((says(2), says(3)), (3, 2));
    let holds = holds_of(&world, &cards[0]);
    assert_eq!((holds.len(), &holds[0].reason), (1, &why(3)));
}

#[test]
fn what_is_a_possible_duplicate_no_more_after_an_edit_is_made() {
    let (mut world, cards, record) = two_cards();
    world.mail.user_edit(&cards[0], |item| item.set(Field::Emails, set(&["other@example.com"])));
    cycle(&world);
    let made = twin_of(&world, &cards[0]).expect("it is made");
    assert_ne!(made, record);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(there(&world), (2, 2));
}

/// It failed and is to be tried again; now it waits for a decision, and is not tried.
#[test]
fn what_failed_and_is_a_possible_duplicate_now_is_not_tried_again() {
    let mut world = world();
    let (item, card) = not_made_yet(&mut world);
    assert!(pair_of(&world, &card).next_try.is_some());
    for _ in 0..2 {
        world.crm.user_create(item.clone());
    }
    cycle(&world);
    let pair = pair_of(&world, &card);
    assert_eq!((pair.state, pair.next_try, holds_of(&world, &card).len()), (PairState::Held, None, 1));
}

/// It waits in a hold of its own, while the outcome of a write for something else is not known yet.
#[test]
fn what_was_held_is_linked_whatever_else_is_in_doubt() {
    let (mut world, cards, record) = two_cards();
    let other = world.new_contact();
    let other = world.mail.user_create(other);
    Arc::get_mut(&mut world.crm).expect("nobody else has it").shows_after(24 * 60 * 60);
    world.mail.user_delete(&cards[1]);
    world.mail.user_edit(&cards[0], |item| item.set(Field::Notes, note("by phone")));
    answer_lost(&world);
    let made: Vec<RemoteId> =
        world.crm.live().into_iter().map(|(id, _)| id).filter(|id| *id != record).collect();
    for id in &made {
        world.crm.user_delete(id);
    }
    cycle(&world);
    assert_eq!(twin_of(&world, &cards[0]), Some(record), "{:#?}", world.log());
    assert_eq!(twin_of(&world, &other), None);
}

/// A record that was held is made in the mailbox by decision, and nobody knows yet whether it was. A card that is like it
/// is not linked to it in the meantime: the record would have two.
#[test]
fn what_is_being_made_is_linked_to_nothing_else() {
    let (mut world, cards, record) = two_cards();
    Arc::get_mut(&mut world.mail).expect("nobody else has it").shows_after(30 * 60);
    world.decide(holds_of(&world, &record)[0].id, Decision::Create);
    world.mail.set_faults(Faults { lost_answer: 100, ..Faults::NONE });
    cycle(&world);
    world.mail.set_faults(Faults::NONE);
    let made = world.mail.live().pop().expect("it was made").0;
    // Nothing shows it yet.
    world.mail.user_delete(&made);
    world.mail.user_delete(&cards[1]);
    world.mail.user_edit(&cards[0], |item| item.set(Field::Notes, note("by phone")));
    cycle(&world);
    assert_eq!(twin_of(&world, &cards[0]), None, "{:#?}", world.log());
    // It never arrived.
    assert_eq!(world.settle(6), Some(0));
    assert_eq!(twin_of(&world, &cards[0]), Some(record));
    assert_eq!(there(&world), (1, 1));
}

/// The database was lost; the items know whose they were, whatever became of them.
#[test]
fn what_carries_the_same_marker_is_linked_whatever_else_it_shows() {
    let mut world = world();
    let item = world.new_contact();
    let card = world.mail.user_create(item);
    cycle(&world);
    let record = twin_of(&world, &card).expect("it is made");
    world.store.lose_everything();
    world.crm.user_edit(&record, |item| {
        item.set(Field::Emails, Value::Blank);
        item.set(Field::Name, Value::Name(Name { family: "Married #1".into(), ..Name::default() }));
    });
    cycle(&world);
    assert_eq!(twin_of(&world, &card), Some(record));
    assert_eq!(told_of(&world, &card)[0], ("link".to_owned(), "match by marker".to_owned()));
    assert_eq!(there(&world), (1, 1));
}

/// A card is like two records and waits; in the same cycle a third one comes that has its very UID.
#[test]
fn a_hold_that_is_settled_in_the_cycle_that_opens_it_is_closed_at_once() {
    let mut world = world();
    let mut item = world.new_contact();
    item.uid = Some("uid-1".to_owned());
    let card = world.mail.user_create(item.clone());
    let mut like = item.clone();
    like.uid = None;
    for _ in 0..2 {
        world.crm.user_create(like.clone());
    }
    item.set(Field::Emails, Value::Blank);
    let (crm, store) = (Arc::clone(&world.crm), Arc::clone(&world.store));
    // They are read to be matched, and once more to be compared with the card.
    world.crm.meanwhile(move || {
        let again = Arc::clone(&crm);
        crm.meanwhile(move || told(&store, Module::Contacts, again.user_create(item.clone()), "3"));
    });
    cycle(&world);
    let third = world.crm.live().pop().map(|(id, _)| id);
    assert_eq!((twin_of(&world, &card), pair_of(&world, &card).state), (third, PairState::Linked));
    let holds: Vec<HoldRow> = world.store.all_holds();
    let open = holds.iter().filter(|hold| hold.closed.is_none());
    assert!(open.flat_map(|hold| &hold.items).all(|item| item.side == Some(Side::Crm)), "{holds:#?}");
    assert!(holds.iter().any(|hold| hold.closed.is_some()), "{holds:#?}");
}

/// Where nothing is made in the mailbox, a record waits for its card under what it shows now.
#[test]
fn a_record_is_found_by_what_it_shows_now_where_it_is_not_to_be_made() {
    let (mut world, _, record) = two_cards();
    world.policy.modules.contacts.as_mut().expect("they are synced").direction = Direction::MailToCrm;
    world.crm.user_edit(&record, |item| item.set(Field::Emails, set(&["other@example.com"])));
    cycle(&world);
    let mut item = world.new_contact();
    item.set(Field::Emails, set(&["other@example.com"]));
    let card = world.mail.user_create(item);
    cycle(&world);
    assert_eq!(twin_of(&world, &card), Some(record), "{:#?}", world.log());
    assert_eq!(there(&world), (3, 1));
}

/// Nothing is made of it in the mailbox; what is made there later is the same thing.
#[test]
fn a_record_that_two_cards_are_like_and_that_is_merged_into_another_is_still_found_as_a_twin() {
    let mut world = world();
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.direction = Direction::MailToCrm;
    }
    let two = ["Ann", "Ann"].map(|given| person(&mut world, given, &["ann@example.com"], &[]));
    for item in two {
        world.mail.user_create(item);
    }
    let like_both = person(&mut world, "Ann", &["ann@example.com"], &[]);
    let merged = world.crm.user_create(like_both);
    let other = person(&mut world, "Ben", &["ben@example.com"], &[]);
    let winner = world.crm.user_create(other.clone());
    cycle(&world);
    assert!(pair_of(&world, &merged).state == PairState::Held, "two are like it");
    world.crm.user_merge(&merged, &winner);
    world.crm.user_edit(&winner, |item| item.set(Field::Notes, note("of both")));
    cycle(&world);
    let card = world.mail.user_create(other);
    cycle(&world);
    assert_eq!(twin_of(&world, &card), Some(winner), "{:#?}", world.log());
    assert_eq!(world.crm.live().len(), 1, "it is not made once more");
}
