//! Tasks: `TaskType` to and from the canonical item.
//!
//! Exchange keeps the days of a task as UTC midnights: they are days, and no zone is asked what day it is (case 25). A
//! task that recurs is made anew by Exchange each time that it is done: it is read with that reason, and not written.

use super::shape::{
    Change, Path, assemble, cannot_hold, child_is_true, child_text, common_changes, read_common, read_day,
    read_importance, read_text,
};
use super::xml::Node;
use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use riva_core::fault::ItemError;
use riva_core::ids::Marker;
use riva_core::item::{Completion, Field, Item, Module, TaskStatus, Value, is_in_calendar};

/// Fields that are read and written.
pub(super) const FIELDS: [Field; 9] = [
    Field::Summary,
    Field::Body,
    Field::StartDate,
    Field::DueDate,
    Field::Completion,
    Field::Reminder,
    Field::Sensitivity,
    Field::Importance,
    Field::Categories,
];
/// Fields that are read only.
pub(super) const READ_ONLY: [Field; 1] = [Field::Recurrence];

/// Order of a task's own elements.
const ORDER: [&str; 5] = ["CompleteDate", "DueDate", "PercentComplete", "StartDate", "Status"];

const STATUS: [(TaskStatus, &str); 5] = [
    (TaskStatus::NotStarted, "NotStarted"),
    (TaskStatus::InProgress, "InProgress"),
    (TaskStatus::Completed, "Completed"),
    (TaskStatus::Waiting, "WaitingOnOthers"),
    (TaskStatus::Deferred, "Deferred"),
];

/// The properties that are asked for.
pub(super) fn properties() -> Vec<Node> {
    let mut wanted: Vec<Node> = [
        "item:ParentFolderId",
        "item:LastModifiedTime",
        "item:Subject",
        "item:Sensitivity",
        "item:Body",
        "item:Categories",
        "item:Attachments",
        "item:Importance",
        "item:ReminderDueBy",
        "item:ReminderIsSet",
        "task:CompleteDate",
        "task:DueDate",
        "task:IsRecurring",
        "task:PercentComplete",
        "task:Recurrence",
        "task:StartDate",
        "task:Status",
    ]
    .map(|uri| Path::Field(uri).node())
    .to_vec();
    wanted.push(Path::Marker.node());
    wanted
}

/// Reads a `Task` element that was asked for with [`properties`]: what is absent is known to be empty.
pub(super) fn read(node: roxmltree::Node<'_, '_>) -> Item {
    let mut item = Item::new(Module::Tasks);
    read_common(&mut item, node, Field::Body);
    read_text(&mut item, Field::Summary, node, "Subject");
    read_importance(&mut item, node);
    item.set(Field::StartDate, read_day(&child_text(node, "StartDate")));
    item.set(Field::DueDate, read_day(&child_text(node, "DueDate")));
    item.set(Field::Completion, Value::Completion(completion(node)));
    // A task reminds at an instant, told in minutes.
    let due = child_text(node, "ReminderDueBy").parse::<DateTime<Utc>>().ok().filter(is_in_calendar);
    let reminder = due.filter(|_| child_is_true(node, "ReminderIsSet"));
    let minutes = |at: DateTime<Utc>| Value::Number(at.timestamp().div_euclid(60));
    item.set(Field::Reminder, reminder.map_or(Value::Blank, minutes));
    let recurs =
        child_is_true(node, "IsRecurring") || node.children().any(|n| n.tag_name().name() == "Recurrence");
    item.set_text(Field::Recurrence, if recurs { "a task that recurs" } else { "" });
    item
}

fn completion(node: roxmltree::Node<'_, '_>) -> Completion {
    let word = child_text(node, "Status");
    let status = STATUS.iter().find(|(_, w)| *w == word).map_or(TaskStatus::NotStarted, |(s, _)| *s);
    let on = match read_day(&child_text(node, "CompleteDate")) {
        Value::Date(day) if status == TaskStatus::Completed => Some(day),
        _ => None,
    };
    let percent = child_text(node, "PercentComplete").parse::<f64>().ok().map(|p| {
        // From 0 to 100, so it fits.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let whole = p.clamp(0.0, 100.0).round() as u8;
        whole
    });
    Completion { status, on, percent }
}

/// Midnight of a day in UTC.
fn day_text(day: NaiveDate) -> String {
    format!("{}T00:00:00Z", day.format("%Y-%m-%d"))
}

/// A field as changes; `None` if the field, or this value, cannot be written.
pub(super) fn changes(field: Field, value: &Value) -> Option<Vec<Change>> {
    let day = |uri, element| match value {
        Value::Date(day) => Some(vec![Change::text(uri, element, &day_text(*day))]),
        Value::Blank => Some(vec![Change::text(uri, element, "")]),
        _ => None,
    };
    match field {
        Field::Summary => match value {
            Value::Text(text) => Some(vec![Change::text("item:Subject", "t:Subject", text)]),
            Value::Blank => Some(vec![Change::text("item:Subject", "t:Subject", "")]),
            _ => None,
        },
        Field::StartDate => day("task:StartDate", "t:StartDate"),
        Field::DueDate => day("task:DueDate", "t:DueDate"),
        Field::Completion => match value {
            Value::Completion(done) => Some(completion_changes(*done)),
            Value::Blank => Some(vec![Change::text("task:Status", "t:Status", "NotStarted")]),
            _ => None,
        },
        Field::Reminder => match value {
            Value::Number(minutes) => {
                let at = minutes.checked_mul(60).and_then(|s| DateTime::from_timestamp(s, 0))?;
                let text = at.to_rfc3339_opts(SecondsFormat::Secs, true);
                Some(vec![
                    Change::text("item:ReminderDueBy", "t:ReminderDueBy", &text),
                    Change::text("item:ReminderIsSet", "t:ReminderIsSet", "true"),
                ])
            }
            Value::Blank => Some(vec![Change::text("item:ReminderIsSet", "t:ReminderIsSet", "false")]),
            _ => None,
        },
        Field::Body | Field::Categories | Field::Sensitivity | Field::Importance => {
            common_changes(field, value)
        }
        Field::Recurrence if *value == Value::Blank => Some(Vec::new()),
        _ => None,
    }
}

/// The status first: Exchange makes day and percentage follow it.
fn completion_changes(done: Completion) -> Vec<Change> {
    // Exchange has no word for a task that was called off: it is put off for good.
    let status = if done.status == TaskStatus::Cancelled { TaskStatus::Deferred } else { done.status };
    let word = STATUS.iter().find(|(s, _)| *s == status).map_or("NotStarted", |(_, w)| *w);
    let mut all = vec![Change::text("task:Status", "t:Status", word)];
    if status == TaskStatus::Completed {
        if let Some(day) = done.on {
            all.push(Change::text("task:CompleteDate", "t:CompleteDate", &day_text(day)));
        }
    } else if let Some(percent) = done.percent.filter(|p| *p < 100) {
        let percent = percent.to_string();
        all.push(Change::text("task:PercentComplete", "t:PercentComplete", &percent));
    }
    all
}

/// A new task.
pub(super) fn new(item: &Item, marker: Marker) -> Result<Node, ItemError> {
    let mut all = vec![Change::marker(marker)];
    for (field, value) in &item.fields {
        all.extend(changes(*field, value).ok_or_else(|| cannot_hold(*field))?);
    }
    Ok(assemble("t:Task", all, &ORDER))
}
