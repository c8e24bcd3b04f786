//! Occurrences that are in the calendar by themselves as well, or were before: received alone, they have the UID of a series
//! and the name of the occurrence.

use super::super::world::run_until_killed;
use super::make::{daily, of, series, single, wall};
use super::stories::{made, record, stand_up, starts};
use super::world::World;
use crate::hash::FieldHasher;
use chrono::Duration;
use riva_core::documents::DeletePolicy;
use riva_core::ids::{ConnectionName, MemberId, PairId};
use riva_core::item::Item;
use riva_core::ports::{Lease, SeriesSupport, SyncStore};
use riva_core::rows::{PairState, Side};
use std::sync::Arc;
use uuid::Uuid;

/// The second day of the stand-up.
fn alone() -> Item {
    let mut item = single("Stand-up", wall("2026-11-26T09:00:00"));
    item.uid = Some("Stand-up@uid#20261126T090000".to_owned());
    item
}

#[test]
fn an_occurrence_that_is_in_the_calendar_by_itself_as_well_has_one_record() {
    for alone_first in [false, true] {
        let mut world = World::new(1, SeriesSupport::None);
        made(&mut world, alone());
        if alone_first {
            world.settle();
        }
        let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
        world.settle();
        assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
        let occurrence = world.pair_of(Side::Mail, &id.occurrence(of("20261126T090000"))).expect("its pair");
        let why = occurrence.reason.unwrap_or_default();
        assert_eq!(occurrence.state, PairState::Detached);
        assert!(why.starts_with("It is in the calendar twice, on its own and as part of a series"), "{why}");
    }
}

#[test]
fn an_occurrence_takes_the_record_of_what_was_received_alone_before() {
    let mut world = World::new(1, SeriesSupport::None);
    let first = made(&mut world, alone());
    world.settle();
    let kept = record(&world, "20261126T0800");
    world.deeds.deleted.insert(first.clone());
    world.mail.user_delete(&first);
    let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
    let pair = world.pair_of(Side::Crm, &kept).expect("its pair");
    assert_eq!(pair.mail.map(|at| at.id), Some(id.occurrence(of("20261126T090000"))));
}

/// Its record was deleted, and it with that: the series is another matter.
#[test]
fn an_occurrence_is_made_though_what_was_received_alone_before_was_deleted() {
    let mut world = World::new(1, SeriesSupport::None);
    let calendar = world.policy.modules.calendar.as_mut().expect("it is synced");
    calendar.deleted_in_crm = DeletePolicy::Propagate;
    made(&mut world, alone());
    world.settle();
    world.deeds.deleted_in_crm += 1;
    world.crm.user_delete(&record(&world, "20261126T0800"));
    world.settle();
    assert!(world.mail.live().is_empty(), "{:?}", world.log());
    made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
}

/// The record of an occurrence was deleted, and it is cancelled since; its user makes an appointment of it.
#[test]
fn what_is_made_of_a_cancelled_occurrence_has_a_record() {
    let (mut world, _) = stand_up();
    world.deeds.deleted_in_crm += 1;
    world.crm.user_delete(&record(&world, "20261126T0800"));
    world.settle();
    assert_eq!(starts(&world).len(), 4, "{:?}", world.log());
    made(&mut world, alone());
    world.settle();
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
}

/// Whether its record was made is not known yet: the occurrence does not take it before.
#[test]
fn an_occurrence_waits_for_what_is_being_written_for_one_that_was_received_alone() {
    let mut waited = 0;
    for turns in 1..200 {
        let mut world = World::new(1, SeriesSupport::None);
        Arc::get_mut(&mut world.crm).expect("nobody else has it").shows_after(90 * 60);
        let first = made(&mut world, alone());
        let died = world.cycle(Some(turns)).is_none();
        let open = run_until_killed(world.store.open_intents(MemberId(1))).expect("nobody kills it");
        if !died {
            break;
        }
        if open.expect("it is in memory").is_empty() || !world.crm.live().is_empty() {
            continue;
        }
        waited += 1;
        world.deeds.deleted.insert(first.clone());
        world.mail.user_delete(&first);
        let id = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
        world.pass(Duration::minutes(61));
        world.cycle(None);
        let occurrence = id.occurrence(of("20261126T090000"));
        assert_eq!((starts(&world).len(), world.pair_of(Side::Mail, &occurrence)), (4, None));
        assert!(world.pair_of(Side::Mail, &first).is_some());
        world.settle();
        assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
        assert!(world.pair_of(Side::Mail, &occurrence).is_some_and(|pair| pair.crm.is_some()));
    }
    assert!(waited > 0, "it was never killed between the writing down and the sending");
}

/// The process died between the claim and the pair: nobody waits for that pair.
#[test]
fn an_occurrence_is_made_at_once_though_a_pair_that_never_was_claims_it() {
    let mut world = World::new(1, SeriesSupport::None);
    let key = FieldHasher::new([42; 16]).text("uid", "Stand-up@uid#20261126T090000");
    let never = PairId(Uuid::from_u128(7));
    let crm = ConnectionName::from("crm");
    let lease = Lease { member: MemberId(1), fence: 1 };
    let claimed = SyncStore::take_over(&world.store, &crm, "event", key, never, lease);
    run_until_killed(claimed).expect("nobody kills it").expect("it is in memory");
    made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.cycle(None);
    assert_eq!(starts(&world).len(), 5, "{:?}", world.log());
    assert!(!world.store.claimants().contains(&never));
}
