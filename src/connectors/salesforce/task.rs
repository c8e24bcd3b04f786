//! Tasks.
//!
//! | item | Task |
//! |---|---|
//! | summary, body | `Subject`, `Description` |
//! | dueDate | `ActivityDate`, a day without time or zone |
//! | completion | `Status`, by what the [words] of the org's list mean |
//! | importance | `Priority`, likewise |
//! | reminder | `IsReminderSet`, `ReminderDateTime` |
//!
//! Who and what a task is about (`WhoId`, `WhatId`) stays as it is. The head of a recurring task (`IsRecurrence`) is no
//! task that anybody works on: its occurrences are, and have rows of their own. Logged e-mails and calls are rows of
//! this object too (`TaskSubtype`), and are no tasks.
//!
//! A field whose word means nothing is not shown: that is no information, and neither side of it is touched. One thing
//! Salesforce tells of every word: a task that is closed (`IsClosed`) is done, for it must not look open. A meaning that
//! the org has no word for is not among the [parts] that it can hold, and is not written.
//!
//! [words]: super::words

use super::layout::Layout;
use super::soql::{instant, read_day, read_instant};
use super::words::Words;
use chrono::{TimeZone as _, Utc};
use riva_core::item::{Body, Completion, Field, Importance, Item, Module, TaskStatus, Value};
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

/// The columns to select.
pub fn columns(layout: &Layout) -> Vec<&'static str> {
    COLUMNS.into_iter().filter(|c| layout.has(c)).collect()
}

/// The fields that can be read, or written.
pub fn fields(layout: &Layout, writing: bool) -> BTreeSet<Field> {
    let usable = |c: &str| if writing { layout.writes(c) } else { layout.has(c) };
    FIELDS.into_iter().filter(|(_, c)| usable(c)).map(|(f, _)| f).collect()
}

/// The parts of completion and importance that the org has words for.
pub fn parts(layout: &Layout, words: &Words) -> BTreeMap<Field, BTreeSet<String>> {
    let exact = |status: &TaskStatus| {
        let word = words.of_status(*status, layout);
        word.and_then(|word| words.status(&word)) == Some(*status)
    };
    let statuses = TaskStatus::ALL.into_iter().filter(exact).map(|status| status.as_str().to_owned());
    let has = |importance: &Importance| words.of_priority(*importance, layout).is_some();
    let importances = Importance::ALL.into_iter().filter(has).map(|i| i.as_str().to_owned());
    [(Field::Completion, statuses.collect()), (Field::Importance, importances.collect())].into()
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

/// A record as an item. The error says what cannot be understood.
pub fn project(record: &Json, layout: &Layout, words: &Words) -> Result<Item, String> {
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
                let closed = Some(TaskStatus::Completed).filter(|_| is("IsClosed"));
                let Some(status) = words.status(text("Status")).or(closed) else { continue };
                Value::Completion(Completion { status, on: None, percent: None })
            }
            Field::Importance => {
                let Some(importance) = words.priority(text("Priority")) else { continue };
                importance.value()
            }
            _ => match read_instant(text("ReminderDateTime")) {
                Some(at) if is("IsReminderSet") => Value::Number(at.timestamp().div_euclid(60)),
                _ => Value::Blank,
            },
        };
        item.set(field, value);
    }
    Ok(item)
}

