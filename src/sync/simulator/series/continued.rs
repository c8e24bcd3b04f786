//! Stories of "this and following": which series goes on with the records that another one has lost at its end.

use super::cases::{in_both_calendars, settle, spans};
use super::make::{change_rule, daily, half_an_hour, of, recurs, series, split, wall};
use super::stories::{fine, made, record, stand_up, starts};
use super::world::World;
use chrono::Duration;
use riva_core::ids::{PairId, RemoteId};
use riva_core::item::{Field, Item, Value, When};
use riva_core::ports::SeriesSupport;
use riva_core::rows::{PairRow, PairState, Side};

const DAYS: [&str; 3] = ["20261127T090000", "20261128T090000", "20261129T090000"];

/// The pairs of the last three days' records.
fn pairs_of_the_rest(world: &World) -> Vec<(RemoteId, PairId)> {
    let pair = |day: &&str| {
        let record = record(world, &day.replace("T090000", "T0800"));
        let pair = world.pair_of(Side::Crm, &record).expect("it is in step").id;
        (record, pair)
    };
    DAYS.iter().map(pair).collect()
}

/// The last three days of the stand-up, as they are once the series was cut before them.
fn rest() -> Item {
    let mut item = series("Stand-up", wall("2026-11-27T09:00:00"), daily(3));
    item.uid = Some("the rest".into());
    item
}

#[test]
fn the_series_that_goes_on_has_the_records_with_all_that_is_theirs() {
    let (mut world, id) = stand_up();
    let before = pairs_of_the_rest(&world);
    let (writes, deeds) = (world.crm.writes(), world.store.all_journal().len());
    let new = split(&world.mail, &id, of("20261127T090000"), "the rest").expect("a new series");
    world.deeds.made.insert(new.clone());
    fine(&world);
    assert_eq!((pairs_of_the_rest(&world), world.crm.writes()), (before.clone(), writes));
    let told: Vec<_> = world.store.all_journal().split_off(deeds);
    assert_eq!(told.len(), 3, "{told:?}");
    for line in told {
        let text = (line.deed.as_str(), line.rule.as_str(), line.text.as_str());
        assert_eq!(text, ("goes on", "table row 20", "Stand-up"));
        assert!(before.iter().any(|(_, pair)| *pair == line.pair));
    }
    // Nothing is left of them with the first one.
    let rows = world.store.all_items();
    for day in DAYS {
        let row = |series: &RemoteId| rows.iter().find(|row| row.id == series.occurrence(of(day)));
        assert_eq!(row(&id), None);
        let (row, pair) = (row(&new).expect("its row"), world.pair_of(Side::Mail, &new.occurrence(of(day))));
        let pair = pair.expect("its pair");
        assert_eq!((row.pair, row.dirty), (Some(pair.id), false));
        assert_eq!(pair.mail.map(|at| at.version), Some(row.version.clone()));
    }
}

#[test]
fn days_of_a_meeting_of_the_whole_day_go_on_as_well() {
    let all_day = |uid: &str, day: u32, times| {
        let mut item = series("Fair", wall("2026-11-25T09:00:00"), daily(times));
        item.uid = Some(uid.into());
        let start = of(&format!("202611{day}T090000")).day();
        item.set(Field::When, Value::When(When::AllDay { start, end: start + Duration::days(1) }));
        item
    };
    let mut world = World::new(1, SeriesSupport::None);
    let id = made(&mut world, all_day("fair", 25, 5));
    world.settle();
    let (records, writes): (Vec<RemoteId>, u64) =
        (world.crm.live().into_keys().collect(), world.crm.writes());
    assert_eq!(records.len(), 5);
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    made(&mut world, all_day("the rest", 27, 3));
    fine(&world);
    assert_eq!((world.crm.live().into_keys().collect::<Vec<_>>(), world.crm.writes()), (records, writes));
}

type Otherwise<'f> = &'f dyn Fn(&mut Item);

