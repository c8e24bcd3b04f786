//! Contacts as vCards (RFC 6350, RFC 2426; vCard 2.1 is tolerated): read into items, and changed in place.

mod card;
mod slots;
mod write;

pub use card::{CardResource, NotAContact, read_card};
pub use slots::Slotted;
pub use write::{change_card, new_card};

#[cfg(test)]
mod corpus_tests;
#[cfg(test)]
mod fixpoint_tests;
