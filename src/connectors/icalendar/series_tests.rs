//! Series as properties: what is written is read, one edit changes one thing, and a second write nothing.

use super::series::OWN;
use super::{Component, EventResource, Line, Part, change_event, new_event, read_event};
use chrono::{DateTime, Duration, NaiveDate, Utc};
use chrono_tz::Tz;
use proptest::prelude::*;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{
    Body, Element, Ends, Field, Frequency, Item, Module, NthWeekday, Override, Recurrence, RecurrenceId,
    Rule, Sensitivity, ShowAs, Value, When,
};
use riva_core::recurrence::{first, starts};
use std::collections::{BTreeMap, BTreeSet};

type Overrides = BTreeMap<RecurrenceId, Override>;
type Fields = BTreeMap<Field, Value>;

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 }
}

fn at(seconds: i64) -> DateTime<Utc> {
    DateTime::from_timestamp(1_780_000_000 + seconds, 0).unwrap()
}

/// Times of the day that no change of clocks leaves out or repeats, of appointments that do not reach over one: what they
/// do then is among the cases.
fn when() -> impl Strategy<Value = When> {
    let zone = prop::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
    ]);
    let day = (0_i64..500).prop_map(|n| NaiveDate::from_ymd_opt(2026, 1, 1).unwrap() + Duration::days(n));
    prop_oneof![
        (day.clone(), 1_i64..4)
            .prop_map(|(start, days)| When::AllDay { start, end: start + Duration::days(days) }),
        (day, 5_u32..20, 0_u32..60, 0_i64..180, zone).prop_map(|(day, hour, minute, long, zone)| {
            let start = day.and_hms_opt(hour, minute, 0).unwrap();
            When::Timed { start, end: start + Duration::minutes(long), zone }
        }),
    ]
}

fn weekday() -> impl Strategy<Value = chrono::Weekday> {
    (0_u8..7).prop_map(|n| chrono::Weekday::try_from(n).unwrap())
}

fn rule() -> impl Strategy<Value = Rule> {
    let days = prop::collection::vec(weekday(), 0..4);
    let frequency = prop::sample::select(vec![
        Frequency::Daily,
        Frequency::Weekly,
        Frequency::Monthly,
        Frequency::Yearly,
    ]);
    let ends = prop_oneof![
        Just(Ends::Never),
        (1_u32..30).prop_map(Ends::After),
        (0_i64..900).prop_map(|n| {
            Ends::Until(RecurrenceId::Day(NaiveDate::from_ymd_opt(2026, 6, 1).unwrap() + Duration::days(n)))
        }),
    ];
    (frequency, 1_u32..4, ends, days, prop::collection::vec(1_i8..31, 0..3), weekday()).prop_map(
        |(frequency, interval, ends, days, month_days, week_start)| {
            let mut rule = Rule::every(interval, frequency);
            rule.ends = ends;
            rule.week_start = week_start;
            if frequency == Frequency::Monthly {
                rule.by_month_day = month_days;
            } else if frequency != Frequency::Yearly {
                rule.by_day = days.into_iter().map(|day| NthWeekday { nth: None, day }).collect();
            }
            rule
        },
    )
}

fn text() -> impl Strategy<Value = Value> {
    "[a-zA-Zäß漢;,\\\\:\"'][a-zA-Zäß漢 ;,\\\\:\"']{0,40}[a-z]".prop_map(Value::text)
}

/// What an occurrence, or a series, shows: each field with this probability.
fn some_fields() -> impl Strategy<Value = Fields> {
    let one = prop_oneof![
        (Just(Field::Summary), text()).boxed(),
        (Just(Field::Location), text()).boxed(),
        (
            Just(Field::Body),
            text().prop_map(|v| match v {
                Value::Text(text) => Value::body(Body::plain(text)),
                other => other,
            })
        )
            .boxed(),
        (
            Just(Field::ShowAs),
            prop::sample::select(vec![ShowAs::Free, ShowAs::Busy, ShowAs::OutOfOffice])
                .prop_map(Value::ShowAs)
        )
            .boxed(),
        (Just(Field::Reminder), prop_oneof![Just(Value::Blank), (0_i64..500).prop_map(Value::Number)])
            .boxed(),
        (Just(Field::Importance), (0_i64..3).prop_map(Value::Number)).boxed(),
        (Just(Field::Status), prop::sample::select(vec!["CONFIRMED", "CANCELLED"]).prop_map(Value::text))
            .boxed(),
        (Just(Field::Sensitivity), Just(Value::Sensitivity(Sensitivity::Private))).boxed(),
        (
            Just(Field::Categories),
            "[a-z]{1,5}".prop_map(|n| Value::Set([(n.clone(), Element::plain(n))].into()))
        )
            .boxed(),
        (
            Just(Field::Attendees),
            "[a-z]{1,5}".prop_map(|n| {
                let address = format!("{n}@x.test");
                let attendee = riva_core::item::Attendee {
                    required: true,
                    participation: riva_core::item::Participation::Accepted,
                };
                let person = Element { attendee: Some(attendee), ..Element::plain(address.clone()) };
                Value::Set([(address, person)].into())
            })
        )
            .boxed(),
    ];
    prop::collection::vec(one, 0..5).prop_map(|all| all.into_iter().collect())
}

