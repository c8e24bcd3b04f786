//! To-dos (VTODO, RFC 5545 section 3.6.2): read into items, and changed in place.
//!
//! | item | VTODO |
//! |---|---|
//! | summary, body, categories, sensitivity, importance | as of an event |
//! | startDate, dueDate | the days of `DTSTART` and `DUE` (or `DTSTART` and `DURATION`), as they are written there |
//! | completion | `STATUS`, `PERCENT-COMPLETE`, the day of `COMPLETED` |
//! | reminder | the first alarm that is shown or sounded, where its instant is known |
//! | recurrence | why it is held: `RRULE`, `RDATE`, `RECURRENCE-ID` |
//!
//! A day is a day: it is never moved by a zone. `DUE:20260105T000000Z` is due on 5 January wherever the reader is.

use super::attachment;
use super::component::{Component, Part};
use super::escape::escape;
use super::event::{
    Moment, Trigger, body, categories, importance, moment, one_line, plain_uid, sensitivity, trigger, upper,
};
use super::line::Line;
use super::moment::{Span, date_text, naive, utc_text};
use super::write::{self, MARKER, PRODUCT, Refused, marker_line};
use chrono::{DateTime, Duration, NaiveDate, NaiveDateTime, TimeZone as _, Utc};
use riva_core::ids::Marker;
use riva_core::item::{Body, Completion, Field, Item, Module, TaskStatus, Value, is_in_calendar};
use std::collections::BTreeMap;

/// A calendar object resource with its to-do: the VTODO without RECURRENCE-ID, or the first if there is no such.
#[derive(Debug, Clone, PartialEq)]
pub struct TaskResource {
    /// The VCALENDAR.
    pub calendar: Component,
    /// Where the to-do is among the parts of the calendar.
    at: usize,
}

/// Why a resource shows no to-do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotATask {
    /// It is an event, journal or free/busy entry.
    #[error("it is no task")]
    OtherKind,
    /// The text is broken.
    #[error("the task cannot be read: {0}")]
    Unreadable(String),
}

impl TaskResource {
    /// Reads the text of a resource.
    pub fn read(text: &str) -> Result<Self, NotATask> {
        let mut calendars =
            Component::read_all(text, "VCALENDAR").map_err(|e| NotATask::Unreadable(e.to_string()))?;
        let calendar = calendars.swap_remove(0);
        let position = |wanted: &dyn Fn(&Component) -> bool| {
            calendar
                .parts
                .iter()
                .position(|p| matches!(p, Part::Component(c) if c.name == "VTODO" && wanted(c)))
        };
        let at = position(&|c| c.first("RECURRENCE-ID").is_none()).or_else(|| position(&|_| true));
        match at {
            Some(at) => Ok(Self { calendar, at }),
            None => Err(NotATask::OtherKind),
        }
    }

    /// The to-do.
    pub fn task(&self) -> &Component {
        match &self.calendar.parts[self.at] {
            Part::Component(task) => task,
            Part::Line(_) => unreachable!("`at` is the position of a component, which `read` found"),
        }
    }
}

/// Reads a resource into an item.
pub fn read_task(resource: &TaskResource) -> Item {
    let task = resource.task();
    let mut item = Item::new(Module::Tasks);
    item.uid = task.text_of("UID").map(|uid| plain_uid(uid.trim()));
    item.set_text(Field::Summary, one_line(task, "SUMMARY", " "));
    item.set(Field::Body, body(task));
    item.set(Field::Categories, categories(task));
    item.set(Field::Sensitivity, Value::Sensitivity(sensitivity(task)));
    item.set(Field::Importance, Value::Number(importance(task)));
    item.set(Field::StartDate, day_of(task, "DTSTART").map_or(Value::Blank, Value::Date));
    item.set(Field::DueDate, due(task).map_or(Value::Blank, Value::Date));
    item.set(Field::Completion, Value::Completion(completion(task)));
    if let Some(reminder) = reminder(resource) {
        item.set(Field::Reminder, reminder);
    }
    item.set_text(Field::Recurrence, recurrence(resource));
    item.set_files(attachment::listed(task));
    item
}

