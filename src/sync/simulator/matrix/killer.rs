//! The process dies at a chosen moment: every commit and every call is one.

use super::axes::Op;
use crate::memory::Gate;
use async_trait::async_trait;
use riva_core::ids::MemberId;
use riva_core::ports::StoreError;
use riva_core::rows::Side;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::Poll;

/// A moment in a cycle.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    /// Something is about to be stored.
    Storing,
    /// It is stored.
    Stored,
    /// A side is about to be read.
    Read(Side),
    /// A write is about to be sent.
    Call(Side, Op),
    /// Its answer is there, or is known to be lost.
    Answer(Side, Op),
}

#[derive(Debug, Default)]
struct State {
    past: Vec<Moment>,
    dies_at: Option<usize>,
    storing: bool,
}

/// Writes moments down, and lets the process die at one of them.
#[derive(Debug, Clone, Default)]
pub struct Killer(Arc<Mutex<State>>);

impl Killer {
    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// From now on moments are counted anew; the process dies at this one.
    pub fn arm(&self, dies_at: Option<usize>) {
        *self.state() = State { dies_at, ..State::default() };
    }

    /// What has come to pass since.
    pub fn past(&self) -> Vec<Moment> {
        self.state().past.clone()
    }

    /// A moment. May never come back.
    pub async fn moment(&self, moment: Moment) {
        let dies = {
            let mut state = self.state();
            let dies = state.dies_at == Some(state.past.len());
            state.past.push(moment);
            dies
        };
        if dies {
            poll_fn(|_| Poll::<()>::Pending).await;
        }
    }
}

#[async_trait]
impl Gate for Killer {
    async fn step(&self) {
        let stored = std::mem::take(&mut self.state().storing);
        self.moment(if stored { Moment::Stored } else { Moment::Storing }).await;
    }

    fn admits(&self, _member: Option<MemberId>, _fence: i64) -> Result<(), StoreError> {
        self.state().storing = true;
        Ok(())
    }
}
