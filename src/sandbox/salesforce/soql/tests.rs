//! Tests of the query language on an org with a few records, and properties of its reader.

use super::super::fill;
use super::super::org::Org;
use super::*;
use crate::seed::Company;
use chrono::NaiveDate;
use proptest::prelude::*;
use serde_json::Value;

const COMPANY: &str = r#"
exchange = { account = "svc", password = "p" }
salesforce = { account = "int@x.example", password = "p", client_id = "c", client_secret = "s" }

[[person]]
name = "Ann Lee"
given = "Ann"
family = "Lee"
address = "ann@x.example"
zone = "Europe/Berlin"
password = "p"
crm = { user_name = "ann@x.example" }

[[person.contact]]
given = "Bob"
family = "Ray"
company = "Acme"
emails = ["bob@acme.example"]
in_crm = true

[[person.contact]]
given = "Zoë"
family = "ray"
in_crm = true

[[person.contact]]
family = "O'Hara"
company = "Acme"
in_crm = true

[[person.event]]
subject = "Review"
day = 1
start = "09:00"
minutes = 45
in_crm = true

[[person.event]]
subject = "Fair"
day = 3
minutes = 2880
all_day = true
in_crm = true
"#;

fn org() -> Org {
    let today = NaiveDate::from_ymd_opt(2026, 11, 23).unwrap();
    fill::org(&Company::parse(COMPANY).unwrap(), today)
}

fn ask(soql: &str) -> Result<Answer, super::super::api::ApiError> {
    run(&org(), &parse(soql)?, soql, "/services/data/v60.0", false)
}

