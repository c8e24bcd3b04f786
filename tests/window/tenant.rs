//! A whole tenant for tests of the Manager: the sandbox in this process, a workspace, and an agent in a process of its
//! own.

use riva_api::{Agent, AgentClient};
use riva_core::admin::{Admin, ChangeEntry};
use riva_core::ids::{ConnectionName, PolicyName};
use riva_core::ports::{SecretKey, SecretKind, SecretStore, SystemClock};
use riva_core::secrets::FileSecrets;
use riva_manager::Office;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tokio::runtime::Runtime;

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");
/// The policy of the demo.
pub const POLICY: &str = "sales-team";
/// The rows of its connections.
pub const MAIL: &str = "Northwind mail";
/// See [`MAIL`].
pub const CRM: &str = "Northwind Salesforce";

/// The tenant. Dropping it stops the agent and the servers.
pub struct Tenant {
    folder: tempfile::TempDir,
    sandbox: Option<RunningSandbox>,
    pub admin: Admin,
    pub agent: Arc<dyn Agent>,
    pub runtime: Runtime,
}

/// How many items of each kind a user has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Items {
    pub contacts: u64,
    pub events: u64,
    /// Tasks.
    pub tasks: u64,
}

impl Tenant {
    /// The demo's company and workspace; the agent is not started.
    pub fn new() -> Self {
        let runtime = Runtime::new().unwrap();
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("northwind");
        Admin::create_workspace(&workspace).unwrap();
        let company = Company::load(&Path::new(DEMO).join("company.toml")).unwrap();
        let secrets = FileSecrets::new(&workspace);
        let token = company.salesforce.security_token.clone().unwrap_or_default();
        for (connection, kind, secret) in [
            ("exchange", SecretKind::Password, company.exchange.password.clone()),
            ("salesforce", SecretKind::Password, format!("{}{token}", company.salesforce.password)),
            ("salesforce", SecretKind::ClientSecret, company.salesforce.client_secret.clone()),
        ] {
            secrets.set(&SecretKey { connection: connection.into(), kind }, &secret.into()).unwrap();
        }
        let sandbox = runtime.block_on(Sandbox::start(SandboxOptions::new(company))).unwrap();
        for file in [
            "connections/exchange.toml",
            "connections/salesforce.toml",
            "policies/sales-team.toml",
            "licenses/demo.license",
        ] {
            fs::copy(Path::new(DEMO).join("workspace").join(file), workspace.join(file)).unwrap();
        }
        fs::write(workspace.join("state/sandbox-ca.pem"), sandbox.ca_pem().unwrap()).unwrap();
        let systems = riva_connectors::registry(Arc::new(FileSecrets::new(&workspace)), &workspace);
        let admin = Admin::new(&workspace, systems, Arc::new(secrets), Arc::new(SystemClock));
        let exchange = format!("{}/EWS/Exchange.asmx", sandbox.exchange_url());
        for (name, address) in [("exchange", exchange.as_str()), ("salesforce", sandbox.salesforce_url())] {
            let mut connection = admin.connection(&ConnectionName::from(name)).unwrap();
            connection.address = address.parse().unwrap();
            admin.save_connection(&connection, &ChangeEntry::default()).unwrap();
        }
        let program = Path::new(env!("CARGO_BIN_EXE_riva"));
        let agent = Arc::new(AgentClient::new(&workspace).with_program(program));
        Self { folder, sandbox: Some(sandbox), admin, agent, runtime }
    }

    /// The same, with its agent running.
    pub fn with_agent() -> Self {
        let tenant = Self::new();
        tenant.runtime.block_on(tenant.agent.start()).unwrap();
        tenant
    }

    /// What the Manager works with.
    pub fn office(&self) -> Office {
        Office {
            admin: Some(self.admin.clone()),
            agent: Arc::clone(&self.agent),
            workspaces: None,
            runtime: self.runtime.handle().clone(),
            clock: Arc::new(SystemClock),
        }
    }

    pub fn sandbox(&self) -> &RunningSandbox {
        self.sandbox.as_ref().unwrap()
    }

    pub fn path(&self, file: &str) -> PathBuf {
        self.folder.path().join("northwind").join(file)
    }

    pub fn read(&self, file: &str) -> String {
        fs::read_to_string(self.path(file)).unwrap()
    }

    /// Changes a document as somebody does in an editor of text.
    pub fn edit(&self, file: &str, from: &str, to: &str) {
        let text = self.read(file);
        assert!(text.contains(from), "{from:?} is not in {file}");
        fs::write(self.path(file), text.replacen(from, to, 1)).unwrap();
    }

    /// Adds users to the demo's policy behind the Manager's back.
    pub fn add_users(&self, names: &[&str]) {
        let mut policy = self.admin.policy(&PolicyName::from(POLICY)).unwrap();
        for name in names {
            let address = address(name).as_str().into();
            policy.users.push(riva_core::documents::PolicyUser { address, name: None, added: None });
        }
        self.admin.save_policy(&policy, &ChangeEntry::default()).unwrap();
    }

    /// What is in a mailbox and what its user owns in the CRM, asked of the servers from behind.
    pub fn both_sides(&self, address: &str) -> (Items, Items) {
        let mail = self.sandbox().control().items(address).unwrap();
        // What was deleted lies in Deleted Items.
        let there = |item: &&Value, class: &str| item["class"] == class && item["folder"] != "deleteditems";
        let of_class = |class: &str| mail.iter().filter(|item| there(item, class)).count() as u64;
        let mailbox = Items {
            contacts: of_class("Contact"),
            events: of_class("CalendarItem"),
            tasks: of_class("Task"),
        };
        let crm: BTreeMap<_, _> = self.sandbox().salesforce().dump().remove(address).unwrap_or_default();
        let of_object = |object: &str| crm.get(object).map_or(0, |records| records.len() as u64);
        let records =
            Items { contacts: of_object("Contact"), events: of_object("Event"), tasks: of_object("Task") };
        (mailbox, records)
    }
}

/// The address of somebody at the demo's company: "priya.raman".
pub fn address(name: &str) -> String {
    format!("{name}@northwind-demo.example")
}

impl Drop for Tenant {
    fn drop(&mut self) {
        let stopped = self.runtime.block_on(self.agent.stop());
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
        if !std::thread::panicking() {
            assert!(
                matches!(stopped, Ok(()) | Err(riva_api::AgentError::NotRunning)),
                "the agent did not stop: {stopped:?}"
            );
        }
    }
}
