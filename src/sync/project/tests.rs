//! What one side can hold of the other side's values, by example.

use super::*;
use crate::capable::capable;
use riva_core::item::{Element, Module};
use riva_core::ports::SeriesSupport;

fn caps(parts: &[(Field, &[&str])]) -> ModuleCapabilities {
    ModuleCapabilities {
        max_len: BTreeMap::from([(Field::Summary, 5)]),
        parts: parts.iter().map(|(f, p)| (*f, p.iter().map(|s| (*s).to_owned()).collect())).collect(),
        ..capable(Field::ALL.iter().copied(), SeriesSupport::None)
    }
}

#[test]
fn a_part_that_the_source_cannot_hold_stays() {
    let poor = caps(&[(Field::Name, &["given", "family"])]);
    let rich = caps(&[]);
    let now =
        Value::Name(Name { given: "Ann".into(), middle: "B".into(), family: "C".into(), ..Name::default() });
    let new = Value::Name(Name { given: "Anna".into(), family: "C".into(), ..Name::default() });
    let mapped = map(Field::Name, &new, &poor, &rich, Some(&now)).expect("a name");
    assert_eq!(
        mapped,
        Value::Name(Name { given: "Anna".into(), middle: "B".into(), family: "C".into(), ..Name::default() })
    );
    let back = map(Field::Name, &mapped, &rich, &poor, Some(&new)).expect("a name");
    assert_eq!(back, new);
}

#[test]
fn a_side_with_few_words_for_a_task_leaves_the_others_alone() {
    let poor = caps(&[(Field::Completion, &["not-started", "in-progress", "completed"])]);
    let rich = caps(&[]);
    let done = |status, percent| Value::Completion(Completion { status, on: None, percent });
    let waiting = done(TaskStatus::Waiting, Some(40));
    assert_eq!(
        map(Field::Completion, &waiting, &rich, &poor, None),
        Some(done(TaskStatus::InProgress, None))
    );
    let back = |value: &Value| map(Field::Completion, value, &poor, &rich, Some(&waiting));
    assert_eq!(back(&done(TaskStatus::InProgress, None)), Some(waiting.clone()));
    assert_eq!(back(&done(TaskStatus::Completed, None)), Some(done(TaskStatus::Completed, Some(100))));
    let finished = done(TaskStatus::Completed, Some(100));
    let undone = map(Field::Completion, &done(TaskStatus::InProgress, None), &poor, &rich, Some(&finished));
    assert_eq!(undone, Some(done(TaskStatus::InProgress, None)));
    // Nothing becomes done by want of a word.
    let given_up = done(TaskStatus::Cancelled, None);
    assert_eq!(
        map(Field::Completion, &given_up, &rich, &poor, None),
        Some(done(TaskStatus::NotStarted, None))
    );
}

#[test]
fn what_a_side_has_no_word_for_is_not_written_and_stays_where_it_was() {
    let rich = caps(&[]);
    let poor = caps(&[(Field::Completion, &["in-progress"]), (Field::Importance, &["normal", "high"])]);
    let none = caps(&[(Field::Completion, &["completed"]), (Field::Importance, &[])]);
    let done = |status| Value::Completion(Completion { status, on: None, percent: None });
    let to = |field, value: Value, target| map(field, &value, &rich, target, None);
    assert_eq!(to(Field::Completion, done(TaskStatus::Completed), &poor), None);
    assert_eq!(to(Field::Completion, done(TaskStatus::Waiting), &poor), Some(done(TaskStatus::InProgress)));
    // It may be open in a word of its own.
    assert_eq!(to(Field::Completion, done(TaskStatus::Deferred), &poor), Some(done(TaskStatus::NotStarted)));
    assert_eq!(to(Field::Completion, done(TaskStatus::NotStarted), &none), None);
    let [low, normal, high] = Importance::ALL.map(Importance::value);
    assert_eq!(to(Field::Importance, low.clone(), &poor), None);
    assert_eq!(to(Field::Importance, high.clone(), &poor), Some(high.clone()));
    assert_eq!(to(Field::Importance, normal.clone(), &none), None);
    let back = |value: &Value, current: &Value| map(Field::Importance, value, &poor, &rich, Some(current));
    assert_eq!(back(&normal, &low), Some(low.clone()));
    assert_eq!(back(&normal, &high), Some(normal));
    assert_eq!(back(&high, &low), Some(high));
}

