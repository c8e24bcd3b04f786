//! The planner against an interpreter of the design's text: the reconciliation table and the field merge, written
//! twice by different hands, must say the same of every pair.

mod cases;
mod decided;
mod expected;
mod fields;
mod occurrences;
mod rightful;
mod standing;
mod table;
mod tests;
mod twins;
