//! The death of a process.

use crate::memory::Gate;
use async_trait::async_trait;
use std::future::poll_fn;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::task::Poll;

/// Kills the process at a chosen moment: the future that asks never goes on.
#[derive(Debug, Clone)]
pub struct Killer(Arc<AtomicI64>);

impl Default for Killer {
    fn default() -> Self {
        Self(Arc::new(AtomicI64::new(-1)))
    }
}

impl Killer {
    /// After so many steps; `None`: never.
    pub fn arm(&self, steps: Option<u32>) {
        self.0.store(steps.map_or(-1, i64::from), Ordering::SeqCst);
    }
}

#[async_trait]
impl Gate for Killer {
    /// One more step, which may be the last.
    async fn step(&self) {
        let left = self.0.load(Ordering::SeqCst);
        if left < 0 {
            return;
        }
        if left == 0 {
            poll_fn(|_| Poll::<()>::Pending).await;
        }
        self.0.store(left - 1, Ordering::SeqCst);
    }
}
