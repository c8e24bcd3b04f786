//! Calendar object resources.

use riva_connectors::icalendar::{
    Component, EventResource, Scheduling, TaskResource, change_event, change_task, mailed_by_deletion,
    new_event, quieten, read_event, read_task,
};
use riva_core::ids::{Marker, PairId};
use riva_core::item::{Field, Item};

pub fn marker() -> Marker {
    Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 }
}

pub fn now() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp(1_780_000_000, 0).expect("a time")
}

/// Reads an event, writes it into itself and into a new one, and reads these.
pub fn event(text: &str) {
    let Ok(resource) = EventResource::read(text) else { return };
    silent(&resource.calendar);
    let Ok(item) = read_event(&resource) else { return };
    let mut set = item.fields.clone();
    if item.text(Field::Recurrence).is_some() {
        // A series that is held: it is left as it is.
        set.retain(|field, _| !matches!(field, Field::When | Field::Recurrence | Field::Overrides));
    }
    if let Ok(new) = new_event(&item, "uid-1", &marker(), now()) {
        let again = reread(&new.calendar);
        // A body's HTML and times in a zone's autumn hour may take another form once; what they say may not change.
        for field in [Field::Summary, Field::Location, Field::Attendees, Field::Categories] {
            assert_eq!(again.get(field), item.get(field), "{field} of {}", new.calendar.write());
        }
        let mut quiet = new.calendar.clone();
        let scheduling = Scheduling { automatic: true, own: vec!["me@x.test".to_owned()] };
        quieten(&scheduling, None, &mut quiet).expect("what is new can always be silent");
        all_quiet(&quiet);
    }
    let mut changed = resource.clone();
    if change_event(&mut changed, &set, &marker(), now()).is_ok() {
        let again = reread(&changed.calendar);
        for field in [Field::Recurrence, Field::Overrides] {
            assert_eq!(again.get(field), item.get(field), "{field} of {}", changed.calendar.write());
        }
    }
}

fn reread(calendar: &Component) -> Item {
    let text = calendar.write();
    let read = EventResource::read(&text).map(|resource| read_event(&resource));
    match read {
        Ok(Ok(item)) => item,
        other => panic!("what is written cannot be read: {other:?}\n{text}"),
    }
}

/// What goes out is silent, or is not sent at all.
fn silent(calendar: &Component) {
    for automatic in [false, true] {
        let scheduling = Scheduling { automatic, own: vec!["me@x.test".to_owned()] };
        let _ = mailed_by_deletion(&scheduling, calendar);
        for before in [None, Some(calendar)] {
            let mut after = calendar.clone();
            if quieten(&scheduling, before, &mut after).is_ok() && (before.is_none() || !automatic) {
                all_quiet(&after);
            }
        }
    }
}

/// By the text alone, as a server reads it: every attendee and organizer of a component of the calendar is out of the
/// server's hands.
fn all_quiet(calendar: &Component) {
    let text = calendar.write().replace("\r\n ", "").replace("\r\n\t", "");
    let mut depth = 0_usize;
    for line in text.split("\r\n") {
        let upper = line.to_ascii_uppercase();
        let name = upper.split([';', ':']).next().unwrap_or_default();
        match name {
            "BEGIN" => depth += 1,
            "END" => depth = depth.saturating_sub(1),
            "ATTENDEE" | "ORGANIZER" if depth == 2 => {
                let params = params(&upper);
                assert!(params.contains(";SCHEDULE-AGENT=NONE"), "a server would mail: {line}");
                assert!(!params.contains(";SCHEDULE-FORCE-SEND="), "a server would mail: {line}");
            }
            _ => {}
        }
    }
}

/// What stands before the value, up to the first colon outside of quotes, without what is quoted.
fn params(line: &str) -> String {
    let mut quoted = false;
    let mut bare = String::new();
    for c in line.chars() {
        match c {
            '"' => quoted = !quoted,
            ':' if !quoted => break,
            c if !quoted => bare.push(c),
            _ => {}
        }
    }
    bare
}

/// Reads a task, writes it into itself, and reads that.
pub fn task(text: &str) {
    let Ok(resource) = TaskResource::read(text) else { return };
    silent(&resource.calendar);
    let item = read_task(&resource);
    let mut set = item.fields.clone();
    set.remove(&Field::Recurrence);
    let mut changed = resource;
    if change_task(&mut changed, &set, &marker(), now()).is_ok() {
        let text = changed.calendar.write();
        let again = TaskResource::read(&text).map(|resource| read_task(&resource));
        let again = again.unwrap_or_else(|why| panic!("what is written cannot be read: {why}\n{text}"));
        for field in [Field::Summary, Field::DueDate, Field::Categories] {
            assert_eq!(again.get(field), item.get(field), "{field} of {text}");
        }
    }
}
