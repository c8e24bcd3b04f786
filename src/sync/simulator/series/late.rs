//! Stories of a meeting of two that comes to one calendar after the other: meanwhile that one was given appointments of its
//! records.

use super::super::world::run_until_killed;
use super::cases::{in_both_calendars, settle, spans};
use super::fake::{FakeCalendar, Faults};
use super::make::{ANN, BOB, daily, of, recurs, set, single, wall};
use super::stories::record;
use super::world::World;
use crate::hash::FieldHasher;
use crate::series::{occurrence, occurrences};
use chrono::Duration;
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::{Field, Item, Override, Value};
use riva_core::ports::{Fetched, SeriesSupport, SyncStore as _};
use riva_core::rows::{Commit, Hashes, PairRow, PairSide, PairState, Side};
use std::sync::Arc;

const CUSTOMER: &str = "carol@customer.example";

/// When what is in a calendar takes place, in UTC.
fn shown(world: &World, calendar: &FakeCalendar) -> Vec<String> {
    let of_item = |item: Item| {
        let all = occurrences(&item, world.window()).expect("it can be expanded");
        all.into_iter().map(move |of| {
            let day = occurrence(&item, of);
            day.when().expect("a time").utc().0.format("%Y%m%dT%H%M").to_string()
        })
    };
    let mut shown: Vec<String> = calendar.live().into_values().flat_map(of_item).collect();
    shown.sort();
    shown
}

const DAYS: [&str; 3] = ["20261125T0800", "20261126T0800", "20261127T0800"];

/// A meeting in both calendars, and a CRM that knows UIDs or does not.
fn review(organizer: Option<&str>, has_uids: bool) -> (World, RemoteId, Arc<FakeCalendar>, RemoteId) {
    let mut meeting = single("Review", wall("2026-11-25T09:00:00"));
    meeting.set(Field::Organizer, organizer.map_or(Value::Blank, Value::text));
    let (mut world, anns, bobs, his) = in_both_calendars(meeting);
    let crm = FakeCalendar::new("crm", SeriesSupport::None, 5);
    world.crm = Arc::new(if has_uids { crm } else { crm.without_uids() });
    settle(&world, &bobs);
    (world, anns, bobs, his)
}

#[test]
fn a_meeting_of_two_that_becomes_a_series_in_one_calendar_after_the_other_has_each_day_once_in_both() {
    for organizer in [Some(CUSTOMER), Some(ANN), Some(BOB), None] {
        for (has_uids, ann_first) in [(true, true), (true, false), (false, true), (false, false)] {
            let (world, anns, bobs, his) = review(organizer, has_uids);
            let mut turns = [(&world.mail, &anns), (&bobs, &his)];
            turns.rotate_right(usize::from(!ann_first));
            for (calendar, id) in turns {
                calendar.user_edit(id, |item| recurs(item, daily(3)));
                settle(&world, &bobs);
                assert_eq!(spans(&world).len(), 3, "{organizer:?}: {:?}", world.log());
            }
            let case = format!("{organizer:?}, UIDs: {has_uids}, Ann first: {ann_first}");
            for calendar in [&world.mail, &bobs] {
                assert_eq!(shown(&world, calendar), DAYS, "{case}: {:#?}", world.log());
            }
        }
    }
}

/// Bob's copy has become a series, and Ann's has not; her calendar was given an appointment for each other day.
fn behind(organizer: Option<&str>) -> (World, RemoteId, Arc<FakeCalendar>, RemoteId) {
    let (world, anns, bobs, his) = review(organizer, false);
    bobs.user_edit(&his, |item| recurs(item, daily(3)));
    settle(&world, &bobs);
    assert_eq!(shown(&world, &world.mail), DAYS, "{:#?}", world.log());
    (world, anns, bobs, his)
}

/// The appointment that we made in Ann's calendar for the second day.
fn of_second_day(world: &World) -> RemoteId {
    let live = world.mail.live();
    let second = |item: &Item| item.when().is_some_and(|when| when.utc().0.to_string().contains("11-26"));
    live.into_iter().find(|(_, item)| second(item)).expect("it is there").0
}

