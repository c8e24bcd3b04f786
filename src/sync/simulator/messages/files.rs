//! The files of messages: each is hung on its message's record once, and none of them delays a message.

use super::fake::{Faults, message};
use super::world::{MEMBERS, World};
use riva_core::item::{Field, Item, MailFolder, Sensitivity, Value};
use riva_core::rows::PairState;

pub(super) const CUSTOMER: &str = "customer@far.example";
pub(super) const MIB: u64 = 1 << 20;

pub(super) fn offer(world: &World, files: &[(&str, u64)]) -> Item {
    let mut item = message(1, MailFolder::Inbox, CUSTOMER, &[MEMBERS[0]], world.now());
    item.set_files(files.iter().map(|(name, size)| ((*name).to_owned(), *size)));
    item
}

pub(super) fn world(seed: u64) -> World {
    let world = World::new(seed);
    world.knows(CUSTOMER);
    world.settle();
    world
}

/// Names and first bytes of what hangs on the only record.
pub(super) fn kept(world: &World) -> Vec<(String, usize)> {
    let records = world.crm.records();
    let [record] = records.as_slice() else { panic!("{records:?}") };
    let mut all: Vec<_> =
        world.crm.files_of(&record.id).into_iter().map(|file| (file.name, file.content.len())).collect();
    all.sort();
    all
}

pub(super) fn one(name: &str, size: usize) -> (String, usize) {
    (name.to_owned(), size)
}

/// A message is in the log, and its file is not there yet.
pub(super) fn logged_alone(world: &World) {
    world.mail[0].put(offer(world, &[("a.txt", 3)]));
    world.crm.set_file_faults(Faults { not_now: 100, ..Faults::default() });
    world.pass(61);
    world.cycle(0);
    world.crm.set_file_faults(Faults::default());
}

pub(super) fn says(world: &World, text: &str) -> usize {
    world.log().iter().filter(|line| line.contains(text)).count()
}

/// The journal's lines of files, without those of other deeds: deed and text.
pub(super) fn told(world: &World) -> Vec<(String, String)> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == "attachments");
    lines.map(|line| (line.deed, line.text)).collect()
}

pub(super) fn line(deed: &str, text: &str) -> (String, String) {
    (deed.to_owned(), text.to_owned())
}

/// The only pair: tries, whether it has another one, and why.
pub(super) fn waits(world: &World) -> (u32, bool, Option<String>) {
    let [pair] = &world.store.all_pairs()[..] else { panic!("one pair") };
    (pair.attempts, pair.next_try.is_some(), pair.reason.clone())
}

#[test]
fn each_file_comes_after_its_message_once() {
    let world = world(1);
    world.mail[0].put(offer(&world, &[("a.txt", 3), ("b.pdf", 9), ("a.txt", 3), ("empty", 0)]));
    assert_eq!(world.settle(), 0);
    assert_eq!(kept(&world), [one("a.txt", 3), one("a.txt", 3), one("b.pdf", 9)]);
    assert_eq!(says(&world, "Subject 1: empty is not logged: it is empty"), 1);
    assert_eq!(says(&world, "Logged 3 attachments of \"Subject 1\" in the CRM"), 1, "{:#?}", world.log());
    let attached = |name: &str| line("attach crm", &format!("attached in the CRM: {name}, of Subject 1"));
    let mut all = told(&world);
    all.sort();
    let left_out = line("left out", "Subject 1: empty is not logged: it is empty");
    assert_eq!(all, [attached("a.txt"), attached("a.txt"), attached("b.pdf"), left_out]);
    assert_eq!(waits(&world), (0, false, None));
    let id = world.mail[0].live().remove(0).0;
    world.mail[0].touch(&id);
    assert_eq!((world.settle(), kept(&world).len()), (0, 3));
}

#[test]
fn none_is_logged_where_the_policy_says_so() {
    let mut world = world(2);
    world.policy.modules.email.iter_mut().for_each(|email| email.attachments = false);
    world.mail[0].put(offer(&world, &[("a.txt", 3)]));
    assert_eq!((world.settle(), kept(&world).len()), (0, 0));
    // Nor later: it was logged without.
    world.policy.modules.email.iter_mut().for_each(|email| email.attachments = true);
    let id = world.mail[0].live().remove(0).0;
    world.mail[0].touch(&id);
    assert_eq!((world.settle(), kept(&world).len()), (0, 0));
}