#[derive(Debug, Clone)]
enum Change {
    Cancel,
    /// Moved by so many minutes (of whole days: so many days), and other fields.
    Set(Option<i64>, Fields),
}

fn changes() -> impl Strategy<Value = Vec<(usize, Change)>> {
    let change = prop_oneof![
        1 => Just(Change::Cancel),
        3 => (prop::option::of(1_i64..60), some_fields()).prop_map(|(by, fields)| Change::Set(by, fields)),
    ];
    prop::collection::vec((0_usize..12, change), 0..5)
}

/// A series of which everything is known, as a reader tells it.
fn series() -> impl Strategy<Value = Item> {
    (when(), rule(), prop::collection::vec(1_i64..700, 0..3), 0_u32..2, some_fields(), changes()).prop_map(
        |(when, rule, dates, days, fields, changes)| {
            let mut item = Item::new(Module::Calendar);
            item.uid = Some("uid-1".into());
            let defaults = [
                (Field::ShowAs, Value::ShowAs(ShowAs::Busy)),
                (Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal)),
                (Field::Importance, Value::Number(1)),
                (Field::Status, Value::text("CONFIRMED")),
            ];
            item.fields.extend(OWN.map(|field| (field, Value::Blank)));
            item.set(Field::Organizer, Value::Blank);
            item.fields.extend(defaults);
            item.fields.extend(fields);
            if is_off(item.get(Field::Status)) {
                item.set(Field::ShowAs, Value::ShowAs(ShowAs::Free));
            }
            let dates = dates.into_iter().map(|n| later(first(&when), n)).collect();
            // So many days of it as it lasts.
            let days = match &when {
                When::Timed { start, end, .. } => {
                    days.min(u32::try_from((*end - *start).num_days()).unwrap_or(0))
                }
                When::AllDay { .. } => 0,
            };
            let recurrence = Recurrence { rules: vec![rule.canonical(first(&when))], dates, days };
            item.set(Field::When, Value::When(when.clone()));
            let ids: Vec<RecurrenceId> = starts(&when, &recurrence).take(12).map_while(Result::ok).collect();
            let mut overrides = Overrides::new();
            for (n, change) in changes {
                let Some(id) = ids.get(n % ids.len().max(1)) else { continue };
                if let Some(change) = of_occurrence(&item, &when, *id, change) {
                    overrides.insert(*id, change);
                }
            }
            item.set(Field::Recurrence, Value::Recurrence(recurrence));
            item.set(
                Field::Overrides,
                if overrides.is_empty() { Value::Blank } else { Value::Overrides(overrides) },
            );
            item
        },
    )
}

fn later(first: RecurrenceId, days: i64) -> RecurrenceId {
    match first {
        RecurrenceId::Day(day) => RecurrenceId::Day(day + Duration::days(days)),
        // At another time of the day than the rule's.
        RecurrenceId::Wall(wall) => RecurrenceId::Wall(wall + Duration::days(days) + Duration::minutes(7)),
    }
}

fn is_off(status: Option<&Value>) -> bool {
    status == Some(&Value::text("CANCELLED"))
}

/// As the engine tells it: only what differs.
fn of_occurrence(item: &Item, when: &When, id: RecurrenceId, change: Change) -> Option<Override> {
    let Change::Set(by, mut fields) = change else { return Some(Override::Cancelled) };
    fields.retain(|field, value| item.get(*field) != Some(value));
    // An occurrence that says so alone does not take place; what is off with its series takes no time.
    let status = item.get(Field::Status);
    if is_off(fields.get(&Field::Status)) && !is_off(status) {
        return Some(Override::Cancelled);
    }
    if is_off(fields.get(&Field::Status).or(status)) {
        fields.remove(&Field::ShowAs);
    }
    if let Some(by) = by {
        let moved = match (when, id) {
            (When::Timed { start, end, zone }, RecurrenceId::Wall(wall)) => {
                let start_now = wall + Duration::minutes(by);
                When::Timed { start: start_now, end: start_now + (*end - *start), zone: *zone }
            }
            (When::AllDay { start, end }, id) => {
                let day = id.day() + Duration::days(by);
                When::AllDay { start: day, end: day + (*end - *start) }
            }
            (when, _) => when.clone(),
        };
        fields.insert(Field::When, Value::When(moved));
    }
    (!fields.is_empty()).then_some(Override::Changed(fields))
}

fn read(resource: &EventResource) -> Item {
    read_event(&EventResource::read(&resource.calendar.write()).unwrap()).unwrap()
}

fn make(item: &Item) -> EventResource {
    new_event(item, "uid-1", &marker(), at(0)).unwrap()
}

