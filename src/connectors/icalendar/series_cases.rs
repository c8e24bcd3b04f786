//! Series by example: the cases of the engine design, section 1.9, that are a matter of iCalendar text; what is held; and
//! what a write leaves as it is.

use super::{EventResource, change_event, read_event};
use chrono::{NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Field, Item, Override, Recurrence, RecurrenceId, Rule, Value, When};
use riva_core::ports::Window;
use riva_core::recurrence::expand;
use std::collections::BTreeMap;

/// A calendar with these events, each given by its lines.
fn calendar(events: &[&str]) -> String {
    let mut text = "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n".to_owned();
    for lines in events {
        let lines = lines.replace('\n', "\r\n");
        for part in ["BEGIN:VEVENT\r\nUID:u\r\n", &lines, "\r\nEND:VEVENT\r\n"] {
            text += part;
        }
    }
    text + "END:VCALENDAR\r\n"
}

fn read(events: &[&str]) -> Item {
    read_event(&EventResource::read(&calendar(events)).unwrap()).unwrap()
}

/// Why a series is held.
fn held(events: &[&str]) -> String {
    let item = read(events);
    item.text(Field::Recurrence).unwrap_or_else(|| panic!("it is not held: {item:?}")).to_owned()
}

fn assert_held(because: &str, events: &[&str]) {
    let why = held(events);
    assert!(why.contains(because), "{why}");
    assert!(!why.ends_with('.'), "it is the end of a sentence that goes on: {why}");
}

fn id(text: &str) -> RecurrenceId {
    RecurrenceId::parse(text).unwrap()
}

fn wall(text: &str) -> NaiveDateTime {
    NaiveDateTime::parse_from_str(text, "%Y%m%dT%H%M%S").unwrap()
}

/// The occurrences of two years: their names and starts in UTC.
fn occurrences(item: &Item) -> Vec<String> {
    let window = Window { from: wall("20260101T000000").and_utc(), to: wall("20280101T000000").and_utc() };
    let all = expand(item, window).map(Result::unwrap);
    all.map(|one| format!("{} {}", one.id, one.when.utc().0.format("%H:%M"))).collect()
}

fn ids(item: &Item) -> Vec<String> {
    occurrences(item).iter().map(|one| one.split(' ').next().unwrap().to_owned()).collect()
}

fn overrides(item: &Item) -> BTreeMap<RecurrenceId, Override> {
    item.overrides().cloned().unwrap_or_default()
}

fn changed(field: Field, value: Value) -> Override {
    Override::Changed([(field, value)].into())
}

fn berlin(start: &str, end: &str) -> Value {
    Value::When(When::Timed { start: wall(start), end: wall(end), zone: Tz::Europe__Berlin })
}

const MONDAYS: &str = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20260316T090000\nDTEND;TZID=Europe/Berlin:20260316T100000\nRRULE:FREQ=WEEKLY;COUNT=4";

/// The Mondays with these lines besides.
fn mondays(more: &str) -> String {
    format!("{MONDAYS}\n{more}")
}

#[test]
fn case_01_weekly_at_nine_in_berlin_over_the_change_of_clocks() {
    let item = read(&[MONDAYS]);
    assert_eq!(
        occurrences(&item),
        ["20260316T090000 08:00", "20260323T090000 08:00", "20260330T090000 07:00", "20260406T090000 07:00"]
    );
    assert_eq!(item.get(Field::Overrides), Some(&Value::Blank));
}

#[test]
fn cases_02_and_03_an_occurrence_in_the_hour_of_the_change_is_named_by_its_instant() {
    let daily = "DTSTART;TZID=Europe/Berlin:20260327T023000\nDURATION:PT15M\nRRULE:FREQ=DAILY;COUNT=4";
    // 02:30 that night is 03:30 summer time.
    let item = read(&[&format!("{daily}\nEXDATE:20260329T013000Z")]);
    assert_eq!(ids(&item), ["20260327T023000", "20260328T023000", "20260330T023000"]);
    let autumn = daily.replace("20260327", "20261024");
    let item = read(&[&format!("{autumn}\nEXDATE:20261025T003000Z")]);
    assert_eq!(ids(&item), ["20261024T023000", "20261026T023000", "20261027T023000"]);
}