fn at(task: &Component, name: &str) -> Option<NaiveDateTime> {
    naive(&task.first(name)?.value()).map(|(at, _)| at)
}

fn day_of(task: &Component, name: &str) -> Option<NaiveDate> {
    at(task, name).map(|at| at.date())
}

fn due(task: &Component) -> Option<NaiveDate> {
    day_of(task, "DUE").or_else(|| {
        let span = Span::read(&task.first("DURATION")?.value())?;
        let end = at(task, "DTSTART")?.checked_add_signed(Duration::try_seconds(span.seconds_exact())?)?;
        Some(end.date()).filter(is_in_calendar)
    })
}

/// STATUS says it; without one the other properties do.
fn completion(task: &Component) -> Completion {
    let percent: Option<u8> = task
        .first("PERCENT-COMPLETE")
        .and_then(|l| l.value().trim().parse().ok())
        .filter(|percent| *percent <= 100);
    let status = match (upper(task, "STATUS").as_deref(), percent) {
        (Some("COMPLETED"), _) => TaskStatus::Completed,
        (Some("CANCELLED"), _) => TaskStatus::Cancelled,
        (Some("IN-PROCESS"), _) => TaskStatus::InProgress,
        (Some("NEEDS-ACTION"), _) => TaskStatus::NotStarted,
        _ if task.first("COMPLETED").is_some() => TaskStatus::Completed,
        (_, Some(100)) => TaskStatus::Completed,
        (_, Some(1..)) => TaskStatus::InProgress,
        _ => TaskStatus::NotStarted,
    };
    match status {
        TaskStatus::Completed => Completion { status, on: day_of(task, "COMPLETED"), percent: Some(100) },
        status => Completion { status, on: None, percent },
    }
}

/// The alarm that the item's reminder stands for.
fn alarm(task: &Component) -> Option<usize> {
    task.parts.iter().position(|p| match p {
        Part::Component(alarm) => {
            alarm.name == "VALARM"
                && matches!(upper(alarm, "ACTION").as_deref(), None | Some("DISPLAY" | "AUDIO"))
                && alarm.first("TRIGGER").is_some()
        }
        Part::Line(_) => false,
    })
}

/// The instant of the reminder. `None` (no information) where it hangs on a day or on a floating time: whose midnight
/// that is, is not told.
fn reminder(resource: &TaskResource) -> Option<Value> {
    let task = resource.task();
    let Some(at) = alarm(task) else { return Some(Value::Blank) };
    let Part::Component(alarm) = &task.parts[at] else { return None };
    let line = alarm.first("TRIGGER")?;
    let instant = match Span::read(&line.value()) {
        Some(span) => {
            let of_end = line.param("RELATED").is_some_and(|r| r.eq_ignore_ascii_case("END"));
            let names = if of_end { ["DUE", "DTSTART"] } else { ["DTSTART", "DUE"] };
            let anchor = names.into_iter().find_map(|name| task.first(name))?;
            let Moment::In(wall, zone) = moment(&resource.calendar, anchor).ok()? else { return None };
            let anchor = riva_core::item::When::Timed { start: wall, end: wall, zone }.utc().0;
            anchor.checked_add_signed(Duration::try_seconds(span.seconds_exact())?)?
        }
        None => match trigger(alarm)? {
            Trigger::At(at) => at,
            Trigger::Before(_) => return None,
        },
    };
    Some(Value::Number(instant.timestamp().div_euclid(60)))
}

fn recurrence(resource: &TaskResource) -> String {
    let task = resource.task();
    let lines: Vec<String> = ["RRULE", "RDATE", "EXRULE", "EXDATE", "RECURRENCE-ID"]
        .into_iter()
        .flat_map(|name| task.all(name).map(move |l| format!("{name}:{}", l.value().trim())))
        .collect();
    lines.join("\n")
}

