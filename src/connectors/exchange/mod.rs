//! Microsoft Exchange 2010 SP2 and newer, by Exchange Web Services.
//!
//! Requests are built to the vendor's schema and checked once more on their way out: none can make Exchange mail
//! anybody, and nothing is ever deleted for good. Items that we make carry a marker in an extended property, so that a
//! create whose answer was lost is found again. An item's version is its change key.

mod attachments;
mod calls;
mod capabilities;
mod client;
mod code;
mod contact;
mod custom_zone;
mod event;
#[cfg(feature = "fuzzing")]
pub mod fuzzing;
mod kind;
mod lost_and_found;
mod mailbox;
mod message;
mod message_folders;
mod pattern;
mod record_folders;
mod request;
mod series;
mod series_calls;
mod shape;
mod silence;
mod soap;
mod system;
mod task;
mod xml;
mod zone;

#[cfg(test)]
mod round_trip_tests;
#[cfg(test)]
mod series_tests;
#[cfg(test)]
mod server_tests;

pub use system::system;
