//! Events and tasks as iCalendar text (RFC 5545): read into items, and changed in place.

mod attachment;
mod clock;
mod component;
mod escape;
mod event;
mod line;
mod moment;
mod rewrite;
mod series;
mod silence;
mod task;
mod write;
mod zone;

pub use attachment::file_of;
pub use component::{Component, Malformed, Part};
pub use escape::{escape, split_escaped, unescape};
pub use event::{EventResource, NotAnEvent, read_event};
pub use line::{Line, Param};
pub use moment::utc_text;
pub use silence::{Scheduling, WouldMail, mailed_by_deletion, quieten};
pub use task::{NotATask, TaskResource, change_task, new_task, read_task};
pub use write::{MARKER, Refused, change_event, marker_line, marker_of, new_event};
pub use zone::of_calendar;

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod fixpoint_tests;
#[cfg(test)]
mod series_cases;
#[cfg(test)]
mod series_tests;
