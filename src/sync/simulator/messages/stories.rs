//! What may never happen: a message logged twice, or again after it was deleted, or one that is nobody's business; and what
//! must: every other one is logged.

use super::super::random::Random;
use super::super::seeds::seeds;
use super::fake::{Faults, message};
use super::world::{MEMBERS, World};
use riva_core::item::{Field, Item, MailFolder, Sensitivity, Value};
use riva_core::rows::PairState;
use std::collections::{BTreeMap, BTreeSet};

const CUSTOMER: &str = "customer@far.example";

fn subjects(world: &World) -> Vec<String> {
    let live = world.crm.records().into_iter().filter(|r| !r.deleted);
    let mut all: Vec<String> =
        live.map(|r| r.item.text(Field::Summary).unwrap_or_default().to_owned()).collect();
    all.sort();
    all
}

#[test]
fn inbox_and_sent_items_are_logged_by_matching_addresses() {
    let world = World::new(1);
    world.knows(CUSTOMER);
    world.settle();
    let now = world.now();
    world.mail[0].put(message(1, MailFolder::Inbox, CUSTOMER, &[MEMBERS[0]], now));
    world.mail[0].put(message(2, MailFolder::Sent, MEMBERS[0], &["x@far.example", CUSTOMER], now));
    world.mail[0].put(message(3, MailFolder::Inbox, "stranger@far.example", &[MEMBERS[0]], now));
    world.mail[0].put(message(4, MailFolder::Sent, MEMBERS[0], &[MEMBERS[1]], now));
    assert_eq!(world.settle(), 0);
    assert_eq!(subjects(&world), ["Subject 1", "Subject 2"]);
    let people: Vec<String> = world.crm.records()[1]
        .item
        .related()
        .iter()
        .map(|r| format!("{} {}", r.role.field(), r.id))
        .collect();
    assert_eq!(people, ["from u1", "to c customer@far.example"]);
    assert_eq!(world.mail[0].writes(), 0, "a mailbox is read alone");
}

#[test]
fn what_may_have_been_logged_is_looked_up_first() {
    for lost_request in [true, false] {
        let world = World::new(1);
        world.knows(CUSTOMER);
        world.settle();
        world.mail[0].put(message(1, MailFolder::Inbox, CUSTOMER, &[MEMBERS[0]], world.now()));
        let faults = if lost_request {
            Faults { lost_request: 100, ..Faults::default() }
        } else {
            Faults { lost_answer: 100, ..Faults::default() }
        };
        world.pass(61);
        world.set_faults(faults);
        world.cycle(0);
        world.set_faults(Faults::default());
        assert_eq!(world.crm.records().len(), usize::from(!lost_request));
        world.pass(61);
        world.cycle(0);
        let recovered =
            "Recovered after an interruption. Writes carried out: 0; not carried out: 0; still in doubt: 1";
        assert_eq!(world.log().iter().filter(|line| *line == recovered).count(), 1, "{:?}", world.log());
        world.settle();
        assert_eq!((subjects(&world), world.crm.records().len()), (vec!["Subject 1".to_owned()], 1));
        assert_eq!(world.pairs(PairState::Quarantined), 0);
    }
}

#[test]
fn one_message_in_several_places_is_one_record() {
    let world = World::new(2);
    world.knows(CUSTOMER);
    world.settle();
    let now = world.now();
    for member in [0, 1] {
        world.mail[member].put(message(1, MailFolder::Inbox, CUSTOMER, &MEMBERS, now));
        world.mail[member].put(message(1, MailFolder::Drop, CUSTOMER, &MEMBERS, now));
    }
    world.settle();
    assert_eq!(world.crm.records().len(), 1, "{:#?}", world.log());
    // A user moves it to the drop folder as well: it is logged already.
    let (id, _) = world.mail[1].live().remove(0);
    world.mail[1].move_to(&id, MailFolder::Drop);
    assert_eq!(world.settle(), 0);
    assert_eq!(world.crm.records().len(), 1);
}

#[test]
fn what_is_deleted_on_either_side_stays_as_it_is_on_the_other() {
    let world = World::new(3);
    world.knows(CUSTOMER);
    world.settle();
    let now = world.now();
    let kept = world.mail[0].put(message(1, MailFolder::Inbox, CUSTOMER, &MEMBERS, now));
    let gone = world.mail[0].put(message(2, MailFolder::Inbox, CUSTOMER, &MEMBERS, now));
    world.settle();
    world.mail[0].take_away(&gone);
    let record = world.crm.records().into_iter().find(|r| r.message_id.starts_with("<1@")).expect("logged");
    world.crm.delete(&record.id);
    world.mail[0].touch(&kept);
    // Copies of both come to another member later on.
    world.mail[1].put(message(1, MailFolder::Inbox, CUSTOMER, &MEMBERS, now));
    world.mail[1].put(message(2, MailFolder::Drop, CUSTOMER, &MEMBERS, now));
    world.mail[0].move_to(&kept, MailFolder::Drop);
    assert_eq!(world.settle(), 0);
    assert_eq!(subjects(&world), ["Subject 2"]);
    assert_eq!(world.crm.records().len(), 2, "nothing is logged again");
}