/// What to write for fields; `null` clears a column. Texts are cut to what a column holds. What the org has no word for is
/// left out.
pub fn map(set: &BTreeMap<Field, Value>, layout: &Layout, words: &Words) -> Map<String, Json> {
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
            (Field::Completion, Value::Completion(done)) => {
                if let Some(word) = words.of_status(done.status, layout) {
                    put("Status", word.into());
                }
            }
            (Field::Importance, Value::Number(n)) => {
                if let Some(word) = words.of_priority(Importance::of(*n), layout) {
                    put("Priority", word.into());
                }
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

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::NaiveDate;
    use proptest::prelude::*;
    use riva_core::documents::Picklists;
    use serde_json::json;

    fn layout() -> Layout {
        Layout::for_tests(&COLUMNS.map(|c| (c, if c == "Subject" { 255 } else { 0 })))
    }

    fn of(record: &Json, field: Field) -> Option<Value> {
        project(record, &layout(), &words()).expect("readable").get(field).cloned()
    }

    fn words() -> Words {
        Words::new(Picklists {
            task_status: [("In Prüfung".to_owned(), TaskStatus::InProgress)].into(),
            task_priority: [("Dringend".to_owned(), Importance::High)].into(),
        })
    }

    #[test]
    fn case_25_a_due_date_is_a_day_both_ways() {
        let day: NaiveDate = "2026-01-05".parse().expect("a day");
        assert_eq!(of(&json!({"ActivityDate": "2026-01-05"}), Field::DueDate), Some(Value::Date(day)));
        let written = map(&[(Field::DueDate, Value::Date(day))].into(), &layout(), &words());
        assert_eq!(written["ActivityDate"], json!("2026-01-05"));
        assert_eq!(of(&json!({"ActivityDate": null}), Field::DueDate), Some(Value::Blank));
        assert!(
            project(&json!({"ActivityDate": "soon"}), &layout(), &words())
                .expect_err("no day")
                .contains("soon")
        );
    }

    #[test]
    fn a_word_without_a_meaning_shows_nothing_unless_it_closes() {
        let status = |record: &Json| match of(record, Field::Completion) {
            Some(Value::Completion(done)) => Some(done.status),
            None => None,
            other => panic!("{other:?}"),
        };
        assert_eq!(status(&json!({"Status": "waiting on someone else"})), Some(TaskStatus::Waiting));
        assert_eq!(status(&json!({"Status": "Abgelehnt", "IsClosed": true})), Some(TaskStatus::Completed));
        assert_eq!(status(&json!({"Status": "Neu", "IsClosed": false})), None);
        assert_eq!(status(&json!({"Status": "In Prüfung", "IsClosed": false})), Some(TaskStatus::InProgress));
        let importance = |word: &str| of(&json!({"Priority": word}), Field::Importance);
        assert_eq!(importance("dringend"), Some(Value::Number(2)));
        assert_eq!((importance("high"), importance("?")), (Some(Value::Number(2)), None));
    }

    #[test]
    fn the_org_spells_its_words_and_lacks_some() {
        let mut layout = layout();
        let mut picks = |column: &str, words: &[&str]| {
            layout.fields.get_mut(column).expect("there").picks =
                words.iter().map(|w| (*w).to_owned()).collect();
        };
        picks("Status", &["not started", "In Prüfung", "Completed"]);
        picks("Priority", &["Dringend", "Normal"]);
        let mut parts = parts(&layout, &words());
        let all = |words: &[&str]| Some(words.iter().map(|w| (*w).to_owned()).collect::<BTreeSet<_>>());
        assert_eq!(parts.remove(&Field::Completion), all(&["not-started", "in-progress", "completed"]));
        assert_eq!(parts.remove(&Field::Importance), all(&["normal", "high"]));
        let written = |status: TaskStatus, importance: Importance| {
            let completion = Value::Completion(Completion { status, on: None, percent: None });
            let set = [(Field::Completion, completion), (Field::Importance, importance.value())].into();
            Json::Object(map(&set, &layout, &words()))
        };
        assert_eq!(
            written(TaskStatus::InProgress, Importance::High),
            json!({"Status": "In Prüfung", "Priority": "Dringend"})
        );
        assert_eq!(written(TaskStatus::NotStarted, Importance::Low), json!({"Status": "not started"}));
        assert_eq!(written(TaskStatus::Waiting, Importance::Low), json!({}));
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
        (text(), text(), day, 0..7usize, 0..5usize, any::<bool>(), 0..30_000_000i64).prop_map(
            |(subject, body, due, status, priority, set, minute)| {
                let words = [
                    "Not Started",
                    "In Progress",
                    "Completed",
                    "Waiting on someone else",
                    "Deferred",
                    "Own",
                    "in prüfung",
                ];
                let at = Utc.timestamp_opt(minute * 60, 0).single().map(instant);
                let priority = ["High", "Normal", "Low", "Urgent", "DRINGEND"][priority];
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
            let item = project(&record, &layout(), &words()).expect("readable");
            let Json::Object(mut written) = record else { unreachable!() };
            written.extend(map(&item.fields, &layout(), &words()));
            let again = project(&Json::Object(written), &layout(), &words()).expect("readable");
            prop_assert_eq!(item.fields, again.fields);
        }
    }
}
