//! By what items are known, and what is not taken for the same thing.

use super::*;
use chrono::{Duration, TimeZone as _, Utc};
use riva_core::ids::PairId;
use riva_core::item::{Element, Organization, Recurrence, When};
use std::collections::BTreeMap;
use uuid::Uuid;

fn person(given: &str, family: &str, email: &str) -> Item {
    let mut item = Item::new(Module::Contacts);
    item.set(
        Field::Name,
        Value::Name(Name { given: given.into(), family: family.into(), ..Name::default() }),
    );
    item.set(Field::Emails, Value::set(BTreeMap::from([("1".into(), Element::plain(email))])));
    item
}

#[test]
fn a_role_address_is_nobody() {
    let hasher = FieldHasher::new([0; 16]);
    let by_mail = |mail| keys(&hasher, &person("Ann", "Lee", mail), None).iter().any(|k| k.rule == 2);
    assert!(by_mail("ann@example.com"));
    assert!(!by_mail("Info@example.com"));
}

#[test]
fn a_task_is_known_by_its_subject_and_due_date() {
    let task = |subject: &str, due: &str| {
        let mut item = Item::new(Module::Tasks);
        item.set_text(Field::Summary, subject);
        item.set(Field::DueDate, due.parse().map_or(Value::Blank, Value::Date));
        keys(&FieldHasher::new([0; 16]), &item, None)
    };
    assert_eq!(task("Call  Ann", "2026-01-05"), task("call ann", "2026-01-05"));
    assert_ne!(task("Call Ann", "2026-01-05"), task("Call Ann", "2026-01-06"));
    assert_ne!(task("Call Ann", "2026-01-05"), task("Call Ann", ""));
    assert_eq!(task("", "2026-01-05"), []);
}

#[test]
fn names_of_one_person() {
    let ok = |a: (&str, &str), b: (&str, &str)| {
        compatible(MatchRule::Email, &person(a.0, a.1, "x@y.z"), &person(b.0, b.1, "x@y.z"))
    };
    assert!(ok(("Ann", "Lee"), ("ann", "LEE")));
    assert!(ok(("A.", "Lee"), ("Ann", "Lee")));
    assert!(ok(("", ""), ("Ann", "Lee")));
    assert!(ok(("Ann", "Lee"), ("", "")));
    assert!(ok(("Ann", ""), ("", "Lee")));
    assert!(ok(("Ann", "Lee"), ("A.", "Lee")));
    assert!(ok(("Jonathan", "Müller"), ("Jonathon", "Müller")));
    assert!(ok(("Erna", "Lee"), ("Renat", "Lee")), "exactly 0.85 alike");
    assert!(!ok(("Ann", "Lee"), ("Bob", "Smith")));
    assert!(!ok(("Ann", "Lee"), ("Bob", "Lee")));
    assert!(!ok(("A.", "Lee"), ("Bob", "Lee")));
    assert!(!ok(("Ann", "Lee"), ("Albrecht", "Lee")), "the same initial alone");
}

/// A contact as its keys see it: display name, given and family name, company, and a phone number.
fn card(display: &str, given: &str, family: &str, company: &str, phone: &str) -> Item {
    let mut item = person(given, family, "office@example.com");
    item.set_text(Field::DisplayName, display);
    item.set(
        Field::Organization,
        Value::Organization(Organization { name: company.into(), ..Organization::default() }),
    );
    item.set(Field::Phones, Value::set(BTreeMap::from([("work".into(), Element::plain(phone))])));
    item
}

/// The rules by which two items can be twins.
fn shared(one: &Item, other: &Item) -> Vec<MatchRule> {
    let keys = |item| keys(&FieldHasher::new([0; 16]), item, None);
    let other = keys(other);
    keys(one).into_iter().filter(|key| other.contains(key)).filter_map(MatchRule::of).collect()
}

#[test]
fn what_carries_the_same_marker_is_the_same_thing() {
    let by = |pair: u128| {
        let marker = Marker { pair: PairId(Uuid::from_u128(pair)), generation: 1 };
        keys(&FieldHasher::new([0; 16]), &Item::new(Module::Calendar), Some(marker))
    };
    let rules: Vec<Option<MatchRule>> = by(1).into_iter().map(MatchRule::of).collect();
    assert_eq!(rules, [Some(MatchRule::Marker)]);
    assert_eq!(by(1), by(1));
    assert_ne!(by(1), by(2));
}

