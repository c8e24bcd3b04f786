//! The Riva CRM Agent: the service that keeps the members of a workspace's policies in step.
//!
//! [`run`] is the whole of it: one agent per workspace, told by a lock. It loads the documents (of a broken one the
//! last good version stays in force), fills the sync queue, and gives each member that is due to the engine, so many
//! at a time as the settings and its policy say. What happens goes to the member's activity log; how things stand is
//! asked through the control API.

mod activity;
mod api;
mod documents;
mod health;
mod identity;
mod logging;
mod not_synced;
mod past;
mod preview;
mod scheduler;
mod service;
mod systems;
mod worker;

#[cfg(test)]
mod decision_tests;
#[cfg(test)]
mod fakes;
#[cfg(test)]
mod memory_tests;
#[cfg(test)]
mod tests;

pub use logging::{LogGuard, start_logging};

use documents::Documents;
use riva_api::AgentLock;
use riva_core::ports::{Clock, Systems};
use riva_core::secrets::{self, DataKey};
use riva_store::SqlStore;
use service::Service;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

/// Why the agent did not start, or ended.
#[derive(Debug, thiserror::Error)]
pub enum AgentFault {
    /// One agent per workspace.
    #[error(
        "an agent already runs for {0}; stop it first (`riva agent stop`), or see how it is (`riva agent status`)"
    )]
    RunsAlready(String),
    /// There is no workspace, or it cannot be read.
    #[error(transparent)]
    Workspace(#[from] riva_core::admin::AdminError),
    /// The state database.
    #[error("{0}. The agent cannot work without it: check the disk and the rights on the folder `state`.")]
    Store(#[from] riva_core::ports::StoreError),
    /// The control API cannot listen, or a file in `state` cannot be written.
    #[error("cannot {doing}: {source}")]
    Io {
        /// What was being done.
        doing: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl AgentFault {
    pub(crate) fn io(doing: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let doing = doing.into();
        move |source| Self::Io { doing, source }
    }
}

/// Runs the agent of a workspace until `shutdown` is cancelled or it is asked to stop. Running calls are finished
/// then, leases given back.
pub async fn run(
    workspace: &Path,
    systems: Arc<dyn Systems>,
    clock: Arc<dyn Clock>,
    shutdown: CancellationToken,
) -> Result<(), AgentFault> {
    let _lock = lock(workspace).await?;
    let documents = Documents::load(workspace, clock.now())?;
    for complaint in &documents.complaints {
        tracing::warn!("{complaint}");
    }
    let path = workspace.join(&documents.settings.store.path);
    if let Some(folder) = path.parent() {
        let doing = format!("make the folder {}", folder.display());
        std::fs::create_dir_all(folder).map_err(AgentFault::io(doing))?;
    }
    let mut store = SqlStore::open(&path).await?;
    if documents.settings.agent.keep_undo_days > 0 {
        match data_key(workspace).await {
            Ok(key) => store = store.with_key(key),
            Err(why) => tracing::error!("nothing that is written now can be undone: {why}"),
        }
    }
    // Nobody else works on this workspace: what a killed agent held is free.
    let broken = store.break_leases(clock.now()).await?;
    if broken > 0 {
        tracing::warn!("the last agent ended in the middle of {broken} cycles; they are taken up again");
    }
    let service = Arc::new(Service::new(workspace, documents, store, systems, clock, shutdown));
    let served = api::serve(&service).await?;
    tracing::info!("the Riva CRM Agent {} has started", env!("CARGO_PKG_VERSION"));
    let ended = scheduler::run(&service).await;
    served.close().await;
    service.store.close().await;
    tracing::info!("the Riva CRM Agent has stopped");
    ended
}

/// The key that seals what stood there before writes. A keyring may take its time, and must not be asked from the
/// runtime's own threads.
async fn data_key(workspace: &Path) -> Result<DataKey, String> {
    let workspace = workspace.to_owned();
    let key = tokio::task::spawn_blocking(move || DataKey::of(secrets::open(&workspace)?.as_ref())).await;
    key.map_err(|e| e.to_string())?.map_err(|e| e.to_string())
}

/// A client that looks whether an agent lives holds the lock for an instant.
async fn lock(workspace: &Path) -> Result<AgentLock, AgentFault> {
    let deadline = Instant::now() + Duration::from_secs(1);
    loop {
        let taken = AgentLock::take(workspace).map_err(AgentFault::io("take the agent's lock"))?;
        match taken {
            Some(lock) => return Ok(lock),
            None if Instant::now() < deadline => sleep(Duration::from_millis(20)).await,
            None => return Err(AgentFault::RunsAlready(workspace.display().to_string())),
        }
    }
}
