//! The systems of the connections in force: made once and kept, because limits, tokens and open lines belong to them;
//! made anew when the document or the stored secrets have changed.

use crate::service::locked;
use riva_core::admin::DocumentKind;
use riva_core::documents::{Connection, Workspace};
use riva_core::fault::{Fault, FaultKind};
use riva_core::ids::ConnectionName;
use riva_core::ports::{CrmSystem, MailSystem, Systems};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::SystemTime;

/// When document and secrets were last written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Revision(Option<SystemTime>, Option<SystemTime>);

impl Revision {
    /// Of a connection, now.
    pub fn of(workspace: &Path, name: &ConnectionName) -> Self {
        let written = |path: PathBuf| std::fs::metadata(path).and_then(|m| m.modified()).ok();
        let document = workspace.join("connections").join(format!("{name}.toml"));
        Self(written(document), written(workspace.join("state/secrets.enc")))
    }
}

struct Made<S: ?Sized> {
    revision: Revision,
    system: Arc<S>,
}

/// Makes and keeps systems.
pub(crate) struct Kept {
    workspace: PathBuf,
    systems: Arc<dyn Systems>,
    mail: Mutex<BTreeMap<ConnectionName, Made<dyn MailSystem>>>,
    crm: Mutex<BTreeMap<ConnectionName, Made<dyn CrmSystem>>>,
    /// Who makes one: the others who want it wait for that one.
    turns: Mutex<BTreeMap<ConnectionName, Turn>>,
}

type Turn = Arc<tokio::sync::Mutex<()>>;

impl Kept {
    /// Nothing is made yet.
    pub fn new(workspace: &Path, systems: Arc<dyn Systems>) -> Self {
        Self {
            workspace: workspace.to_owned(),
            systems,
            mail: Mutex::default(),
            crm: Mutex::default(),
            turns: Mutex::default(),
        }
    }

    /// The mail system of a connection.
    pub async fn mail(&self, known: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        let systems = Arc::clone(&self.systems);
        self.get(&self.mail, known, move |connection| systems.mail(connection)).await
    }

    /// The CRM of a connection.
    pub async fn crm(&self, known: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        let systems = Arc::clone(&self.systems);
        self.get(&self.crm, known, move |connection| systems.crm(connection)).await
    }

    /// Makes the system anew the next time: its login was refused, and the secret may have been changed since.
    pub fn forget(&self, name: &ConnectionName) {
        locked(&self.mail).remove(name);
        locked(&self.crm).remove(name);
    }

    async fn get<S: ?Sized + Send + Sync + 'static>(
        &self,
        kept: &Mutex<BTreeMap<ConnectionName, Made<S>>>,
        known: &Connection,
        build: impl FnOnce(&Connection) -> Result<Arc<S>, Fault> + Send + 'static,
    ) -> Result<Arc<S>, Fault> {
        let name = known.name.clone();
        let revision = Revision::of(&self.workspace, &name);
        let made =
            || locked(kept).get(&name).filter(|m| m.revision == revision).map(|m| Arc::clone(&m.system));
        if let Some(system) = made() {
            return Ok(system);
        }
        let turn = Arc::clone(locked(&self.turns).entry(name.clone()).or_default());
        let _turn = turn.lock().await;
        if let Some(system) = made() {
            return Ok(system);
        }
        let (workspace, known) = (self.workspace.clone(), known.clone());
        // A keyring may take its time, and must not be asked from the runtime's own threads.
        let making = tokio::task::spawn_blocking(move || build(&as_it_is_now(&workspace, known)));
        let system = making.await.map_err(|e| {
            let why = format!("The connection {name} could not be prepared: {e}.");
            Fault::new(FaultKind::UnexpectedAnswer, why)
        })??;
        let made = Made { revision, system: Arc::clone(&system) };
        locked(kept).insert(name, made);
        Ok(system)
    }
}

/// The connection as its document says now, if that is sound and for the same system; else as it was known.
fn as_it_is_now(workspace: &Path, known: Connection) -> Connection {
    let Ok(loaded) = Workspace::new(workspace).load() else { return known };
    if !loaded.findings_of(DocumentKind::Connection, known.name.as_str()).is_empty() {
        return known;
    }
    let now = loaded.connections.into_iter().find(|c| c.name == known.name && c.system == known.system);
    now.unwrap_or(known)
}
