//! What the parts of the agent share.

use crate::AgentFault;
use crate::activity::{ActivityLog, Live};
use crate::documents::Documents;
use crate::health::Health;
use crate::identity::Identified;
use crate::systems::{Kept, Revision};
use chrono::{DateTime, Utc};
use riva_api::{AgentStatus, QueueRow, Selection, Unaccepted};
use riva_core::activity::{ActivityLine, Level};
use riva_core::documents::{Connection, Policy};
use riva_core::ids::{ConnectionName, MemberId, PolicyName};
use riva_core::ports::{Clock, QueueStore as _, StoreError, Systems};
use riva_core::queue::MemberRow;
use riva_store::SqlStore;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use tokio::sync::Notify;
use tokio_util::sync::CancellationToken;

/// A lock whose holder panicked holds whole values all the same: every change below is a single assignment.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// When a connection's feed was last begun; held while it is read.
pub(crate) type FeedTurn = Arc<tokio::sync::Mutex<Option<DateTime<Utc>>>>;

/// The agent at work.
pub(crate) struct Service {
    pub workspace: PathBuf,
    pub store: Arc<SqlStore>,
    pub systems: Kept,
    pub clock: Arc<dyn Clock>,
    /// Cancelled to stop.
    pub shutdown: CancellationToken,
    /// Something may be due.
    pub wake: Notify,
    pub log: ActivityLog,
    pub live: Live,
    /// Under which the queue's leases are.
    pub owner: String,
    documents: Mutex<Arc<Documents>>,
    health: Mutex<Health>,
    feeds: Mutex<BTreeMap<ConnectionName, FeedTurn>>,
    pub identified: Identified,
    /// What document and secrets were when a login was refused.
    refused: Mutex<BTreeMap<ConnectionName, Revision>>,
    started: DateTime<Utc>,
}

impl Service {
    /// Puts it together; nothing runs yet.
    pub fn new(
        workspace: &Path,
        documents: Documents,
        store: SqlStore,
        systems: Arc<dyn Systems>,
        clock: Arc<dyn Clock>,
        shutdown: CancellationToken,
    ) -> Self {
        let store = Arc::new(store);
        Self {
            workspace: workspace.to_owned(),
            systems: Kept::new(workspace, systems),
            shutdown,
            wake: Notify::new(),
            log: ActivityLog::start(Arc::clone(&store)),
            live: Live::default(),
            owner: format!("agent {}", std::process::id()),
            documents: Mutex::new(Arc::new(documents)),
            health: Mutex::default(),
            feeds: Mutex::default(),
            identified: Mutex::default(),
            refused: Mutex::default(),
            started: clock.now(),
            clock,
            store,
        }
    }

    /// The documents in force.
    pub fn documents(&self) -> Arc<Documents> {
        Arc::clone(&locked(&self.documents))
    }