#[test]
fn what_is_dropped_waits_for_somebody_whom_the_crm_knows() {
    let world = World::new(4);
    world.settle();
    assert_eq!(world.mail[0].folders(), ["CRM".to_owned()].into());
    // Much older than e-mail is synced: dropped by hand.
    world.mail[0].put(message(1, MailFolder::Drop, CUSTOMER, &MEMBERS, world.now() - 9_000_000));
    world.mail[0].put(message(2, MailFolder::Inbox, CUSTOMER, &MEMBERS, world.now()));
    world.settle();
    assert_eq!((world.crm.records().len(), world.pairs(PairState::Quarantined)), (0, 1));
    assert!(world.log().iter().any(|line| line.contains("Nobody in it is known to the CRM")));
    world.knows(CUSTOMER);
    world.settle();
    assert_eq!(subjects(&world), ["Subject 1"], "what came to the Inbox before is not looked at again");
    assert_eq!(world.pairs(PairState::Quarantined), 0);
}

#[test]
fn drop_folders_that_are_deleted_come_back_a_day_later() {
    let mut world = World::new(8);
    let folders = |world: &World| world.mail[0].folders().into_iter().collect::<Vec<_>>();
    world.cycle(0);
    assert_eq!(folders(&world), ["CRM"]);
    world.mail[0].delete_folders();
    world.pass(60);
    world.cycle(0);
    assert_eq!(folders(&world), [""; 0]);
    world.pass(23 * 60);
    world.cycle(0);
    assert_eq!(folders(&world), ["CRM"]);
    // The policy names another one: it is made at once.
    if let Some(email) = &mut world.policy.modules.email {
        email.master_folder = " Salesforce ".into();
    }
    world.cycle(0);
    assert_eq!(folders(&world), ["CRM", "Salesforce"]);
}

#[test]
fn what_somebody_else_has_logged_is_not_logged_again() {
    let world = World::new(5);
    world.knows(CUSTOMER);
    world.settle();
    let item = message(1, MailFolder::Inbox, CUSTOMER, &MEMBERS, world.now());
    world.crm.put("<1@sim.example>", item.clone());
    world.mail[0].put(item);
    assert_eq!(world.settle(), 0);
    assert_eq!((world.crm.records().len(), world.pairs(PairState::Linked)), (1, 1));
}

#[test]
fn a_lost_database_logs_nothing_again() {
    let world = World::new(6);
    world.knows(CUSTOMER);
    world.settle();
    for serial in 1..8 {
        world.mail[0].put(message(serial, MailFolder::Inbox, CUSTOMER, &MEMBERS, world.now()));
    }
    world.settle();
    let before = world.crm.records().len();
    world.store.lose_everything();
    world.settle();
    for serial in 1..8 {
        world.mail[1].put(message(serial, MailFolder::Drop, CUSTOMER, &MEMBERS, world.now()));
    }
    world.settle();
    assert_eq!((before, world.crm.records().len()), (7, 7));
}

/// Customers: the CRM knows the first three from the start, the fourth later, the fifth never.
fn customer(n: usize) -> String {
    format!("customer{n}@far.example")
}

struct Chaos {
    world: World,
    random: Random,
    serial: u64,
    /// The message of each serial number, as it was first seen.
    made: BTreeMap<u64, Item>,
    /// Messages of which a copy was moved or deleted by a user.
    moved: BTreeSet<String>,
}

impl Chaos {
    fn user_works(&mut self) {
        let member = self.random.below(2);
        let live = self.world.mail[member].live();
        let at = self.random.below(live.len());
        match (self.random.below(8), live.get(at)) {
            (0, Some((id, item))) => {
                self.moved.extend(item.uid.clone());
                self.world.mail[member].take_away(id);
            }
            (1, Some((id, item))) => {
                self.moved.extend(item.uid.clone());
                let folder = MailFolder::ALL[self.random.below(3)];
                self.world.mail[member].move_to(id, folder);
            }
            (2, Some((id, _))) => self.world.mail[member].touch(id),
            // The same message comes to the other member as well, or lies in a mailbox twice.
            (3, Some((_, item))) => {
                let folder = MailFolder::ALL[self.random.below(3)];
                let mut copy = item.clone();
                copy.set_text(Field::MailFolder, folder.as_str());
                self.world.mail[self.random.below(2)].put(copy);
            }
            (4, _) => {
                let records = self.world.crm.records();
                if let Some(record) = records.get(self.random.below(records.len())) {
                    self.world.crm.delete(&record.id);
                }
            }
            _ => self.comes_in(member),
        }
    }