/// RFC 5545, section 3.8.5.3: "the same nominal duration will apply to all the members of the generated recurrence set".
#[test]
fn a_length_in_days_is_one_on_the_wall_clock() {
    // The night of 2026-03-28 to 29 has 23 hours in Berlin.
    let nights = "DTSTART;TZID=Europe/Berlin:20260327T120000\nRRULE:FREQ=DAILY;COUNT=3\n";
    let ends = |length: &str| {
        let item = read(&[&format!("{nights}{length}")]);
        let window = Window {
            from: "2026-03-01T00:00:00Z".parse().unwrap(),
            to: "2026-05-01T00:00:00Z".parse().unwrap(),
        };
        let all = expand(&item, window).map(|o| o.unwrap().when.utc().1.format("%dT%H").to_string());
        (all.collect::<Vec<_>>(), item.nominal_days())
    };
    let by_the_watch = ["28T11", "29T11", "30T10"].map(str::to_owned).to_vec();
    let by_the_clock = ["28T11", "29T10", "30T10"].map(str::to_owned).to_vec();
    assert_eq!(ends("DTEND;TZID=Europe/Berlin:20260328T120000"), (by_the_watch.clone(), 0));
    assert_eq!(ends("DURATION:PT24H"), (by_the_watch, 0));
    assert_eq!(ends("DURATION:P1D"), (by_the_clock, 1));
    assert_eq!(ends("DURATION:P1DT2H").0, ["28T13", "29T12", "30T12"]);
}

#[test]
fn a_length_in_days_stays_one_when_it_is_written() {
    let nights = "DTSTART;TZID=Europe/Berlin:20260327T120000\nDURATION:P1D\nRRULE:FREQ=DAILY;COUNT=3";
    let mut resource = EventResource::read(&calendar(&[nights])).unwrap();
    set(&mut resource, Field::When, berlin("20260327T120000", "20260329T133000"));
    let written = resource.calendar.write();
    assert!(written.contains("\r\nDURATION:P2DT5400S\r\n") && !written.contains("DTEND"), "{written}");
    // The rule alone, from a system that knows no such length.
    let rule =
        rules(Rule::parse("FREQ=DAILY;COUNT=4", read_event(&resource).unwrap().when().unwrap()).unwrap());
    change_event(&mut resource, &[(Field::Recurrence, rule)].into(), &marker(), now()).unwrap();
    assert!(resource.calendar.write().contains("\r\nDURATION:P2DT5400S\r\n"));
    set(&mut resource, Field::When, berlin("20260327T120000", "20260327T133000"));
    let written = resource.calendar.write();
    assert!(written.contains("\r\nDTEND;TZID=Europe/Berlin:20260327T133000\r\n"), "{written}");
    assert!(!written.contains("DURATION"), "{written}");
}

#[test]
fn case_05_exceptions_of_whole_days_that_come_as_times() {
    let days = "DTSTART;VALUE=DATE:20260316\nRRULE:FREQ=DAILY;COUNT=5";
    let exdates = "EXDATE:20260317\nEXDATE:20260318T000000\nEXDATE;TZID=Europe/Berlin:20260319T000000";
    assert_eq!(ids(&read(&[&format!("{days}\n{exdates}")])), ["20260316", "20260320"]);
    // 23:00 in UTC is midnight somewhere: where, it does not say.
    assert_held("which occurrence is meant", &[&format!("{days}\nEXDATE:20260317T230000Z")]);
    // Whole days that Outlook tells as times of a zone.
    let flagged = "DTSTART;TZID=Europe/Berlin:20260316T000000\nDTEND;TZID=Europe/Berlin:20260317T000000\nX-MICROSOFT-CDO-ALLDAYEVENT:TRUE\nRRULE:FREQ=DAILY;COUNT=3\nEXDATE:20260316T230000Z";
    assert_eq!(ids(&read(&[flagged])), ["20260316", "20260318"]);
}

#[test]
fn case_07_a_recurrence_id_in_another_zone() {
    for of in [
        "RECURRENCE-ID;TZID=Europe/Berlin:20260330T090000",
        "RECURRENCE-ID:20260330T070000Z",
        "RECURRENCE-ID;TZID=America/New_York:20260330T030000",
        "RECURRENCE-ID:20260330T090000",
        "RECURRENCE-ID;VALUE=DATE:20260330",
    ] {
        let one = format!(
            "SUMMARY:Other\nDTSTART;TZID=Europe/London:20260330T100000\nDTEND;TZID=Europe/London:20260330T110000\n{of}"
        );
        let item = read(&[MONDAYS, &one]);
        // Its time is told on the clock of the series.
        let fields = BTreeMap::from([
            (Field::Summary, Value::text("Other")),
            (Field::When, berlin("20260330T110000", "20260330T120000")),
        ]);
        assert_eq!(overrides(&item), [(id("20260330T090000"), Override::Changed(fields))].into(), "{of}");
    }
}

