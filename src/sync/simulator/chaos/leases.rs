//! The database of all agents: claims of members are counted, and whoever holds an older one than the latest writes
//! nothing.

use super::turns::turn;
use crate::memory::{Gate, Memory};
use crate::simulator::Random;
use async_trait::async_trait;
use riva_core::ids::MemberId;
use riva_core::ports::{Lease, StoreError};
use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

/// The rows of all members.
pub type Store = Memory<Leases>;

/// Who may write.
pub struct Leases(Mutex<State>);

struct State {
    /// The latest claim of each member.
    fences: BTreeMap<MemberId, i64>,
    commits: u64,
    /// How often, in percent, nobody knows whether a commit was made.
    unknown: u32,
    random: Random,
}

impl Leases {
    /// Nobody has claimed anything yet.
    pub fn new(seed: u64) -> Self {
        let random = Random::new(seed);
        Self(Mutex::new(State { fences: BTreeMap::new(), commits: 0, unknown: 0, random }))
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How often, in percent, it is not said from now on whether a commit was made.
    pub fn set_unknown(&self, percent: u32) {
        self.state().unknown = percent;
    }

    /// Claims a member: whoever held it before writes nothing more.
    pub fn claim(&self, member: MemberId) -> i64 {
        let mut state = self.state();
        let fence = state.fences.entry(member).or_default();
        *fence += 1;
        *fence
    }

    /// Whether a claim is the latest.
    pub fn is_latest(&self, member: MemberId, fence: i64) -> bool {
        self.state().fences.get(&member) == Some(&fence)
    }

    /// Commits made so far.
    pub fn commits(&self) -> u64 {
        self.state().commits
    }
}

impl State {
    /// The answer is lost, once in a while.
    fn answer(&mut self) -> Result<(), StoreError> {
        if self.random.percent(self.unknown) {
            return Err(StoreError::Broken("the connection to the database was lost".into()));
        }
        Ok(())
    }
}

#[async_trait]
impl Gate for Leases {
    async fn step(&self) {
        turn().await;
    }

    fn admits(&self, member: Option<MemberId>, fence: i64) -> Result<(), StoreError> {
        let mut state = self.state();
        state.answer()?;
        if let Some(member) = member.filter(|member| state.fences.get(member) != Some(&fence)) {
            return Err(StoreError::LeaseLost(member));
        }
        state.commits += 1;
        Ok(())
    }

    fn holds(&self, lease: Lease) -> Result<(), StoreError> {
        if self.is_latest(lease.member, lease.fence) {
            Ok(())
        } else {
            Err(StoreError::LeaseLost(lease.member))
        }
    }

    fn stored(&self) -> Result<(), StoreError> {
        self.state().answer()
    }
}
