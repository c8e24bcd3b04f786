//! Tasks: `project.task` rows that are assigned to the user.
//!
//! | item | OpenERP 7 | Odoo 8 to 18 |
//! |---|---|---|
//! | summary, body | `name`, `description` | the same; HTML from Odoo 9 |
//! | dueDate | `date_deadline`, a day | from Odoo 17 a time: the day that it falls on where the owner is |
//! | completion | `stage_id`, by the stage's `state` | `state` (17 and later); before, whether the stage is folded, which is read alone |
//! | importance | `priority`, from 4 (lowest) to 0 | `priority`, from 0 up |
//! | categories | `categ_ids` or `tag_ids`: see [`categories`](super::categories) | the same |
//!
//! Project, customer and hours stay as they are. There is no reminder. Odoo 8 to 16 may mail the customer when a task
//! gets to another stage (a request for a rating), and nothing that we say in a call keeps it from that: no stage is written
//! there. OpenERP 7 cannot archive a single task, and deleting one deletes the hours that were worked on it: what is deleted
//! in the mailbox is cancelled, and a cancelled task is gone.

use super::contact::{notes, text, write_notes};
use super::event::{read_time, write_time};
use super::layout::Layout;
use super::stage::Stage;
use super::xmlrpc::Value as Rpc;
use chrono::{Duration, NaiveDate, NaiveTime, TimeZone as _, Utc};
use chrono_tz::Tz;
use riva_core::item::{Completion, Field, Item, Module, TaskStatus, Value, is_in_calendar};
use std::collections::{BTreeMap, BTreeSet};

/// The columns that are read or written, where the server has them.
pub const WANTED: [&str; 12] = [
    "name",
    "description",
    "date_deadline",
    "priority",
    "stage_id",
    "state",
    "project_id",
    "user_id",
    "user_ids",
    "tag_ids",
    "categ_ids",
    "active",
];

/// The state of stages in which a task is as good as deleted (OpenERP 7).
pub const CANCELLED: &str = "cancelled";

/// How the server's tasks are built.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shape {
    /// Its columns.
    pub layout: Layout,
    /// OpenERP 7's (or else those of Odoo 8 and later).
    pub seven: bool,
}

/// How it is told how far a task is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// By the state of its stage (OpenERP 7).
    StageState,
    /// By whether its stage is folded (Odoo 8 to 16).
    Folded,
    /// By a state of its own (Odoo 17 and later).
    State,
}

impl Shape {
    /// How it is told how far a task is.
    pub fn progress(&self) -> Progress {
        match (self.seven, self.layout.has("state")) {
            (true, _) => Progress::StageState,
            (false, true) => Progress::State,
            (false, false) => Progress::Folded,
        }
    }

    /// The column with whom a task is assigned to: one, or several from Odoo 15.
    pub fn owner(&self) -> &'static str {
        if self.layout.has("user_ids") { "user_ids" } else { "user_id" }
    }

    /// Whom a row is assigned to.
    pub fn owners(&self, row: &Rpc) -> Vec<i64> {
        match row.get(self.owner()) {
            Some(many) if self.owner() == "user_ids" => many.items().iter().filter_map(Rpc::int).collect(),
            one => one.and_then(Rpc::many2one).into_iter().collect(),
        }
    }

    /// Why no task can be made; `None` where one can.
    pub fn no_new(&self) -> Option<&'static str> {
        (self.owner() == "user_ids").then_some(
            "Odoo 15 and later mail everybody to whom a task is given, and show a task without a project to nobody else: \
             make the task in Odoo, and it comes to the mailbox",
        )
    }

    /// The fields that can be read.
    pub fn reads() -> BTreeSet<Field> {
        [Field::Summary, Field::Body, Field::DueDate, Field::Completion, Field::Importance].into()
    }

    /// The fields that can be written.
    pub fn writes(&self) -> BTreeSet<Field> {
        let mut fields = Self::reads();
        if self.progress() == Progress::Folded {
            fields.remove(&Field::Completion);
        }
        fields
    }

    /// The parts of the completion that there are words for.
    pub fn words(&self) -> BTreeSet<String> {
        let words: &[TaskStatus] = match self.progress() {
            Progress::StageState => {
                &[TaskStatus::NotStarted, TaskStatus::InProgress, TaskStatus::Waiting, TaskStatus::Completed]
            }
            Progress::Folded => &[TaskStatus::InProgress, TaskStatus::Completed],
            Progress::State => &[TaskStatus::InProgress, TaskStatus::Completed, TaskStatus::Cancelled],
        };
        words.iter().map(|word| word.as_str().to_owned()).collect()
    }

    /// Whether a row is archived, or as good as that.
    pub fn is_gone(&self, row: &Rpc) -> bool {
        let cancelled = self.seven && row.get("state").map(Rpc::str) == Some(CANCELLED);
        cancelled || row.get("active").is_some_and(|active| !active.is_true())
    }

    /// How far a row is.
    fn status(&self, row: &Rpc, stages: &[Stage]) -> TaskStatus {
        let state = row.get("state").map(Rpc::str).unwrap_or_default();
        match self.progress() {
            Progress::Folded => {
                let at = row.get("stage_id").and_then(Rpc::many2one);
                let folded = stages.iter().any(|s| Some(s.id) == at && s.folded);
                if folded { TaskStatus::Completed } else { TaskStatus::InProgress }
            }
            Progress::StageState => match state {
                "draft" => TaskStatus::NotStarted,
                "pending" => TaskStatus::Waiting,
                "done" => TaskStatus::Completed,
                _ => TaskStatus::InProgress,
            },
            Progress::State => match state {
                "1_done" => TaskStatus::Completed,
                "1_canceled" => TaskStatus::Cancelled,
                // It waits for another task, which is the server's to say.
                _ => TaskStatus::InProgress,
            },
        }
    }
}