#[test]
fn a_long_text_is_cut_and_known_to_be() {
    let side = caps(&[]);
    let long = Value::text("more than five");
    assert_eq!(map(Field::Summary, &long, &side, &side, None), Some(Value::text("more")));
    assert!(would_lose_tail(Field::Summary, Some(&long), &side));
    assert!(!would_lose_tail(Field::Summary, Some(&Value::text("five")), &side));
}

/// A group of so many parts, each a word of its own.
struct Group {
    field: Field,
    parts: &'static [&'static str],
    value: fn(&[String]) -> Value,
}

const GROUPS: [Group; 3] = [
    Group {
        field: Field::Name,
        parts: &["prefix", "given", "middle", "family", "suffix"],
        value: |p| {
            let [prefix, given, middle, family, suffix] = <[String; 5]>::try_from(p.to_vec()).expect("five");
            Value::Name(Name { prefix, given, middle, family, suffix })
        },
    },
    Group {
        field: Field::Organization,
        parts: &["name", "department", "title"],
        value: |p| {
            let [name, department, title] = <[String; 3]>::try_from(p.to_vec()).expect("three");
            Value::Organization(Organization { name, department, title })
        },
    },
    Group {
        field: Field::WorkAddress,
        parts: &["street", "city", "region", "postcode", "country"],
        value: |p| {
            let [street, city, region, postcode, country] =
                <[String; 5]>::try_from(p.to_vec()).expect("five");
            Value::Address(Address { street, city, region, postcode, country })
        },
    },
];

/// Every choice of parts that a side may have, as source and as target.
#[test]
fn of_a_group_just_those_parts_go_over_that_both_sides_have() {
    for Group { field, parts, value } in GROUPS {
        let rich = caps(&[]);
        let words =
            |which: &str| -> Vec<String> { parts.iter().map(|part| format!("{which} {part}")).collect() };
        for held in 0_u32..1 << parts.len() {
            let has = |n: &usize| held & (1 << n) != 0;
            let some: Vec<&str> = (0..parts.len()).filter(has).map(|n| parts[n]).collect();
            let poor = caps(&[(field, &some)]);
            // Where the part is held it is one text, where not the other.
            let mixed = |held: &[String], else_: &[String]| -> Vec<String> {
                (0..parts.len()).map(|n| if has(&n) { held[n].clone() } else { else_[n].clone() }).collect()
            };
            let (new, now) = (words("new"), words("now"));
            let nothing = vec![String::new(); parts.len()];
            let whole = |parts: Vec<String>| {
                if parts.iter().all(String::is_empty) { Value::Blank } else { value(&parts) }
            };
            let to_rich = |new: &Value| map(field, new, &poor, &rich, Some(&value(&now)));
            assert_eq!(to_rich(&value(&new)), Some(whole(mixed(&new, &now))), "{field}: from {some:?}");
            assert_eq!(to_rich(&Value::Blank), Some(whole(mixed(&nothing, &now))), "{field}: from {some:?}");
            let to_poor = map(field, &value(&new), &rich, &poor, None);
            assert_eq!(to_poor, Some(whole(mixed(&new, &nothing))), "{field}: to {some:?}");
        }
    }
}

#[test]
fn a_text_that_just_fits_is_not_cut() {
    let side = caps(&[]);
    let fits = Value::text("fives");
    assert_eq!(map(Field::Summary, &fits, &side, &side, None), Some(fits.clone()));
    assert!(!would_lose_tail(Field::Summary, Some(&fits), &side));
    let short = ModuleCapabilities { max_len: [(Field::Body, 5)].into(), ..caps(&[]) };
    let body = |text: &str| Value::Body(Body { text: text.into(), html: Some(format!("<b>{text}</b>")) });
    let to_short = |text| map(Field::Body, &body(text), &side, &short, None);
    assert_eq!(to_short("fives"), Some(body("fives")), "with its mark-up");
    assert_eq!(to_short("longer"), Some(Value::Body(Body::plain("longe"))));
}

fn at(start: &str, end: &str, zone: chrono_tz::Tz) -> Value {
    let instant = |text: &str| text.parse().expect("an instant");
    Value::When(When::timed(instant(start), instant(end), zone))
}

