//! What is written is what is read again, for any event that this side can hold.

use super::{EventResource, change_event, new_event, read_event};
use chrono::{Duration, NaiveDate, NaiveDateTime};
use chrono_tz::Tz;
use proptest::prelude::*;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{
    Attendee, Body, Element, Field, Item, Module, Participation, Sensitivity, ShowAs, Value, When,
};

fn words() -> impl Strategy<Value = Value> {
    "[^\\p{C}\\p{Z}][^\\p{C}\\p{Zl}\\p{Zp}]{0,90}".prop_map(Value::text)
}

fn or_blank(s: impl Strategy<Value = Value>) -> impl Strategy<Value = Value> {
    prop_oneof![1 => Just(Value::Blank), 4 => s]
}

fn wall() -> impl Strategy<Value = NaiveDateTime> {
    (0_i64..40_000_000).prop_map(|s| {
        NaiveDate::from_ymd_opt(2025, 11, 1).unwrap().and_hms_opt(0, 0, 0).unwrap() + Duration::seconds(s)
    })
}

fn when() -> impl Strategy<Value = When> {
    let zone = prop::sample::select(vec![
        Tz::UTC,
        Tz::Europe__Berlin,
        Tz::America__New_York,
        Tz::Asia__Kolkata,
        Tz::Australia__Lord_Howe,
        Tz::America__St_Johns,
        Tz::Etc__UTC,
        Tz::Pacific__Apia,
    ]);
    prop_oneof![
        (wall(), 1_i64..9)
            .prop_map(|(at, days)| When::AllDay { start: at.date(), end: at.date() + Duration::days(days) }),
        // An hour that is there twice is taken as its first: an end in it may come before the start.
        (wall(), 0_i64..600_000, zone)
            .prop_map(|(start, s, zone)| When::Timed { start, end: start + Duration::seconds(s), zone })
            .prop_filter("ends before it starts", |w| w.utc().0 <= w.utc().1),
    ]
}

fn attendees() -> impl Strategy<Value = Value> {
    let person = ("[^\\p{C}\\p{Z}\"][^\\p{C}\\p{Z}\"]{0,20}", any::<bool>(), 0..4_u8).prop_map(
        |(label, required, p)| {
            let participation = [
                Participation::NeedsAction,
                Participation::Accepted,
                Participation::Declined,
                Participation::Tentative,
            ][usize::from(p)];
            (label, Attendee { required, participation })
        },
    );
    prop::collection::btree_map("[a-z0-9.+-]{1,10}@[a-z]{1,8}\\.test", person, 0..5).prop_map(|people| {
        Value::set(
            people
                .into_iter()
                .map(|(a, (label, attendee))| {
                    (a.clone(), Element { value: a, label, attendee: Some(attendee) })
                })
                .collect(),
        )
    })
}

fn names() -> impl Strategy<Value = Value> {
    prop::collection::btree_set("[^\\p{C}\\p{Z}]{1,12}", 0..4)
        .prop_map(|n| Value::set(n.into_iter().map(|n| (n.clone(), Element::plain(n))).collect()))
}

fn body() -> impl Strategy<Value = Value> {
    ("[^\\p{C}]{0,60}(\n[^\\p{C}]{0,90}){0,3}", prop::option::of("<p>[^\\p{C}]{0,80}</p>"))
        .prop_map(|(text, html)| Value::body(Body { text, html }))
}

fn event() -> impl Strategy<Value = Item> {
    let first = (
        or_blank(words()),
        or_blank(words()),
        body(),
        when(),
        prop::sample::select(vec![
            ShowAs::Free,
            ShowAs::Tentative,
            ShowAs::Busy,
            ShowAs::OutOfOffice,
            ShowAs::Elsewhere,
        ]),
        prop::sample::select(vec![Sensitivity::Normal, Sensitivity::Private, Sensitivity::Confidential]),
    );
    let second = (
        0..3_i64,
        prop::sample::select(vec!["CONFIRMED", "TENTATIVE", "CANCELLED"]),
        names(),
        or_blank((0..100_000_i64).prop_map(Value::Number)),
        or_blank("[a-z]{1,9}@[a-z]{1,9}\\.test".prop_map(Value::text)),
        attendees(),
    );
    (first, second).prop_map(|(a, b)| {
        let mut item = Item::new(Module::Calendar);
        item.uid = Some("uid-1".into());
        item.set(Field::Summary, a.0);
        item.set(Field::Location, a.1);
        item.set(Field::Body, a.2);
        item.set(Field::When, Value::When(a.3));
        // What is cancelled takes no time.
        let shown = if b.1 == "CANCELLED" { ShowAs::Free } else { a.4 };
        item.set(Field::ShowAs, Value::ShowAs(shown));
        item.set(Field::Sensitivity, Value::Sensitivity(a.5));
        item.set(Field::Importance, Value::Number(b.0));
        item.set(Field::Status, Value::Text(b.1.into()));
        item.set(Field::Categories, b.2);
        item.set(Field::Reminder, b.3);
        item.set(Field::Organizer, b.4);
        item.set(Field::Attendees, b.5);
        item
    })
}

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 }
}

fn read_back(resource: &EventResource) -> Item {
    let mut item = read_event(&EventResource::read(&resource.calendar.write()).unwrap()).unwrap();
    // Blank of a single event.
    item.fields.retain(|field, _| !matches!(field, Field::Recurrence | Field::Overrides));
    item
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn what_is_written_is_read(item in event()) {
        let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let resource = new_event(&item, "uid-1", &marker(), now).unwrap();
        let text = resource.calendar.write();
        prop_assert!(calcard::icalendar::ICalendar::parse(&text).is_ok());
        prop_assert!(text.split("\r\n").all(|l| l.len() <= 75));
        prop_assert_eq!(read_back(&resource), item);
    }

    #[test]
    fn one_event_can_become_any_other(from in event(), to in event()) {
        let now = chrono::DateTime::from_timestamp(1_780_000_000, 0).unwrap();
        let mut resource = new_event(&from, "uid-1", &marker(), now).unwrap();
        change_event(&mut resource, &to.fields, &marker(), now).unwrap();
        prop_assert_eq!(read_back(&resource), to);
    }
}