/// The state of a stage that stands for a status (OpenERP 7).
pub fn state(status: TaskStatus) -> &'static str {
    match status {
        TaskStatus::NotStarted | TaskStatus::Deferred | TaskStatus::Cancelled => "draft",
        TaskStatus::InProgress => "open",
        TaskStatus::Waiting => "pending",
        TaskStatus::Completed => "done",
    }
}

/// A row as an item; `zone` is the owner's. The error says what cannot be understood.
pub fn project(row: &Rpc, shape: &Shape, stages: &[Stage], zone: Tz) -> Result<Item, String> {
    let read = |column: &str| row.get(column).map(Rpc::str).unwrap_or_default();
    let mut item = Item::new(Module::Tasks);
    item.set_text(Field::Summary, read("name"));
    item.set(Field::Body, notes(read("description").trim().to_owned(), shape.layout.is_html("description")));
    let due = match read("date_deadline") {
        "" => Value::Blank,
        written => {
            let day = if let Some(at) = read_time(written) {
                Some(at.and_utc().with_timezone(&zone).date_naive())
            } else {
                written.parse::<NaiveDate>().ok()
            };
            let day = day.filter(is_in_calendar);
            Value::Date(day.ok_or_else(|| format!("date_deadline is no day: {written}"))?)
        }
    };
    item.set(Field::DueDate, due);
    let status = shape.status(row, stages);
    item.set(Field::Completion, Value::Completion(Completion { status, on: None, percent: None }));
    item.set(Field::Importance, Value::Number(importance(read("priority"), shape)));
    Ok(item)
}

/// Low, normal and high, as 0 to 2.
fn importance(priority: &str, shape: &Shape) -> i64 {
    let words = shape.layout.picks("priority").len();
    match (shape.seven, priority) {
        (true, "0" | "1") => 2,
        (true, "3" | "4") => 0,
        (true, _) | (false, "") => 1,
        // Two words, until Odoo 17: normal and high.
        (false, "0") => i64::from(words == 2),
        (false, "1") if words != 2 => 1,
        (false, _) => 2,
    }
}

fn priority(importance: i64, shape: &Shape) -> &'static str {
    let two = shape.layout.picks("priority").len() == 2;
    match (shape.seven, importance) {
        (true, 0) => "3",
        (true, 1) => "2",
        (true, _) | (false, 0) => "0",
        (false, 1) if two => "0",
        (false, 1) => "1",
        (false, _) if two => "1",
        (false, _) => "2",
    }
}

/// What to write for fields: columns and their values, `false` for empty. `stage` finds the one that stands for a status.
pub fn map(
    set: &BTreeMap<Field, Value>,
    shape: &Shape,
    zone: Tz,
    stage: impl Fn(TaskStatus) -> Option<i64>,
) -> BTreeMap<String, Rpc> {
    let mut row = BTreeMap::new();
    let mut put = |column: &str, value: Rpc| {
        if shape.layout.has(column) {
            row.insert(column.to_owned(), value);
        }
    };
    for (field, value) in set {
        match (field, value) {
            (Field::Summary, Value::Text(t)) => put("name", text(t)),
            // The server wants one.
            (Field::Summary, _) => put("name", Rpc::from("(no subject)")),
            (Field::Body, value) => {
                put("description", write_notes(value, shape.layout.is_html("description")));
            }
            (Field::DueDate, Value::Date(day)) if shape.layout.is_time("date_deadline") => {
                put("date_deadline", Rpc::from(write_time(noon(*day, zone))));
            }
            (Field::DueDate, Value::Date(day)) => put("date_deadline", Rpc::from(day.to_string())),
            (Field::DueDate, _) => put("date_deadline", Rpc::Bool(false)),
            (Field::Importance, Value::Number(n)) => put("priority", Rpc::from(priority(*n, shape))),
            (Field::Completion, Value::Completion(done)) => match shape.progress() {
                Progress::StageState => {
                    if let Some(stage) = stage(done.status) {
                        put("stage_id", Rpc::Int(stage));
                    }
                }
                Progress::State => {
                    let word = match done.status {
                        TaskStatus::Completed => "1_done",
                        TaskStatus::Cancelled => "1_canceled",
                        _ => "01_in_progress",
                    };
                    put("state", Rpc::from(word));
                }
                Progress::Folded => {}
            },
            _ => {}
        }
    }
    row
}