#[test]
fn case_08_an_exdate_in_utc_is_written_in_the_form_of_the_start() {
    let text = calendar(&[&mondays("EXDATE:20260323T080000Z,20260330T070000Z")]);
    let mut resource = EventResource::read(&text).unwrap();
    let item = read_event(&resource).unwrap();
    assert_eq!(ids(&item), ["20260316T090000", "20260406T090000"]);
    // One takes place again, another does not any more: what is there stays in its form.
    let wanted = [id("20260323T090000"), id("20260406T090000")].map(|of| (of, Override::Cancelled));
    set(&mut resource, Field::Overrides, Value::Overrides(wanted.into()));
    let written = resource.calendar.write();
    assert!(written.contains("\r\nEXDATE:20260323T080000Z\r\n"), "{written}");
    assert!(written.contains("\r\nEXDATE;TZID=Europe/Berlin:20260406T090000\r\n"), "{written}");
    set(&mut resource, Field::Overrides, Value::Blank);
    assert!(!resource.calendar.write().contains("EXDATE"));
}

#[test]
fn case_09_an_end_as_a_day_or_as_a_local_time_is_written_in_utc() {
    let days = |until: &str| MONDAYS.replace("COUNT=4", &format!("UNTIL={until}"));
    for until in ["20260330", "20260330T090000", "20260330T070000Z"] {
        assert_eq!(ids(&read(&[&days(until)])).len(), 3, "{until}");
    }
    let mut resource = EventResource::read(&calendar(&[&days("20260330")])).unwrap();
    let item = read_event(&resource).unwrap();
    // As it is, it stays; a new one is in UTC.
    set(&mut resource, Field::Recurrence, item.fields[&Field::Recurrence].clone());
    assert!(resource.calendar.write().contains("UNTIL=20260330\r\n"));
    let rule = Rule::parse("FREQ=WEEKLY;UNTIL=20260406", item.when().unwrap()).unwrap();
    set(&mut resource, Field::Recurrence, rules(rule));
    assert!(resource.calendar.write().contains("UNTIL=20260406T070000Z;BYDAY=MO\r\n"));
}

#[test]
fn case_10_a_count_counts_what_is_left_out() {
    assert_eq!(ids(&read(&[&mondays("EXDATE;TZID=Europe/Berlin:20260316T090000")])).len(), 3);
}

#[test]
fn cases_11_to_14_rules_are_taken_at_their_word() {
    let start = |day: &str| format!("DTSTART:{day}T120000Z\nDTEND:{day}T130000Z\n");
    let of = |day: &str, rule: &str| ids(&read(&[&format!("{}RRULE:{rule}", start(day))]));
    // A Tuesday, and Mondays.
    assert_eq!(of("20260106", "FREQ=WEEKLY;BYDAY=MO;COUNT=2"), ["20260106T120000", "20260112T120000"]);
    assert_eq!(of("20260131", "FREQ=MONTHLY;COUNT=2"), ["20260131T120000", "20260331T120000"]);
    assert_eq!(
        of("20260102", "FREQ=MONTHLY;BYDAY=MO,TU,WE,TH,FR;BYSETPOS=2;COUNT=2"),
        ["20260102T120000", "20260203T120000"]
    );
    assert_eq!(of("20260102", "FREQ=HOURLY;INTERVAL=5;COUNT=2"), ["20260102T120000", "20260102T170000"]);
    let dates = format!("{}RDATE:20260105T150000Z,20260107T120000Z", start("20260102"));
    assert_eq!(ids(&read(&[&dates])), ["20260102T120000", "20260105T150000", "20260107T120000"]);
}

#[test]
fn case_15_an_occurrence_may_pass_its_neighbour() {
    let one = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20260401T090000\nDTEND;TZID=Europe/Berlin:20260401T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20260323T090000";
    let mut resource = EventResource::read(&calendar(&[MONDAYS])).unwrap();
    let wanted = changed(Field::When, berlin("20260401T090000", "20260401T100000"));
    let wanted = Value::Overrides([(id("20260323T090000"), wanted)].into());
    set(&mut resource, Field::Overrides, wanted.clone());
    assert_eq!(read(&[MONDAYS, one]).get(Field::Overrides), Some(&wanted));
    let written = resource.calendar.write();
    for line in one.lines() {
        assert!(written.contains(&format!("\r\n{line}\r\n")), "{line} in {written}");
    }
}