fn pair(world: &World, id: &RemoteId) -> PairRow {
    world.pair_of(Side::Mail, id).expect("it has a pair")
}

#[test]
fn what_somebody_has_written_to_does_not_give_way() {
    let (world, anns, bobs, _) = behind(None);
    let second = of_second_day(&world);
    world.mail.user_edit(&second, |item| item.set_text(Field::Body, "Bring the figures"));
    settle(&world, &bobs);
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    settle(&world, &bobs);
    let kept = world.mail.get(&second).expect("it is there");
    assert_eq!(kept.text(Field::Body), Some("Bring the figures"));
    assert_eq!(pair(&world, &second).state, PairState::Linked, "{:#?}", world.log());
    assert_eq!((spans(&world).len(), shown(&world, &world.mail).len()), (3, 4));
}

/// It was told to give way, and the mailbox was too busy to take it away.
#[test]
fn what_somebody_writes_to_just_then_stays_by_itself() {
    let (world, anns, bobs, _) = behind(Some(CUSTOMER));
    let second = of_second_day(&world);
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    world.mail.set_faults(Faults { not_now: 100, ..Faults::default() });
    world.cycle_of_both(&bobs);
    world.cycle_of_both(&bobs);
    assert!(world.mail.get(&second).is_some() && pair(&world, &second).crm.is_none(), "{:#?}", world.log());
    world.mail.user_edit(&second, |item| item.set_text(Field::Body, "Bring the figures"));
    world.mail.set_faults(Faults::default());
    settle(&world, &bobs);
    let (kept, why) = (pair(&world, &second), "has been edited since: it is left as it is");
    assert_eq!((kept.state, kept.crm), (PairState::Detached, None));
    assert!(kept.reason.is_some_and(|reason| reason.contains(why)));
    assert!(world.mail.get(&second).is_some());
    assert_eq!((spans(&world).len(), shown(&world, &world.mail).len()), (3, 4));
    world.mail.user_delete(&second);
    settle(&world, &bobs);
    assert_eq!((spans(&world).len(), shown(&world, &world.mail).len()), (3, 3), "it has no record");
}

#[test]
fn what_its_user_deletes_just_then_has_given_way() {
    let (world, anns, bobs, _) = behind(Some(CUSTOMER));
    let second = of_second_day(&world);
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    world.mail.set_faults(Faults { not_now: 100, ..Faults::default() });
    world.cycle_of_both(&bobs);
    world.cycle_of_both(&bobs);
    assert!(pair(&world, &second).crm.is_none(), "{:#?}", world.log());
    world.mail.user_delete(&second);
    world.mail.set_faults(Faults::default());
    settle(&world, &bobs);
    let gone = pair(&world, &second);
    assert_eq!(gone.state, PairState::Tombstoned);
    assert!(gone.reason.is_some_and(|reason| reason.ends_with("and has given way to that.")));
    assert_eq!(shown(&world, &world.mail), DAYS);
}

/// A mailbox says so of what is made in it: nobody has written that.
#[test]
fn what_its_mailbox_calls_its_users_own_gives_way() {
    for (organizer, goes) in [(ANN, true), ("dave@customer.example", false)] {
        let (world, anns, bobs, _) = behind(Some(CUSTOMER));
        let second = of_second_day(&world);
        world.mail.user_edit(&second, |item| item.set_text(Field::Organizer, organizer));
        world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
        settle(&world, &bobs);
        assert_eq!(world.mail.get(&second).is_none(), goes, "{organizer}: {:#?}", world.log());
        assert_eq!(shown(&world, &world.mail).len(), if goes { 3 } else { 4 });
    }
}