#[test]
fn seconds_are_cut_off_where_a_side_has_none() {
    let [start, end] = ["2026-12-01T08:00:20Z", "2026-12-01T09:30:50Z"];
    let [minute, last] = ["2026-12-01T08:00:00Z", "2026-12-01T09:30:00Z"];
    let exact = caps(&[]);
    let mut minutes = caps(&[]);
    minutes.precision.minutes_only = true;
    let when = at(start, end, chrono_tz::UTC);
    assert_eq!(map(Field::When, &when, &exact, &exact, None), Some(when.clone()));
    assert_eq!(map(Field::When, &when, &exact, &minutes, None), Some(at(minute, last, chrono_tz::UTC)));
}

/// Case 24: no length is a minute in a CRM, and a minute there is no length where there was none.
#[test]
fn what_has_no_length_lasts_a_minute_where_a_side_has_no_such() {
    let exact = caps(&[]);
    let mut crm = caps(&[]);
    (crm.precision.minutes_only, crm.precision.minute_long) = (true, true);
    let utc = |start: &str, end: &str| at(start, end, chrono_tz::UTC);
    let bell = utc("2026-12-01T08:00:00Z", "2026-12-01T08:00:00Z");
    let minute = utc("2026-12-01T08:00:00Z", "2026-12-01T08:01:00Z");
    let seconds = utc("2026-12-01T08:00:10Z", "2026-12-01T08:00:40Z");
    for short in [&bell, &seconds, &minute] {
        assert_eq!(map(Field::When, short, &exact, &crm, None), Some(minute.clone()));
    }
    let two = utc("2026-12-01T08:00:00Z", "2026-12-01T08:02:00Z");
    assert_eq!(map(Field::When, &two, &exact, &crm, None), Some(two.clone()));
    let later = utc("2026-12-01T10:00:00Z", "2026-12-01T10:01:00Z");
    let back = |new: &Value, now: &Value| map(Field::When, new, &crm, &exact, Some(now));
    assert_eq!(back(&later, &bell), Some(utc("2026-12-01T10:00:00Z", "2026-12-01T10:00:00Z")));
    assert_eq!(back(&later, &minute), Some(later.clone()), "it lasted a minute");
    assert_eq!(back(&two, &bell), Some(two), "somebody made it longer");
}

/// A series with one occurrence at another time.
fn occurrence(when: Value) -> Value {
    let id = RecurrenceId::Wall("2026-12-01T09:00:00".parse().expect("a time"));
    Value::Overrides([(id, Override::Changed([(Field::When, when)].into()))].into())
}

/// So it is for an appointment, and for a single occurrence of a series.
#[test]
fn a_side_that_keeps_instants_alone_does_not_move_an_appointment_to_another_zone() {
    let zones = caps(&[]);
    let mut instants = caps(&[]);
    instants.precision.utc_only = true;
    let [start, end] = ["2026-12-01T08:00:00Z", "2026-12-01T09:00:00Z"];
    let [later, its_end] = ["2026-12-01T10:00:00Z", "2026-12-01T11:00:00Z"];
    let (berlin, lima) = (chrono_tz::Europe::Berlin, chrono_tz::America::Lima);
    for (field, whole) in
        [(Field::When, std::convert::identity as fn(Value) -> Value), (Field::Overrides, occurrence)]
    {
        let map = |new: Value, from, to, now: Value| map(field, &whole(new), from, to, Some(&whole(now)));
        let moved = map(at(later, its_end, chrono_tz::UTC), &instants, &zones, at(start, end, berlin));
        assert_eq!(moved, Some(whole(at(later, its_end, berlin))), "{field}: its zone stays");
        let moved = map(at(later, its_end, lima), &zones, &zones, at(start, end, berlin));
        assert_eq!(moved, Some(whole(at(later, its_end, lima))), "{field}: the source knows its zone");
        let told = map(at(later, its_end, lima), &zones, &instants, at(start, end, chrono_tz::UTC));
        assert_eq!(told, Some(whole(at(later, its_end, chrono_tz::UTC))), "{field}: it has instants alone");
    }
}

