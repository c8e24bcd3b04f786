//! What is written reads back the same, and is in the order of the schema.

use super::event::EventStyle;
use super::shape::{Change, read_marker};
use super::soap::ServerVersion;
use super::xml::{Node, Read as _, readable};
use super::{contact, event, task};
use chrono::{Duration, NaiveDate};
use chrono_tz::Tz;
use proptest::collection::btree_map;
use proptest::prelude::*;
use riva_core::ids::{Marker, PairId};
use riva_core::item::{
    Address, Body, Completion, Element, Field, Frequency, Item, Module, Name, Organization, Rule,
    Sensitivity, ShowAs, TaskStatus, Value, When,
};
use std::collections::BTreeMap;

const STYLE: EventStyle =
    EventStyle { version: ServerVersion::Exchange2013, all_day_zone: Tz::Europe__Berlin };

fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::from_u128(7)), generation: 2 }
}

/// As a server would show it: what is written, in its namespaces.
fn shown<R>(node: &Node, look: impl FnOnce(roxmltree::Node<'_, '_>) -> R) -> R {
    let wrapped = Node::new("t:Items")
        .with("xmlns:t", "http://schemas.microsoft.com/exchange/services/2006/types")
        .child(node.clone());
    let text = readable(&wrapped.write());
    let doc = roxmltree::Document::parse(&text).unwrap();
    look(doc.root_element().first_element_child().unwrap())
}

/// The order in which `types.xsd` wants the elements of a contact and of an event.
const SCHEMA_ORDER: &str = "ItemClass Subject Sensitivity Body Categories Importance ReminderDueBy ReminderIsSet \
    ReminderMinutesBeforeStart ExtendedProperty FileAs FileAsMapping DisplayName GivenName MiddleName Nickname \
    CompanyName EmailAddresses PhysicalAddresses PhoneNumbers AssistantName Birthday BusinessHomePage Department \
    Generation JobTitle Manager SpouseName Surname WeddingAnniversary UID Start End IsAllDayEvent \
    LegacyFreeBusyStatus Location StartTimeZone EndTimeZone CompleteDate DueDate PercentComplete StartDate Status";

fn assert_in_order(node: &Node) {
    let place = |n: &Node| {
        let name = n.name.trim_start_matches("t:");
        SCHEMA_ORDER
            .split_whitespace()
            .position(|s| s == name)
            .unwrap_or_else(|| panic!("{name} is not known"))
    };
    assert!(
        node.children.iter().map(place).is_sorted(),
        "{:?}",
        node.children.iter().map(|n| n.name).collect::<Vec<_>>()
    );
}

fn word() -> impl Strategy<Value = String> {
    // Letters of several scripts, and what XML has to escape; trimmed as values are.
    "[A-Za-zäß漢&<>'\"][A-Za-z0-9 äß漢é&<>'\"]{0,12}[A-Za-z0-9&<>]"
}

fn part() -> impl Strategy<Value = String> {
    prop_oneof![Just(String::new()), word()]
}

fn text() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Blank), word().prop_map(Value::Text)]
}

fn day() -> impl Strategy<Value = NaiveDate> {
    (0..60_000_i64).prop_map(|n| NaiveDate::from_ymd_opt(1900, 1, 1).unwrap() + Duration::days(n))
}

fn set(keys: &'static [&'static str], value: impl Strategy<Value = String>) -> impl Strategy<Value = Value> {
    btree_map(prop::sample::select(keys), value, 0..keys.len()).prop_map(|found| {
        Value::set(found.into_iter().map(|(k, v)| (k.to_owned(), Element::plain(v))).collect())
    })
}

fn unless_default<T: Default + PartialEq>(value: T, wrap: impl Fn(T) -> Value) -> Value {
    if value == T::default() { Value::Blank } else { wrap(value) }
}

