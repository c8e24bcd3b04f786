//! Cards and tasks that are given another id in the mailbox: by their UID they stay what they are, and so do their records
//! in the CRM with all that it alone knows of them.

use super::check::by_serial;
use super::random::Random;
use super::{Knobs, World};
use riva_core::documents::{
    BecamePrivate, CalendarPolicy, ContactsPolicy, DeletePolicy, Direction, SafetyLimit, TasksPolicy,
};
use riva_core::holds::{Decision, HoldKind};
use riva_core::ids::RemoteId;
use riva_core::item::{Body, Element, Field, Item, Module, Name, Sensitivity, Value, When};
use riva_core::rows::PairState;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

const BOTH: [Module; 2] = [Module::Contacts, Module::Tasks];

/// A mailbox that keeps no marker of ours in its users' items, and a policy that carries deletions out.
pub(super) fn world(seed: u64) -> World {
    let knobs = Knobs { crm_without_tombstones: seed.is_multiple_of(3), mail_can_tag: false, ..Knobs::CALM };
    let mut world = World::new(seed, knobs);
    world.approves = false;
    deletions(&mut world, DeletePolicy::Propagate);
    world
}

pub(super) fn deletions(world: &mut World, in_mail: DeletePolicy) {
    let modules = &mut world.policy.modules;
    modules.contacts = Some(ContactsPolicy { deleted_in_mail: in_mail, ..ContactsPolicy::default() });
    modules.tasks = Some(TasksPolicy { deleted_in_mail: in_mail, ..TasksPolicy::default() });
}

/// A contact or task with a number, which has this UID.
pub(super) fn thing(module: Module, number: u64, uid: &str) -> Item {
    let mut item = Item::new(module);
    item.uid = Some(uid.to_owned());
    match module {
        Module::Contacts => {
            let name = Name { given: "Ann".into(), family: format!("Lee #{number}"), ..Name::default() };
            item.set(Field::Name, Value::Name(name));
            let address = Element::plain(format!("p{number}@example.com"));
            item.set(Field::Emails, Value::set(BTreeMap::from([("1".to_owned(), address)])));
        }
        _ => item.set_text(Field::Summary, format!("Call #{number}")),
    }
    item.set(room(module), Value::Blank);
    match module {
        Module::Contacts => item.set(Field::Phones, Value::Blank),
        Module::Tasks => item.set(Field::DueDate, Value::Blank),
        _ => {
            let start = "2026-12-01T08:00:00Z".parse::<chrono::DateTime<chrono::Utc>>().unwrap();
            let end = start + chrono::Duration::hours(1);
            item.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
        }
    }
    item
}

/// Where there is room for text.
pub(super) fn room(module: Module) -> Field {
    if module == Module::Contacts { Field::Notes } else { Field::Body }
}

pub(super) fn write(item: &mut Item, text: &str) {
    let value = if text.is_empty() { Value::Blank } else { Value::body(Body::plain(text)) };
    item.set(room(item.module), value);
}

pub(super) fn text(item: &Item) -> String {
    match item.get(room(item.module)) {
        Some(Value::Body(body)) => body.text.clone(),
        _ => String::new(),
    }
}

/// So many of them in the mailbox, in step: their ids.
pub(super) fn in_step(world: &mut World, module: Module, most: u64) -> Vec<RemoteId> {
    let ids = (1..=most).map(|n| world.mail.user_create(thing(module, n, &format!("uid-{n}")))).collect();
    world.settle(6);
    assert_eq!(records(world).len() as u64, most);
    ids
}

/// The record of each number, and its text.
pub(super) fn records(world: &World) -> BTreeMap<u64, Vec<(RemoteId, String)>> {
    let shown = |all: Vec<(RemoteId, Item)>| all.into_iter().map(|(id, item)| (id, text(&item))).collect();
    by_serial(&world.crm).into_iter().map(|(serial, all)| (serial, shown(all))).collect()
}

pub(super) fn writes(world: &World) -> (u64, u64) {
    (world.mail.writes(), world.crm.writes())
}

pub(super) fn states(world: &World) -> BTreeMap<PairState, usize> {
    let mut states = BTreeMap::new();
    for pair in world.store.all_pairs() {
        *states.entry(pair.state).or_default() += 1;
    }
    states
}

/// How often the log says that an item is followed.
pub(super) fn followed(world: &World) -> usize {
    world
        .log()
        .iter()
        .filter(|line| line.ends_with("it was moved in the mailbox, and is followed there."))
        .count()
}