#[test]
fn occurrences_of_which_a_side_can_hold_nothing_are_none_there() {
    let side = caps(&[]);
    let mut poor = caps(&[]);
    poor.writes.remove(&Field::Location);
    let id = |day: &str| RecurrenceId::Day(day.parse().expect("a day"));
    let elsewhere = Override::Changed([(Field::Location, Value::text("Room 2"))].into());
    let moved = [(id("2026-12-01"), elsewhere)];
    let map = |all: BTreeMap<_, _>| map(Field::Overrides, &Value::Overrides(all), &side, &poor, None);
    assert_eq!(map(moved.clone().into()), Some(Value::Blank));
    let cancelled = (id("2026-12-02"), Override::Cancelled);
    let [moved] = moved;
    assert_eq!(map([moved, cancelled.clone()].into()), Some(Value::Overrides([cancelled].into())));
}

/// The day on which it was done, and how far it is, are what the source says of them; where it has no word for them they stay.
#[test]
fn what_a_task_shows_besides_its_status_stays_where_the_other_side_has_it_not() {
    let day = |day: &str| Some(day.parse().expect("a day"));
    let done = |on, percent| Completion { status: TaskStatus::Completed, on, percent };
    let open = |on, percent| Completion { status: TaskStatus::InProgress, on, percent };
    let now = done(day("2026-11-20"), Some(100));
    let rich = caps(&[]);
    for (words, new, expected) in [
        (&["on", "percent"][..], done(None, None), done(None, None)),
        (&["on", "percent"], done(day("2026-11-21"), Some(99)), done(day("2026-11-21"), Some(99))),
        (&["percent"], done(None, Some(100)), now),
        (&["on"], done(day("2026-11-21"), None), done(day("2026-11-21"), Some(100))),
        (&[], done(None, None), now),
        // What is open again was done on no day, and is not done by a hundred percent.
        (&[], open(None, None), open(None, None)),
        (&["percent"], open(None, Some(40)), open(None, Some(40))),
    ] {
        let mut parts = vec!["in-progress", "completed"];
        parts.extend(words);
        let source = caps(&[(Field::Completion, &parts)]);
        let (new, now) = (Value::Completion(new), Value::Completion(now));
        let mapped = map(Field::Completion, &new, &source, &rich, Some(&now));
        assert_eq!(mapped, Some(Value::Completion(expected)), "{words:?}");
    }
}

#[test]
fn what_a_side_needs_is_filled_with_what_calls_the_item_best() {
    let name = |given: &str| Value::Name(Name { given: given.into(), ..Name::default() });
    let organization = |name: &str| {
        Value::Organization(Organization {
            name: name.into(),
            title: "Head".into(),
            ..Organization::default()
        })
    };
    let emails = Value::set([("1".into(), Element::plain("ann@example.com"))].into());
    let shown = Value::text("Ann of Sales");
    let all = [
        (Field::DisplayName, shown, "Ann of Sales"),
        (Field::Name, name("Ann"), "Ann"),
        (Field::Organization, organization("Lee Ltd"), "Lee Ltd"),
        (Field::Emails, emails, "ann@example.com"),
    ];
    for first in 0..=all.len() {
        let mut item = Item::new(Module::Contacts);
        // An organisation without a name calls nobody.
        item.set(Field::Organization, organization(""));
        for (field, value, _) in &all[first..] {
            item.set(*field, value.clone());
        }
        let text = all.get(first).map(|(_, _, text)| (*text).to_owned());
        assert_eq!(required_default(Field::DisplayName, &item), text.clone().map(Value::text));
        let family = text.map(|family| Value::Name(Name { family, ..Name::default() }));
        assert_eq!(required_default(Field::Name, &item), family);
    }
    let side = ModuleCapabilities { required: [Field::Summary, Field::When].into(), ..caps(&[]) };
    let source = Item::new(Module::Calendar);
    let mut item = source.clone();
    assert_eq!(complete(&mut item, &source, &side), Err(Field::When), "there is no sensible time");
    assert_eq!(item.text(Field::Summary), Some("(no subject)"));
}

#[test]
fn an_item_that_is_made_has_no_field_that_is_blank() {
    let side = caps(&[(Field::Name, &["given"])]);
    let mut item = Item::new(Module::Contacts);
    item.set(Field::Notes, Value::Blank);
    item.set(Field::Name, Value::Name(Name { family: "Lee".into(), ..Name::default() }));
    item.set_text(Field::DisplayName, "Ann");
    let made = map_item(&item, &caps(&[]), &side);
    assert_eq!(made.fields.keys().collect::<Vec<_>>(), [&Field::DisplayName]);
}
