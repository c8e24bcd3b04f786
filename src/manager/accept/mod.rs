//! Connections that lead elsewhere than before: what is said of them, and what an administrator may say.

pub mod model;
pub mod ui;