/// What the journal says of items with another id.
pub(super) fn moves(world: &World) -> Vec<String> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == crate::journal::row(20));
    lines.map(|line| line.deed).collect()
}

#[test]
fn a_renamed_item_is_the_same_and_goes_on() {
    for (module, listing) in BOTH.into_iter().flat_map(|module| [(module, false), (module, true)]) {
        let mut world = world(7);
        if listing {
            Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
        }
        let ids = in_step(&mut world, module, 3);
        let (before, then) = (records(&world), writes(&world));
        let new = world.mail.user_rename(&ids[0], |_| {}).unwrap();
        world.settle(4);
        assert_eq!(records(&world), before, "{module:?}, by listings: {listing}");
        assert_eq!(writes(&world), then, "nothing is written");
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 3)]));
        let known = |id: &RemoteId| world.store.all_items().iter().any(|row| row.id == *id);
        assert_eq!((known(&ids[0]), known(&new)), (false, true), "what it was is forgotten");
        assert_eq!((followed(&world), moves(&world)), (1, vec!["moved".to_owned()]));
        // It is in step from both sides,
        let record = before[&1][0].0.clone();
        world.crm.user_edit(&record, |item| write(item, "from the CRM"));
        world.settle(4);
        let shown =
            |id: &RemoteId| world.mail.live().iter().find(|(i, _)| i == id).map(|(_, item)| text(item));
        assert_eq!(shown(&new).as_deref(), Some("from the CRM"));
        world.mail.user_edit(&new, |item| write(item, "from the mailbox"));
        world.settle(4);
        assert_eq!(records(&world)[&1], [(record, "from the mailbox".to_owned())]);
        // and its deletion is one.
        world.mail.user_delete(&new);
        world.settle(4);
        assert_eq!(records(&world).keys().copied().collect::<Vec<_>>(), [2, 3]);
    }
}

/// What takes the place of an item by our marker is known by its own UID from then on.
#[test]
fn an_item_that_took_a_place_is_known_by_its_own_uid() {
    for module in BOTH {
        let mut world = world(7);
        world.crm.user_create(thing(module, 1, "uid-1"));
        world.settle(6);
        let before = records(&world);
        let first = world.mail.live()[0].0.clone();
        let second = world.mail.deliver_again(&first).expect("it is there");
        world.mail.user_edit(&second, |item| item.uid = Some("uid-2".to_owned()));
        world.mail.user_delete(&first);
        world.settle(4);
        assert_eq!((records(&world), world.mail.live().len()), (before.clone(), 1), "{module:?}");
        let third = world.mail.user_rename(&second, |_| {}).expect("it is there");
        world.settle(4);
        assert_eq!(records(&world), before, "{module:?}");
        assert_eq!(world.mail.live().into_iter().map(|(id, _)| id).collect::<Vec<_>>(), [third]);
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 1)]), "{module:?}");
    }
}

#[test]
fn one_that_is_edited_as_well_takes_the_edit_along() {
    for module in BOTH {
        let mut world = world(7);
        let ids = in_step(&mut world, module, 2);
        let record = records(&world)[&1][0].0.clone();
        world.mail.user_rename(&ids[0], |item| write(item, "edited as well")).unwrap();
        // In the CRM something else was edited in the meantime.
        let other = if module == Module::Contacts { Field::Phones } else { Field::DueDate };
        let value = match module {
            Module::Contacts => Value::set(BTreeMap::from([("work".to_owned(), Element::plain("0301234"))])),
            _ => Value::Date("2026-12-24".parse().unwrap()),
        };
        world.crm.user_edit(&record, |item| item.set(other, value.clone()));
        world.settle(4);
        assert_eq!(records(&world)[&1], [(record, "edited as well".to_owned())], "{module:?}");
        let mail = by_serial(&world.mail)[&1].clone();
        assert_eq!(mail.len(), 1);
        assert!(mail[0].1.get(other).is_some_and(|v| *v != Value::Blank), "{module:?}: {mail:?}");
    }
}

#[test]
fn a_copy_is_another_item() {
    for module in [Module::Contacts, Module::Tasks, Module::Calendar] {
        let mut world = world(7);
        let ids = in_step(&mut world, module, 1);
        let record = records(&world)[&1][0].0.clone();
        let copy = world.mail.user_create(thing(module, 2, "uid-1"));
        world.settle(4);
        let both = records(&world);
        assert_eq!(both.len(), 2, "{module:?}: {both:?}");
        assert_eq!(both[&1][0].0, record);
        // Both are renamed at once: each is what it was.
        world.mail.user_rename(&copy, |_| {}).unwrap();
        world.mail.user_rename(&ids[0], |_| {}).unwrap();
        world.settle(4);
        assert_eq!(records(&world), both, "{module:?}");
    }
}

