//! What the rule of a series means: RFC 5545, sections 3.3.10 and 3.8.5.
//!
//! Everything here is on the wall clock of the series' zone, so that 09:00 stays 09:00 when the clocks change. An
//! occurrence in the hour that is left out in spring is kept, and takes place with the offset from before it: section 3.3.10
//! says both that it is and that it is not, and the verified erratum 4271 decides for section 3.3.5 (as Outlook and Google
//! show it, too).
//!
//! The expansion is our own: the libraries that were tried expand instants in a zone, count an unsynchronised start
//! otherwise, or have no bound on their work. `rrule` is the second opinion in the tests.

mod canonical;
mod expand;
mod occurrence;
mod period;
mod text;

pub use expand::{Endless, Starts, first, occurs, starts};
pub use occurrence::{Expansion, MOST_OCCURRENCES, NotExpanded, Occurrence, expand, occurrence_item, placed};
pub use text::RuleError;

#[cfg(test)]
mod cases;
#[cfg(test)]
mod tests;