#[test]
fn what_gave_way_and_is_taken_back_has_no_record() {
    let (world, anns, bobs, _) = behind(Some(CUSTOMER));
    let second = of_second_day(&world);
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    settle(&world, &bobs);
    assert_eq!(world.mail.get(&second), None, "{:#?}", world.log());
    let journal = world.store.all_journal().into_iter().filter(|line| line.rule == "shared record");
    let told: Vec<(String, String)> = journal.map(|line| (line.deed, line.text)).collect();
    let of = |deed: &str| told.iter().filter(|line| line.0 == deed && line.1.starts_with("Review")).count();
    assert_eq!((of("gives way"), of("tombstoned")), (2, 2), "{told:#?}");
    world.mail.user_restores(&second);
    settle(&world, &bobs);
    assert!(world.mail.get(&second).is_some());
    assert_eq!((pair(&world, &second).state, spans(&world).len()), (PairState::Detached, 3));
}

/// Whenever the process dies, no record goes with the appointment.
#[test]
fn a_cycle_that_dies_when_something_gives_way_loses_no_record() {
    for organizer in [Some(CUSTOMER), Some(ANN)] {
        for turns in 0.. {
            let (world, anns, bobs, _) = behind(organizer);
            let before = world.crm.live();
            world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
            world.pass(Duration::minutes(61));
            let died = world.cycle(Some(turns)).is_none();
            settle(&world, &bobs);
            assert_eq!(world.crm.live(), before, "{turns}: {:#?}", world.log());
            assert_eq!(shown(&world, &world.mail), DAYS, "{turns}: {:#?}", world.log());
            if !died {
                break;
            }
        }
    }
}

/// What a colleague keeps is kept for who was given an appointment of it, too.
#[test]
fn days_that_took_the_place_of_appointments_are_taken_up_when_the_colleague_lets_go() {
    let (world, anns, bobs, his) = behind(Some(CUSTOMER));
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    settle(&world, &bobs);
    let before = world.crm.live();
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(world.crm.live(), before, "{:#?}", world.log());
    world.mail.user_edit(&anns, |item| set(item, of("20261126T090000"), Some(Override::Cancelled)));
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 2, "{:#?}", world.log());
    assert_eq!(shown(&world, &world.mail).len(), 2);
}

/// The pair that a member has of a record has his copy, or is the record alone: nothing is made of that.
fn of_record(world: &World, (member, record): (MemberId, &RemoteId), is_his: bool) {
    let of_record = |at: &PairSide| at.id == *record;
    let all = world.store.all_pairs().into_iter();
    let pairs: Vec<PairRow> =
        all.filter(|pair| pair.member == member && pair.crm.as_ref().is_some_and(of_record)).collect();
    let [pair] = &pairs[..] else { panic!("it is in one pair: {pairs:#?}") };
    let state = if is_his { PairState::Linked } else { PairState::Detached };
    assert_eq!((pair.state, pair.mail.is_some()), (state, is_his), "{:#?}", world.log());
    let rows = world.store.all_items().into_iter();
    let row = rows.filter(|row| row.member == member && row.id == *record).map(|row| (row.pair, row.dirty));
    assert_eq!(row.collect::<Vec<_>>(), [(Some(pair.id), false)]);
}

/// A visit in Ann's calendar, of whose record an appointment was made in Bob's: he is invited later.
fn given(organizer: &str) -> (World, RemoteId, Arc<FakeCalendar>, Item) {
    let mut world = World::new(1, SeriesSupport::None);
    world.crm = Arc::new(FakeCalendar::new("crm", SeriesSupport::None, 5).without_uids());
    let bobs = Arc::new(FakeCalendar::new("bob", SeriesSupport::Full, 7));
    let mut meeting = single("Visit", wall("2026-11-26T09:00:00"));
    meeting.set_text(Field::Organizer, organizer);
    let anns = world.mail.user_create(meeting.clone());
    settle(&world, &bobs);
    assert_eq!(shown(&world, &bobs), ["20261126T0800"]);
    (world, anns, bobs, meeting)
}

fn only(calendar: &FakeCalendar) -> RemoteId {
    let all: Vec<RemoteId> = calendar.live().into_keys().collect();
    let [one] = &all[..] else { panic!("there is one: {all:?}") };
    one.clone()
}