/// Its record could not be made yet; then the original is deleted: it has that one's from now on.
#[test]
fn a_copy_that_waits_takes_the_place_of_the_original() {
    for module in [Module::Contacts, Module::Tasks, Module::Calendar] {
        let mut world = world(7);
        Arc::get_mut(&mut world.crm).expect("nobody else has it").require(module, room(module));
        let of = |number| {
            let mut item = thing(module, number, "uid-1");
            write(&mut item, "kept");
            item
        };
        let original = world.mail.user_create(of(1));
        world.settle(4);
        let record = records(&world)[&1][0].0.clone();
        let mut blank = of(2);
        write(&mut blank, "");
        let copy = world.mail.user_create(blank);
        world.settle(4);
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 1), (PairState::Quarantined, 1)]));
        world.mail.user_edit(&copy, |item| write(item, "kept"));
        world.mail.user_delete(&original);
        // One cycle for its place, another one at once for what it shows.
        assert!(world.cycle().expect("nobody kills it").more_work, "{module:?}: {:#?}", world.log());
        world.settle(4);
        assert_eq!(records(&world), BTreeMap::from([(2, vec![(record, "kept".to_owned())])]), "{module:?}");
        // The pair in which the copy waited is part of that one's now.
        let joined = BTreeMap::from([(PairState::Linked, 1), (PairState::Tombstoned, 1)]);
        assert_eq!((states(&world), world.mail.live().len()), (joined, 1), "{module:?}");
    }
}

#[test]
fn of_two_that_are_gone_an_edited_one_is_the_one_that_it_is_likest() {
    let mut world = world(7);
    let ids = in_step(&mut world, Module::Contacts, 1);
    let record = records(&world)[&1][0].0.clone();
    let copy = world.mail.user_create(thing(Module::Contacts, 2, "uid-1"));
    world.settle(4);
    world.mail.user_delete(&copy);
    world.mail.user_rename(&ids[0], |item| write(item, "edited")).unwrap();
    world.settle(4);
    assert_eq!(records(&world), BTreeMap::from([(1, vec![(record, "edited".to_owned())])]));
}

#[test]
fn of_two_that_are_gone_one_that_is_like_both_is_neither() {
    let mut world = world(7);
    let ids = in_step(&mut world, Module::Contacts, 1);
    let record = records(&world)[&1][0].0.clone();
    let mut other = thing(Module::Contacts, 2, "uid-1");
    write(&mut other, "whose?");
    let copy = world.mail.user_create(other);
    world.settle(4);
    world.mail.user_delete(&copy);
    world.mail.user_rename(&ids[0], |item| write(item, "whose?")).unwrap();
    world.settle(4);
    let records = records(&world);
    assert_eq!(records.keys().copied().collect::<Vec<_>>(), [1], "made again: {records:?}");
    assert_eq!(records[&1].len(), 1);
    assert_ne!(records[&1][0].0, record);
}

#[test]
fn a_name_says_nothing() {
    let mut world = world(7);
    let ids = in_step(&mut world, Module::Contacts, 2);
    let record = records(&world)[&1][0].0.clone();
    // The same name and address with another UID is another card.
    world.mail.user_rename(&ids[0], |item| item.uid = Some("another".into())).unwrap();
    world.settle(4);
    let now = records(&world)[&1].clone();
    assert_eq!(now.len(), 1);
    assert_ne!(now[0].0, record);
}

#[test]
fn many_renamed_at_once_are_no_deletions() {
    for module in BOTH {
        let mut world = world(7);
        let ids = in_step(&mut world, module, 30);
        let few = SafetyLimit { items: 5, percent: 5 };
        (world.policy.safety.contacts, world.policy.safety.tasks) = (few, few);
        let (before, then) = (records(&world), writes(&world));
        for id in &ids {
            world.mail.user_rename(id, |_| {}).unwrap();
        }
        world.settle(4);
        assert_eq!((records(&world), writes(&world)), (before, then), "{module:?}");
        assert_eq!(world.store.all_holds().len(), 0);
    }
}

