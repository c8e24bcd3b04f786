//! What every command needs: the workspace, the desk, a runtime for calls that wait.

use super::verdict::Failure;
use riva_core::admin::{Admin, ChangeEntry};
use riva_core::documents::Workspace;
use riva_core::ports::{SecretStore, SystemClock};
use std::future::Future;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The arguments that all commands share, and what is made from them.
pub struct Desk {
    /// The workspace's folder.
    pub workspace: PathBuf,
    /// Whether the answer is wanted as JSON.
    pub json: bool,
    runtime: tokio::runtime::Runtime,
}

impl Desk {
    /// Makes the runtime; touches no file.
    pub fn new(workspace: Option<PathBuf>, json: bool) -> Result<Self, Failure> {
        let Some(workspace) = workspace.or_else(default_workspace) else {
            return Err(Failure::Usage(
                "no home folder is known here; name a workspace with --workspace DIR".into(),
            ));
        };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .enable_all()
            .build()
            .map_err(|e| Failure::Other(format!("the async runtime cannot be started: {e}")))?;
        Ok(Self { workspace, json, runtime })
    }

    /// The desk on the workspace, which must exist.
    pub fn admin(&self) -> Result<Admin, Failure> {
        admin_of(&self.workspace)
    }

    /// Where other threads have their work done.
    pub fn handle(&self) -> tokio::runtime::Handle {
        self.runtime.handle().clone()
    }

    /// Runs a call that waits for somebody.
    pub fn wait<T>(&self, call: impl Future<Output = T>) -> T {
        self.runtime.block_on(call)
    }
}

/// The desk on a workspace.
pub fn admin_of(workspace: &Path) -> Result<Admin, Failure> {
    // Tells at once, and in plain words, if this is no workspace.
    Workspace::new(workspace).load()?;
    Ok(ports_of(workspace)?.0)
}

/// The desk and the secret store of a workspace.
pub fn ports_of(workspace: &Path) -> Result<(Admin, Arc<dyn SecretStore>), Failure> {
    let secrets = riva_core::secrets::open(workspace)?;
    let systems = riva_connectors::registry(Arc::clone(&secrets), workspace);
    let admin = Admin::new(workspace, systems, Arc::clone(&secrets), Arc::new(SystemClock));
    Ok((admin, secrets))
}

/// A Change Entry from `--why`.
pub fn because(why: Option<&String>) -> ChangeEntry {
    ChangeEntry { why: why.cloned().unwrap_or_default() }
}

/// Where the platform keeps a program's data.
fn default_workspace() -> Option<PathBuf> {
    let folder = |name: &str| std::env::var_os(name).filter(|v| !v.is_empty()).map(PathBuf::from);
    let base = if cfg!(windows) {
        folder("APPDATA")
    } else if cfg!(target_os = "macos") {
        folder("HOME").map(|home| home.join("Library/Application Support"))
    } else {
        folder("XDG_DATA_HOME").or_else(|| folder("HOME").map(|home| home.join(".local/share")))
    };
    base.map(|base| base.join("riva"))
}