fn name() -> impl Strategy<Value = Value> {
    (part(), part(), part(), part(), part()).prop_map(|(prefix, given, middle, family, suffix)| {
        unless_default(Name { prefix, given, middle, family, suffix }, Value::Name)
    })
}

fn organization() -> impl Strategy<Value = Value> {
    (part(), part(), part()).prop_map(|(name, department, title)| {
        unless_default(Organization { name, department, title }, Value::Organization)
    })
}

fn address() -> impl Strategy<Value = Value> {
    (part(), part(), part(), part(), part()).prop_map(|(street, city, region, postcode, country)| {
        unless_default(Address { street, city, region, postcode, country }, Value::Address)
    })
}

fn date() -> impl Strategy<Value = Value> {
    prop_oneof![Just(Value::Blank), day().prop_map(Value::Date)]
}

fn body() -> impl Strategy<Value = Value> {
    prop_oneof![Just(String::new()), word(), (word(), word()).prop_map(|(a, b)| format!("{a}\n\n{b}"))]
        .prop_map(|t| Value::body(Body::plain(t)))
}

fn categories() -> impl Strategy<Value = Value> {
    prop::collection::btree_set(word(), 0..3)
        .prop_map(|names| Value::set(names.into_iter().map(|n| (n.clone(), Element::plain(n))).collect()))
}

fn sensitivity() -> impl Strategy<Value = Value> {
    prop::sample::select(&[Sensitivity::Normal, Sensitivity::Private, Sensitivity::Confidential][..])
        .prop_map(Value::Sensitivity)
}

fn a_contact() -> impl Strategy<Value = Item> {
    let mail = "[a-z]{1,8}@[a-z]{1,8}\\.example";
    let phones = &["work", "work2", "home", "home2", "mobile", "workFax", "homeFax", "other", "pager"];
    let first =
        (name(), word(), text(), organization(), set(&["1", "2", "3"], mail), set(phones, "\\+[0-9]{4,10}"));
    let second =
        (address(), address(), address(), set(&["1"], "https://[a-z]{1,8}\\.example"), date(), date());
    let third = (body(), categories(), text(), text(), text(), sensitivity());
    (first, second, third).prop_map(|(a, b, c)| {
        let mut item = Item::new(Module::Contacts);
        let values = [
            (Field::Name, a.0),
            (Field::DisplayName, Value::Text(a.1)),
            (Field::Nickname, a.2),
            (Field::Organization, a.3),
            (Field::Emails, a.4),
            (Field::Phones, a.5),
            (Field::WorkAddress, b.0),
            (Field::HomeAddress, b.1),
            (Field::OtherAddress, b.2),
            (Field::Urls, b.3),
            (Field::Birthday, b.4),
            (Field::Anniversary, b.5),
            (Field::Notes, c.0),
            (Field::Categories, c.1),
            (Field::Manager, c.2),
            (Field::Assistant, c.3),
            (Field::Spouse, c.4),
            (Field::Sensitivity, c.5),
        ];
        item.fields = BTreeMap::from(values);
        item
    })
}

/// Zones that are the first of their Windows zone: the others come back under that one's name.
const ZONES: [Tz; 5] =
    [Tz::Europe__Berlin, Tz::America__New_York, Tz::Asia__Tokyo, Tz::Australia__Sydney, Tz::UTC];

fn when() -> impl Strategy<Value = Value> {
    let timed = (day(), 0..24 * 60_i64, 0..3000_i64, prop::sample::select(&ZONES[..])).prop_map(
        |(day, minute, length, zone)| {
            // Made from an instant, so that the wall time exists and is not the second of two.
            let start = day.and_hms_opt(0, 0, 0).unwrap().and_utc() + Duration::minutes(minute);
            When::timed(start, start + Duration::minutes(length), zone)
        },
    );
    let first_of_two = timed.prop_filter("an hour that the autumn repeats has two instants", |when| {
        let (start, end) = when.utc();
        let When::Timed { zone, .. } = when else { return true };
        When::timed(start, end, *zone) == *when && start <= end
    });
    let all_day =
        (day(), 1..5_i64).prop_map(|(start, days)| When::AllDay { start, end: start + Duration::days(days) });
    prop_oneof![first_of_two, all_day].prop_map(Value::When)
}

