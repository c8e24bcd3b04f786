//! The HTTP layer that all connectors share.
//!
//! [`HttpClient::send`] is the one way out. It keeps concurrency and rate within the bounds of a [`Scope`] (a mailbox,
//! an organisation), waits as long as the server asked, repeats what may be repeated, says `InDoubt` when nobody can
//! know, stops knocking at a server that is down, and turns everything that goes wrong into the faults that an
//! administrator reads. No secret is ever part of a log line or a fault.
//!
//! Times are tokio's, so tests can pause them.

mod breaker;
mod client;
mod fault;
mod limits;
mod message;
mod options;
mod probe;
mod tls;
mod wire_log;

pub use client::HttpClient;
pub use fault::shown_url;
pub use message::{Kind, Request, Response, Scope};
pub use options::{Auth, HttpOptions, TokenSource};
pub use probe::{probe_endpoint, run_step};
pub use wire_log::WIRE_LOG;

#[cfg(test)]
mod budget;
#[cfg(test)]
mod tests;