#[test]
fn case_16_a_new_rule_keeps_the_occurrences_that_differ_or_is_refused() {
    let one = "SUMMARY:Other\nX-THEIRS:1\nDTSTART;TZID=Europe/Berlin:20260330T090000\nDTEND;TZID=Europe/Berlin:20260330T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20260330T090000";
    let mut resource = EventResource::read(&calendar(&[MONDAYS, one])).unwrap();
    let before = read_event(&resource).unwrap();
    let of = |count: u32| {
        rules(Rule::parse(&format!("FREQ=WEEKLY;COUNT={count}"), before.when().unwrap()).unwrap())
    };
    set(&mut resource, Field::Recurrence, of(9));
    let after = read_event(&resource).unwrap();
    assert_eq!((overrides(&after), ids(&after).len()), (overrides(&before), 9));
    assert!(resource.calendar.write().contains("X-THEIRS:1"));
    let untouched = resource.clone();
    let marker = marker();
    let refused = change_event(&mut resource, &[(Field::Recurrence, of(2))].into(), &marker, now());
    assert!(refused.unwrap_err().to_string().contains("20260330T090000"));
    assert_eq!(resource, untouched, "nothing is half written");
}

/// RFC 5546, section 3.2.5: an instance is cancelled by its own component with STATUS CANCELLED.
#[test]
fn case_17_an_occurrence_that_says_that_it_is_cancelled_is_left_out() {
    let off = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20260330T090000\nDTEND;TZID=Europe/Berlin:20260330T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20260330T090000\nSTATUS:CANCELLED\nX-THEIRS:1";
    let mut resource = EventResource::read(&calendar(&[MONDAYS, off])).unwrap();
    let mut wanted = overrides(&read_event(&resource).unwrap());
    assert_eq!(wanted, [(id("20260330T090000"), Override::Cancelled)].into());
    // Another one is left out: what they wrote of this one stays.
    wanted.insert(id("20260406T090000"), Override::Cancelled);
    set(&mut resource, Field::Overrides, Value::Overrides(wanted));
    let written = resource.calendar.write();
    assert!(written.contains("X-THEIRS:1") && !written.contains("20260330T090000,"), "{written}");
    assert_eq!(written.matches("EXDATE").count(), 1, "{written}");
    // It takes place after all.
    set(&mut resource, Field::Overrides, Value::Blank);
    let written = resource.calendar.write();
    assert!(written.contains("X-THEIRS:1") && !written.contains("STATUS:CANCELLED"), "{written}");
    // Of a series that is cancelled as a whole, its occurrences are no more cancelled than it is.
    let whole = read(&[&mondays("STATUS:CANCELLED"), off]);
    assert_eq!(overrides(&whole), [].into());
}

/// RFC 4791, section 5.2.2: the zone of a calendar is that of its floating times.
#[test]
fn case_22_a_floating_series_in_a_calendar_with_a_zone() {
    let daily = "DTSTART:20260327T090000\nDTEND:20260327T100000\nRRULE:FREQ=DAILY;UNTIL=20260330T090000\nEXDATE:20260328T090000\nSUMMARY:Walk";
    let one = "DTSTART:20260330T100000\nDTEND:20260330T110000\nSUMMARY:Walk\nRECURRENCE-ID:20260330T070000Z";
    let text = calendar(&[daily, one]);
    let read = |text: &str| {
        let mut resource = EventResource::read(text).unwrap();
        resource.float_in(Some(Tz::Europe__Berlin));
        resource
    };
    let mut resource = read(&text);
    let item = read_event(&resource).unwrap();
    assert_eq!(
        occurrences(&item),
        ["20260327T090000 08:00", "20260329T090000 07:00", "20260330T090000 08:00"]
    );
    let wanted: BTreeMap<_, _> = [
        (id("20260328T090000"), Override::Cancelled),
        (id("20260329T090000"), changed(Field::When, berlin("20260329T150000", "20260329T160000"))),
    ]
    .into();
    let until = Rule::parse("FREQ=DAILY;UNTIL=20260331T090000", item.when().unwrap()).unwrap();
    let set = BTreeMap::from([
        (Field::When, berlin("20260327T090000", "20260327T103000")),
        (Field::Recurrence, rules(until)),
        (Field::Overrides, Value::Overrides(wanted.clone())),
    ]);
    change_event(&mut resource, &set, &marker(), now()).unwrap();
    let written = resource.calendar.write();
    for line in [
        "DTEND:20260327T103000",
        "RRULE:FREQ=DAILY;UNTIL=20260331T090000",
        "EXDATE:20260328T090000",
        "RECURRENCE-ID:20260329T090000",
        "DTSTART:20260329T150000",
    ] {
        assert!(written.contains(&format!("\r\n{line}\r\n")), "{line} in {written}");
    }
    assert!(!written.contains("VTIMEZONE"), "{written}");
    assert_eq!(read_event(&read(&written)).unwrap().overrides(), Some(&wanted));
}

