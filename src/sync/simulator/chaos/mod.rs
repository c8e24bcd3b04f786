//! Many users and many agents under chaos: every await is a place where something else may happen, or a process die.
//!
//! A seed makes a [`Script`]: users who work on both sides, agents that begin cycles, go on await by await, die and take
//! over from one another. [`World::play`] runs it, with all faults; then the faults end, and [`check`] looks at every
//! invariant. A script that fails is made smaller by [`shrink`], and kept as a test.

mod arena;
mod backups;
mod check;
mod fake;
mod faults;
mod history;
mod items;
mod leases;
#[cfg(test)]
mod many;
#[cfg(test)]
mod order;
mod people;
mod rights;
mod script;
mod server;
mod shrink;
#[cfg(test)]
mod starved;
#[cfg(test)]
mod tests;
mod trace;
mod turns;
mod verdicts;
mod world;

pub use backups::{Mind, Tells};
pub use check::{CYCLES, check, database_lost};
pub use faults::Faults;
pub use items::Slot;
pub use leases::{Leases, Store};
pub use rights::Rights;
pub use script::{Admin, Deed, Knobs, Script, Step};
pub use shrink::{shown, shrink};
pub use world::World;
