//! I16, restart equivalence, of messages with files: whenever the process dies in the cycle that logs one, and dies again in
//! the next one, the message and each file of it are logged once.

use super::files::{kept, offer, one, world};
use super::world::World;
use riva_core::rows::PairState;
use std::collections::BTreeMap;

/// A message with two files has just come.
fn begun() -> World {
    let world = world(5);
    world.mail[0].put(offer(&world, &[("a.txt", 3), ("b.pdf", 9)]));
    world.pass(61);
    world
}

/// One cycle, in which the process dies after so many steps. Whether it died.
fn dies(world: &World, after: u32) -> bool {
    world.killer.arm(Some(after));
    let died = world.cycle(0).is_none();
    world.killer.arm(None);
    died
}

/// What the journal says, each line with its number: who finds out later that something was done says so in other words.
fn told(world: &World, rule: &str) -> BTreeMap<String, usize> {
    let mut told = BTreeMap::new();
    for line in world.store.all_journal().into_iter().filter(|line| line.rule == rule) {
        *told.entry(line.text).or_default() += 1;
    }
    told
}

fn judge(world: &World, when: &str) {
    assert_eq!(world.settle(), 0, "{when}: it goes on");
    assert_eq!(kept(world), [one("a.txt", 3), one("b.pdf", 9)], "{when}: {:#?}", world.log());
    let records = world.crm.records();
    assert!(matches!(&records[..], [record] if !record.deleted), "{when}: {records:?}");
    let (linked, all) = (world.pairs(PairState::Linked), world.store.all_pairs());
    assert_eq!((linked, all.len()), (1, 1), "{when}: {all:?}");
    assert_eq!((all[0].attempts, &all[0].reason, all[0].next_try), (0, &None, None), "{when}");
    for (text, times) in told(world, "attachments") {
        assert_eq!(times, 1, "{when}: told more than once: {text}");
    }
}

#[test]
fn whenever_it_is_killed_each_file_is_logged_once() {
    let (mut once, mut twice) = (0, 0);
    for k in 0.. {
        let world = begun();
        if !dies(&world, k) {
            break;
        }
        once += 1;
        judge(&world, &format!("killed at {k}"));
        for j in 0.. {
            let world = begun();
            dies(&world, k);
            world.pass(2);
            if !dies(&world, j) {
                break;
            }
            twice += 1;
            judge(&world, &format!("killed at {k} and at {j}"));
        }
    }
    println!("a message with files, killed {once} times, and {twice} times twice");
    assert!(once > 10 && twice > once, "nothing was killed: {once}, {twice}");
}