/// Their deletion waits for approval, and they are put back: whoever imports an export gives them other ids.
#[test]
fn what_is_back_is_not_deleted_by_an_approval() {
    for decision in [Decision::Approve, Decision::Refuse] {
        let mut world = world(7);
        let ids = in_step(&mut world, Module::Contacts, 30);
        world.policy.safety.contacts = SafetyLimit { items: 5, percent: 5 };
        let (before, then) = (records(&world), writes(&world));
        for id in &ids[..20] {
            world.mail.user_delete(id);
        }
        world.settle(3);
        let holds = world.store.all_holds();
        assert!(matches!(holds.as_slice(), [hold] if hold.kind == HoldKind::DeleteSafety), "{holds:?}");
        for n in 1..=20 {
            world.mail.user_create(thing(Module::Contacts, n, &format!("uid-{n}")));
        }
        world.settle(3);
        world.decide(holds[0].id, decision.clone());
        world.settle(4);
        assert_eq!((records(&world), writes(&world)), (before, then), "{decision:?}");
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 30)]), "{decision:?}");
        assert!(world.store.all_holds()[0].closed.is_some(), "nothing waits any more");
    }
}

#[test]
fn what_the_crm_keeps_goes_on_when_it_is_back() {
    for module in BOTH {
        let mut world = world(7);
        deletions(&mut world, DeletePolicy::Detach);
        let ids = in_step(&mut world, module, 2);
        let before = records(&world);
        // At once,
        let renamed = world.mail.user_rename(&ids[0], |_| {}).unwrap();
        world.settle(4);
        assert_eq!(records(&world), before, "{module:?}");
        assert_eq!(states(&world), BTreeMap::from([(PairState::Linked, 2)]));
        // and after a while.
        world.mail.user_delete(&renamed);
        world.settle(4);
        assert_eq!(states(&world)[&PairState::Detached], 1);
        let back = world.mail.user_create(thing(module, 1, "uid-1"));
        world.settle(4);
        assert_eq!(records(&world), before, "{module:?}");
        world.mail.user_edit(&back, |item| write(item, "again in step"));
        world.settle(4);
        assert_eq!(records(&world)[&1][0].1, "again in step");
    }
}

/// It cannot be known any more: the record went with the item, and the item is made anew.
#[test]
fn a_deletion_that_was_carried_out_is_one() {
    let mut world = world(7);
    let ids = in_step(&mut world, Module::Contacts, 2);
    let before = records(&world);
    world.mail.user_delete(&ids[0]);
    world.settle(4);
    assert_eq!(records(&world).len(), 1);
    world.mail.user_create(thing(Module::Contacts, 1, "uid-1"));
    world.settle(4);
    let now = records(&world);
    assert_eq!((now.len(), now[&1].len()), (2, 1), "made again, once");
    assert_ne!(now[&1][0].0, before[&1][0].0);
}

/// The record was deleted, and the item after it: whoever takes that back in the mailbox has it there alone.
#[test]
fn what_was_deleted_after_its_record_does_not_bring_it_back() {
    for module in [Module::Contacts, Module::Tasks, Module::Calendar] {
        let mut world = world(7);
        let calendar =
            CalendarPolicy { deleted_in_crm: DeletePolicy::Propagate, ..CalendarPolicy::default() };
        world.policy.modules.calendar = Some(calendar);
        let ids = in_step(&mut world, module, 2);
        let record = records(&world)[&1][0].0.clone();
        world.crm.user_delete(&record);
        world.settle(4);
        assert!(world.mail.live().iter().all(|(id, _)| *id != ids[0]), "{module:?}");
        world.mail.user_create(thing(module, 1, "uid-1"));
        world.settle(4);
        assert_eq!(records(&world).len(), 1, "{module:?}: {:?}", states(&world));
        assert_eq!(states(&world)[&PairState::Detached], 1);
        assert_eq!(followed(&world), 0, "nothing goes on");
    }
}

/// Whoever organises a meeting has sent it again: what was filled in here, and is blank in what was sent, was not taken away.
#[test]
fn a_meeting_that_is_sent_again_is_filled() {
    let mut world = world(7);
    let first = world.mail.user_create(thing(Module::Calendar, 1, "uid-1"));
    world.settle(4);
    let record = records(&world)[&1][0].0.clone();
    world.crm.user_edit(&record, |item| write(item, "agenda"));
    world.settle(4);
    assert_eq!(text(&world.mail.live()[0].1), "agenda");
    world.mail.user_delete(&first);
    world.mail.user_create(thing(Module::Calendar, 1, "uid-1"));
    world.settle(4);
    assert_eq!(records(&world), BTreeMap::from([(1, vec![(record, "agenda".to_owned())])]));
    assert_eq!(world.mail.live().iter().map(|(_, item)| text(item)).collect::<Vec<_>>(), ["agenda"]);
    assert_eq!(moves(&world), ["link"]);
}