/// An invitation that comes to his calendar hours after the record did.
#[test]
fn a_copy_that_comes_later_takes_the_place_of_what_was_made_of_its_record() {
    for organizer in [CUSTOMER, BOB] {
        let (world, _, bobs, meeting) = given(organizer);
        let (his, before) = (bobs.user_create(meeting), world.crm.live());
        settle(&world, &bobs);
        let there: Vec<RemoteId> = bobs.live().into_keys().collect();
        assert_eq!(there, std::slice::from_ref(&his), "{:#?}", world.log());
        assert_eq!(world.crm.live(), before);
        of_record(&world, (MemberId(2), &only(&world.crm)), organizer == BOB);
        let state = if organizer == BOB { PairState::Linked } else { PairState::Detached };
        assert_eq!(pair(&world, &his).state, state);
        let told = "Visit: This meeting is in the CRM already, from another syncing user's calendar.";
        assert_eq!(world.log().iter().filter(|line| *line == told).count(), usize::from(organizer != BOB));
        // Who organizes it says how it goes on.
        bobs.user_edit(&his, |item| item.set_text(Field::Location, "Room 2"));
        settle(&world, &bobs);
        let moved = world.crm.live().values().any(|item| item.text(Field::Location) == Some("Room 2"));
        assert_eq!(moved, organizer == BOB, "{:#?}", world.log());
    }
}

/// What an administrator has to look at, or has decided about, stays.
#[test]
fn what_is_not_kept_in_step_with_its_record_does_not_give_way() {
    for state in [PairState::Detached, PairState::Held, PairState::Quarantined] {
        let (world, _, bobs, meeting) = given(CUSTOMER);
        let made = only(&bobs);
        let reason = Some("An administrator knows of it.".to_owned());
        let pair_of_made = PairRow { state, reason, ..pair(&world, &made) };
        let commit = Commit { pairs: vec![pair_of_made.clone()], ..Commit::default() };
        let stored = run_until_killed(world.store.commit(MemberId(2), 1, &commit));
        stored.expect("nobody kills it").expect("in memory");
        let his = bobs.user_create(meeting);
        settle(&world, &bobs);
        assert!(bobs.get(&made).is_some() && bobs.get(&his).is_some(), "{state:?}: {:#?}", world.log());
        assert_eq!(pair(&world, &made), pair_of_made);
        assert_eq!(pair(&world, &his).state, PairState::Detached);
    }
}

/// It was left to its user, whatever becomes of it.
#[test]
fn what_has_stayed_without_its_record_is_no_twin_of_another() {
    let (world, _, bobs, _) = given(CUSTOMER);
    let made = only(&bobs);
    let reason = Some("It has been edited since, and is not synced any more.".to_owned());
    let stays = PairRow { crm: None, state: PairState::Detached, reason, ..pair(&world, &made) };
    let commit = Commit { pairs: vec![stays.clone()], ..Commit::default() };
    let stored = run_until_killed(world.store.commit(MemberId(2), 1, &commit));
    stored.expect("nobody kills it").expect("in memory");
    bobs.user_edit(&made, |item| item.set_text(Field::Location, "Room 2"));
    settle(&world, &bobs);
    assert_eq!(pair(&world, &made), stays);
    let rows = world.store.all_items().into_iter().filter(|row| row.id == made);
    assert_eq!(rows.map(|row| (row.dirty, row.match_keys)).collect::<Vec<_>>(), [(false, None)]);
}

