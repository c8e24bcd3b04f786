//! The tenant: a sandbox company in this process, a workspace, and the agent as a process of its own that can be killed.

use riva_api::{Agent, AgentClient, QueueRow, Selection};
use riva_core::admin::{Admin, ChangeEntry};
use riva_core::documents::PolicyUser;
use riva_core::ids::ConnectionName;
use riva_core::ports::{SecretKey, SecretKind, SecretStore, SystemClock};
use riva_core::secrets::FileSecrets;
use riva_sandbox::{Company, RunningSandbox, Sandbox, SandboxOptions};
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const DEMO: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/config/demo");

/// The users: those of the demo's policy and four more, as many as the demo's licence counts.
pub const USERS: [&str; 8] = [
    "amelie.dubois@northwind-demo.example",
    "kenji.sato@northwind-demo.example",
    "mary.obrien@northwind-demo.example",
    "diego.fernandez@northwind-demo.example",
    "priya.raman@northwind-demo.example",
    "jonas.weber@northwind-demo.example",
    "grace.kim@northwind-demo.example",
    "oluwaseun.adeyemi@northwind-demo.example",
];

/// A running tenant. Its agent dies with it.
pub struct Tenant {
    folder: tempfile::TempDir,
    pub company: Company,
    pub sandbox: RunningSandbox,
    pub admin: Admin,
    pub agent: AgentClient,
    child: Option<Child>,
    starts: usize,
}

impl Drop for Tenant {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            // Nobody is left to be told.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

impl Tenant {
    /// Sandbox and workspace; the policy has no users yet, the agent does not run. Without `markers` the connection does
    /// not use the CRM's external id field: what was made there cannot be looked for.
    pub async fn new(markers: bool) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let workspace = folder.path().join("workspace");
        Admin::create_workspace(&workspace).unwrap();
        let company = Company::load(&Path::new(DEMO).join("company.toml")).unwrap();
        let secrets = FileSecrets::new(&workspace);
        let org = &company.salesforce;
        let token = org.security_token.as_deref().unwrap_or_default();
        for (connection, kind, secret) in [
            ("exchange", SecretKind::Password, company.exchange.password.clone()),
            ("salesforce", SecretKind::Password, format!("{}{token}", org.password)),
            ("salesforce", SecretKind::ClientSecret, org.client_secret.clone()),
        ] {
            secrets.set(&SecretKey { connection: connection.into(), kind }, &secret.into()).unwrap();
        }
        let sandbox = Sandbox::start(SandboxOptions::new(company.clone())).await.unwrap();
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
        let secrets = Arc::new(FileSecrets::new(&workspace));
        let admin = Admin::new(&workspace, systems, secrets, Arc::new(SystemClock));
        let exchange = format!("{}/EWS/Exchange.asmx", sandbox.exchange_url());
        for (name, address) in [("exchange", exchange.as_str()), ("salesforce", sandbox.salesforce_url())] {
            let mut connection = admin.connection(&ConnectionName::from(name)).unwrap();
            connection.address = address.parse().unwrap();
            if !markers {
                connection.options.remove("sync_key_field");
            }
            admin.save_connection(&connection, &ChangeEntry { why: "where it listens".into() }).unwrap();
        }
        let mut policy = admin.policy(&"sales-team".into()).unwrap();
        policy.users.clear();
        admin.save_policy(&policy, &ChangeEntry { why: "nobody yet".into() }).unwrap();
        let agent = AgentClient::new(&workspace).with_program(Path::new(env!("CARGO_BIN_EXE_riva")));
        Self { folder, company, sandbox, admin, agent, child: None, starts: 0 }
    }

    pub fn workspace(&self) -> PathBuf {
        self.folder.path().join("workspace")
    }

    /// Adds users to the policy; a running agent does not know them before it is started again.
    pub fn add(&self, users: &[&str]) {
        let mut policy = self.admin.policy(&"sales-team".into()).unwrap();
        policy.users.extend(users.iter().map(|address| PolicyUser {
            address: (*address).into(),
            name: None,
            added: None,
        }));
        self.admin.save_policy(&policy, &ChangeEntry { why: "more users".into() }).unwrap();
    }

    /// Where the agent's standard error of each start lies: outside the workspace.
    fn words(&self, start: usize) -> PathBuf {
        self.folder.path().join(format!("agent-{start}.stderr"))
    }

