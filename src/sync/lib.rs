//! The sync engine: observe → plan → effects.
//!
//! - [`run_feed`] and the observing half of [`run_cycle`] turn pages of changes into rows, each page in one
//!   transaction with the cursor after it;
//! - the plan is a pure function of what both sides show now and of the hashes of what they showed when they were last
//!   in step ([`table`], [`merge`], [`plan`]);
//! - effects write an intent down, call, and record what became of it ([`effects`], [`recover`]).
//!
//! The engine has no clock, no socket and no thread: it runs on ports, so that the simulator can run the very same
//! code.

mod accepted;
mod arrived;
mod asked;
#[cfg(test)]
mod capable;
mod context;
mod cycle;
mod decided;
mod deeds;
mod edited;
mod effects;
mod feed;
mod files;
mod first_sync;
mod guard;
pub mod hash;
mod holds;
mod in_step;
mod journal;
mod loops;
pub mod matching;
mod memory;
pub mod merge;
mod messages;
mod module_cycle;
mod moved;
mod observe;
#[cfg(test)]
mod oracle;
mod orders;
mod ours;
mod permission;
mod place;
pub mod plan;
mod preview;
pub mod project;
mod read;
mod read_back;
mod recover;
mod rehearsal;
mod relink;
mod restored;
mod retry;
mod scratch;
#[cfg(test)]
mod scripted;
mod series;
mod shared;
mod sight;
pub mod table;
mod taken_away;
mod twin;
mod undo;
mod untold;
mod veil;
mod work;
mod zone_rules;

#[cfg(any(test, feature = "simulator"))]
pub mod simulator;

/// Twice as many seeds a second as with the system's own.
#[cfg(test)]
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

pub use accepted::accept;
pub use context::{
    CycleContext, CycleFault, CycleOutcome, FeedContext, FeedOutcome, IdSource, RandomIds, Record, StopSignal,
};
pub use cycle::run_cycle;
pub use decided::{Verdict, plan_decided};
pub use feed::run_feed;
pub use preview::preview;
pub use sight::shown_items;
pub use undo::preview_undo;
