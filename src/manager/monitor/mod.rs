//! The Service Monitor: the agent, the sync queue, and each user's activity.

pub mod activity;
pub mod activity_ui;
pub mod explain;
pub mod explain_ui;
pub mod model;
pub mod not_in_step;
pub mod not_in_step_ui;
pub mod ui;
pub mod undo;
pub mod undo_ui;
pub mod watch;
