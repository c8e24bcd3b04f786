//! The engine under a virtual clock, against fake systems that lose answers, with a process that is killed at any
//! moment: the same code as in production.

mod check;
mod fake;
mod private;
mod random;
#[cfg(test)]
mod scenarios;
mod store;
#[cfg(test)]
mod stubborn;
#[cfg(test)]
mod tests;
mod world;

pub use check::check;
pub use fake::{FakeSide, Faults};
pub use random::Random;
pub use store::MemoryStore;
pub use world::{Knobs, World};