/// Lines that no core field is about, in every event, as others write them.
fn with_foreign_lines(resource: &EventResource) -> EventResource {
    let mut calendar = resource.calendar.clone();
    for (n, event) in calendar.components_mut().filter(|c| c.name == "VEVENT").enumerate() {
        event.push(Line::new("X-OTHER", format!("keep {n}\\, me")).with("X-P", "a;b"));
        event.push(Line::new("COMMENT", "a;b"));
        let mut alarm = Component::new("VALARM");
        alarm.push(Line::new("ACTION", "EMAIL"));
        alarm.push(Line::new("TRIGGER", "-P1D"));
        event.parts.push(Part::Component(alarm));
    }
    EventResource::read(&calendar.write()).unwrap()
}

/// The events of a calendar, by their RECURRENCE-ID, as text.
fn events(calendar: &Component, but: &[&str]) -> BTreeMap<String, String> {
    let events = calendar.components().filter(|c| c.name == "VEVENT");
    events
        .map(|event| {
            let mut event = event.clone();
            event.remove_lines(|l| but.contains(&l.name.as_str()));
            (event.first("RECURRENCE-ID").map(|l| l.value().into_owned()).unwrap_or_default(), event.write())
        })
        .collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_series_is_read_as_it_was_written(item in series()) {
        let resource = make(&item);
        let text = resource.calendar.write();
        prop_assert!(calcard::icalendar::ICalendar::parse(&text).is_ok());
        prop_assert_eq!(read(&resource), item, "{}", text);
    }

    #[test]
    fn a_second_write_changes_nothing(item in series()) {
        let once = with_foreign_lines(&make(&item));
        let mut twice = once.clone();
        change_event(&mut twice, &read(&once).fields, &marker(), at(60)).unwrap();
        prop_assert_eq!(twice.calendar.write(), once.calendar.write());
    }

    #[test]
    fn one_series_can_become_any_other(from in series(), to in series()) {
        let mut resource = with_foreign_lines(&make(&from));
        change_event(&mut resource, &to.fields, &marker(), at(60)).unwrap();
        prop_assert_eq!(read(&resource), to, "{}", resource.calendar.write());
    }

    #[test]
    fn a_series_becomes_a_single_event_and_a_series_again(item in series()) {
        let mut resource = make(&item);
        let single = [(Field::Recurrence, Value::Blank), (Field::Overrides, Value::Blank)];
        change_event(&mut resource, &single.clone().into(), &marker(), at(60)).unwrap();
        let read_single = read(&resource);
        prop_assert!(!read_single.is_recurring());
        prop_assert_eq!(resource.calendar.components().filter(|c| c.name == "VEVENT").count(), 1);
        let again = [Field::Recurrence, Field::Overrides].map(|f| (f, item.fields[&f].clone()));
        change_event(&mut resource, &again.into(), &marker(), at(60)).unwrap();
        prop_assert_eq!(read(&resource), item);
    }

    #[test]
    fn an_edit_of_one_occurrence_leaves_every_other_line(
        item in series(),
        (n, change) in (0_usize..12, prop_oneof![
            Just(Change::Cancel),
            (prop::option::of(61_i64..90), some_fields()).prop_map(|(by, fields)| Change::Set(by, fields)),
        ]),
    ) {
        let before = with_foreign_lines(&make(&item));
        let when = item.when().unwrap().clone();
        let ids: Vec<RecurrenceId> =
            starts(&when, item.recurrence().unwrap()).take(12).map_while(Result::ok).collect();
        let id = ids[n % ids.len()];
        let mut wanted = item.overrides().cloned().unwrap_or_default();
        match of_occurrence(&item, &when, id, change) {
            Some(change) => wanted.insert(id, change),
            None => wanted.remove(&id),
        };
        let value = if wanted.is_empty() { Value::Blank } else { Value::Overrides(wanted) };
        let mut after = before.clone();
        change_event(&mut after, &[(Field::Overrides, value.clone())].into(), &marker(), at(60)).unwrap();
        let mut expected = item.clone();
        expected.set(Field::Overrides, value);
        prop_assert_eq!(read(&after), expected, "{}", after.calendar.write());
        let its = after.calendar.components().filter_map(|c| c.first("RECURRENCE-ID"));
        let its: BTreeSet<String> = its.map(|l| l.value().into_owned()).filter(|v| v.starts_with(&id.to_string())).collect();
        // The series' own event: only what is left out, and when it was written.
        let but = ["EXDATE", "DTSTAMP", "LAST-MODIFIED"];
        let (was, is) = (events(&before.calendar, &but), events(&after.calendar, &but));
        prop_assert_eq!(was.get(""), is.get(""));
        // Every other occurrence: to the letter.
        let (was, is) = (events(&before.calendar, &[]), events(&after.calendar, &[]));
        for (other, text) in &was {
            if !other.is_empty() && !other.starts_with(&id.to_string()) {
                prop_assert_eq!(is.get(other), Some(text), "{}", other);
            }
        }
        // The one that is changed has the lines of others that it had, or that its series has.
        for one in its {
            let source = was.get(&one).or(was.get("")).unwrap();
            for line in source.lines().filter(|l| l.starts_with("X-OTHER") || l.starts_with("COMMENT") || l.contains("-P1D")) {
                prop_assert!(is[&one].contains(line), "{line} in {}", is[&one]);
            }
        }
    }
}
