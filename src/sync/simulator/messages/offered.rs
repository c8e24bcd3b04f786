//! What the log says of the folders of `Assign To`: what was made and renamed, and nothing where nothing was.

use super::assigned::{names, record, world};
use super::world::World;
use riva_core::documents::EmailPolicy;
use std::sync::Arc;

const NOTHING: &str = "Nothing to log";

/// What a further cycle of the first member says.
fn says(world: &World) -> Vec<String> {
    let before = world.log().len();
    world.pass(61);
    assert_eq!(world.cycle(0).expect("nobody kills it").fault, None);
    world.log().split_off(before)
}

fn made(what: &str) -> String {
    format!("Made {what} for active records in \"CRM/Assign To\"")
}

fn renamed(from: &str, to: &str) -> String {
    format!("Renamed the folder \"{from}\" in Assign To to \"{to}\"")
}

#[test]
fn folders_that_were_made_are_counted_and_those_that_were_renamed_are_named() {
    let world = world(11, 100);
    says(&world);
    assert_eq!(says(&world), [NOTHING]);
    world.crm.works_at(vec![record("r1", "One")]);
    assert_eq!(says(&world), [&made("1 folder"), NOTHING]);
    assert_eq!(says(&world), [NOTHING]);
    world.crm.works_at(vec![record("r1", "One"), record("r2", "Two"), record("r3", "Three")]);
    assert_eq!(says(&world), [&made("2 folders"), NOTHING]);
    world.crm.works_at(vec![record("r1", "First"), record("r2", "Two")]);
    assert_eq!(
        says(&world),
        [&renamed("One", "First"), &renamed("Three", "Three (inactive)"), NOTHING],
        "none was made"
    );
    assert_eq!(says(&world), [NOTHING]);
    world.crm.works_at(vec![record("r4", "Four"), record("r1", "First"), record("r2", "Second")]);
    assert_eq!(says(&world), [&renamed("Two", "Second"), &made("1 folder"), NOTHING]);
}

#[test]
fn a_folder_that_goes_before_it_can_be_renamed_is_not_said_to_be() {
    let world = world(12, 100);
    world.crm.works_at(vec![record("r1", "One")]);
    says(&world);
    world.crm.works_at(vec![record("r1", "First")]);
    world.mail[0].loses_a_record_folder_once_listed(&world.mail[0].record_folders()[0].id);
    assert_eq!(says(&world), [NOTHING]);
    assert_eq!(says(&world), [&made("1 folder"), NOTHING], "it is back, by its new name");
    assert_eq!(names(&world, 0), ["First"]);
}

#[test]
fn nothing_is_said_when_there_are_not_too_many_records_any_more() {
    let world = world(13, 1);
    says(&world);
    let (one, two) = (record("r1", "One"), record("r2", "Two"));
    let many = "There are more than 1 active records: of those without a folder in Assign To, only the 1 most recently \
                changed get one (assign_to_limit)";
    world.crm.works_at(vec![one.clone(), two.clone()]);
    assert_eq!(says(&world), [many, &made("1 folder"), NOTHING]);
    assert_eq!(says(&world), [NOTHING]);
    world.crm.works_at(vec![one.clone()]);
    assert_eq!((says(&world), says(&world)), (vec![NOTHING.to_owned()], vec![NOTHING.to_owned()]));
    world.crm.works_at(vec![one, two]);
    assert_eq!(says(&world), [many, NOTHING], "it is news again");
}

#[test]
fn a_policy_that_offers_no_folders_leaves_those_alone_that_there_are() {
    let off = || Some(EmailPolicy { assign_to: false, ..EmailPolicy::default() });
    for keeps_folders in [true, false] {
        let mut world = world(14, 100);
        world.crm.works_at(vec![record("r1", "One")]);
        says(&world);
        assert_eq!(names(&world, 0), ["One"]);
        if !keeps_folders {
            let mailbox = Arc::get_mut(&mut world.mail[0]).expect("nobody else has it");
            mailbox.keeps_no_record_folders();
        }
        world.policy.modules.email = off();
        world.crm.works_at(vec![record("r1", "First"), record("r2", "Two")]);
        assert_eq!((says(&world), says(&world)), (vec![NOTHING.to_owned()], vec![NOTHING.to_owned()]));
        assert_eq!(names(&world, 0), ["One"]);
    }
}