    /// How the connections are.
    pub fn health(&self) -> MutexGuard<'_, Health> {
        locked(&self.health)
    }

    /// A policy with its two connections, if all three are there.
    pub fn policy(&self, name: &PolicyName) -> Option<(Arc<Policy>, Connection, Connection)> {
        let documents = self.documents();
        let policy = documents.policies.get(name)?;
        let mail = documents.connections.get(&policy.mail)?;
        let crm = documents.connections.get(&policy.crm)?;
        Some((Arc::clone(policy), mail.clone(), crm.clone()))
    }

    /// The turn to read a connection's feed.
    pub fn feed_turn(&self, connection: &ConnectionName) -> FeedTurn {
        Arc::clone(locked(&self.feeds).entry(connection.clone()).or_default())
    }

    /// Makes the queue hold who is wanted. Whoever was kept waiting by a fault or a licence is tried again: documents
    /// are read anew after an administrator has mended something.
    pub async fn fill_queue(&self) -> Result<(), StoreError> {
        let now = self.clock.now();
        let members = self.store.set_members(&self.documents().members(), now).await?;
        let kept_waiting = |m: &&MemberRow| {
            m.enabled
                && (m.state.licence.is_some() || m.state.mail_fault.is_some() || m.state.crm_fault.is_some())
        };
        let kept_waiting: Vec<_> = members.iter().filter(kept_waiting).map(|m| m.id).collect();
        self.store.wake(&kept_waiting, now).await?;
        self.wake.notify_one();
        Ok(())
    }

    /// Reads all documents anew.
    pub async fn reload(&self) -> Result<(), AgentFault> {
        let (workspace, now) = (self.workspace.clone(), self.clock.now());
        let documents = tokio::task::spawn_blocking(move || Documents::load(&workspace, now)).await;
        let documents = documents.map_err(|e| AgentFault::Io {
            doing: "read the documents".into(),
            source: std::io::Error::other(e),
        })??;
        for complaint in &documents.complaints {
            tracing::warn!("{complaint}");
        }
        {
            let mut health = self.health();
            for name in documents.connections.keys() {
                health.may_probe(name, now);
            }
        }
        *locked(&self.documents) = Arc::new(documents);
        self.fill_queue().await?;
        Ok(())
    }

    /// Deals the licence counts anew: a licence may have been installed, or have expired.
    pub async fn deal(&self) {
        let (workspace, now, mut documents) =
            (self.workspace.clone(), self.clock.now(), (*self.documents()).clone());
        let dealt =
            tokio::task::spawn_blocking(move || documents.deal(&workspace, now).map(|()| documents)).await;
        match dealt {
            Ok(Ok(documents)) => *locked(&self.documents) = Arc::new(documents),
            Ok(Err(e)) => tracing::error!("the licences cannot be read: {e}"),
            Err(e) => tracing::error!("the licences cannot be read: {e}"),
        }
    }

    /// How the agent is.
    pub async fn status(&self) -> Result<AgentStatus, StoreError> {
        let members = self.store.members().await?;
        Ok(AgentStatus {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            pid: std::process::id(),
            started: self.started,
            running: members.iter().filter(|m| m.running).count(),
            members: members.iter().filter(|m| m.enabled).count(),
            complaints: self.documents().complaints.clone(),
            to_accept: Unaccepted::of(&members),
        })
    }

    /// The queue as it is to be shown: with what is being done, and with what is wrong for everyone.
    pub async fn queue(&self) -> Result<Vec<QueueRow>, StoreError> {
        let now = self.clock.now();
        let mut progress = self.live.all();
        let mut members = self.store.members().await?;
        let health = self.health();
        for member in &mut members {
            member.state.progress = progress.remove(&member.id);
            let state = &mut member.state;
            for (connection, fault) in
                [(&member.mail, &mut state.mail_fault), (&member.crm, &mut state.crm_fault)]
            {
                if let Some(everyones) = health.fault(connection) {
                    *fault = Some(everyones.clone());
                }
            }
        }
        Ok(members.into_iter().map(|member| QueueRow { shown: member.shown(now), member }).collect())
    }

    /// A member by its number.
    pub async fn member(&self, id: MemberId) -> Result<Option<MemberRow>, StoreError> {
        Ok(self.store.members().await?.into_iter().find(|member| member.id == id))
    }

    /// Sync now. Whoever asks may probe a connection that was given up for a while.
    pub async fn sync_now(&self, which: &Selection) -> Result<usize, StoreError> {
        let chosen = |m: &MemberRow| match which {
            Selection::All => true,
            Selection::Policy(policy) => m.policy == *policy,
            Selection::User(address) => m.address == *address,
            Selection::Member(id) => m.id == *id,
        };
        let members = self.store.members().await?;
        let members: Vec<_> = members.into_iter().filter(|m| m.enabled && chosen(m)).collect();
        let now = self.clock.now();
        let ids: Vec<_> = members.iter().map(|m| m.id).collect();
        self.store.wake(&ids, now).await?;
        {
            let mut health = self.health();
            for member in &members {
                health.may_probe(&member.mail, now);
                health.may_probe(&member.crm, now);
            }
        }
        self.wake.notify_one();
        Ok(ids.len())
    }

    /// The login of a connection was refused, with document and secrets as they were then.
    pub fn login_refused(&self, connection: &ConnectionName, revision: Revision) {
        self.systems.forget(connection);
        locked(&self.refused).insert(connection.clone(), revision);
    }

    /// A connection whose login was refused is tried again when its document or the secrets have changed.
    pub async fn resume_changed(&self) {
        let refused = self.health().refused();
        for name in refused {
            let now = Revision::of(&self.workspace, &name);
            let before = locked(&self.refused).insert(name.clone(), now);
            if before.is_some_and(|before| before != now) {
                tracing::info!("the connection {name} was changed: its login is tried again");
                self.health().may_probe(&name, self.clock.now());
                self.wake_stopped(&name).await;
            }
        }
    }

    /// Says something of a connection in the activity of everybody who syncs with it, except one who knows it already.
    pub async fn tell_others(
        &self,
        connection: &ConnectionName,
        knows: Option<MemberId>,
        level: Level,
        text: &str,
    ) {
        let members = match self.store.members().await {
            Ok(members) => members,
            Err(e) => return tracing::error!("the users of {connection} could not be told: {e}"),
        };
        let on_it = |m: &&MemberRow| m.enabled && (m.mail == *connection || m.crm == *connection);
        for member in members.iter().filter(on_it).filter(|m| Some(m.id) != knows) {
            self.log.write(ActivityLine {
                seq: 0,
                member: member.id,
                at: self.clock.now(),
                level,
                cycle: member.state.cycle,
                module: None,
                text: text.to_owned(),
            });
        }
    }

    /// A connection works again, or may: whoever waits because of it is due.
    pub async fn wake_stopped(&self, connection: &ConnectionName) {
        let now = self.clock.now();
        let woken = async {
            let members = self.store.members().await?;
            let waits = |m: &&MemberRow| {
                let everyones = |fault: &Option<riva_core::fault::Fault>| {
                    fault.as_ref().is_some_and(|f| f.kind.concerns_everyone())
                };
                m.enabled
                    && ((m.mail == *connection && everyones(&m.state.mail_fault))
                        || (m.crm == *connection && everyones(&m.state.crm_fault)))
            };
            let ids: Vec<_> = members.iter().filter(waits).map(|m| m.id).collect();
            self.store.wake(&ids, now).await
        };
        if let Err(e) = woken.await {
            tracing::error!("members could not be woken: {e}");
        }
        self.wake.notify_one();
    }
}