#[test]
fn case_18_one_occurrence_alone_is_an_appointment_until_its_series_arrives() {
    let one = "SUMMARY:Jour fixe\nDTSTART;TZID=Europe/Berlin:20260330T110000\nDTEND;TZID=Europe/Berlin:20260330T120000\nRECURRENCE-ID:20260330T070000Z";
    let mut resource = EventResource::read(&calendar(&[one])).unwrap();
    let item = read_event(&resource).unwrap();
    assert_eq!((item.uid.as_deref(), item.is_recurring()), (Some("u#20260330T090000"), false));
    set(&mut resource, Field::When, berlin("20260330T150000", "20260330T160000"));
    let written = resource.calendar.write();
    assert!(written.contains("\r\nRECURRENCE-ID:20260330T070000Z\r\n"), "{written}");
    let rule = rules(Rule::parse("FREQ=DAILY", item.when().unwrap()).unwrap());
    assert!(change_event(&mut resource, &[(Field::Recurrence, rule)].into(), &marker(), now()).is_err());
    // The series arrives.
    let series = read(&[MONDAYS, one]);
    assert_eq!(series.uid.as_deref(), Some("u"));
    assert_eq!(overrides(&series).keys().collect::<Vec<_>>(), [&id("20260330T090000")]);
    assert_held("several occurrences", &[one, &one.replace("0330T070000Z", "0406T070000Z")]);
    assert_held("RANGE", &[&one.replace("-ID", "-ID;RANGE=THISANDFUTURE")]);
}

/// RFC 5545, section 3.3.12: the second 60 is "equivalent to the second 59" where there are no leap seconds.
#[test]
fn a_leap_second_names_the_occurrence_of_the_second_before_it() {
    let series = |second: &str| {
        let one = format!(
            "DTSTART:20261228T2359{second}Z\nDURATION:PT1H\nSUMMARY:Late\nRRULE:FREQ=DAILY;UNTIL=20270102T2359{second}Z\n\
             EXDATE:20261230T2359{second}Z"
        );
        let moved = format!(
            "DTSTART:20261231T120000Z\nDURATION:PT1H\nSUMMARY:Early\nRECURRENCE-ID:20261231T2359{second}Z"
        );
        read(&[&one, &moved])
    };
    let (leap, before) = (series("60"), series("59"));
    assert_eq!((overrides(&leap), occurrences(&leap)), (overrides(&before), occurrences(&before)));
    assert_eq!((overrides(&leap).len(), ids(&leap).len()), (2, 5));
}

#[test]
fn case_20_a_zone_is_known_by_its_rules_or_the_series_is_held() {
    let zone = |daylight: &str| {
        format!(
            "BEGIN:VTIMEZONE\r\nTZID:Customized Time Zone\r\nBEGIN:STANDARD\r\nDTSTART:16010101T030000\r\nTZOFFSETFROM:{daylight}\r\nTZOFFSETTO:+0100\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=10\r\nEND:STANDARD\r\nBEGIN:DAYLIGHT\r\nDTSTART:16010101T020000\r\nTZOFFSETFROM:+0100\r\nTZOFFSETTO:{daylight}\r\nRRULE:FREQ=YEARLY;BYDAY=-1SU;BYMONTH=3\r\nEND:DAYLIGHT\r\nEND:VTIMEZONE\r\nBEGIN:VEVENT"
        )
    };
    let text = calendar(&[&MONDAYS.replace("Europe/Berlin", "Customized Time Zone")]);
    let with = |zone: String| {
        read_event(&EventResource::read(&text.replacen("BEGIN:VEVENT", &zone, 1)).unwrap()).unwrap()
    };
    assert_eq!(occurrences(&with(zone("+0200"))), occurrences(&read(&[MONDAYS])));
    // As instants a series would wander with summer time.
    let odd = with(zone("+0217"));
    assert!(odd.text(Field::Recurrence).unwrap().contains("time zone"), "{odd:?}");
}