#[test]
fn what_is_too_large_is_left_out_and_told_of() {
    let world = world(3);
    world.mail[0].put(offer(&world, &[("film.mp4", MIB + 1), ("just.bin", MIB)]));
    assert_eq!(world.settle(), 0);
    assert_eq!(kept(&world), [one("just.bin", 1 << 20)]);
    assert_eq!(says(&world, "Subject 1: film.mp4 is not logged: it is larger than 1 MiB"), 1);
    assert_eq!(world.pairs(PairState::Linked), 1);
}

/// The answer is lost: the file was sent, was not, or is still on its way.
#[test]
fn one_in_doubt_is_looked_for_when_it_must_have_arrived() {
    for faults in [
        Faults { lost_request: 100, ..Faults::default() },
        Faults { lost_answer: 100, ..Faults::default() },
        Faults { late: 100, ..Faults::default() },
    ] {
        let world = world(4);
        // The message itself is logged in peace.
        world.mail[0].put(offer(&world, &[("a.txt", 3), ("a.txt", 3), ("b.pdf", 9)]));
        world.pass(61);
        world.crm.set_file_faults(faults);
        assert!(world.cycle(0).expect("nobody kills it").fault.is_some());
        world.crm.set_file_faults(Faults::default());
        assert_eq!(kept(&world).len(), usize::from(faults.lost_answer > 0));
        // Within the time that a request may take others go; this one waits, and so does the other that looks like it.
        world.cycle(0);
        world.cycle(0);
        assert_eq!(kept(&world).len(), 1 + usize::from(faults.lost_answer > 0), "{faults:?}");
        assert_eq!(world.settle(), 0);
        let all = [one("a.txt", 3), one("a.txt", 3), one("b.pdf", 9)];
        assert_eq!(kept(&world), all, "{faults:?}: {:#?}", world.log());
    }
}

#[test]
fn a_process_that_is_killed_forgets_no_file_and_brings_none_twice() {
    for step in 0..60 {
        let mut world = world(5);
        world.mail[0].put(offer(&world, &[("a.txt", 3), ("b.pdf", 9)]));
        world.pass(61);
        world.killer.arm(Some(step));
        world.cycle(0);
        world.killer.arm(None);
        assert_eq!(world.settle(), 0);
        assert_eq!(kept(&world), [one("a.txt", 3), one("b.pdf", 9)], "killed at step {step}");
        world.random.draw();
    }
}

#[test]
fn a_refused_file_is_tried_again_and_told_of() {
    let world = world(6);
    world.crm.set_file_faults(Faults { refused: 100, ..Faults::default() });
    world.mail[0].put(offer(&world, &[("a.txt", 3)]));
    world.pass(61);
    world.cycle(0);
    world.cycle(0);
    assert_eq!((kept(&world).len(), world.pairs(PairState::Quarantined)), (0, 1));
    let pair = world.store.all_pairs().remove(0);
    let why = "Could not be attached in the CRM: a.txt: ";
    assert!(pair.reason.is_some_and(|reason| reason.starts_with(why) && reason.contains("storage is full")));
    let failed = told(&world).pop().expect("it is told of");
    assert!(failed.0 == "failed" && failed.1.starts_with("Subject 1: Could not be attached"), "{failed:?}");
    assert_eq!(says(&world, "Logged 0"), 0);
    world.crm.set_file_faults(Faults::default());
    world.settle();
    assert_eq!((kept(&world).len(), world.pairs(PairState::Linked)), (1, 1));
    assert_eq!(waits(&world), (0, false, None));
    assert_eq!(says(&world, "Logged 1 attachment of \"Subject 1\" in the CRM"), 1);
}

