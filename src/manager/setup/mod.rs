//! Setup: the connections, their edit windows, their tests.

pub mod bulk;
pub mod editor;
pub mod editor_ui;
pub mod form;
pub mod model;
pub mod picklists;
pub mod picklists_ui;
pub mod test;
pub mod test_ui;
pub mod ui;