fn an_event() -> impl Strategy<Value = Item> {
    let show_as = prop::sample::select(
        &[ShowAs::Free, ShowAs::Tentative, ShowAs::Busy, ShowAs::OutOfOffice, ShowAs::Elsewhere][..],
    );
    let reminder = prop_oneof![Just(Value::Blank), (0..10_000_i64).prop_map(Value::Number)];
    (text(), body(), text(), when(), show_as, reminder, sensitivity(), 0..3_i64, categories()).prop_map(|v| {
        let mut item = Item::new(Module::Calendar);
        item.fields = BTreeMap::from([
            (Field::Summary, v.0),
            (Field::Body, v.1),
            (Field::Location, v.2),
            (Field::When, v.3),
            (Field::ShowAs, Value::ShowAs(v.4)),
            (Field::Reminder, v.5),
            (Field::Sensitivity, v.6),
            (Field::Importance, Value::Number(v.7)),
            (Field::Categories, v.8),
        ]);
        item
    })
}

fn a_task() -> impl Strategy<Value = Item> {
    let status = prop::sample::select(
        &[
            TaskStatus::NotStarted,
            TaskStatus::InProgress,
            TaskStatus::Completed,
            TaskStatus::Waiting,
            TaskStatus::Deferred,
        ][..],
    );
    let done = (status, prop::option::of(day()), 0..100_u8).prop_map(|(status, on, percent)| {
        let done = status == TaskStatus::Completed;
        // The server says 100 of what is done; here there is none.
        Completion { status, on: on.filter(|_| done), percent: (!done).then_some(percent) }
    });
    let reminder = prop_oneof![Just(Value::Blank), (0..60_000_000_i64).prop_map(Value::Number)];
    (text(), body(), date(), date(), done, sensitivity(), 0..3_i64, categories(), reminder).prop_map(|v| {
        let mut item = Item::new(Module::Tasks);
        item.fields = BTreeMap::from([
            (Field::Summary, v.0),
            (Field::Body, v.1),
            (Field::StartDate, v.2),
            (Field::DueDate, v.3),
            (Field::Completion, Value::Completion(v.4)),
            (Field::Sensitivity, v.5),
            (Field::Importance, Value::Number(v.6)),
            (Field::Categories, v.7),
            (Field::Reminder, v.8),
        ]);
        item
    })
}

/// What a server makes of updates: every property is set or cleared by its path.
fn paths(changes: &[Change]) -> Vec<String> {
    changes.iter().map(|c| format!("{:?}", c.path)).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    #[test]
    fn contacts_come_back_as_they_went(item in a_contact()) {
        let node = contact::new(&item, marker()).unwrap();
        assert_in_order(&node);
        let (back, found) = shown(&node, |n| (contact::read(n), read_marker(n)));
        prop_assert_eq!(back.fields, item.fields);
        prop_assert_eq!(found, Some(marker()));
    }

    #[test]
    fn events_come_back_as_they_went(item in an_event()) {
        let node = event::new(&item, marker(), STYLE).unwrap();
        assert_in_order(&node);
        let (back, found) = shown(&node, |n| (event::read(n).unwrap(), read_marker(n)));
        for (field, value) in &item.fields {
            prop_assert_eq!(back.get(*field), Some(value), "{}", field);
        }
        prop_assert_eq!(found, Some(marker()));
    }

    #[test]
    fn tasks_come_back_as_they_went(item in a_task()) {
        let node = task::new(&item, marker()).unwrap();
        assert_in_order(&node);
        let (back, found) = shown(&node, |n| (task::read(n), read_marker(n)));
        for (field, value) in &item.fields {
            prop_assert_eq!(back.get(*field), Some(value), "{}", field);
        }
        prop_assert_eq!(found, Some(marker()));
    }

    #[test]
    fn an_update_touches_each_property_once_and_none_that_is_equal(new in a_contact(), old in a_contact()) {
        let mut all = Vec::new();
        for (field, value) in &new.fields {
            all.extend(contact::changes(*field, value, old.get(*field)).unwrap());
        }
        let mut names = paths(&all);
        names.sort();
        let many = names.len();
        names.dedup();
        prop_assert_eq!(many, names.len());
        let same = contact::changes(Field::Phones, new.get(Field::Phones).unwrap(), new.get(Field::Phones)).unwrap();
        prop_assert!(same.is_empty());
        for change in all {
            let cleared = change.content.is_none();
            let node = change.update("t:Contact");
            prop_assert_eq!(node.name == "t:DeleteItemField", cleared);
            // SetItemField: the path, then an item with this one property.
            prop_assert_eq!(node.children.len(), if cleared { 1 } else { 2 });
        }
    }
}

