//! One user's workspace with an agent on it, in this process: the real agent, on real connectors, with a database of its own.

use crate::pairs::{Pair, Person};
use crate::story::Rules;
use crate::tamper::{Tampered, Tampering};
use crate::things::Kind;
use riva_agent::AgentFault;
use riva_api::{Agent as _, AgentClient, GiveOrder, QueueRow, Selection};
use riva_core::activity::ActivityQuery;
use riva_core::history::Order;
use riva_core::license::sign;
use riva_core::ports::{SystemClock, Systems};
use riva_core::queue::StateKind;
use riva_core::rows::Side;
use serde::Serialize;
use std::fs;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::JoinHandle;
use tokio_util::sync::CancellationToken;

/// Cycles after which a user is not quiet yet, and never will be.
const MOST_CYCLES: usize = 12;

pub struct Office {
    folder: tempfile::TempDir,
    who: Person,
    kind: Kind,
    systems: Arc<dyn Systems>,
    pub tampering: Arc<Tampering>,
    running: Option<Running>,
}

struct Running {
    client: AgentClient,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), AgentFault>>,
}

impl Office {
    /// The workspace; the agent starts with the first sync.
    pub fn new(pair: &dyn Pair, who: &Person, kind: Kind, rules: Rules) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        };
        // Nothing is kept for an undo, so that nobody's keyring is asked.
        write("riva.toml", "[agent]\nkeep_undo_days = 0\n");
        write("connections/mail.toml", &pair.connection(Side::Mail));
        write("connections/crm.toml", &pair.connection(Side::Crm));
        let (mail, crm) = (pair.licensed(Side::Mail), pair.licensed(Side::Crm));
        write("licenses/scenarios.license", &license(mail, crm));
        let how = Arc::new(Tampering::default());
        let inner = riva_connectors::registry(pair.secrets(), folder.path());
        let systems = Arc::new(Tampered { inner, how: Arc::clone(&how) });
        let office = Self { folder, who: who.clone(), kind, systems, tampering: how, running: None };
        office.write_policy(rules);
        office
    }

    fn write_policy(&self, rules: Rules) {
        let module = self.kind.module().as_str();
        let policy = format!(
            "enabled = true\nmail = \"mail\"\ncrm = \"crm\"\n\n[modules.{module}]\ndirection = {}\nconflict = {}\n\
             deleted_in_mail = {}\ndeleted_in_crm = {}\nattachments = {}\n\n[[user]]\naddress = \"{}\"\n",
            word(&rules.direction),
            word(&rules.conflict),
            word(&rules.deleted_in_mail),
            word(&rules.deleted_in_crm),
            rules.attachments,
            self.who.address
        );
        let path = self.folder.path().join("policies/scenario.toml");
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, policy).unwrap();
    }

    /// Another document of a connection: the agent's next cycle goes by it.
    pub fn write_connection(&self, side: Side, text: &str) {
        let name = if side == Side::Mail { "mail" } else { "crm" };
        fs::write(self.folder.path().join(format!("connections/{name}.toml")), text).unwrap();
    }

    /// Another policy: the agent reads its documents anew.
    pub async fn change(&self, rules: Rules) {
        self.write_policy(rules);
        if let Some(running) = &self.running {
            let status = running.client.reload().await.unwrap();
            assert_eq!(status.complaints, Vec::<String>::new());
        }
    }

    pub fn client(&self) -> &AgentClient {
        &self.running.as_ref().expect("the first sync was made").client
    }

    async fn start(&mut self) {
        let shutdown = CancellationToken::new();
        let (workspace, systems) = (self.folder.path().to_owned(), Arc::clone(&self.systems));
        let stop = shutdown.clone();
        let agent = async move { riva_agent::run(&workspace, systems, Arc::new(SystemClock), stop).await };
        let task = tokio::spawn(agent);
        let client = AgentClient::new(self.folder.path());
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.status().await.is_err() {
            assert!(!task.is_finished(), "{}: the agent ended: {:?}", self.who.story, task.await);
            assert!(Instant::now() < deadline, "{}: the agent does not answer", self.who.story);
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        self.running = Some(Running { client, shutdown, task });
    }

    pub async fn stop(&mut self) {
        if let Some(running) = self.running.take() {
            running.shutdown.cancel();
            running.task.await.unwrap().unwrap();
        }
    }

    /// The state database is lost.
    pub async fn lose_state(&mut self) {
        self.stop().await;
        let state = self.folder.path().join("state");
        for file in fs::read_dir(&state).unwrap().map(|file| file.unwrap().path()) {
            if file.file_name().unwrap().to_string_lossy().starts_with("riva.db") {
                fs::remove_file(file).unwrap();
            }
        }
        assert!(!state.join("riva.db").exists());
    }

    /// Failed items are tried again at once.
    pub async fn retry(&self) {
        let Some(running) = &self.running else { return };
        let member = self.row(&running.client).await.member.id;
        let order = GiveOrder { member, order: Order::Retry { pair: None }, by: "scenario".into() };
        running.client.order(&order).await.unwrap();
    }

    async fn row(&self, client: &AgentClient) -> QueueRow {
        let mut queue = client.queue().await.unwrap();
        assert_eq!(queue.len(), 1, "{queue:?}");
        queue.remove(0)
    }

    /// Syncs until a cycle writes nothing and leaves nothing to do; answers how the user stands then.
    pub async fn sync(&mut self) -> QueueRow {
        if self.running.is_none() {
            self.start().await;
        }
        for _ in 0..MOST_CYCLES {
            let row = self.cycle().await;
            let state = &row.member.state;
            assert_eq!(
                (&state.mail_fault, &state.crm_fault, &state.licence),
                (&None, &None, &None),
                "{row:?}"
            );
            let waits = state.backing_off.is_some() || row.shown.kind == StateKind::Queued;
            if state.recent_writes.last() == Some(&0) && state.initial_done_at.is_some() && !waits {
                return row;
            }
        }
        panic!("it does not become quiet:\n{}", self.activity().await.join("\n"));
    }

    /// A cycle that begins after this call.
    pub async fn cycle(&self) -> QueueRow {
        let client = self.client();
        let before = self.row(client).await.member.state.cycle;
        client.sync_now(&Selection::All).await.unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let row = self.row(client).await;
            if row.member.state.cycle > before && !row.member.running && !row.member.urgent {
                return row;
            }
            assert!(Instant::now() < deadline, "{}: the cycle does not end: {row:?}", self.who.story);
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// What the agent has said about the user.
    pub async fn activity(&self) -> Vec<String> {
        let member = self.row(self.client()).await.member.id;
        let query = ActivityQuery { member, after: 0, limit: 10_000 };
        self.client().activity(&query).await.unwrap().into_iter().map(|line| line.text).collect()
    }
}

fn license(mail: &str, crm: &str) -> String {
    let text = format!(
        "[license]\nid = \"scenarios\"\nlicensee = \"Scenarios\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
         expires = \"2999-12-31\"\n\n[license.counts]\n{mail} = 1\n{crm} = 1\n"
    );
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/demo-issuer.key");
    sign(&text, &fs::read_to_string(key).unwrap().into()).unwrap()
}

/// A word of a document, with its quotes.
fn word(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