#[test]
fn a_contact_is_known_by_phone_number_and_family_name() {
    let card = |family, phone| card("", "", family, "", phone);
    assert_eq!(shared(&card("Lee", "030 1234"), &card("LEE", "(030) 12-34")), [MatchRule::Phone]);
    assert_eq!(
        shared(&card("Lee", "123456"), &card("Lee", "123456")),
        [MatchRule::Phone],
        "six digits are enough"
    );
    assert_eq!(shared(&card("Lee", "12345"), &card("Lee", "12345")), [], "that may be anybody's extension");
    assert_eq!(shared(&card("Lee", "030 1234"), &card("Li", "030 1234")), [], "they share an office");
    assert_eq!(shared(&card("Lee", "030 1234"), &card("Lee", "030 1235")), []);
    assert_eq!(shared(&card("", "030 1234"), &card("", "030 1234")), [], "nobody's name");
}

#[test]
fn a_contact_is_known_by_full_name_and_company() {
    let card = |given, family, company| card("", given, family, company, "");
    let ann = card("Ann", "Lee", "Contoso");
    assert_eq!(shared(&ann, &card("ann", "LEE", " contoso ")), [MatchRule::Name]);
    assert_eq!(shared(&ann, &card("Ann", "Lee", "Fabrikam")), []);
    assert_eq!(shared(&ann, &card("Ben", "Lee", "Contoso")), []);
    assert_eq!(shared(&card("Ann", "Lee", ""), &card("Ann", "Lee", "")), [], "there are many of that name");
    assert_eq!(shared(&card("", "", "Contoso"), &card("", "", "Contoso")), [], "many work there");
}

#[test]
fn a_contact_without_a_name_goes_by_what_it_is_shown_as() {
    let card = |display, given, family| card(display, given, family, "Contoso", "");
    let shown = card("Ann Lee", "", "");
    for (given, family) in [("Ann", "Lee"), ("", "Ann Lee"), ("Ann Lee", "")] {
        assert_eq!(shared(&shown, &card("", given, family)), [MatchRule::Name], "{given}, {family}");
    }
    for (given, family) in [("Ben", "Smith"), ("", "Smith"), ("Ben", "")] {
        assert_eq!(
            shared(&shown, &card("Ann Lee", given, family)),
            [],
            "a name counts for more: {given}, {family}"
        );
    }
}

#[test]
fn an_appointment_is_known_by_subject_and_time_and_no_series_by_its_first_occurrence() {
    let visit = |subject: &str, hour: u32, repeats: bool| {
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, subject);
        let start = Utc.with_ymd_and_hms(2026, 1, 5, hour, 0, 0).unwrap();
        item.set(Field::When, Value::When(When::timed(start, start + Duration::hours(1), chrono_tz::UTC)));
        item.set(
            Field::Recurrence,
            if repeats { Value::Recurrence(Recurrence::default()) } else { Value::Blank },
        );
        item
    };
    for repeats in [false, true] {
        let at_eight = visit("Visit", 8, repeats);
        assert_eq!(shared(&at_eight, &visit(" visit", 8, repeats)), [MatchRule::Name]);
        for other in [visit("Visit", 9, repeats), visit("Call", 8, repeats), visit("Visit", 8, !repeats)] {
            assert_eq!(shared(&at_eight, &other), []);
        }
    }
}

/// That is all the difference between what a mailbox has and what the CRM makes of it.
#[test]
fn an_appointment_without_length_is_known_by_the_minute_that_it_lasts_in_the_crm() {
    let visit = |seconds: i64| {
        let mut item = Item::new(Module::Calendar);
        item.set_text(Field::Summary, "Visit");
        let start = Utc.with_ymd_and_hms(2026, 1, 5, 8, 0, 0).unwrap();
        let end = start + Duration::seconds(seconds);
        item.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
        item
    };
    assert_eq!(shared(&visit(0), &visit(60)), [MatchRule::Name]);
    assert_eq!(shared(&visit(60), &visit(60)), [MatchRule::Name]);
    for longer in [61, 120, 3600] {
        assert_eq!(shared(&visit(0), &visit(longer)), [], "{longer} seconds");
        assert_eq!(shared(&visit(longer), &visit(longer)), [MatchRule::Name]);
    }
}
