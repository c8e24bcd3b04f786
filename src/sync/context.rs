//! What the engine is given, and what it gives back.

use crate::{deeds, permission, untold};
use chrono::{DateTime, Utc};
use riva_core::activity::{EventSink, Level, SyncEvent};
use riva_core::documents::Policy;
use riva_core::fault::{CallError, Fault};
use riva_core::history::DeedSink;
use riva_core::ids::{ConnectionName, CrmUserId, MemberId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{Clock, CrmSystem, Lease, SilentWriter, StoreError, SyncStore, Window};
use riva_core::queue::{MemberRow, ModuleCounts};
use riva_core::rows::{Commit, PairRow, PairState, Side};
use std::collections::BTreeMap;
use std::sync::Arc;
use uuid::Uuid;

/// Where new pairs get their ids from.
pub trait IdSource: Send + Sync {
    /// A new one, never given before.
    fn next(&self) -> Uuid;
}

/// Random ids, ordered by time.
#[derive(Debug, Clone, Copy, Default)]
pub struct RandomIds;

impl IdSource for RandomIds {
    fn next(&self) -> Uuid {
        Uuid::now_v7()
    }
}

/// Asks the engine to end: the agent stops, or the lease is about to end.
pub trait StopSignal: Send + Sync {
    /// Whether to send nothing more.
    fn stopped(&self) -> bool;
}

/// One member's cycle.
pub struct CycleContext<'a> {
    /// Who.
    pub member: &'a MemberRow,
    /// Under which claim.
    pub fence: i64,
    /// How.
    pub policy: &'a Policy,
    /// The mailbox.
    pub mail: Arc<dyn SilentWriter>,
    /// The CRM as this user's records.
    pub crm: Arc<dyn SilentWriter>,
    /// What is remembered.
    pub store: &'a dyn SyncStore,
    /// What time it is.
    pub clock: &'a dyn Clock,
    /// Ids for new pairs.
    pub ids: &'a dyn IdSource,
    /// Who hears of it.
    pub events: &'a dyn EventSink,
    /// Whether to end.
    pub stop: &'a dyn StopSignal,
    /// What is written down beyond the rows.
    pub record: Record<'a>,
}

/// What a cycle writes down beyond the engine's rows.
#[derive(Clone, Copy, Default)]
pub struct Record<'a> {
    /// The number of this cycle in the member's activity log.
    pub cycle: u64,
    /// Whether to keep what stood there before each write, so that it can be undone.
    pub before: bool,
    /// Who hears of everything that is done, before it is.
    pub deeds: Option<&'a dyn DeedSink>,
}

impl CycleContext<'_> {
    /// One side.
    pub fn side(&self, side: Side) -> &dyn SilentWriter {
        match side {
            Side::Mail => self.mail.as_ref(),
            Side::Crm => self.crm.as_ref(),
        }
    }

    /// As whose holder it writes.
    pub(crate) fn lease(&self) -> Lease {
        Lease { member: self.member.id, fence: self.fence }
    }

    /// The connection of a side.
    pub(crate) fn connection(&self, side: Side) -> &ConnectionName {
        match side {
            Side::Mail => &self.member.mail,
            Side::Crm => &self.member.crm,
        }
    }

    /// The events that are of interest now, for the calendar.
    pub(crate) fn window(&self, module: Module) -> Option<Window> {
        let calendar = self.policy.modules.calendar.as_ref().filter(|_| module == Module::Calendar)?;
        let now = self.clock.now();
        Some(Window {
            from: now - chrono::Duration::days(i64::from(calendar.days_back)),
            to: now + chrono::Duration::days(i64::from(calendar.days_ahead)),
        })
    }

    /// Whether another member has an item as well: a record of the CRM that was given to them meanwhile.
    pub(crate) async fn is_anothers(
        &self,
        side: Side,
        module: Module,
        id: &RemoteId,
    ) -> Result<bool, CycleFault> {
        if side == Side::Mail {
            return Ok(false);
        }
        let (member, ids) = (self.member, std::slice::from_ref(id));
        Ok(!self.store.known_to_others(&member.crm, member.id, module, ids).await?.is_empty())
    }

    /// Stores changes. A pair whose items are gone gives back what it claimed before it is known to be gone: other members'
    /// copies of a record that is not there any more may be made.
    pub(crate) async fn commit(&self, changes: &Commit) -> Result<(), CycleFault> {
        // What was in a log once does not come back.
        let logged = |p: &PairRow| p.module.is_log() && p.crm.is_some();
        let gone = |p: &&PairRow| permission::is_left(p) || p.state == PairState::Tombstoned && !logged(p);
        for gone in changes.pairs.iter().filter(gone) {
            self.store.unclaim(&self.member.crm, gone.id, self.lease()).await?;
        }
        if let Some(sink) = self.record.deeds {
            deeds::of_commit(changes, sink);
        }
        for module in untold::modules_of(changes) {
            untold::may_come(self, module).await?;
        }
        Ok(self.store.commit(self.member.id, self.fence, changes).await?)
    }

    pub(crate) fn line(&self, level: Level, module: Option<Module>, text: impl Into<String>) {
        self.events.emit(SyncEvent::Line { level, module, text: text.into() });
    }
}

