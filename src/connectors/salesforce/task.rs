//! Tasks.
//!
//! | item | Task |
//! |---|---|
//! | summary, body | `Subject`, `Description` |
//! | dueDate | `ActivityDate`, a day without time or zone |
//! | completion | `Status`, by the words of the org's list; of a word that is not known, `IsClosed` says whether it is done |
//! | importance | `Priority`: High, Normal, Low |
//! | reminder | `IsReminderSet`, `ReminderDateTime` |
//!
//! Who and what a task is about (`WhoId`, `WhatId`) stays as it is. The head of a recurring task (`IsRecurrence`) is no
//! task that anybody works on: its occurrences are, and have rows of their own. Logged e-mails and calls are rows of
//! this object too (`TaskSubtype`), and are no tasks.

use super::layout::Layout;
use super::soql::{instant, read_day, read_instant};
use chrono::{TimeZone as _, Utc};
use riva_core::item::{Body, Completion, Field, Item, Module, TaskStatus, Value};
use serde_json::{Map, Value as Json};
use std::collections::{BTreeMap, BTreeSet};

const COLUMNS: [&str; 11] = [
    "Subject",
    "Description",
    "ActivityDate",
    "Status",
    "IsClosed",
    "Priority",
    "IsReminderSet",
    "ReminderDateTime",
    "IsRecurrence",
    "RecurrenceActivityId",
    "TaskSubtype",
];

/// Each field with the column that must be there for it.
const FIELDS: [(Field, &str); 6] = [
    (Field::Summary, "Subject"),
    (Field::Body, "Description"),
    (Field::DueDate, "ActivityDate"),
    (Field::Completion, "Status"),
    (Field::Importance, "Priority"),
    (Field::Reminder, "ReminderDateTime"),
];

/// Salesforce's own words, which most orgs keep.
const WORDS: [(TaskStatus, &str); 5] = [
    (TaskStatus::NotStarted, "Not Started"),
    (TaskStatus::InProgress, "In Progress"),
    (TaskStatus::Completed, "Completed"),
    (TaskStatus::Waiting, "Waiting on someone else"),
    (TaskStatus::Deferred, "Deferred"),
];

/// The columns to select.
pub fn columns(layout: &Layout) -> Vec<&'static str> {
    COLUMNS.into_iter().filter(|c| layout.has(c)).collect()
}

/// The fields that can be read, or written.
pub fn fields(layout: &Layout, writing: bool) -> BTreeSet<Field> {
    let usable = |c: &str| if writing { layout.writes(c) } else { layout.has(c) };
    FIELDS.into_iter().filter(|(_, c)| usable(c)).map(|(f, _)| f).collect()
}

/// The parts of the completion that the org has words for.
pub fn parts(layout: &Layout) -> BTreeMap<Field, BTreeSet<String>> {
    let has = |word: &str| layout.picks("Status").is_none_or(|words| words.iter().any(|w| same(w, word)));
    let words = WORDS.iter().filter(|(_, word)| has(word)).map(|(status, _)| status.as_str().to_owned());
    [(Field::Completion, words.collect())].into()
}

/// What a listing leaves out, as a condition of a query.
pub fn wanted(layout: &Layout) -> String {
    let mut condition = String::new();
    if layout.has("IsRecurrence") {
        condition.push_str(" AND IsRecurrence = false");
    }
    if layout.has("TaskSubtype") {
        condition.push_str(" AND (TaskSubtype = 'Task' OR TaskSubtype = null)");
    }
    condition
}

/// Whether a row is a task that somebody works on.
pub fn is_task(record: &Json) -> bool {
    let head = record.get("IsRecurrence").and_then(Json::as_bool).unwrap_or(false);
    let kind = record.get("TaskSubtype").and_then(Json::as_str).unwrap_or("Task");
    !head && kind == "Task"
}

fn same(a: &str, b: &str) -> bool {
    a.trim().eq_ignore_ascii_case(b)
}

