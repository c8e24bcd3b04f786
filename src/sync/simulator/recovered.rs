//! What recovery finds out by itself, before any feed tells of it: a request that arrived, and one that did not.

use super::{Faults, Knobs, World};
use riva_core::rows::PairState;

/// One contact in the mailbox, and nothing that goes wrong by itself.
fn world() -> World {
    let mut world = World::new(3, Knobs::CALM);
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world
}

/// What the log says of recoveries.
fn recoveries(world: &World) -> Vec<String> {
    world.log().into_iter().filter(|line| line.contains("Recovered after")).collect()
}

/// What the journal says of recoveries: deed and text.
fn found(world: &World) -> Vec<(String, String)> {
    let lines = world.store.all_journal().into_iter().filter(|line| line.rule == "recovery");
    lines.map(|line| (line.deed, line.text)).collect()
}

fn said(carried_out: u32, not: u32) -> String {
    format!(
        "Recovered after an interruption. Writes carried out: {carried_out}; not carried out: {not}; still in doubt: 0"
    )
}

#[test]
fn what_was_made_though_its_answer_was_lost_is_adopted() {
    let mut world = world();
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::default() });
    assert!(world.cycle().is_some_and(|outcome| outcome.fault.is_some()));
    assert_eq!(world.crm.live().len(), 1);
    world.crm.set_faults(Faults::default());
    world.pass(20);
    world.cycle();
    let title = world.crm.live()[0].1.title();
    assert_eq!(found(&world), [("adopt".to_owned(), format!("found again: {title}"))]);
    assert_eq!(recoveries(&world), [said(1, 0)]);
    assert_eq!(world.settle(4), Some(0));
    assert_eq!(world.crm.live().len(), 1);
    let states: Vec<PairState> = world.store.all_pairs().iter().map(|pair| pair.state).collect();
    assert_eq!(states, [PairState::Linked]);
    assert_eq!(recoveries(&world).len(), 1, "what is settled is not recovered again");
}

#[test]
fn what_was_written_down_and_never_sent_is_made_once() {
    let mut crashed = 0;
    for steps in 1..200 {
        let mut world = world();
        world.kill_after(Some(steps));
        world.cycle();
        world.kill_after(None);
        let begun = world.store.all_pairs().iter().any(|pair| pair.mail.is_some() && pair.crm.is_none());
        if !begun || !world.crm.live().is_empty() {
            continue;
        }
        crashed += 1;
        world.pass(20);
        world.cycle();
        assert_eq!(recoveries(&world), [said(0, 1)], "killed after {steps}");
        world.settle(4);
        assert_eq!(world.crm.live().len(), 1, "killed after {steps}");
        assert_eq!(world.crm.writes(), 1, "killed after {steps}");
    }
    assert!(crashed > 0, "it was never killed between the writing down and the sending");
}