    fn comes_in(&mut self, member: usize) {
        self.serial += 1;
        let folder = MailFolder::ALL[self.random.below(3)];
        let outside = customer(self.random.below(5));
        let own = MEMBERS[member];
        let (from, to) =
            if folder == MailFolder::Sent { (own, outside.as_str()) } else { (outside.as_str(), own) };
        let age = if self.random.percent(15) { 90_000 } else { 0 };
        let mut item = message(self.serial, folder, from, &[to], self.world.now() - age);
        if self.random.percent(10) {
            item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
        }
        item.set_files((0..self.random.below(4)).map(|n| (format!("file {}.txt", n / 2), 10)));
        self.made.insert(self.serial, item.clone());
        self.world.mail[member].put(item);
    }
}

/// What is checked after a run.
fn run(seed: u64) -> Result<(), String> {
    let world = World::new(seed);
    (0..3).for_each(|n| world.knows(&customer(n)));
    world.settle();
    let start = world.now();
    let random = Random::new(seed ^ 0xE_A117);
    let mut chaos = Chaos { world, random, serial: 0, made: BTreeMap::new(), moved: BTreeSet::new() };
    chaos.world.set_faults(Faults {
        unavailable: 6,
        lost_request: 6,
        lost_answer: 12,
        not_now: 5,
        invalid: 0,
        cursor_lost: 4,
        late: 8,
        refused: 3,
    });
    for round in 0..14 {
        for _ in 0..chaos.random.below(5) {
            chaos.user_works();
        }
        if round == 9 {
            chaos.world.knows(&customer(3));
        }
        let member = chaos.random.below(2);
        if chaos.random.percent(50) {
            chaos.world.deadly_cycle(member);
        } else {
            chaos.world.cycle(member);
        }
        chaos.world.pass(15);
    }
    let Chaos { world, made, moved, .. } = chaos;
    world.set_faults(Faults::default());
    let writes = world.settle();
    let fail = |what: String| Err(format!("seed {seed}: {what}\n{}", world.log().join("\n")));
    if writes != 0 {
        return fail(format!("{writes} writes when nothing changes"));
    }
    let mut times: BTreeMap<String, u32> = BTreeMap::new();
    for record in world.crm.records() {
        *times.entry(record.message_id.clone()).or_default() += 1;
        if record.item.related().is_empty() {
            return fail(format!("{} was logged for nobody", record.message_id));
        }
    }
    if let Some((id, n)) = times.iter().find(|(_, n)| **n > 1) {
        return fail(format!("{id} was logged {n} times"));
    }
    for record in world.crm.records() {
        let files = world.crm.files_of(&record.id);
        let kinds: BTreeSet<(&str, &[u8])> =
            files.iter().map(|file| (file.name.as_str(), file.content.as_slice())).collect();
        if kinds.len() < files.len() {
            return fail(format!("files of {} are there twice: {files:?}", record.message_id));
        }
        let item = made.values().find(|item| item.uid.as_ref() == Some(&record.message_id));
        let wanted = item.map_or(0, |item| item.files.len());
        let title = item.map(Item::title).unwrap_or_default();
        let stayed = !record.deleted && !moved.contains(&record.message_id);
        if stayed && files.len() < wanted {
            return fail(format!("of {title}, {wanted} files, only these are there: {files:?}"));
        }
    }
    for pair in world.store.all_pairs() {
        if pair.mail.is_some_and(|at| at.sent.0.keys().any(|key| crate::files::is_note(key)))
            && pair.state == PairState::Linked
        {
            return fail("files are still to be brought".to_owned());
        }
    }
    let never = customer(4);
    for (serial, item) in &made {
        let id = format!("<{serial}@sim.example>");
        let knows_nobody = [riva_core::item::Role::From, riva_core::item::Role::To]
            .into_iter()
            .any(|role| item.addresses(role).any(|(address, _)| address.as_str() == never));
        if times.contains_key(&id) && (item.is_private() || knows_nobody) {
            return fail(format!("{id} is nobody's business"));
        }
    }
    let known: BTreeSet<String> = (0..3).map(customer).collect();
    for (_, item) in world.mail.iter().flat_map(|mail| mail.live()) {
        let id = item.uid.clone().unwrap_or_default();
        let concerns = [riva_core::item::Role::From, riva_core::item::Role::To]
            .into_iter()
            .any(|role| item.addresses(role).any(|(address, _)| known.contains(address.as_str())));
        let dropped = item.mail_folder() == Some(MailFolder::Drop);
        let recent = matches!(item.get(Field::SentAt), Some(Value::Number(at)) if *at >= start);
        if concerns && (dropped || recent) && !item.is_private() && !times.contains_key(&id) {
            return fail(format!("{id} was never logged"));
        }
    }
    if world.mail.iter().any(|mail| mail.writes() > 0) {
        return fail("a mailbox was written to".into());
    }
    Ok(())
}

#[test]
fn no_message_is_ever_logged_twice_or_forgotten() {
    for seed in seeds(1_000) {
        if let Err(why) = run(seed) {
            panic!("{why}");
        }
    }
}
