//! A workspace of one user or some, with an agent on it, in this process: the real agent, on real connectors, with a database
//! of its own.

use crate::pairs::{Connected, Person};
use crate::story::Rules;
use crate::tamper::{Tampered, Tampering};
use crate::things::Kind;
use riva_agent::AgentFault;
use riva_api::{Agent as _, AgentClient, GiveOrder, QueueRow, Selection};
use riva_core::activity::ActivityQuery;
use riva_core::history::Order;
use riva_core::license::sign;
use riva_core::ports::{Clock, QueueStore as _, SyncStore as _, SystemClock, Systems};
use riva_core::queue::StateKind;
use riva_core::rows::Side;
use riva_store::SqlStore;
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
    people: Vec<Person>,
    kind: Kind,
    systems: Arc<dyn Systems>,
    clock: Arc<dyn Clock>,
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
    pub fn new(pair: &dyn Connected, who: &Person, kind: Kind, rules: Rules) -> Self {
        Self::of(pair, std::slice::from_ref(who), kind, rules, Arc::new(SystemClock))
    }

    /// One for these people, whose agent goes by a clock of its own.
    pub fn of(
        pair: &dyn Connected,
        people: &[Person],
        kind: Kind,
        rules: Rules,
        clock: Arc<dyn Clock>,
    ) -> Self {
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
        write("licenses/scenarios.license", &license(mail, crm, people.len()));
        let how = Arc::new(Tampering::default());
        let inner = riva_connectors::registry(pair.secrets(), folder.path());
        let systems = Arc::new(Tampered { inner, how: Arc::clone(&how) });
        let people = people.to_vec();
        let office = Self { folder, people, kind, systems, clock, tampering: how, running: None };
        office.write_policy(rules);
        office
    }

    fn write_policy(&self, rules: Rules) {
        let module = self.kind.module().as_str();
        let users = self.people.iter().map(|who| format!("\n[[user]]\naddress = \"{}\"\n", who.address));
        let users: String = users.collect();
        let policy = format!(
            "enabled = true\nmail = \"mail\"\ncrm = \"crm\"\n\n[modules.{module}]\ndirection = {}\nconflict = {}\n\
             deleted_in_mail = {}\ndeleted_in_crm = {}\nattachments = {}\n\n[first_sync]\nlost_and_found = {}\n{users}",
            word(&rules.direction),
            word(&rules.conflict),
            word(&rules.deleted_in_mail),
            word(&rules.deleted_in_crm),
            rules.attachments,
            word(&rules.lost_and_found),
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
        let (stop, clock) = (shutdown.clone(), Arc::clone(&self.clock));
        let agent = async move { riva_agent::run(&workspace, systems, clock, stop).await };
        let task = tokio::spawn(agent);
        let client = AgentClient::new(self.folder.path());
        let deadline = Instant::now() + Duration::from_secs(30);
        while client.status().await.is_err() {
            assert!(!task.is_finished(), "{}: the agent ended: {:?}", self.story(), task.await);
            assert!(Instant::now() < deadline, "{}: the agent does not answer", self.story());
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

    /// The program has another tz database from now on than it had so far.
    pub async fn read_by_other_zone_rules(&mut self) {
        self.stop().await;
        let store = SqlStore::open(&self.folder.path().join("state/riva.db")).await.unwrap();
        for member in store.members().await.unwrap() {
            store.set_fact(&format!("zones/{}", member.id.0), "another").await.unwrap();
        }
        store.close().await;
    }

    /// Failed items are tried again at once.
    pub async fn retry(&self) {
        let Some(running) = &self.running else { return };
        for row in self.rows(&running.client).await {
            let member = row.member.id;
            let order = GiveOrder { member, order: Order::Retry { pair: None }, by: "scenario".into() };
            running.client.order(&order).await.unwrap();
        }
    }

    /// One for each user, in the policy's order.
    async fn rows(&self, client: &AgentClient) -> Vec<QueueRow> {
        let mut queue = client.queue().await.unwrap();
        queue.sort_by_key(|row| row.member.id);
        assert_eq!(queue.len(), self.people.len(), "{queue:?}");
        queue
    }

    fn story(&self) -> &str {
        &self.people[0].story
    }

    /// Syncs until a cycle writes nothing and leaves nothing to do; answers how each user stands then.
    pub async fn sync(&mut self) -> Vec<QueueRow> {
        if self.running.is_none() {
            self.start().await;
        }
        for _ in 0..MOST_CYCLES {
            let rows = self.cycle().await;
            if rows.iter().all(is_quiet) {
                return rows;
            }
        }
        panic!("it does not become quiet:\n{}", self.activity().await.join("\n"));
    }

    /// A cycle of each user that begins after this call.
    pub async fn cycle(&self) -> Vec<QueueRow> {
        let client = self.client();
        let before: Vec<u64> = self.rows(client).await.iter().map(|row| row.member.state.cycle).collect();
        client.sync_now(&Selection::All).await.unwrap();
        let deadline = Instant::now() + Duration::from_mins(2);
        loop {
            let rows = self.rows(client).await;
            let ended = |(row, before): (&QueueRow, &u64)| {
                row.member.state.cycle > *before && !row.member.running && !row.member.urgent
            };
            if rows.iter().zip(&before).all(ended) {
                return rows;
            }
            assert!(Instant::now() < deadline, "{}: the cycle does not end: {rows:?}", self.story());
            tokio::time::sleep(Duration::from_millis(60)).await;
        }
    }

    /// What the agent has said about the users.
    pub async fn activity(&self) -> Vec<String> {
        let mut all = Vec::new();
        for row in self.rows(self.client()).await {
            let query = ActivityQuery { member: row.member.id, after: 0, limit: 10_000 };
            all.extend(self.client().activity(&query).await.unwrap().into_iter().map(|line| line.text));
        }
        all
    }
}

/// Whether the last cycle wrote nothing and left nothing to do.
fn is_quiet(row: &QueueRow) -> bool {
    let state = &row.member.state;
    assert_eq!((&state.mail_fault, &state.crm_fault, &state.licence), (&None, &None, &None), "{row:?}");
    let waits = state.backing_off.is_some() || row.shown.kind == StateKind::Queued;
    state.recent_writes.last() == Some(&0) && state.initial_done_at.is_some() && !waits
}

fn license(mail: &str, crm: &str, users: usize) -> String {
    let text = format!(
        "[license]\nid = \"scenarios\"\nlicensee = \"Scenarios\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
         expires = \"2999-12-31\"\n\n[license.counts]\n{mail} = {users}\n{crm} = {users}\n"
    );
    let key = Path::new(env!("CARGO_MANIFEST_DIR")).join("config/demo/demo-issuer.key");
    sign(&text, &fs::read_to_string(key).unwrap().into()).unwrap()
}

/// A word of a document, with its quotes.
fn word(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap()
}