    /// Starts the agent and waits until it answers.
    pub async fn start_agent(&mut self) {
        assert!(self.child.is_none());
        self.starts += 1;
        let words = File::create(self.words(self.starts)).unwrap();
        let child = Command::new(env!("CARGO_BIN_EXE_riva"))
            .args(["agent", "run", "--workspace"])
            .arg(self.workspace())
            .env_remove("RIVA_SECRETS")
            .env_remove("RIVA_PASSPHRASE")
            .env_remove("CREDENTIALS_DIRECTORY")
            .env_remove(riva_api::DETACHED)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(words)
            .spawn()
            .unwrap();
        self.child = Some(child);
        let deadline = Instant::now() + Duration::from_secs(30);
        while self.agent.status().await.is_err() {
            let ended = self.child.as_mut().unwrap().try_wait().unwrap();
            assert!(ended.is_none(), "the agent ended: {}", self.last_words());
            assert!(Instant::now() < deadline, "the agent does not answer: {}", self.last_words());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }

    /// `kill -9`.
    pub fn kill_agent(&mut self) {
        let mut child = self.child.take().expect("it runs");
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Asks the agent to stop and waits for its end.
    pub async fn stop_agent(&mut self) {
        self.agent.stop().await.unwrap();
        let status = self.child.take().expect("it runs").wait().unwrap();
        assert!(status.success(), "{status}");
    }

    /// What the agent that was started last has said.
    pub fn last_words(&self) -> String {
        fs::read_to_string(self.words(self.starts)).unwrap()
    }

    /// Everything that the tenant has left on the disk, by name: the workspace and what the agents said.
    pub fn every_file(&self) -> Vec<(String, Vec<u8>)> {
        let mut all = Vec::new();
        read_all(self.folder.path(), &mut all);
        all
    }

    /// Requests that both servers have seen.
    pub fn requests(&self) -> u64 {
        self.sandbox.control().counters().total_requests() + self.sandbox.salesforce().counters().requests
    }

    /// Wakes everyone.
    pub async fn sync_now(&self) {
        self.agent.sync_now(&Selection::All).await.unwrap();
    }

    pub async fn queue(&self) -> Vec<QueueRow> {
        self.agent.queue().await.unwrap()
    }

    /// Waits until a cycle of every member that began after this call has ended.
    pub async fn a_cycle_each(&self) -> Vec<QueueRow> {
        let begun: Vec<u64> = self.queue().await.iter().map(|r| r.member.state.cycle).collect();
        self.sync_now().await;
        let deadline = Instant::now() + Duration::from_mins(1);
        loop {
            let queue = self.queue().await;
            let done = |(row, before): (&QueueRow, &u64)| {
                !row.member.running && !row.member.urgent && row.member.state.cycle > *before
            };
            if queue.iter().zip(&begun).all(done) {
                return queue;
            }
            assert!(Instant::now() < deadline, "cycles do not end: {queue:#?}\n{}", self.last_words());
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Syncs until rounds over some seconds write nothing and leave nothing to do: Salesforce tells whole seconds, and what
    /// changed in the second in which we read it is known to have changed only some seconds later.
    pub async fn settle(&self) {
        // An answer that was lost is waited for as long as a server may hide an item (30 s), refused items are tried
        // again after 30 s.
        let deadline = Instant::now() + Duration::from_mins(4);
        let mut quiet = 0;
        let mut quiet_since = Instant::now();
        while quiet < 2 || quiet_since.elapsed() < Duration::from_secs(8) {
            let queue = self.a_cycle_each().await;
            let still = |row: &QueueRow| {
                let state = &row.member.state;
                state.mail_fault.is_some()
                    || state.crm_fault.is_some()
                    || state.backing_off.is_some()
                    || state.initial_done_at.is_none()
                    || state.errors() > 0
                    || row.shown.kind == riva_core::queue::StateKind::Queued
                    || state.recent_writes.last() != Some(&0)
                    // Due again long before its schedule: a write is in doubt, and not to be judged yet.
                    || row.member.next_at < chrono::Utc::now() + chrono::Duration::minutes(2)
            };
            let busy: Vec<_> = queue.iter().filter(|row| still(row)).collect();
            quiet = if busy.is_empty() { quiet + 1 } else { 0 };
            if quiet == 0 {
                quiet_since = Instant::now();
            }
            assert!(Instant::now() < deadline, "it does not settle: {busy:#?}\n{}", self.last_words());
            if quiet == 0 {
                tokio::time::sleep(Duration::from_millis(500)).await;
            }
        }
    }
}

fn read_all(folder: &Path, all: &mut Vec<(String, Vec<u8>)>) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            read_all(&path, all);
        } else if path.is_file() {
            all.push((path.display().to_string(), fs::read(&path).unwrap()));
        }
    }
}