#[test]
fn case_22_a_floating_series_stays_floating() {
    let daily = "DTSTART:20260316T090000\nDTEND:20260316T100000\nRRULE:FREQ=DAILY;UNTIL=20260319T090000\nEXDATE:20260317T090000";
    let mut resource = EventResource::read(&calendar(&[daily])).unwrap();
    let item = read_event(&resource).unwrap();
    assert_eq!(ids(&item), ["20260316T090000", "20260318T090000", "20260319T090000"]);
    let mut wanted = overrides(&item);
    wanted.insert(id("20260318T090000"), changed(Field::Location, Value::text("Room 1")));
    wanted.insert(id("20260319T090000"), Override::Cancelled);
    set(&mut resource, Field::Overrides, Value::Overrides(wanted));
    let until = Rule::parse("FREQ=DAILY;UNTIL=20260320T090000", item.when().unwrap()).unwrap();
    set(&mut resource, Field::Recurrence, rules(until));
    let written = resource.calendar.write();
    for line in
        ["RECURRENCE-ID:20260318T090000", "EXDATE:20260319T090000", "RRULE:FREQ=DAILY;UNTIL=20260320T090000"]
    {
        assert!(written.contains(&format!("\r\n{line}\r\n")), "{line} in {written}");
    }
}

#[test]
fn case_23_an_occurrence_over_a_change_of_clocks_is_as_long_as_it_says() {
    let nights = "DTSTART;TZID=Europe/Berlin:20260327T220000\nDTEND;TZID=Europe/Berlin:20260328T060000\nRRULE:FREQ=DAILY;COUNT=3";
    for (end, lasts) in [("060000", "20260329T060000"), ("070000", "20260329T070000")] {
        let one = format!(
            "DTSTART;TZID=Europe/Berlin:20260328T220000\nDTEND;TZID=Europe/Berlin:20260329T{end}\nRECURRENCE-ID;TZID=Europe/Berlin:20260328T220000"
        );
        // As long on the wall, or by the watch: both are told.
        let item = read(&[nights, &one]);
        let wanted = changed(Field::When, berlin("20260328T220000", lasts));
        assert_eq!(overrides(&item), [(id("20260328T220000"), wanted)].into());
    }
}

#[test]
fn case_24_an_occurrence_without_length_is_kept() {
    let item = read(&[
        "DTSTART:20260316T090000Z\nRRULE:FREQ=DAILY;COUNT=2",
        "DTSTART:20260317T100000Z\nRECURRENCE-ID:20260317T090000Z",
    ]);
    let moved = Value::When(When::Timed {
        start: wall("20260317T100000"),
        end: wall("20260317T100000"),
        zone: Tz::UTC,
    });
    assert_eq!(overrides(&item), [(id("20260317T090000"), changed(Field::When, moved))].into());
    let early = "DTSTART:20260317T100000Z\nDTEND:20260317T090000Z\nRECURRENCE-ID:20260317T090000Z";
    assert_held("ends before it starts", &["DTSTART:20260316T090000Z\nRRULE:FREQ=DAILY;COUNT=2", early]);
}

#[test]
fn what_cannot_be_told_without_a_doubt_is_held() {
    let one = |of: &str| format!("DTSTART;TZID=Europe/Berlin:20260330T100000\n{of}:20260330T070000Z");
    assert_held("RANGE", &[MONDAYS, &one("RECURRENCE-ID;RANGE=THISANDFUTURE")]);
    assert_held("2 rules", &[&mondays("RRULE:FREQ=DAILY")]);
    assert_held("EXRULE", &[&mondays("EXRULE:FREQ=MONTHLY")]);
    assert_held("frequency", &[&MONDAYS.replace("FREQ=WEEKLY;", "")]);
    assert_held("RSCALE", &[&MONDAYS.replace("COUNT=4", "RSCALE=GREGORIAN;SKIP=FORWARD")]);
    assert_held("another length", &[&mondays("RDATE;VALUE=PERIOD:20260401T070000Z/PT2H")]);
    assert_held("twice", &[MONDAYS, &one("RECURRENCE-ID"), &one("RECURRENCE-ID")]);
    assert_held("twice in one place", &[MONDAYS, MONDAYS]);
    assert_held("both changed and left out", &[&mondays("EXDATE:20260330T070000Z"), &one("RECURRENCE-ID")]);
    assert_held("none of its rule's", &[MONDAYS, &one("RECURRENCE-ID").replace("T070000Z", "T080000Z")]);
    assert_held("out of range", &[&mondays("EXDATE:99990101T000000Z")]);
    assert_held("tomorrow", &[&mondays("EXDATE:tomorrow")]);
    assert_held(
        "not known",
        &[&MONDAYS
            .replace("DTEND;TZID=Europe/Berlin:20260316T100000", "EXDATE;TZID=Nowhere:20260323T090000")],
    );
    assert_held(
        "takes place too often",
        &[
            "DTSTART:20260101T000000Z\nRRULE:FREQ=SECONDLY",
            "DTSTART:20990101T000000Z\nRECURRENCE-ID:20990101T000000Z",
        ],
    );
}

