//! A whole tenant to try things on: a sandbox company in this process, a workspace that connects it, and its agent.

use super::agent::asked_to_stop;
use super::desk::admin_of;
use super::sandbox::demo_company;
use super::verdict::Failure;
use riva_api::Agent;
use riva_core::admin::{Admin, ChangeEntry};
use riva_core::ids::ConnectionName;
use riva_core::ports::{SecretKey, SecretKind, SecretStore, Systems};
use riva_core::secrets::FileSecrets;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The policy that the demo adds users to.
pub const POLICY: &str = "sales-team";
/// The connections of the demo.
pub const MAIL: &str = "exchange";
/// See [`MAIL`].
pub const CRM: &str = "salesforce";

/// The workspace of the demo, below `config/demo/workspace`.
const FILES: [(&str, &str); 4] = [
    ("connections/exchange.toml", include_str!("../../config/demo/workspace/connections/exchange.toml")),
    ("connections/salesforce.toml", include_str!("../../config/demo/workspace/connections/salesforce.toml")),
    ("policies/sales-team.toml", include_str!("../../config/demo/workspace/policies/sales-team.toml")),
    ("licenses/demo.license", include_str!("../../config/demo/workspace/licenses/demo.license")),
];

/// Where the workspace lies.
enum Folder {
    /// Goes with the tenant.
    Temporary(tempfile::TempDir),
    /// Stays.
    Kept(PathBuf),
}

/// A running tenant.
pub struct Tenant {
    folder: Folder,
    sandbox: RunningSandbox,
    /// Its desk.
    pub admin: Admin,
    /// Its agent.
    pub agent: Arc<dyn Agent>,
    /// The ways to its systems.
    pub systems: Arc<dyn Systems>,
}

impl Tenant {
    /// Makes the workspace (in a temporary folder, or a new one that is kept), starts the sandbox and the agent.
    pub async fn start(folder: Option<&Path>) -> Result<Self, Failure> {
        let folder = match folder {
            Some(path) => Folder::Kept(path.to_owned()),
            None => Folder::Temporary(
                tempfile::Builder::new()
                    .prefix("riva-demo-")
                    .tempdir()
                    .map_err(|e| Failure::Other(format!("a temporary folder cannot be made: {e}")))?,
            ),
        };
        let workspace = match &folder {
            // The workspace is made below, so that the folder is empty for it.
            Folder::Temporary(temporary) => temporary.path().join("workspace"),
            Folder::Kept(path) => path.clone(),
        };
        Admin::create_workspace(&workspace)?;
        let company = demo_company()?;
        let secrets = FileSecrets::new(&workspace);
        keep_secrets(&secrets, &company)?;
        let sandbox = Sandbox::start(SandboxOptions::new(company)).await;
        let sandbox = sandbox.map_err(|e| Failure::Other(e.to_string()))?;
        for (file, text) in FILES {
            write(&workspace.join(file), text)?;
        }
        write(&workspace.join("state/sandbox-ca.pem"), sandbox.ca_pem().unwrap_or_default())?;
        let admin = admin_of(&workspace)?;
        let exchange = format!("{}/EWS/Exchange.asmx", sandbox.exchange_url());
        for (name, address) in [(MAIL, exchange.as_str()), (CRM, sandbox.salesforce_url())] {
            let mut connection = admin.connection(&ConnectionName::from(name))?;
            connection.address = address
                .parse()
                .map_err(|e| Failure::Other(format!("the sandbox's address {address} is none: {e}")))?;
            let entry = ChangeEntry { why: "where the sandbox listens this time".into() };
            admin.save_connection(&connection, &entry)?;
        }
        let agent = riva_api::connect(&workspace);
        if let Err(error) = agent.start().await {
            sandbox.stop().await;
            return Err(error.into());
        }
        let systems = riva_connectors::registry(Arc::new(secrets), &workspace);
        Ok(Self { folder, sandbox, admin, agent, systems })
    }

    /// How many mails the sandbox would have sent to people.
    pub fn invitations(&self) -> u64 {
        self.sandbox.mails()
    }

    /// Stops the agent and the sandbox; a temporary folder goes, a named one stays.
    pub async fn stop(self) -> Result<(), Failure> {
        let stopped = match self.agent.stop().await {
            Ok(()) | Err(riva_api::AgentError::NotRunning) => Ok(()),
            Err(error) => Err(error.into()),
        };
        self.sandbox.stop().await;
        if let Folder::Temporary(folder) = self.folder {
            let path = folder.path().to_owned();
            folder.close().map_err(|e| Failure::Other(format!("cannot remove {}: {e}", path.display())))?;
        }
        stopped
    }

    /// What is left to do when the process is told to end while a window is open: the agent is stopped, a temporary
    /// folder goes. The sandbox ends with the process.
    pub fn on_interrupt(&self) -> impl Future<Output = ()> + Send + 'static {
        let agent = Arc::clone(&self.agent);
        let temporary = match &self.folder {
            Folder::Temporary(folder) => Some(folder.path().to_owned()),
            Folder::Kept(_) => None,
        };
        async move {
            asked_to_stop().await;
            // Nobody is left to be told if this fails.
            let _ = agent.stop().await;
            let _ = temporary.map(fs::remove_dir_all);
            std::process::exit(130);
        }
    }

    /// The folder, if it stays.
    pub fn kept(&self) -> Option<&Path> {
        match &self.folder {
            Folder::Kept(path) => Some(path),
            Folder::Temporary(_) => None,
        }
    }
}

fn write(path: &Path, text: &str) -> Result<(), Failure> {
    fs::write(path, text).map_err(|e| Failure::Other(format!("cannot write {}: {e}", path.display())))
}

fn keep_secrets(secrets: &dyn SecretStore, company: &Company) -> Result<(), Failure> {
    let org = &company.salesforce;
    let token = org.security_token.as_deref().unwrap_or_default();
    let all = [
        (MAIL, SecretKind::Password, company.exchange.password.clone()),
        (CRM, SecretKind::Password, format!("{}{token}", org.password)),
        (CRM, SecretKind::ClientSecret, org.client_secret.clone()),
    ];
    for (connection, kind, secret) in all {
        secrets.set(&SecretKey { connection: connection.into(), kind }, &secret.into())?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::Utc;
    use riva_core::license::{LicenseVerdict, verify};

    #[test]
    fn the_demo_workspace_fits_the_demo_company() {
        let company = demo_company().unwrap();
        let file = |name: &str| FILES.iter().find(|(file, _)| *file == name).unwrap().1;
        assert!(file("connections/exchange.toml").contains(&company.exchange.account));
        assert!(file("connections/salesforce.toml").contains(&company.salesforce.account));
        assert!(file("connections/salesforce.toml").contains(&company.salesforce.client_id));
        for line in file("policies/sales-team.toml").lines() {
            let Some(address) = line.strip_prefix("address = ") else { continue };
            assert!(company.people.iter().any(|p| p.address == address.trim_matches('"')), "{address}");
        }
        let license = verify("demo.license", file("licenses/demo.license"), Utc::now().date_naive());
        assert_eq!(license.verdict, LicenseVerdict::Valid);
    }
}
