//! Opens Riva Manager and the Riva Service Monitor.

use super::desk::{Desk, admin_of};
use super::tenant::Tenant;
use super::verdict::{Failure, Verdict};
use async_trait::async_trait;
use riva_api::Agent;
use riva_core::admin::Admin;
use riva_core::documents::Workspace;
use riva_core::ports::SystemClock;
use riva_manager::{ManagerError, Office, Open, Opened, WorkspaceChoice, Workspaces};
use std::path::Path;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Riva Manager on the workspace; without one, it opens with its welcome page.
pub fn open_manager(desk: &Desk) -> Result<Verdict, Failure> {
    open(desk, Open::Manager)
}

/// The Service Monitor alone.
pub fn open_monitor(desk: &Desk) -> Result<Verdict, Failure> {
    open(desk, Open::Monitor)
}

fn open(desk: &Desk, what: Open) -> Result<Verdict, Failure> {
    let admin = if Workspace::new(&desk.workspace).exists() { Some(desk.admin()?) } else { None };
    let opener = Arc::new(Opener::default());
    let office = Office {
        admin,
        agent: riva_api::connect(&desk.workspace),
        workspaces: Some(Arc::clone(&opener) as Arc<dyn Workspaces>),
        runtime: desk.handle(),
        clock: Arc::new(SystemClock),
    };
    let shown = riva_manager::run(office, what);
    // A demo that was opened from the welcome page ends with its window.
    desk.wait(opener.close())?;
    shown.map_err(|e| Failure::Other(e.to_string()))?;
    Ok(Verdict::Fine)
}

/// The Manager on a desk and agent that are there already.
pub fn open_on(desk: &Desk, (admin, agent): (Admin, Arc<dyn Agent>), what: Open) -> Result<(), ManagerError> {
    let office = Office {
        admin: Some(admin),
        agent,
        workspaces: None,
        runtime: desk.handle(),
        clock: Arc::new(SystemClock),
    };
    riva_manager::run(office, what)
}

/// Opens workspaces for the welcome page.
#[derive(Default)]
struct Opener {
    tenants: Mutex<Vec<Tenant>>,
}

impl Opener {
    async fn close(&self) -> Result<(), Failure> {
        for tenant in self.tenants.lock().await.drain(..) {
            tenant.stop().await?;
        }
        Ok(())
    }
}

#[async_trait]
impl Workspaces for Opener {
    async fn open(&self, choice: WorkspaceChoice) -> Result<Opened, String> {
        let on = |folder: &Path| {
            let admin = admin_of(folder).map_err(|e| e.to_string())?;
            Ok(Opened { admin, agent: riva_api::connect(folder) })
        };
        match choice {
            WorkspaceChoice::Open(folder) => on(&folder),
            WorkspaceChoice::Create(folder) => {
                Admin::create_workspace(&folder).map_err(|e| e.to_string())?;
                on(&folder)
            }
            WorkspaceChoice::Demo => {
                let tenant = Tenant::start(None).await.map_err(|e| e.to_string())?;
                let opened = Opened { admin: tenant.admin.clone(), agent: Arc::clone(&tenant.agent) };
                self.tenants.lock().await.push(tenant);
                Ok(opened)
            }
        }
    }
}
