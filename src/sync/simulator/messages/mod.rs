//! E-mail: two members whose mailboxes hold the same messages, on one CRM, under faults, with a process that is killed.

mod assigned;
mod copies;
mod fake;
mod files;
mod files_in_part;
mod offered;
mod restarts;
mod stories;
mod waiting;
mod world;