/// Whether the appointment of ours shows what was written to it is not known before the next cycle.
#[test]
fn a_copy_waits_until_it_is_known_what_became_of_a_write_to_what_gives_way() {
    for organizer in [CUSTOMER, BOB] {
        let (world, anns, bobs, meeting) = given(organizer);
        let made = only(&bobs);
        let his = bobs.user_create(meeting);
        bobs.answers(&his, Some(Fetched::Unreadable { reason: "it is no appointment".into() }));
        settle(&world, &bobs);
        assert_eq!(pair(&world, &his).state, PairState::Quarantined, "{:#?}", world.log());
        bobs.answers(&his, None);
        world.mail.user_edit(&anns, |item| item.set_text(Field::Location, "Room 2"));
        bobs.set_faults(Faults { untold: 100, ..Faults::default() });
        world.cycle_of_both(&bobs);
        let open = run_until_killed(world.store.open_intents(MemberId(2))).expect("nobody kills it");
        assert_eq!(open.expect("in memory").len(), 1, "{:#?}", world.log());
        assert_eq!(bobs.get(&made).as_ref().and_then(|item| item.text(Field::Location)), Some("Room 2"));
        assert_eq!(pair(&world, &his).state, PairState::Quarantined, "nothing is known of its place");
        bobs.set_faults(Faults::default());
        settle(&world, &bobs);
        assert_eq!(only(&bobs), his, "{organizer}: {:#?}", world.log());
    }
}

/// Ann's copy becomes a series after Bob's did: its own day is his to keep, as the others are.
#[test]
fn the_day_as_which_an_appointment_goes_on_is_kept_by_the_colleague_whose_copy_was_a_series_before() {
    let (world, anns, bobs, his) = behind(Some(CUSTOMER));
    let first = record(&world, DAYS[0]);
    let before = pair(&world, &anns);
    assert_eq!((before.state, before.crm.map(|at| at.id)), (PairState::Linked, Some(first.clone())));
    let told = "Review: This meeting is in the CRM already, from another syncing user's calendar.";
    let told = |world: &World| world.log().iter().filter(|line| *line == told).count();
    let told_before = told(&world);
    world.mail.user_edit(&anns, |item| {
        recurs(item, daily(3));
        item.set_text(Field::Location, "Ann's room");
    });
    settle(&world, &bobs);
    assert_eq!(told(&world) - told_before, 3, "of each day: {:#?}", world.log());
    let own = of("20261125T090000");
    let day = pair(&world, &anns.occurrence(own));
    assert_eq!((day.id, day.state, day.crm), (before.id, PairState::Detached, None));
    let shows = occurrence(&world.mail.get(&anns).expect("the series"), own);
    let copy = day.mail.expect("its day");
    assert_eq!((copy.seen, copy.sent), (FieldHasher::new([42; 16]).item(&shows), Hashes::default()));
    of_record(&world, (MemberId(1), &first), false);
    let room =
        |world: &World| world.crm.get(&first).and_then(|item| item.text(Field::Location).map(str::to_owned));
    assert_eq!(room(&world).filter(|room| !room.is_empty()), None, "it is not hers");
    // He lets go of it, and she takes it up.
    let records = world.crm.live();
    bobs.user_delete(&his);
    settle(&world, &bobs);
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), records.into_keys().collect::<Vec<_>>());
    let day = pair(&world, &anns.occurrence(own));
    assert_eq!((day.state, day.crm.map(|at| at.id)), (PairState::Linked, Some(first)), "{:#?}", world.log());
    world.mail.user_delete(&anns);
    settle(&world, &bobs);
    assert_eq!(spans(&world), Vec::<String>::new(), "{:#?}", world.log());
}

/// He lets go of it before she is synced once more.
#[test]
fn the_day_as_which_an_appointment_goes_on_is_waited_for_by_its_user_at_once() {
    let (world, anns, bobs, his) = behind(Some(CUSTOMER));
    let first = record(&world, DAYS[0]);
    world.mail.user_edit(&anns, |item| recurs(item, daily(3)));
    bobs.user_delete(&his);
    world.cycle_of_both(&bobs);
    assert!(world.crm.get(&first).is_some(), "{:#?}", world.log());
    settle(&world, &bobs);
    assert!(world.crm.get(&first).is_some(), "{:#?}", world.log());
    assert_eq!((spans(&world).len(), shown(&world, &world.mail)), (3, DAYS.map(str::to_owned).to_vec()));
}