/// Another meeting, or one that was there before, has records of its own.
#[test]
fn only_the_same_meeting_from_the_next_day_on_goes_on_with_the_records() {
    let in_athens = |item: &mut Item| {
        let (start, end) = (wall("2026-11-27T09:00:00"), wall("2026-11-27T09:30:00"));
        item.set(Field::When, Value::When(When::Timed { start, end, zone: chrono_tz::Europe::Athens }));
    };
    let from = |item: &mut Item, at, times| {
        item.set(Field::When, half_an_hour(wall(at)));
        recurs(item, daily(times));
    };
    let another: [(&str, Otherwise<'_>, usize); 5] = [
        ("another subject", &|item| item.set_text(Field::Summary, "Retro"), 3),
        ("another organizer", &|item| item.set_text(Field::Organizer, "bob@example.com"), 3),
        ("on other clocks", &in_athens, 3),
        ("it begins a day later", &|item| from(item, "2026-11-28T09:00:00", 2), 2),
        ("it begins while the first one goes on", &|item| from(item, "2026-11-26T09:00:00", 4), 4),
    ];
    for (why, otherwise, days) in another {
        let (mut world, id) = stand_up();
        let before = pairs_of_the_rest(&world);
        world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
        let mut other = rest();
        otherwise(&mut other);
        made(&mut world, other);
        fine(&world);
        let live = world.crm.live();
        assert!(before.iter().all(|(record, _)| !live.contains_key(record)), "{why}");
        assert_eq!(live.len(), 2 + days, "{why}: {:?}", world.log());
    }
}

#[test]
fn a_series_that_has_records_takes_no_others() {
    let (mut world, id) = stand_up();
    let other = made(&mut world, rest());
    world.settle();
    let its_own = |world: &World| DAYS.map(|day| world.pair_of(Side::Mail, &other.occurrence(of(day))));
    let before = its_own(&world);
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    world.mail.user_edit(&other, |item| item.set_text(Field::Location, "Room 2"));
    fine(&world);
    let id_of = |pairs: [Option<PairRow>; 3]| pairs.map(|pair| pair.map(|pair| pair.id));
    assert_eq!(id_of(its_own(&world)), id_of(before));
    assert_eq!(world.crm.live().len(), 5, "{:?}", world.log());
}

#[test]
fn of_two_series_that_could_go_on_one_has_the_records_and_the_other_its_own() {
    let (mut world, id) = stand_up();
    let before = pairs_of_the_rest(&world);
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    made(&mut world, rest());
    let mut twice = rest();
    twice.uid = Some("the rest, once more".into());
    made(&mut world, twice);
    fine(&world);
    let live = world.crm.live();
    assert!(before.iter().all(|(record, _)| live.contains_key(record)), "{:?}", world.log());
    assert_eq!(live.len(), 5 + 3);
}

#[test]
fn a_day_whose_record_was_deleted_before_has_a_new_one_in_the_series_that_goes_on() {
    let (mut world, id) = stand_up();
    world.mail.user_edit(&id, |item| change_rule(item, daily(3)));
    fine(&world);
    let kept = record(&world, "20261127T0800");
    world.mail.user_edit(&id, |item| change_rule(item, daily(2)));
    made(&mut world, rest());
    fine(&world);
    let gone_on = world.store.all_journal().into_iter().filter(|line| line.deed == "goes on").count();
    assert_eq!(gone_on, 1);
    assert_eq!((starts(&world).len(), record(&world, "20261127T0800")), (5, kept), "{:?}", world.log());
}

/// Who has the meeting, too, is told by its new name that it is in the CRM.
#[test]
fn a_meeting_of_two_that_is_cut_in_both_calendars_stays_one_record_a_day() {
    let mut meeting = series("Stand-up", wall("2026-11-25T09:00:00"), daily(5));
    meeting.set_text(Field::Organizer, "carol@customer.example");
    let (world, anns, bobs, his) = in_both_calendars(meeting);
    settle(&world, &bobs);
    let records: Vec<RemoteId> = world.crm.live().into_keys().collect();
    for (calendar, id) in [(&world.mail, &anns), (&bobs, &his)] {
        split(calendar, id, of("20261127T090000"), "the rest").expect("a new series");
    }
    settle(&world, &bobs);
    assert_eq!(spans(&world).len(), 5, "{:?}", world.log());
    assert_eq!(world.crm.live().into_keys().collect::<Vec<_>>(), records);
    assert_eq!((world.mail.writes(), bobs.writes(), world.store.claimants().len()), (0, 0, 5));
}

/// His calendar has the second half hours later: it is in the CRM already.
#[test]
fn a_meeting_of_two_that_is_cut_is_kept_by_who_kept_it() {
    let mut meeting = series("Stand-up", wall("2026-11-25T09:00:00"), daily(5));
    meeting.set_text(Field::Organizer, "carol@customer.example");
    let (world, anns, bobs, his) = in_both_calendars(meeting);
    settle(&world, &bobs);
    let new = split(&world.mail, &anns, of("20261127T090000"), "the rest").expect("a new series");
    bobs.user_edit(&his, |item| change_rule(item, daily(2)));
    settle(&world, &bobs);
    let late = bobs.user_create(world.mail.get(&new).expect("the rest"));
    settle(&world, &bobs);
    for day in DAYS {
        let pair = world.pair_of(Side::Mail, &late.occurrence(of(day))).expect("its pair");
        assert_eq!((pair.state, pair.crm), (PairState::Detached, None));
    }
    assert_eq!((spans(&world).len(), world.mail.writes(), bobs.writes()), (5, 0, 0));
}