#[test]
fn what_is_left_out_of_a_single_event_says_nothing() {
    let single = "DTSTART:20260316T090000Z\nEXDATE:20260317T090000Z";
    assert_eq!(read(&[single]).get(Field::Recurrence), Some(&Value::Blank));
    let never = single.replace("20260317", "20260316");
    assert!(occurrences(&read(&[&never])).is_empty(), "nor does it take place");
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 }
}

fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap()
}

fn rules(rule: Rule) -> Value {
    Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() })
}

/// Writes, and sees that it is read as it was written.
fn set(resource: &mut EventResource, field: Field, value: Value) {
    change_event(resource, &[(field, value.clone())].into(), &marker(), now()).unwrap();
    let again = EventResource::read(&resource.calendar.write()).unwrap();
    assert_eq!(read_event(&again).unwrap().get(field).cloned(), Some(value), "{}", resource.calendar.write());
}

const MEETING: &str = "SUMMARY:Jour fixe\nDTSTART;TZID=\"W. Europe Standard Time\":20260316T090000\nDURATION:PT1H\nRRULE:FREQ=WEEKLY;COUNT=4\nSEQUENCE:3\nORGANIZER;CN=Ann:mailto:ann@x.test\nATTENDEE;PARTSTAT=ACCEPTED;X-A=1:mailto:bob@x.test\nX-THEIRS;P=\"a;b\":keep, me\nBEGIN:VALARM\nACTION:DISPLAY\nTRIGGER;VALUE=DATE-TIME:20260316T074500Z\nEND:VALARM";

#[test]
fn a_changed_occurrence_is_a_copy_of_its_series_at_its_own_time() {
    let mut resource = EventResource::read(&calendar(&[MEETING])).unwrap();
    let of = id("20260330T090000");
    set(
        &mut resource,
        Field::Overrides,
        Value::Overrides([(of, changed(Field::Location, Value::text("Room 1")))].into()),
    );
    let written = resource.calendar.write();
    let one = written.split("BEGIN:VEVENT").nth(2).unwrap();
    for line in [
        "UID:u",
        "RECURRENCE-ID;TZID=\"W. Europe Standard Time\":20260330T090000",
        "DTSTART;TZID=\"W. Europe Standard Time\":20260330T090000",
        "DTEND;TZID=\"W. Europe Standard Time\":20260330T100000",
        "SUMMARY:Jour fixe",
        "LOCATION:Room 1",
        "SEQUENCE:3",
        "ORGANIZER;CN=Ann:mailto:ann@x.test",
        "ATTENDEE;PARTSTAT=ACCEPTED;X-A=1:mailto:bob@x.test",
        "X-THEIRS;P=\"a;b\":keep, me",
        // At an instant it would go off once more for the first occurrence.
        "TRIGGER:-PT15M",
    ] {
        assert!(one.contains(&format!("\r\n{line}\r\n")), "{line} in {one}");
    }
    for gone in ["RRULE", "DURATION", "X-RIVA-MARKER"] {
        assert!(!one.contains(gone), "{gone} in {one}");
    }
    // As its series has it again: the copy goes. With something of somebody else's in it, it stays.
    let mut theirs =
        EventResource::read(&written.replace("LOCATION:Room 1", "LOCATION:Room 1\r\nX-MORE:1")).unwrap();
    set(&mut resource, Field::Overrides, Value::Blank);
    assert_eq!(resource.calendar.write().matches("BEGIN:VEVENT").count(), 1);
    set(&mut theirs, Field::Overrides, Value::Blank);
    let left = theirs.calendar.write();
    assert!(left.contains("X-MORE:1") && !left.contains("Room 1"), "{left}");
}