/// A new resource with one to-do.
pub fn new_task(
    item: &Item,
    uid: &str,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<TaskResource, Refused> {
    let mut calendar = Component::new("VCALENDAR");
    calendar.push(Line::new("VERSION", "2.0"));
    calendar.push(Line::new("PRODID", PRODUCT));
    let mut task = Component::new("VTODO");
    task.push(Line::text("UID", uid));
    task.push(Line::new("CREATED", utc_text(now)));
    calendar.parts.push(Part::Component(task));
    let mut resource = TaskResource { at: calendar.parts.len() - 1, calendar };
    // Blank is what a new task is anyhow.
    let set = item.fields.iter().filter(|(_, v)| **v != Value::Blank).map(|(f, v)| (*f, v.clone())).collect();
    change_task(&mut resource, &set, marker, now)?;
    Ok(resource)
}

/// Sets fields of the to-do of a resource.
pub fn change_task(
    resource: &mut TaskResource,
    set: &BTreeMap<Field, Value>,
    marker: &Marker,
    now: DateTime<Utc>,
) -> Result<(), Refused> {
    let Some(Part::Component(mut task)) = resource.calendar.parts.get(resource.at).cloned() else {
        return Ok(());
    };
    for (field, value) in set {
        let refused = |reason: &str| Refused { field: *field, reason: reason.to_owned() };
        match (field, value) {
            (Field::Summary, value) => write::text(&mut task, "SUMMARY", value).map_err(refused)?,
            (Field::Body, Value::Blank) => write::body(&mut task, &Body::default()),
            (Field::Body, Value::Body(new)) => write::body(&mut task, new),
            (Field::Categories, value) => write::categories(&mut task, value).map_err(refused)?,
            (Field::Sensitivity, value) => write::sensitivity(&mut task, value).map_err(refused)?,
            (Field::Importance, value) => write::importance(&mut task, value).map_err(refused)?,
            (Field::Completion, Value::Completion(done)) => set_completion(&mut task, *done, now),
            (Field::StartDate, Value::Date(day)) => set_day(&mut task, "DTSTART", Some(*day)),
            (Field::StartDate, Value::Blank) => set_day(&mut task, "DTSTART", None),
            (Field::DueDate, Value::Date(day)) => set_due(&mut task, Some(*day)),
            (Field::DueDate, Value::Blank) => set_due(&mut task, None),
            (Field::Reminder, value) => set_reminder(&mut task, value).map_err(refused)?,
            (_, _) => return Err(refused("a task on this side cannot hold it")),
        }
    }
    start_before_due(&mut task);
    task.replace("DTSTAMP", Some(Line::new("DTSTAMP", utc_text(now))));
    task.replace("LAST-MODIFIED", Some(Line::new("LAST-MODIFIED", utc_text(now))));
    let uid = task.text_of("UID");
    task.replace(MARKER, Some(marker_line(marker, uid.as_deref())));
    resource.calendar.parts[resource.at] = Part::Component(task);
    Ok(())
}

fn set_completion(task: &mut Component, done: Completion, now: DateTime<Utc>) {
    let was_done = completion(task).status == TaskStatus::Completed;
    let status = match done.status {
        TaskStatus::NotStarted | TaskStatus::Deferred => "NEEDS-ACTION",
        TaskStatus::InProgress | TaskStatus::Waiting => "IN-PROCESS",
        TaskStatus::Completed => "COMPLETED",
        TaskStatus::Cancelled => "CANCELLED",
    };
    task.replace("STATUS", Some(Line::new("STATUS", status)));
    let percent = if done.status == TaskStatus::Completed { Some(100) } else { done.percent };
    let line = |percent: u8| Line::new("PERCENT-COMPLETE", percent.to_string());
    task.replace("PERCENT-COMPLETE", percent.map(line));
    if done.status != TaskStatus::Completed {
        task.replace("COMPLETED", None);
        return;
    }
    let known = day_of(task, "COMPLETED");
    match done.on {
        Some(day) if known != Some(day) => {
            // COMPLETED is an instant; noon of that day is the same day for whoever reads the day as we do.
            let noon = format!("{}T120000Z", date_text(day));
            task.replace("COMPLETED", Some(Line::new("COMPLETED", noon)));
        }
        None if known.is_none() && !was_done => {
            task.replace("COMPLETED", Some(Line::new("COMPLETED", utc_text(now))));
        }
        _ => {}
    }
}

fn set_due(task: &mut Component, day: Option<NaiveDate>) {
    if due(task) == day {
        return;
    }
    task.replace("DURATION", None);
    set_day(task, "DUE", day);
}

/// Puts a day into DTSTART or DUE. The time of day and its zone stay; a new one is a day alone, unless the other of
/// the two has a time: both must be of the same kind (RFC 5545, section 3.8.2.3).
fn set_day(task: &mut Component, name: &str, day: Option<NaiveDate>) {
    let Some(day) = day else { return task.replace(name, None) };
    if day_of(task, name) == Some(day) {
        return;
    }
    let other = if name == "DUE" { "DTSTART" } else { "DUE" };
    let timed = |name: &str| task.first(name).filter(|l| l.value().contains(['T', 't'])).cloned();
    let line = match timed(name).or_else(|| timed(other)) {
        Some(model) => {
            let value = model.value().into_owned();
            let time = value.split_once(['T', 't']).map_or("000000", |(_, time)| time);
            let mut line = Line::new(name, format!("{}T{time}", date_text(day)));
            line.params = model.params;
            line
        }
        None => Line::new(name, date_text(day)).with("VALUE", "DATE"),
    };
    task.replace(name, Some(line));
}

/// DUE is never before DTSTART (RFC 5545, section 3.8.2.3): a due day that was set to an earlier one takes the start with
/// it. The due day itself is never moved.
fn start_before_due(task: &mut Component) {
    let (Some(start), Some(end)) = (at(task, "DTSTART"), at(task, "DUE")) else { return };
    if start > end
        && let Some(due) = task.first("DUE")
    {
        let mut line = Line::new("DTSTART", due.value().into_owned());
        line.params.clone_from(&due.params);
        task.replace("DTSTART", Some(line));
    }
}

fn set_reminder(task: &mut Component, value: &Value) -> Result<(), &'static str> {
    match value {
        Value::Blank => {
            while let Some(at) = alarm(task) {
                task.parts.remove(at);
            }
        }
        Value::Number(minutes) => {
            let instant = minutes.checked_mul(60).and_then(|s| Utc.timestamp_opt(s, 0).single());
            let instant = instant.ok_or("its time is out of range")?;
            let trigger = Line::new("TRIGGER", utc_text(instant)).with("VALUE", "DATE-TIME");
            if let Some(Part::Component(alarm)) = alarm(task).map(|at| &mut task.parts[at]) {
                alarm.replace("TRIGGER", Some(trigger));
            } else {
                let mut alarm = Component::new("VALARM");
                alarm.push(Line::new("ACTION", "DISPLAY"));
                alarm.push(Line::new("DESCRIPTION", escape("Reminder")));
                alarm.push(trigger);
                task.parts.push(Part::Component(alarm));
            }
        }
        _ => return Err("an instant is wanted"),
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use riva_core::ids::PairId;

    fn resource(lines: &str) -> TaskResource {
        let text =
            format!("BEGIN:VCALENDAR\nVERSION:2.0\nBEGIN:VTODO\nUID:u\n{lines}\nEND:VTODO\nEND:VCALENDAR\n");
        TaskResource::read(&text).unwrap()
    }

    fn marker() -> Marker {
        Marker { pair: PairId(uuid::Uuid::from_u128(7)), generation: 1 }
    }

    fn now() -> DateTime<Utc> {
        "2026-11-24T08:00:00Z".parse().unwrap()
    }

    fn day(text: &str) -> NaiveDate {
        text.parse().unwrap()
    }

    fn changed(lines: &str, set: &[(Field, Value)]) -> TaskResource {
        let mut resource = resource(lines);
        change_task(&mut resource, &set.iter().cloned().collect(), &marker(), now()).unwrap();
        // What others read is the text.
        TaskResource::read(&resource.calendar.write()).unwrap()
    }

    #[test]
    fn case_25_a_due_date_is_never_shifted_by_a_zone() {
        for due in [
            "DUE;VALUE=DATE:20260105",
            "DUE:20260105T000000Z",
            "DUE:20260105T235900Z",
            "DUE;TZID=Pacific/Kiritimati:20260105T000000",
            "DUE;TZID=America/Los_Angeles:20260105T230000",
            "DUE:20260105T120000",
            "DTSTART;VALUE=DATE:20260104\nDURATION:P1D",
        ] {
            let item = read_task(&resource(due));
            assert_eq!(item.get(Field::DueDate), Some(&Value::Date(day("2026-01-05"))), "{due}");
            // Written back as it was read, nothing moves.
            let set = [(Field::DueDate, Value::Date(day("2026-01-05")))];
            assert!(changed(due, &set).calendar.write().contains(&due.replace('\n', "\r\n")), "{due}");
            // And another day keeps the time of day.
            let set = [(Field::DueDate, Value::Date(day("2026-03-29")))];
            let again = read_task(&changed(due, &set));
            assert_eq!(again.get(Field::DueDate), Some(&Value::Date(day("2026-03-29"))), "{due}");
        }
        let kept = changed(
            "DUE;TZID=Europe/Berlin:20260105T170000",
            &[(Field::DueDate, Value::Date(day("2026-01-07")))],
        );
        assert!(kept.calendar.write().contains("DUE;TZID=Europe/Berlin:20260107T170000"));
    }

    #[test]
    fn start_and_due_are_of_one_kind_and_in_order() {
        let timed = changed(
            "DTSTART;TZID=Europe/Berlin:20260105T090000",
            &[(Field::DueDate, Value::Date(day("2026-01-07")))],
        );
        assert!(timed.calendar.write().contains("DUE;TZID=Europe/Berlin:20260107T090000"));
        let earlier = changed(
            "DTSTART;VALUE=DATE:20260105\nDUE;VALUE=DATE:20260109",
            &[(Field::DueDate, Value::Date(day("2026-01-02")))],
        );
        let item = read_task(&earlier);
        assert_eq!(item.get(Field::StartDate), Some(&Value::Date(day("2026-01-02"))));
        assert_eq!(item.get(Field::DueDate), Some(&Value::Date(day("2026-01-02"))));
    }

    #[test]
    fn done_is_said_in_several_ways() {
        let of = |lines: &str| match read_task(&resource(lines)).get(Field::Completion) {
            Some(Value::Completion(done)) => *done,
            other => panic!("{other:?}"),
        };
        let done = of("STATUS:COMPLETED\nCOMPLETED:20260105T233000Z");
        assert_eq!(
            (done.status, done.on, done.percent),
            (TaskStatus::Completed, Some(day("2026-01-05")), Some(100))
        );
        assert_eq!(of("COMPLETED:20260105T233000Z").status, TaskStatus::Completed);
        assert_eq!(of("PERCENT-COMPLETE:100").status, TaskStatus::Completed);
        assert_eq!(of("PERCENT-COMPLETE:30").status, TaskStatus::InProgress);
        assert_eq!(of("STATUS:NEEDS-ACTION\nPERCENT-COMPLETE:100").status, TaskStatus::NotStarted);
        assert_eq!(of("SUMMARY:x").status, TaskStatus::NotStarted);
        let undone = Completion { status: TaskStatus::NotStarted, on: None, percent: None };
        let text = changed(
            "STATUS:COMPLETED\nPERCENT-COMPLETE:100\nCOMPLETED:20260105T233000Z",
            &[(Field::Completion, Value::Completion(undone))],
        );
        let text = text.calendar.write();
        assert!(
            text.contains("STATUS:NEEDS-ACTION")
                && !text.contains("\nCOMPLETED:")
                && !text.contains("PERCENT")
        );
    }

    #[test]
    fn a_reminder_is_an_instant_where_it_is_known() {
        let alarm = |trigger: &str| format!("BEGIN:VALARM\nACTION:DISPLAY\n{trigger}\nEND:VALARM");
        let of = |lines: String| read_task(&resource(&lines)).get(Field::Reminder).cloned();
        let instant = |text: &str| {
            let at: DateTime<Utc> = text.parse().unwrap();
            Some(Value::Number(at.timestamp() / 60))
        };
        assert_eq!(of("SUMMARY:x".into()), Some(Value::Blank));
        assert_eq!(of(alarm("TRIGGER;VALUE=DATE-TIME:20260105T080000Z")), instant("2026-01-05T08:00:00Z"));
        let due = "DUE;TZID=Europe/Berlin:20260105T170000\n";
        assert_eq!(
            of(format!("{due}{}", alarm("TRIGGER;RELATED=END:-PT30M"))),
            instant("2026-01-05T15:30:00Z")
        );
        // Of a day, nobody says in which zone it begins.
        assert_eq!(of(format!("DUE;VALUE=DATE:20260105\n{}", alarm("TRIGGER;RELATED=END:-PT30M"))), None);
        let set =
            changed(&alarm("TRIGGER:-PT15M"), &[(Field::Reminder, instant("2026-01-05T15:30:00Z").unwrap())]);
        assert!(set.calendar.write().contains("TRIGGER;VALUE=DATE-TIME:20260105T153000Z"));
        assert!(
            !changed(&alarm("TRIGGER:-PT15M"), &[(Field::Reminder, Value::Blank)])
                .calendar
                .write()
                .contains("VALARM")
        );
    }

    #[test]
    fn a_recurring_task_says_so() {
        assert!(read_task(&resource("DUE;VALUE=DATE:20260105\nRRULE:FREQ=DAILY")).is_recurring());
        assert!(!read_task(&resource("DUE;VALUE=DATE:20260105")).is_recurring());
    }

    #[test]
    fn an_event_is_no_task() {
        let text = "BEGIN:VCALENDAR\nBEGIN:VEVENT\nUID:u\nEND:VEVENT\nEND:VCALENDAR\n";
        assert_eq!(TaskResource::read(text), Err(NotATask::OtherKind));
        assert!(matches!(TaskResource::read("nonsense"), Err(NotATask::Unreadable(_))));
    }

    fn line() -> impl Strategy<Value = String> {
        let day = (2000..2100i32, 1..13u32, 1..29u32).prop_map(|(y, m, d)| format!("{y:04}{m:02}{d:02}"));
        let moment = (day, 0..4usize, 0..24u32).prop_map(|(day, kind, hour)| match kind {
            0 => format!(";VALUE=DATE:{day}"),
            1 => format!(":{day}T{hour:02}0000Z"),
            2 => format!(";TZID=Europe/Berlin:{day}T{hour:02}0000"),
            _ => format!(":{day}T{hour:02}3000"),
        });
        prop_oneof![
            moment.clone().prop_map(|m| format!("DUE{m}")),
            moment.clone().prop_map(|m| format!("DTSTART{m}")),
            moment.prop_map(|m| format!("COMPLETED{m}")),
            "(NEEDS-ACTION|IN-PROCESS|COMPLETED|CANCELLED|FOO)".prop_map(|s| format!("STATUS:{s}")),
            (0..120u32).prop_map(|p| format!("PERCENT-COMPLETE:{p}")),
            "[a-z;, ]{0,9}".prop_map(|s| format!("SUMMARY:{s}")),
            (0..10u32).prop_map(|p| format!("PRIORITY:{p}")),
        ]
    }

    proptest! {
        /// I17: what was read, written back and read again is the same.
        #[test]
        fn reading_writing_and_reading_is_reading(lines in proptest::collection::vec(line(), 0..7)) {
            let item = read_task(&resource(&lines.join("\n")));
            let mut set = item.fields.clone();
            set.remove(&Field::Recurrence);
            let fields: Vec<_> = set.into_iter().collect();
            let again = read_task(&changed(&lines.join("\n"), &fields));
            // A start after the due day is no task that may be stored: it is brought in order.
            let in_order = item.get(Field::StartDate) == again.get(Field::StartDate);
            for (field, value) in &item.fields {
                if *field != Field::StartDate || in_order {
                    prop_assert_eq!(Some(value), again.get(*field), "{}", field);
                }
            }
        }
    }
}