/// A record as an item. The error says what cannot be understood.
pub fn project(record: &Json, layout: &Layout) -> Result<Item, String> {
    let text = |column: &str| record.get(column).and_then(Json::as_str).unwrap_or_default().trim();
    let is = |column: &str| record.get(column).and_then(Json::as_bool).unwrap_or(false);
    let mut item = Item::new(Module::Tasks);
    for (field, _) in FIELDS.into_iter().filter(|(_, column)| layout.has(column)) {
        let value = match field {
            Field::Summary => Value::text(text("Subject")),
            Field::Body => Value::body(Body::plain(text("Description"))),
            Field::DueDate => match text("ActivityDate") {
                "" => Value::Blank,
                day => Value::Date(read_day(day).ok_or_else(|| format!("ActivityDate is no day: {day}"))?),
            },
            Field::Completion => {
                let known = WORDS.iter().find(|(_, word)| same(word, text("Status"))).map(|(s, _)| *s);
                let status = match known {
                    Some(status) => status,
                    None if is("IsClosed") => TaskStatus::Completed,
                    None => TaskStatus::InProgress,
                };
                Value::Completion(Completion { status, on: None, percent: None })
            }
            Field::Importance => Value::Number(match text("Priority").to_ascii_lowercase().as_str() {
                "high" => 2,
                "low" => 0,
                _ => 1,
            }),
            _ => match read_instant(text("ReminderDateTime")) {
                Some(at) if is("IsReminderSet") => Value::Number(at.timestamp().div_euclid(60)),
                _ => Value::Blank,
            },
        };
        item.set(field, value);
    }
    Ok(item)
}

/// What to write for fields; `null` clears a column. Texts are cut to what a column holds.
pub fn map(set: &BTreeMap<Field, Value>, layout: &Layout) -> Map<String, Json> {
    let mut record = Map::new();
    let mut put = |column: &str, value: Json| {
        if layout.writes(column) {
            record.insert(column.to_owned(), value);
        }
    };
    let text = |column: &str, text: &str| {
        let fitted = layout.fit(column, text);
        if fitted.is_empty() { Json::Null } else { Json::from(fitted) }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Summary, Value::Text(t)) => put("Subject", text("Subject", t)),
            (Field::Summary, _) => put("Subject", Json::Null),
            (Field::Body, Value::Body(body)) => put("Description", text("Description", &body.text)),
            (Field::Body, _) => put("Description", Json::Null),
            (Field::DueDate, Value::Date(day)) => put("ActivityDate", day.to_string().into()),
            (Field::DueDate, _) => put("ActivityDate", Json::Null),
            (Field::Completion, Value::Completion(done)) => put("Status", word(done.status, layout).into()),
            (Field::Importance, Value::Number(n)) => {
                put("Priority", ["Low", "Normal", "High"][usize::try_from(*n).unwrap_or(1).min(2)].into());
            }
            (Field::Reminder, Value::Number(minutes)) => {
                if let Some(at) = minutes.checked_mul(60).and_then(|s| Utc.timestamp_opt(s, 0).single()) {
                    put("IsReminderSet", true.into());
                    put("ReminderDateTime", instant(at).into());
                }
            }
            (Field::Reminder, _) => {
                put("IsReminderSet", false.into());
                put("ReminderDateTime", Json::Null);
            }
            _ => {}
        }
    }
    record
}