#[test]
fn days_are_days_whoever_wrote_them() {
    for (written, day) in [
        ("1980-05-10T00:00:00Z", "1980-05-10"),
        ("1980-05-10T11:59:00Z", "1980-05-10"),
        ("1980-05-09T22:00:00Z", "1980-05-10"),
        ("1980-05-10T05:00:00Z", "1980-05-10"),
        ("1980-05-10", "1980-05-10"),
    ] {
        let xml = format!("<Contact><Birthday>{written}</Birthday></Contact>");
        let doc = roxmltree::Document::parse(&xml).unwrap();
        let item = contact::read(doc.root_element());
        assert_eq!(item.get(Field::Birthday), Some(&Value::Date(day.parse().unwrap())), "{written}");
        assert_eq!(item.get(Field::Anniversary), Some(&Value::Blank), "asked for and absent is empty");
    }
}

/// Case 25: a day is a day, in whatever zone the server thinks.
#[test]
fn case_25_the_days_of_a_task_are_days() {
    let xml = "<Task><Subject>x</Subject><DueDate>2026-12-05T00:00:00Z</DueDate><StartDate>2026-11-30T23:00:00Z</StartDate>\
               <Status>Completed</Status><PercentComplete>100</PercentComplete><CompleteDate>2026-12-03T00:00:00Z</CompleteDate></Task>";
    let doc = roxmltree::Document::parse(xml).unwrap();
    let item = task::read(doc.root_element());
    let date = |text: &str| Value::Date(text.parse().unwrap());
    assert_eq!(item.get(Field::DueDate), Some(&date("2026-12-05")));
    assert_eq!(item.get(Field::StartDate), Some(&date("2026-12-01")), "midnight in Berlin");
    let done = Completion {
        status: TaskStatus::Completed,
        on: Some("2026-12-03".parse().unwrap()),
        percent: Some(100),
    };
    assert_eq!(item.get(Field::Completion), Some(&Value::Completion(done)));
    assert!(!item.is_recurring());
    let xml = "<Task><IsRecurring>true</IsRecurring></Task>";
    let doc = roxmltree::Document::parse(xml).unwrap();
    assert!(task::read(doc.root_element()).is_recurring());
}

#[test]
fn times_out_of_the_calendar_are_none() {
    for written in ["+262142-12-31T23:59:59Z", "-0001-01-01T00:00:00Z", "+262142-12"] {
        let xml = format!(
            "<Contact><Birthday>{written}</Birthday><Start>2026-12-01T08:00:00Z</Start><End>{written}</End></Contact>"
        );
        let doc = roxmltree::Document::parse(&xml).unwrap();
        assert_eq!(contact::read(doc.root_element()).get(Field::Birthday), Some(&Value::Blank), "{written}");
        assert!(event::read(doc.root_element()).is_err(), "{written}");
    }
}

