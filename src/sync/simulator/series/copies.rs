//! Copies of a series in one calendar: the first has the records, until it is gone.

use super::super::world::run_until_killed;
use super::make::{change_rule, daily, moved, of, series, set, single, wall};
use super::stories::{fine, made, stand_up, starts};
use super::world::World;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Field, Override, Value};
use riva_core::ports::{Fetched, SeriesSupport, SyncStore as _};
use riva_core::rows::{Commit, PairRow, PairState, Side};

const FREED: &str = "What it was a copy of is gone from the mailbox.";

/// A stand-up in step, and a copy of it with the same UID.
fn twice() -> (World, RemoteId, RemoteId) {
    let (mut world, id) = stand_up();
    let item = world.mail.get(&id).expect("the series");
    let copy = made(&mut world, item);
    world.settle();
    assert_eq!((starts(&world).len(), world.pairs_in(PairState::Detached).len()), (5, 5));
    (world, id, copy)
}

fn deletes(world: &mut World, id: &RemoteId) {
    world.deeds.deleted.insert(id.clone());
    world.mail.user_delete(id);
}

#[test]
fn the_copy_of_a_series_that_is_deleted_goes_on_with_its_records() {
    let (mut world, id, copy) = twice();
    let (before, writes) = (world.crm.live(), world.crm.writes());
    deletes(&mut world, &id);
    fine(&world);
    assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{:#?}", world.log());
    // Of the pairs of what was left alone nothing is left.
    let reason = Some(FREED.to_owned());
    let freed: Vec<_> =
        world.pairs_in(PairState::Tombstoned).into_iter().filter(|p| p.reason == reason).collect();
    assert_eq!(freed.iter().filter(|p| p.mail.is_none() && p.crm.is_none() && p.generation == 2).count(), 5);
    world.mail.user_edit(&copy, |item| {
        set(item, of("20261126T090000"), Some(moved(wall("2026-11-26T15:00:00"))));
        set(item, of("20261127T090000"), Some(Override::Cancelled));
    });
    fine(&world);
    assert_eq!(starts(&world), ["20261125T0800", "20261126T1400", "20261128T0800", "20261129T0800"]);
    // What is taken back is the copy now.
    world.deeds.deleted.remove(&id);
    world.mail.user_restores(&id);
    world.settle();
    assert_eq!((starts(&world).len(), world.crm.writes()), (5, writes + 3), "{:#?}", world.log());
    deletes(&mut world, &copy);
    deletes(&mut world, &id);
    fine(&world);
    assert_eq!(starts(&world).len(), 0);
}

/// What the first one did not have any more is made of the copy.
#[test]
fn days_that_the_copy_alone_has_are_made_when_the_first_series_is_gone() {
    let (mut world, id, _) = twice();
    world.mail.user_edit(&id, |item| {
        change_rule(item, daily(4));
        set(item, of("20261126T090000"), Some(Override::Cancelled));
    });
    world.settle();
    assert_eq!(starts(&world).len(), 3);
    let (before, writes) = (world.crm.live(), world.crm.writes());
    deletes(&mut world, &id);
    fine(&world);
    assert_eq!((starts(&world).len(), world.crm.writes()), (5, writes + 2), "{:#?}", world.log());
    assert!(before.keys().all(|record| world.crm.get(record).is_some()));
}

#[test]
fn of_two_copies_one_goes_on_with_the_records_and_the_other_is_left_alone() {
    let (mut world, id, copy) = twice();
    let item = world.mail.get(&copy).expect("the copy");
    let another = made(&mut world, item);
    world.settle();
    let (before, writes) = (world.crm.live(), world.crm.writes());
    deletes(&mut world, &id);
    world.settle();
    assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{:#?}", world.log());
    let state = |series: &RemoteId| {
        let day = |n| series.occurrence(of(&format!("202611{n}T090000")));
        let state = |n| world.pair_of(Side::Mail, &day(n)).map(|pair| pair.state);
        (25..30).map(state).collect::<Vec<_>>()
    };
    let mut states = [state(&copy), state(&another)];
    states.sort();
    assert_eq!(states, [vec![Some(PairState::Linked); 5], vec![Some(PairState::Detached); 5]]);
}

#[test]
fn a_cycle_that_dies_when_a_copy_goes_on_deletes_no_record() {
    for turns in 0.. {
        let (mut world, id, _) = twice();
        let (before, writes) = (world.crm.live(), world.crm.writes());
        deletes(&mut world, &id);
        let died = world.cycle(Some(turns)).is_none();
        fine(&world);
        assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{turns}: {:#?}", world.log());
        if !died {
            break;
        }
    }
}

/// One of its days goes on as the appointment: the copy has the others.
#[test]
fn the_copy_of_a_series_that_is_a_single_appointment_now_goes_on_with_the_other_days() {
    let (world, id, _) = twice();
    let (before, writes) = (world.crm.live(), world.crm.writes());
    world.mail.user_edit(&id, |item| {
        item.set(Field::Recurrence, Value::Blank);
        item.set(Field::Overrides, Value::Blank);
    });
    world.settle();
    assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{:#?}", world.log());
}

/// The second day of the stand-up was received by itself before the series was: the series' own day is left alone.
fn received_alone() -> (World, RemoteId, RemoteId) {
    let mut world = World::new(1, SeriesSupport::None);
    let mut alone = single("Stand-up", wall("2026-11-26T09:00:00"));
    alone.uid = Some("Stand-up@uid#20261126T090000".to_owned());
    let alone = made(&mut world, alone);
    world.settle();
    let series = made(&mut world, series("Stand-up", wall("2026-11-25T09:00:00"), daily(5)));
    world.settle();
    assert_eq!((world.crm.live().len(), world.pairs_in(PairState::Detached).len()), (5, 1));
    (world, alone, series)
}

#[test]
fn a_day_goes_on_with_the_record_of_what_was_received_alone_and_is_deleted() {
    let (mut world, alone, _) = received_alone();
    let (before, writes) = (world.crm.live(), world.crm.writes());
    deletes(&mut world, &alone);
    let outcome = world.cycle(None).expect("nobody kills it");
    assert!(outcome.more_work, "the next cycle makes nobody wait for it");
    fine(&world);
    assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{:#?}", world.log());
}

/// What an administrator has taken out of the sync does not come back by a copy.
#[test]
fn a_copy_of_what_an_administrator_left_alone_is_left_alone_when_that_is_deleted() {
    let (mut world, alone, series) = received_alone();
    let own = world.pair_of(Side::Mail, &alone).expect("its pair");
    let reason = Some("Left alone: an administrator decided so.".to_owned());
    let decided = PairRow { state: PairState::Detached, reason, ..own };
    let commit = Commit { pairs: vec![decided.clone()], ..Commit::default() };
    let stored = run_until_killed(world.store.commit(MemberId(1), 1, &commit));
    stored.expect("nobody kills it").expect("in memory");
    let copy = world.pair_of(Side::Mail, &series.occurrence(of("20261126T090000")));
    assert_eq!(copy.as_ref().map(|pair| pair.state), Some(PairState::Detached));
    let (before, writes) = (world.crm.live(), world.crm.writes());
    deletes(&mut world, &alone);
    world.settle();
    assert_eq!((world.crm.live(), world.crm.writes()), (before, writes), "{:#?}", world.log());
    assert_eq!(world.pair_of(Side::Mail, &series.occurrence(of("20261126T090000"))), copy);
}

/// An appointment that was received by itself after its series was, and is left alone.
#[test]
fn a_copy_that_was_deleted_before_its_series_was_is_made_when_it_is_taken_back() {
    let (mut world, id) = stand_up();
    let mut alone = single("Stand-up", wall("2026-11-26T09:00:00"));
    alone.uid = Some("Stand-up@uid#20261126T090000".to_owned());
    let alone = made(&mut world, alone);
    world.settle();
    assert_eq!((starts(&world).len(), world.pairs_in(PairState::Detached).len()), (5, 1));
    deletes(&mut world, &alone);
    world.settle();
    deletes(&mut world, &id);
    fine(&world);
    assert_eq!(starts(&world).len(), 0, "{:#?}", world.log());
    world.deeds.deleted.remove(&alone);
    world.mail.user_restores(&alone);
    fine(&world);
    assert_eq!(starts(&world), ["20261126T0800"], "{:#?}", world.log());
}

#[test]
fn a_copy_that_was_out_of_reach_when_the_first_series_went_has_its_days_when_it_is_there_again() {
    let (mut world, id, copy) = twice();
    world.mail.answers(&copy, Some(Fetched::OutOfScope));
    world.settle();
    deletes(&mut world, &id);
    world.settle();
    assert_eq!(starts(&world).len(), 0, "{:#?}", world.log());
    world.mail.answers(&copy, None);
    fine(&world);
    assert_eq!(starts(&world).len(), 5, "{:#?}", world.log());
}