fn names(condition: &str) -> Vec<String> {
    let answer =
        ask(&format!("SELECT LastName FROM Contact WHERE {condition} ORDER BY FirstName NULLS LAST"))
            .unwrap();
    answer.records.iter().map(|r| r["LastName"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn conditions_select_as_the_vendor_does() {
    assert_eq!(names("LastName = 'RAY'"), ["Ray", "ray"]);
    assert_eq!(names("LastName = 'O\\'Hara'"), ["O'Hara"]);
    assert_eq!(names("FirstName = null"), ["O'Hara"]);
    assert_eq!(names("FirstName != 'Bob'"), ["ray", "O'Hara"]);
    assert_eq!(names("NOT FirstName = 'Bob'"), ["ray", "O'Hara"]);
    assert_eq!(names("FirstName LIKE '%o%'"), ["Ray", "ray"]);
    assert_eq!(names("Account.Name = 'Acme' AND (FirstName = 'Bob' OR LastName = 'x')"), ["Ray"]);
    assert_eq!(names("FirstName IN ('Zoë', null)"), ["ray", "O'Hara"]);
    assert_eq!(names("FirstName NOT IN ('Zoë')"), ["Ray", "O'Hara"]);
    assert_eq!(names("Owner.IsActive = true AND LastName >= 'R'"), ["Ray", "ray"]);
    assert_eq!(
        names("SystemModstamp >= 2020-01-01T00:00:00+01:00 AND CreatedDate < 2099-01-01T00:00:00Z").len(),
        3
    );
    assert_eq!(names("CreatedDate = TODAY").len(), 3);
    assert_eq!(names("CreatedDate < LAST_N_DAYS:7"), Vec::<String>::new());
}

#[test]
fn seeded_events_have_the_owners_wall_clock() {
    let answer = ask("SELECT Subject, StartDateTime, EndDateTime, DurationInMinutes, Owner.Email, Who.Type FROM Event ORDER BY Subject DESC").unwrap();
    let review = &answer.records[0];
    assert_eq!(review["StartDateTime"], "2026-11-24T08:00:00.000+0000");
    assert_eq!(review["EndDateTime"], "2026-11-24T08:45:00.000+0000");
    assert_eq!(review["Owner"]["Email"], "ann@x.example");
    assert_eq!(review["Who"], Value::Null);
    let fair = &answer.records[1];
    assert_eq!(fair["StartDateTime"], "2026-11-26T00:00:00.000+0000");
    assert_eq!(fair["EndDateTime"], "2026-11-27T00:00:00.000+0000");
    assert_eq!(fair["DurationInMinutes"], 2880);
}

#[test]
fn order_limit_offset_and_counts() {
    let list = |soql: &str| -> Vec<Value> {
        ask(soql).unwrap().records.iter().map(|r| r["FirstName"].clone()).collect()
    };
    assert_eq!(
        list("SELECT FirstName FROM Contact ORDER BY FirstName"),
        [Value::Null, "Bob".into(), "Zoë".into()]
    );
    assert_eq!(
        list(
            "SELECT FirstName FROM Contact ORDER BY LastName DESC, FirstName DESC NULLS LAST LIMIT 1 OFFSET 1"
        ),
        [Value::from("Bob")]
    );
    assert_eq!(ask("SELECT COUNT() FROM Contact").unwrap().total, 3);
    assert_eq!(ask("SELECT COUNT(FirstName) n FROM Contact").unwrap().records[0]["n"], 2);
    assert_eq!(ask("SELECT Id FROM Contact OFFSET 2001").err().unwrap().code, "NUMBER_OUTSIDE_VALID_RANGE");
}

#[test]
fn ids_are_compared_and_sorted_as_they_are() {
    let mut ids: Vec<String> = ask("SELECT Id FROM Contact ORDER BY Id DESC")
        .unwrap()
        .records
        .iter()
        .map(|r| r["Id"].as_str().unwrap().to_owned())
        .collect();
    ids.reverse();
    assert!(ids.is_sorted());
    let behind = ask(&format!("SELECT Id FROM Contact WHERE Id > '{}' ORDER BY Id", ids[0])).unwrap();
    assert_eq!(behind.total, 2);
    assert_eq!(ask(&format!("SELECT Id FROM Contact WHERE Id = '{}'", &ids[0][..15])).unwrap().total, 1);
}

#[test]
fn wrong_queries_have_the_vendors_codes() {
    for (soql, code) in [
        ("", "MALFORMED_QUERY"),
        ("SELECT Id", "MALFORMED_QUERY"),
        (
            "SELECT Id FROM Contact WHERE FirstName = 'a' AND FirstName = 'b' OR FirstName = 'c'",
            "MALFORMED_QUERY",
        ),
        ("SELECT Id FROM Contact WHERE FirstName = 'a", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact LIMIT x", "MALFORMED_QUERY"),
        ("SELECT Id, (SELECT Id FROM Events) FROM Contact", "MALFORMED_QUERY"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2026-11-23T00:00:00", "MALFORMED_QUERY"),
        ("SELECT Id FROM Person", "INVALID_TYPE"),
        ("SELECT Shoe FROM Contact", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 2026-11-23", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE CreatedDate > 'x'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE HasOptedOutOfEmail = 'true'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE Description LIKE 'x%'", "INVALID_FIELD"),
        ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE LastName = 5", "INVALID_FIELD"),
        ("SELECT Id FROM Contact WHERE OwnerId LIKE '005%'", "INVALID_QUERY_FILTER_OPERATOR"),
    ] {
        assert_eq!(ask(soql).err().map(|e| e.code), Some(code), "{soql}");
    }
}

#[test]
fn brackets_do_not_overflow() {
    let deep = format!("SELECT Id FROM Contact WHERE {}Id = null{}", "(".repeat(5000), ")".repeat(5000));
    assert_eq!(parse(&deep).unwrap_err().code, "MALFORMED_QUERY");
    let flat = format!("SELECT Id FROM Contact WHERE {}Id = null", "NOT ".repeat(5001));
    assert!(parse(&flat).is_ok());
}

/// Pieces of queries, in any order.
fn soup() -> impl Strategy<Value = String> {
    let word = prop::sample::select(vec![
        "SELECT",
        "FROM",
        "WHERE",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "ORDER",
        "BY",
        "LIMIT",
        "OFFSET",
        "NULLS",
        "LAST",
        "COUNT()",
        "COUNT(",
        "(",
        ")",
        ",",
        "=",
        "!=",
        "<",
        ">=",
        "'x'",
        "'",
        "\\",
        "\\u12",
        "null",
        "true",
        "TODAY",
        "LAST_N_DAYS:",
        ":",
        "9",
        "-1",
        "99999999999999999999",
        "2026-11-23",
        "2026-11-23T06:00:00Z",
        "2026-99-99T99:99:99Z",
        "Id",
        "Owner.Name",
        ".",
        "..",
        "Owner.",
        "Contact",
        "Event",
        "é",
        "\u{1F600}",
    ]);
    prop::collection::vec(word, 0..24).prop_map(|words| words.join(" "))
}

/// A whole query out of parts that fit.
fn valid() -> impl Strategy<Value = String> {
    let text = "[a-zA-Zé%_ ]{0,8}";
    let comparison = prop_oneof![
        text.prop_map(|t| format!("LastName = '{t}'")),
        text.prop_map(|t| format!("FirstName LIKE '{t}'")),
        any::<bool>().prop_map(|b| format!("DoNotCall = {b}")),
        (0..400i64).prop_map(|n| format!("CreatedDate >= LAST_N_DAYS:{n}")),
        Just("Account.Name != null".to_owned()),
        Just("Id IN ('003000000000001', '0035g00000000GEAAY')".to_owned()),
    ];
    let filter = comparison.prop_recursive(4, 24, 4, |inner| {
        let parts = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            parts.clone().prop_map(|p| format!("({})", p.join(" AND "))),
            parts.prop_map(|p| format!("({})", p.join(" OR "))),
            inner.prop_map(|p| format!("NOT ({p})")),
        ]
    });
    (filter, 0..5u32, any::<bool>()).prop_map(|(filter, limit, down)| {
        let way = if down { "DESC" } else { "ASC" };
        format!("SELECT Id, LastName FROM Contact WHERE {filter} ORDER BY LastName {way}, Id LIMIT {limit}")
    })
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in "\\PC{0,80}") {
        let _ = ask(&text);
    }

    #[test]
    fn no_mixture_of_pieces_makes_it_panic(text in soup(), front in any::<bool>()) {
        let text = if front { format!("SELECT Id FROM Contact WHERE {text}") } else { text };
        let _ = ask(&text);
    }

    #[test]
    fn valid_queries_are_answered_and_their_negation_is_the_rest(text in valid()) {
        let answer = ask(&text).map_err(|e| TestCaseError::fail(format!("{text}: {}", e.message)))?;
        let limit: usize = text.rsplit(' ').next().unwrap().parse().unwrap();
        prop_assert!(answer.total <= limit && answer.records.len() == answer.total);
        let filter = text.split(" WHERE ").nth(1).unwrap().split(" ORDER ").next().unwrap();
        let count = |f: &str| ask(&format!("SELECT COUNT() FROM Contact WHERE {f}")).unwrap().total;
        prop_assert_eq!(count(filter) + count(&format!("NOT ({filter})")), 3);
    }
}
