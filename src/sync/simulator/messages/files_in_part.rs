//! Files that are brought in part: sizes, what others hang on a record, a cycle's share, an agent that is to stop, a message that
//! cannot be read for a while.

use super::fake::Faults;
use super::files::{MIB, kept, line, logged_alone, offer, one, says, told, waits, world};
use crate::context::CycleFault;
use riva_core::item::{Field, Sensitivity, Value};
use riva_core::rows::PairState;

#[test]
fn what_is_listed_as_too_large_is_not_read_and_what_turns_out_to_be_is_left_out() {
    let listed = world(21);
    listed.mail[0].put(offer(&listed, &[("film.mp4", MIB + 1)]));
    assert_eq!((listed.settle(), listed.mail[0].files_read()), (0, 0));
    let longer = world(22);
    longer.mail[0].understates_files(1);
    longer.mail[0].put(offer(&longer, &[("film.mp4", MIB), ("a.txt", 3)]));
    assert_eq!((longer.settle(), longer.mail[0].files_read()), (0, 2));
    assert_eq!(kept(&longer), [one("a.txt", 4)]);
    for world in [listed, longer] {
        let text = "Subject 1: film.mp4 is not logged: it is larger than 1 MiB";
        assert!(says(&world, text) == 1 && told(&world).contains(&line("left out", text)));
    }
}

/// It looks the same, and is not ours.
#[test]
fn what_somebody_hangs_on_the_record_stands_for_none_of_ours() {
    let world = world(23);
    logged_alone(&world);
    let record = world.crm.records().remove(0);
    world.crm.hang(&record.id, "a.txt", b"own");
    assert_eq!((world.settle(), kept(&world)), (0, vec![one("a.txt", 3), one("a.txt", 3)]));
}

#[test]
fn a_message_with_many_files_takes_several_cycles() {
    let world = world(24);
    let names: Vec<String> = (0..502).map(|n| format!("{n}.txt")).collect();
    let files: Vec<(&str, u64)> = names.iter().map(|name| (name.as_str(), 3)).collect();
    world.mail[0].put(offer(&world, &files));
    world.pass(61);
    let outcome = world.cycle(0).expect("nobody kills it");
    assert_eq!((outcome.writes, outcome.more_work), (500, true));
    let outcome = world.cycle(0).expect("nobody kills it");
    assert_eq!((outcome.writes, kept(&world).len()), (3, 502));
}

#[test]
fn an_agent_that_is_to_stop_ends_between_two_files() {
    let mut between = 0;
    for asks in 0..20 {
        let world = world(25);
        world.mail[0].put(offer(&world, &[("a.txt", 3), ("b.pdf", 9)]));
        world.pass(61);
        world.stop.after(asks);
        let outcome = world.cycle(0).expect("nobody kills it");
        let stopped = outcome.fault == Some(CycleFault::Stopped);
        between += usize::from(stopped && world.crm.records().len() == 1 && kept(&world).len() == 1);
        world.stop.after(u32::MAX);
        assert_eq!((world.settle(), kept(&world)), (0, vec![one("a.txt", 3), one("b.pdf", 9)]), "{asks}");
    }
    assert!(between > 0, "it never ended there");
}

#[test]
fn what_cannot_be_read_for_a_while_is_brought_when_it_can() {
    let world = world(26);
    logged_alone(&world);
    let id = world.mail[0].live().remove(0).0;
    world.mail[0].is_readable(&id, false);
    for tries in 1..=5 {
        world.pass(61);
        world.cycle(0);
        let (attempts, has_another, _) = waits(&world);
        assert_eq!((attempts, has_another, kept(&world).len()), (tries, true, 0));
    }
    world.mail[0].is_readable(&id, true);
    assert_eq!((world.settle(), kept(&world)), (0, vec![one("a.txt", 3)]));
    assert_eq!(waits(&world), (0, false, None));
}

#[test]
fn what_was_refused_and_is_private_by_now_is_done_with() {
    let world = world(27);
    world.crm.set_file_faults(Faults { refused: 100, ..Faults::default() });
    world.mail[0].put(offer(&world, &[("a.txt", 3)]));
    world.pass(61);
    world.cycle(0);
    assert_eq!((waits(&world).0, waits(&world).1), (1, true));
    let (id, mut item) = world.mail[0].live().remove(0);
    world.mail[0].take_away(&id);
    item.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
    world.mail[0].put_back(&id, item);
    assert_eq!((world.settle(), kept(&world).len()), (0, 0));
    assert_eq!((waits(&world), world.pairs(PairState::Linked)), ((0, false, None), 1));
}
