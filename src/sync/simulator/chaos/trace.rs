//! A hash over everything that happens: two runs of one seed must have the same.

use std::hash::{DefaultHasher, Hash, Hasher as _};

/// What has happened so far.
#[derive(Debug, Clone)]
pub(super) struct Trace(DefaultHasher);

impl Default for Trace {
    fn default() -> Self {
        Self(DefaultHasher::new())
    }
}

impl Trace {
    /// One more thing.
    pub fn note(&mut self, what: impl Hash) {
        what.hash(&mut self.0);
    }

    /// The hash of all of it.
    pub fn hash(&self) -> u64 {
        self.0.finish()
    }
}
