//! Local servers that speak the real protocols: to try the product without a tenant, and to test it.
//!
//! Written from the vendors' published contracts, never from our own client; outside clients judge them
//! (`tests/judges/`). They refuse what the real ones refuse, and count every mail that they would have sent.

pub mod control;
pub mod exchange;
mod running;
pub mod salesforce;
pub mod seed;
pub mod serve;
pub mod tls;

pub use running::{RunningSandbox, Sandbox, SandboxError, SandboxOptions};
pub use seed::Company;