/// Why a cycle, or one of its modules, ended early.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CycleFault {
    /// One side does not work.
    #[error("{}: {fault}", side.title())]
    Side {
        /// Which.
        side: Side,
        /// Why.
        fault: Fault,
    },
    /// The store failed, or the lease was lost.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Asked to end.
    #[error("the agent was asked to stop")]
    Stopped,
}

impl CycleFault {
    /// A call's error as a fault of a side, where it is not handled otherwise.
    pub(crate) fn of(side: Side, error: CallError) -> Self {
        let fault = match error {
            CallError::Fault(fault) => fault,
            CallError::CursorLost(why) => Fault::new(
                riva_core::fault::FaultKind::UnexpectedAnswer,
                format!("the system lost a cursor where none was used, or once more: {why}"),
            ),
            CallError::InDoubt(why) => Fault::new(
                riva_core::fault::FaultKind::SystemNotAvailable,
                format!("the answer to a request was lost: {why}"),
            ),
        };
        Self::Side { side, fault }
    }
}

/// What a cycle did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CycleOutcome {
    /// Per module: created, updated, deleted in this cycle; linked, held, quarantined as they are now; whether the
    /// initial sync is done.
    pub modules: BTreeMap<Module, ModuleCounts>,
    /// Why it ended early, if it did.
    pub fault: Option<CycleFault>,
    /// The slice ended before the work did: call again soon.
    pub more_work: bool,
    /// When a write that is still in doubt can be judged: call again then.
    pub again_at: Option<DateTime<Utc>>,
    /// Calls that wrote something, counted by item.
    pub writes: u32,
}

impl CycleOutcome {
    /// Whether every module of the policy has completed its initial sync.
    pub fn initial_done(&self) -> bool {
        !self.modules.is_empty() && self.modules.values().all(|m| m.initial_done)
    }
}

/// The reading of one CRM connection's change feed, for all members on it.
pub struct FeedContext<'a> {
    /// Which connection.
    pub connection: &'a ConnectionName,
    /// The CRM.
    pub crm: &'a dyn CrmSystem,
    /// The members on it, and the CRM users that they are.
    pub members: &'a [(MemberId, CrmUserId)],
    /// Which modules are of interest.
    pub modules: &'a [Module],
    /// What is remembered.
    pub store: &'a dyn SyncStore,
    /// Whether to end.
    pub stop: &'a dyn StopSignal,
}

/// What a reading of a feed brought.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct FeedOutcome {
    /// Entries of the feed.
    pub changes: u64,
    /// Observations made of them, over all members.
    pub observations: u64,
    /// The feed was not known any more: members list anew, and delete nothing in that pass.
    pub cursor_lost: bool,
}
