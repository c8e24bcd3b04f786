//! What all panes are put together from.

pub mod buttons;
pub mod chip;
pub mod dialog;
pub mod form;
pub mod notices;
pub mod palette;
pub mod spark;
pub mod steps;
pub mod table;
pub mod trouble;