#[test]
fn what_cannot_be_written_yet_is_written_to_the_same_record() {
    for module in BOTH {
        let mut world = world(7);
        Arc::get_mut(&mut world.crm).expect("nobody else has it").require(module, room(module));
        let mut item = thing(module, 1, "uid-1");
        write(&mut item, "first");
        let id = world.mail.user_create(item);
        world.settle(4);
        let record = records(&world)[&1][0].0.clone();
        world.mail.user_edit(&id, |item| write(item, ""));
        world.settle(3);
        assert_eq!(states(&world), BTreeMap::from([(PairState::Quarantined, 1)]), "{module:?}");
        let new = world.mail.user_rename(&id, |_| {}).unwrap();
        world.settle(3);
        assert_eq!(states(&world), BTreeMap::from([(PairState::Quarantined, 1)]), "{module:?}");
        world.mail.user_edit(&new, |item| write(item, "again"));
        world.settle(4);
        assert_eq!(records(&world)[&1], [(record, "again".to_owned())], "{module:?}");
    }
}

#[test]
fn one_that_is_private_now_is_not_deleted() {
    let mut world = world(7);
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.became_private = BecamePrivate::Leave;
    }
    let ids = in_step(&mut world, Module::Contacts, 2);
    let (before, then) = (records(&world), writes(&world));
    let private = Value::Sensitivity(Sensitivity::Private);
    let hide = |item: &mut Item| item.set(Field::Sensitivity, private.clone());
    world.mail.user_rename(&ids[0], hide).unwrap();
    world.settle(4);
    assert_eq!((records(&world), writes(&world)), (before, then));
}

#[test]
fn a_mailbox_that_only_follows_gets_nothing_back() {
    let mut world = world(7);
    let ids = in_step(&mut world, Module::Contacts, 2);
    if let Some(contacts) = &mut world.policy.modules.contacts {
        contacts.direction = Direction::CrmToMail;
    }
    let (before, then) = (records(&world), writes(&world));
    world.mail.user_rename(&ids[0], |_| {}).unwrap();
    world.settle(4);
    assert_eq!((records(&world), writes(&world)), (before, then));
    assert_eq!(world.mail.live().len(), 2);
}

/// Whatever is renamed and edited, and whenever the process dies: each keeps its record, and both sides show the same.
#[test]
fn nothing_that_is_renamed_loses_its_record() {
    for seed in 0..300 {
        let module = BOTH[usize::try_from(seed % 2).unwrap()];
        let mut world = world(seed);
        if seed % 5 == 4 {
            Arc::get_mut(&mut world.mail).expect("nobody else has it").tell_no_deletions();
        }
        in_step(&mut world, module, 5);
        let ids = |world: &World| {
            records(world).into_iter().map(|(n, all)| (n, all[0].0.clone())).collect::<BTreeMap<_, _>>()
        };
        let before = ids(&world);
        let mut random = Random::new(seed);
        for round in 0..10 {
            for edit in 0..random.below(4) {
                let token = format!("{seed} {round} {edit}");
                let live = world.mail.live();
                let (id, _) = &live[random.below(live.len())];
                let edits = random.percent(40);
                let change = |item: &mut Item| {
                    if edits {
                        write(item, &token);
                    }
                };
                match random.below(3) {
                    0 => {
                        let records = world.crm.live();
                        world
                            .crm
                            .user_edit(&records[random.below(records.len())].0, |item| write(item, &token));
                    }
                    1 => drop(world.mail.user_edit(id, |item| write(item, &token))),
                    _ => drop(world.mail.user_rename(id, change)),
                }
            }
            if random.percent(50) {
                world.deadly_cycle();
            } else {
                world.cycle();
                world.pass(15);
            }
        }
        assert_eq!(world.settle(12), Some(0), "seed {seed}");
        assert_eq!(ids(&world), before, "seed {seed}: {:?}", world.log());
        let shown = |all: Vec<(RemoteId, Item)>| -> BTreeSet<String> {
            all.iter().map(|(_, item)| format!("{} {}", item.title(), text(item))).collect()
        };
        assert_eq!(shown(world.mail.live()), shown(world.crm.live()), "seed {seed}");
        assert_eq!((world.mail.live().len(), world.crm.live().len()), (5, 5), "seed {seed}");
    }
}
