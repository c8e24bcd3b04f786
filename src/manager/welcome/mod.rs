//! The welcome page, when no workspace is open.

pub mod model;
pub mod ui;