/// The middle of a day where the owner is: clocks do not change then.
fn noon(day: NaiveDate, zone: Tz) -> chrono::DateTime<Utc> {
    let wall = day.and_time(NaiveTime::MIN) + Duration::hours(12);
    zone.from_local_datetime(&wall).earliest().map_or_else(|| wall.and_utc(), |at| at.with_timezone(&Utc))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// OpenERP 7, Odoo 8 to 14, and Odoo 18.
    fn shapes() -> [Shape; 3] {
        let without = |gone: &[&str]| WANTED.into_iter().filter(|c| !gone.contains(c)).collect::<Vec<_>>();
        let seven =
            Layout::for_tests(&without(&["user_ids"]), &[]).with(&[], "priority", &["4", "3", "2", "1", "0"]);
        let twelve = Layout::for_tests(&without(&["user_ids", "state"]), &["description"]);
        let eighteen = Layout::for_tests(&without(&["user_id"]), &["description"]);
        [
            Shape { layout: seven, seven: true },
            Shape { layout: twelve.with(&[], "priority", &["0", "1"]), seven: false },
            Shape {
                layout: eighteen.with(&["date_deadline"], "priority", &["0", "1", "2", "3"]),
                seven: false,
            },
        ]
    }

    #[test]
    fn no_stage_is_written_where_the_server_may_mail_the_customer_because_of_it() {
        let [seven, twelve, eighteen] = shapes();
        assert!(!twelve.writes().contains(&Field::Completion));
        let done = Value::Completion(Completion { status: TaskStatus::Completed, on: None, percent: None });
        let set = [(Field::Completion, done)].into();
        assert_eq!(map(&set, &seven, Tz::UTC, |_| Some(7))["stage_id"], Rpc::Int(7));
        for shape in [&twelve, &eighteen] {
            assert!(!map(&set, shape, Tz::UTC, |_| Some(7)).contains_key("stage_id"));
        }
        assert_eq!(map(&set, &eighteen, Tz::UTC, |_| None)["state"], Rpc::from("1_done"));
    }

    #[test]
    fn whom_a_task_is_given_to_is_one_or_several() {
        let [seven, _, eighteen] = shapes();
        let row = Rpc::map([
            ("user_id", Rpc::List(vec![Rpc::Int(5), Rpc::from("Ann")])),
            ("user_ids", Rpc::list([5, 6])),
        ]);
        assert_eq!((seven.owners(&row), eighteen.owners(&row)), (vec![5], vec![5, 6]));
        assert!(seven.no_new().is_none() && eighteen.no_new().is_some());
    }

    #[test]
    fn a_cancelled_task_is_gone_in_openerp_7_alone() {
        let [seven, _, eighteen] = shapes();
        let cancelled = Rpc::map([("state", Rpc::from("cancelled")), ("active", Rpc::Bool(true))]);
        assert!(seven.is_gone(&cancelled));
        let cancelled = Rpc::map([("state", Rpc::from("1_canceled")), ("active", Rpc::Bool(true))]);
        assert!(!eighteen.is_gone(&cancelled));
    }

    proptest! {
        /// I17: what was read, written back and read again is the same; and a day stays that day in every zone.
        #[test]
        fn reading_writing_and_reading_is_reading(
            name in "[ a-zé]{0,12}", body in "[ a-zé\n]{0,12}", day in 0..20_000i64, due in any::<bool>(),
            priority in 0..5u8, zone in 0..chrono_tz::TZ_VARIANTS.len(), which in 0..3usize, state in 0..4usize,
        ) {
            let shape = &shapes()[which];
            let zone = chrono_tz::TZ_VARIANTS[zone];
            let day = NaiveDate::default() + Duration::days(day);
            let written = if which == 2 { format!("{day} 21:30:00") } else { day.to_string() };
            let words = [["draft", "open", "pending", "done"], ["", "", "", ""],
                ["01_in_progress", "1_done", "1_canceled", "04_waiting_normal"]];
            let row = Rpc::map([
                ("name", Rpc::Text(name)),
                ("description", Rpc::Text(body)),
                ("date_deadline", if due { Rpc::Text(written) } else { Rpc::Bool(false) }),
                ("priority", Rpc::from(priority.to_string())),
                ("state", Rpc::from(words[which][state])),
                ("stage_id", Rpc::list([1])),
            ]);
            // One stage for each state, by its place.
            let item = project(&row, shape, &[], zone).expect("readable");
            let Rpc::Map(mut written) = row else { unreachable!() };
            for (column, value) in map(&item.fields, shape, zone, |_| None) {
                written.insert(column, value);
            }
            let again = project(&Rpc::Map(written), shape, &[], zone).expect("readable");
            for (field, value) in &item.fields {
                match (field, value, again.get(*field)) {
                    (_, Value::Body(a), Some(Value::Body(b))) => prop_assert_eq!(a.canonical(), b.canonical()),
                    // A blank subject gets a text, which then stays.
                    (Field::Summary, Value::Blank, Some(b)) => prop_assert_eq!(b, &Value::text("(no subject)")),
                    (field, a, b) => prop_assert_eq!(Some(a), b, "{}", field),
                }
            }
        }
    }
}
