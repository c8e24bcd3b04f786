//! What everybody speaks: the things an administrator manages (connections, policies, licenses), the items that
//! are kept in step, and the ports that connectors, store and agent implement.
//!
//! No network, no screen and no async runtime live here: ports are traits, and whoever calls them brings the
//! runtime.

pub mod activity;
pub mod admin;
pub mod documents;
pub mod fault;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
pub mod history;
pub mod hold_details;
pub mod holds;
pub mod ids;
pub mod item;
pub mod license;
pub mod not_synced;
pub mod ports;
pub mod queue;
pub mod recurrence;
pub mod rows;
pub mod secrets;
pub mod since;