#[test]
fn a_field_of_the_series_is_one_of_every_occurrence_that_has_none_for_itself() {
    let one = "SUMMARY:Other\nLOCATION:Hall\nDTSTART;TZID=Europe/Berlin:20260330T090000\nDTEND;TZID=Europe/Berlin:20260330T100000\nRECURRENCE-ID;TZID=Europe/Berlin:20260330T090000";
    let series = mondays("LOCATION:Hall");
    let mut resource = EventResource::read(&calendar(&[&series, one])).unwrap();
    let before = overrides(&read_event(&resource).unwrap());
    assert_eq!(before, [(id("20260330T090000"), changed(Field::Summary, Value::text("Other")))].into());
    set(&mut resource, Field::Location, Value::text("Room 1"));
    set(&mut resource, Field::Summary, Value::text("Weekly"));
    assert_eq!(overrides(&read_event(&resource).unwrap()), before);
    let written = resource.calendar.write();
    assert_eq!(
        (written.matches("LOCATION:Room 1").count(), written.matches("SUMMARY:Other").count()),
        (2, 1)
    );
}

#[test]
fn a_series_in_another_zone_names_its_occurrences_there() {
    let one = "SUMMARY:Other\nX-THEIRS:1\nDTSTART;TZID=Europe/Berlin:20260330T090000\nDTEND;TZID=Europe/Berlin:20260330T100000\nRECURRENCE-ID:20260330T070000Z";
    let mut resource = EventResource::read(&calendar(&[&mondays("EXDATE:20260323T080000Z"), one])).unwrap();
    let before = overrides(&read_event(&resource).unwrap());
    let day = NaiveDate::from_ymd_opt(2026, 3, 16).unwrap();
    let (start, end) = (day.and_hms_opt(9, 0, 0).unwrap(), day.and_hms_opt(10, 0, 0).unwrap());
    set(&mut resource, Field::When, Value::When(When::Timed { start, end, zone: Tz::America__New_York }));
    let after = read_event(&resource).unwrap();
    assert_eq!(overrides(&after), before, "by the clock on the wall");
    let written = resource.calendar.write();
    for line in [
        "EXDATE;TZID=America/New_York:20260323T090000",
        "RECURRENCE-ID;TZID=America/New_York:20260330T090000",
        "DTSTART;TZID=America/New_York:20260330T090000",
        "BEGIN:VTIMEZONE",
        "X-THEIRS:1",
    ] {
        assert_eq!(written.matches(&format!("\r\n{line}\r\n")).count(), 1, "{line} in {written}");
    }
}

#[test]
fn what_a_calendar_cannot_hold_is_refused() {
    let mut resource = EventResource::read(&calendar(&[MONDAYS])).unwrap();
    let untouched = resource.clone();
    let rule = Rule::parse("FREQ=DAILY", read_event(&resource).unwrap().when().unwrap()).unwrap();
    let two = Recurrence { rules: vec![rule.clone(), rule], ..Recurrence::default() };
    let organizer = changed(Field::Organizer, Value::text("ann@x.test"));
    for (field, value) in [
        (Field::Recurrence, Value::Recurrence(two)),
        (Field::Recurrence, Value::text("no rule")),
        (Field::Overrides, Value::Overrides([(id("20260330T090000"), organizer)].into())),
        (
            Field::Overrides,
            Value::Overrides([(id("20260331T090000"), changed(Field::Summary, Value::text("x")))].into()),
        ),
    ] {
        let set = [(field, value)].into();
        assert!(change_event(&mut resource, &set, &marker(), now()).is_err(), "{set:?}");
        assert_eq!(resource, untouched);
    }
    // Of what is held only that is written which every event has.
    let mut held = EventResource::read(&calendar(&[&mondays("EXRULE:FREQ=MONTHLY")])).unwrap();
    for field in [Field::Recurrence, Field::Overrides] {
        assert!(change_event(&mut held, &[(field, Value::Blank)].into(), &marker(), now()).is_err());
    }
    change_event(&mut held, &[(Field::Summary, Value::text("New"))].into(), &marker(), now()).unwrap();
    assert!(held.calendar.write().contains("EXRULE:FREQ=MONTHLY\r\n"));
}