#[test]
fn a_label_without_a_place_is_refused_rather_than_lost() {
    let phones = Value::set(BTreeMap::from([("satellite".to_owned(), Element::plain("1"))]));
    assert_eq!(contact::changes(Field::Phones, &phones, None), None);
}

#[test]
fn a_recorded_series_and_its_invitees_are_read() {
    let xml = r#"<t:CalendarItem xmlns:t="http://schemas.microsoft.com/exchange/services/2006/types">
      <t:ItemId Id="AAMk=" ChangeKey="DwAAABYA"/><t:Subject>Jour fixe</t:Subject>
      <t:Body BodyType="Text">Agenda&#xD;
follows&#xD;
</t:Body>
      <t:UID>040000008200E00074C5B7101A82E00800000000000000000000000000000000000000001F0000007643616C2D556964010000006162632D3132334065782E6F726700</t:UID>
      <t:Start>2026-10-24T22:00:00Z</t:Start><t:End>2026-10-25T23:00:00Z</t:End>
      <t:IsAllDayEvent>true</t:IsAllDayEvent><t:LegacyFreeBusyStatus>OOF</t:LegacyFreeBusyStatus>
      <t:IsRecurring>false</t:IsRecurring><t:CalendarItemType>RecurringMaster</t:CalendarItemType>
      <t:Organizer><t:Mailbox><t:Name>Ann</t:Name><t:EmailAddress>Ann@Example.com</t:EmailAddress></t:Mailbox></t:Organizer>
      <t:RequiredAttendees><t:Attendee><t:Mailbox><t:Name>Bob</t:Name><t:EmailAddress>BOB@example.com</t:EmailAddress></t:Mailbox>
        <t:ResponseType>Decline</t:ResponseType></t:Attendee></t:RequiredAttendees>
      <t:Recurrence><t:DailyRecurrence><t:Interval>3</t:Interval></t:DailyRecurrence><t:NoEndRecurrence><t:StartDate>2026-10-25+02:00</t:StartDate></t:NoEndRecurrence></t:Recurrence>
      <t:StartTimeZone Id="W. Europe Standard Time" Name="x"/></t:CalendarItem>"#;
    let doc = roxmltree::Document::parse(xml).unwrap();
    let item = event::read(doc.root_element()).unwrap();
    assert_eq!(item.uid.as_deref(), Some("abc-123@ex.org"));
    // 25 hours between two midnights in Berlin: one day.
    let day = |text: &str| text.parse().unwrap();
    assert_eq!(item.when(), Some(&When::AllDay { start: day("2026-10-25"), end: day("2026-10-26") }));
    assert_eq!(item.get(Field::Body), Some(&Value::Body(Body::plain("Agenda\nfollows"))));
    assert_eq!(item.recurrence().unwrap().rules, [Rule::every(3, Frequency::Daily)]);
    assert!(item.is_recurring());
    assert_eq!(item.text(Field::Organizer), Some("ann@example.com"));
    assert_eq!(item.set_elements(Field::Attendees).unwrap()["bob@example.com"].label, "Bob");
    assert_eq!(item.get(Field::Location), Some(&Value::Blank));
}

#[test]
fn a_zone_known_by_its_rules_alone_keeps_wall_time() {
    let xml = r#"<CalendarItem><Start>2026-07-01T07:00:00Z</Start><End>2026-07-01T08:00:00Z</End>
      <StartTimeZone Id="Customized Time Zone"><Periods><Period Bias="-PT1H" Name="Standard" Id="s"/>
      <Period Bias="-PT2H" Name="Daylight" Id="d"/></Periods></StartTimeZone></CalendarItem>"#;
    let doc = roxmltree::Document::parse(xml).unwrap();
    let item = event::read(doc.root_element()).unwrap();
    let Some(When::Timed { start, .. }) = item.when() else { panic!("{item:?}") };
    assert_eq!(start.to_string(), "2026-07-01 09:00:00");
    assert!(doc.root_element().one("StartTimeZone").is_some());
}
