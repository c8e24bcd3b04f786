//! A request that was carried out twice, and users who have written to what it made.

use super::{Faults, Knobs, World};
use riva_core::ids::RemoteId;
use riva_core::item::{Field, Item};

/// A contact that was made twice in the CRM, and no answer; nothing else goes wrong.
fn twins() -> (World, RemoteId, RemoteId) {
    let mut world = World::new(3, Knobs::CALM);
    let contact = world.new_contact();
    world.mail.user_create(contact);
    world.crm.set_faults(Faults { lost_answer: 100, ..Faults::default() });
    world.cycle();
    world.crm.set_faults(Faults::default());
    let first = world.crm.live()[0].0.clone();
    let second = world.crm.deliver_again(&first).expect("it is there");
    (world, first, second)
}

#[test]
fn the_one_stays_that_a_user_has_written_to() {
    let changed = [Field::Notes, Field::Name];
    for (edited, field) in [0, 1].into_iter().flat_map(|n| changed.map(|field| (n, field))) {
        let (mut world, first, second) = twins();
        let edited = if edited == 0 { first } else { second };
        assert!(world.crm.user_edit(&edited, |item: &mut Item| item.set_text(field, "Written by hand")));
        world.pass(20);
        world.cycle();
        assert_eq!(world.settle(4), Some(0));
        for side in [&world.crm, &world.mail] {
            let live = side.live();
            assert_eq!(live.len(), 1, "{edited}: {live:?}");
            assert_eq!(live[0].1.text(field), Some("Written by hand"), "{edited}");
        }
        assert_eq!(world.crm.live()[0].0, edited);
    }
}

#[test]
fn both_stay_if_users_have_written_to_both() {
    let (mut world, first, second) = twins();
    for (id, text) in [(&first, "Written to the first"), (&second, "Written to the second")] {
        assert!(world.crm.user_edit(id, |item| item.set_text(Field::Notes, text)));
    }
    world.pass(20);
    world.cycle();
    assert_eq!(world.settle(4), Some(0));
    let notes: Vec<Option<String>> =
        world.crm.live().iter().map(|(_, item)| item.text(Field::Notes).map(str::to_owned)).collect();
    assert_eq!(notes, [Some("Written to the first".to_owned()), Some("Written to the second".to_owned())]);
    assert_eq!(world.mail.live().len(), 1);
    assert!(world.log().iter().any(|line| line.contains("the CRM has both; the copy is left as it is")));
}