/// The org's word for a status, as its list spells it.
fn word(status: TaskStatus, layout: &Layout) -> String {
    let ours = WORDS.iter().find(|(s, _)| *s == status).map_or("Deferred", |(_, word)| *word);
    let theirs = layout.picks("Status").and_then(|words| words.iter().find(|w| same(w, ours)));
    theirs.map_or(ours, String::as_str).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use proptest::prelude::*;
    use serde_json::json;

    fn layout() -> Layout {
        Layout::for_tests(&COLUMNS.map(|c| (c, if c == "Subject" { 255 } else { 0 })))
    }

    fn of(record: &Json, field: Field) -> Option<Value> {
        project(record, &layout()).expect("readable").get(field).cloned()
    }

    #[test]
    fn case_25_a_due_date_is_a_day_both_ways() {
        let day: NaiveDate = "2026-01-05".parse().expect("a day");
        assert_eq!(of(&json!({"ActivityDate": "2026-01-05"}), Field::DueDate), Some(Value::Date(day)));
        let written = map(&[(Field::DueDate, Value::Date(day))].into(), &layout());
        assert_eq!(written["ActivityDate"], json!("2026-01-05"));
        assert_eq!(of(&json!({"ActivityDate": null}), Field::DueDate), Some(Value::Blank));
        assert!(project(&json!({"ActivityDate": "soon"}), &layout()).expect_err("no day").contains("soon"));
    }

    #[test]
    fn a_word_of_the_orgs_own_is_read_by_whether_it_closes() {
        let status = |record: &Json| match of(record, Field::Completion) {
            Some(Value::Completion(done)) => done.status,
            other => panic!("{other:?}"),
        };
        assert_eq!(status(&json!({"Status": "waiting on someone else"})), TaskStatus::Waiting);
        assert_eq!(status(&json!({"Status": "Abgelehnt", "IsClosed": true})), TaskStatus::Completed);
        assert_eq!(status(&json!({"Status": "In Prüfung", "IsClosed": false})), TaskStatus::InProgress);
    }

    #[test]
    fn the_org_spells_its_words_and_lacks_some() {
        let mut layout = layout();
        let info = layout.fields.get_mut("Status").expect("there");
        info.picks = ["not started", "In Progress", "Completed"].map(str::to_owned).to_vec();
        assert_eq!(word(TaskStatus::NotStarted, &layout), "not started");
        let parts = parts(&layout).remove(&Field::Completion).expect("there");
        assert!(parts.contains("completed") && !parts.contains("waiting") && !parts.contains("percent"));
    }

    #[test]
    fn heads_of_series_and_logged_mails_are_no_tasks() {
        assert!(is_task(&json!({"IsRecurrence": false, "TaskSubtype": "Task"})) && is_task(&json!({})));
        assert!(!is_task(&json!({"IsRecurrence": true})));
        assert!(!is_task(&json!({"TaskSubtype": "Email"})));
        // An occurrence is one.
        assert!(is_task(&json!({"IsRecurrence": false, "RecurrenceActivityId": "00T000000000001"})));
    }

    fn record() -> impl Strategy<Value = Json> {
        let text = || prop_oneof![Just(Json::Null), "[ a-zé\n]{0,12}".prop_map(Json::String)];
        let day = prop_oneof![Just(Json::Null), (1..28u32).prop_map(|d| json!(format!("2026-02-{d:02}")))];
        (text(), text(), day, 0..6usize, 0..4usize, any::<bool>(), 0..30_000_000i64).prop_map(
            |(subject, body, due, status, priority, set, minute)| {
                let words =
                    ["Not Started", "In Progress", "Completed", "Waiting on someone else", "Deferred", "Own"];
                let at = Utc.timestamp_opt(minute * 60, 0).single().map(instant);
                let priority = ["High", "Normal", "Low", "Urgent"][priority];
                json!({"Subject": subject, "Description": body, "ActivityDate": due, "Status": words[status],
                    "IsClosed": status == 2, "Priority": priority,
                    "IsReminderSet": set, "ReminderDateTime": at})
            },
        )
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(record in record()) {
            let item = project(&record, &layout()).expect("readable");
            let Json::Object(mut written) = record else { unreachable!() };
            written.extend(map(&item.fields, &layout()));
            let again = project(&Json::Object(written), &layout()).expect("readable");
            prop_assert_eq!(item.fields, again.fields);
        }
    }
}