/// Nothing of it is on its way: it need not be waited for.
#[test]
fn what_was_not_sent_or_was_refused_goes_in_the_next_cycle() {
    let faults = [Faults { not_now: 100, ..Faults::default() }, Faults { refused: 100, ..Faults::default() }];
    for faults in faults {
        let world = world(11);
        world.mail[0].put(offer(&world, &[("a.txt", 3)]));
        world.pass(61);
        world.crm.set_file_faults(faults);
        let outcome = world.cycle(0).expect("nobody kills it");
        assert_eq!((kept(&world).len(), outcome.again_at), (0, None), "{faults:?}");
        world.crm.set_file_faults(Faults::default());
        world.pass(1);
        world.cycle(0);
        assert_eq!(kept(&world), [one("a.txt", 3)], "{faults:?}");
    }
}

/// The request may arrive within a minute, and no later.
#[test]
fn one_that_may_be_on_its_way_is_looked_for_when_its_minute_is_over() {
    let world = world(12);
    world.mail[0].put(offer(&world, &[("a.txt", 3)]));
    world.pass(61);
    world.crm.set_file_faults(Faults { lost_request: 100, ..Faults::default() });
    let until = world.cycle(0).and_then(|outcome| outcome.again_at).expect("it says when it looks again");
    assert_eq!((until.timestamp() - world.now(), waits(&world).1), (60, true));
    world.crm.set_file_faults(Faults::default());
    let outcome = world.cycle(0).expect("nobody kills it");
    assert_eq!((kept(&world).len(), outcome.writes), (0, 0));
    world.pass(1);
    let outcome = world.cycle(0).expect("nobody kills it");
    assert_eq!((kept(&world).len(), outcome.writes, outcome.again_at), (1, 1, None));
}

#[test]
fn what_its_user_takes_off_a_message_is_not_waited_for() {
    let world = world(13);
    logged_alone(&world);
    let (id, mut item) = world.mail[0].live().remove(0);
    world.mail[0].take_away(&id);
    item.set_files(std::iter::empty());
    world.mail[0].put_back(&id, item);
    assert_eq!((world.settle(), kept(&world).len()), (0, 0));
    assert_eq!(waits(&world), (0, false, None));
    let sent = world.store.all_pairs().remove(0).mail.expect("it has one").sent;
    assert!(sent.0.is_empty(), "{sent:?}");
}

#[test]
fn it_is_given_up_after_many_tries() {
    let world = world(7);
    world.crm.set_file_faults(Faults { refused: 100, ..Faults::default() });
    world.mail[0].put(offer(&world, &[("a.txt", 3)]));
    for _ in 0..60 {
        world.pass(61);
        world.cycle(0);
    }
    let pair = world.store.all_pairs().remove(0);
    assert_eq!(pair.next_try, None);
    assert!(pair.reason.is_some_and(|reason| reason.contains("`riva retry` tries at once")));
    assert_eq!(says(&world, "Subject 1: Could not be attached"), 51);
}

/// What becomes of a message between its record and its files.
#[test]
fn what_is_no_longer_there_is_told_of_and_what_became_private_stays_where_it_is() {
    for private in [true, false] {
        let world = world(8);
        logged_alone(&world);
        let (id, mut item) = world.mail[0].live().remove(0);
        world.mail[0].take_away(&id);
        if private {
            item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
            world.mail[0].put_back(&id, item);
        }
        assert_eq!((world.settle(), kept(&world).len()), (0, 0));
        let why = if private { "marked private" } else { "moved or deleted" };
        assert_eq!(says(&world, &format!("Subject 1: {why} before its attachments were logged")), 1);
        assert_eq!(world.pairs(PairState::Linked), 1);
        let text = format!("Subject 1: {why} before its attachments were logged");
        assert_eq!((told(&world), waits(&world)), (vec![line("left out", &text)], (0, false, None)));
    }
}

#[test]
fn what_a_colleague_or_a_stranger_has_logged_gets_no_files_from_us() {
    let world = world(9);
    let item = offer(&world, &[("a.txt", 3)]);
    world.crm.put("<1@sim.example>", item.clone());
    world.mail[0].put(item.clone());
    world.mail[1].put(item);
    assert_eq!((world.settle(), kept(&world).len()), (0, 0));
}

#[test]
fn a_record_that_is_deleted_gets_none() {
    let world = world(10);
    logged_alone(&world);
    let record = world.crm.records().remove(0);
    world.crm.delete(&record.id);
    assert_eq!((world.settle(), world.crm.files_of(&record.id).len()), (0, 0));
    assert_eq!(world.pairs(PairState::Detached), 1);
}
