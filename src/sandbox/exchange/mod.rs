//! The Exchange organisation.
