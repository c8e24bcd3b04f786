//! The engine under a virtual clock, against fake systems that lose answers, with a process that is killed at any
//! moment: the same code as in production.

#[cfg(test)]
mod accepted;
#[cfg(test)]
mod arrived_before;
#[cfg(test)]
mod backups;
pub mod chaos;
mod check;
#[cfg(test)]
mod decided_once;
#[cfg(test)]
mod decisions;
mod fake;
#[cfg(test)]
mod files;
mod items;
#[cfg(test)]
mod late;
#[cfg(test)]
mod left_over;
#[cfg(test)]
mod linked_twice;
#[cfg(test)]
mod made_twice;
#[cfg(test)]
mod marked;
#[cfg(test)]
mod matched;
#[cfg(test)]
mod matrix;
#[cfg(test)]
mod meanwhile;
#[cfg(test)]
mod merged;
#[cfg(test)]
mod messages;
#[cfg(test)]
mod permission;
#[cfg(test)]
mod polled;
#[cfg(test)]
mod private;
#[cfg(test)]
mod progress;
mod random;
#[cfg(test)]
mod recovered;
#[cfg(test)]
mod renamed;
#[cfg(test)]
mod restored;
#[cfg(test)]
mod same_uid;
#[cfg(test)]
mod scenarios;
#[cfg(test)]
mod seeds;
#[cfg(test)]
mod series;
#[cfg(test)]
mod share;
#[cfg(test)]
mod shared;
mod signals;
#[cfg(test)]
mod stopped;
#[cfg(test)]
mod stubborn;
#[cfg(test)]
mod taken_in;
#[cfg(test)]
mod tests;
#[cfg(test)]
mod told;
mod tombstones;
#[cfg(test)]
mod undo;
mod undone;
#[cfg(test)]
mod window;
pub(crate) mod world;
#[cfg(test)]
mod zone_rules;

pub use check::check;
pub use fake::{FakeSide, Faults, Killer};
pub use random::Random;
pub use world::{Knobs, World};

/// The rows of a simulated world: what is committed stays, what is not is lost with the process.
pub type MemoryStore = crate::memory::Memory<Killer>;
