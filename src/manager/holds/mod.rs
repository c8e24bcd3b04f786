//! What waits for an administrator: the list, one hold with everything it is decided by, and the decision.

pub mod compare;
pub mod decide;
pub mod detail_ui;
pub mod model;
pub mod ui;
