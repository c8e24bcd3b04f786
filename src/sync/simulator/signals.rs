//! What a simulated cycle is told, and what it tells.

use crate::StopSignal;
#[cfg(test)]
use riva_core::activity::Level;
use riva_core::activity::{EventSink, SyncEvent};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Mutex, PoisonError};

/// Asks nobody to end.
pub(crate) struct NoStop;

impl StopSignal for NoStop {
    fn stopped(&self) -> bool {
        false
    }
}

/// Asks to end once: it says so the so-manieth time that it is asked. Who does not heed it is not told again.
pub(crate) struct StopOnce(AtomicI64);

impl Default for StopOnce {
    /// Never.
    fn default() -> Self {
        Self(AtomicI64::new(i64::MAX))
    }
}

#[cfg(test)]
impl StopOnce {
    /// After it was asked so often.
    pub fn after(&self, asks: i64) {
        self.0.store(asks, Ordering::SeqCst);
    }

    /// Whether it has said so.
    pub fn has_said_so(&self) -> bool {
        self.0.load(Ordering::SeqCst) < 0
    }
}

impl StopSignal for StopOnce {
    fn stopped(&self) -> bool {
        self.0.fetch_sub(1, Ordering::SeqCst) == 0
    }
}

/// Keeps the lines, for the report of a failing seed, and all else that is told.
#[derive(Default)]
pub(crate) struct Log(pub(crate) Mutex<Vec<String>>, Mutex<Vec<SyncEvent>>);

#[cfg(test)]
impl Log {
    /// All that was told.
    pub fn events(&self) -> Vec<SyncEvent> {
        self.1.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How urgent a line is, each time that it was told.
    pub fn levels(&self, line: &str) -> Vec<Level> {
        let told = self.events().into_iter().filter_map(|event| match event {
            SyncEvent::Line { level, text, .. } if text == line => Some(level),
            _ => None,
        });
        told.collect()
    }
}

impl EventSink for Log {
    fn emit(&self, event: SyncEvent) {
        if let SyncEvent::Line { text, .. } = &event {
            self.0.lock().unwrap_or_else(PoisonError::into_inner).push(text.clone());
        }
        self.1.lock().unwrap_or_else(PoisonError::into_inner).push(event);
    }
}
