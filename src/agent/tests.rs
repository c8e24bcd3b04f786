//! The agent as its clients see it, on systems in memory.

use crate::fakes::Fakes;
use crate::{AgentFault, run};
use riva_api::{Address, Agent, AgentClient, AgentError, AgentFile, QueueRow, Selection, Unaccepted};
use riva_core::activity::{ActivityQuery, Level};
use riva_core::fault::{Fault, FaultKind, ToAccept};
use riva_core::ids::{CrmUserId, MemberId};
use riva_core::license::sign;
use riva_core::ports::SystemClock;
use riva_core::queue::StateKind;
use riva_core::rows::Side;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};
use tokio_util::sync::CancellationToken;

pub(crate) const ANN: &str = "ann@example.com";
const BOB: &str = "bob@example.com";
const CY: &str = "cy@example.com";

/// A workspace with two connections, one policy of these users, and a licence for so many.
pub(crate) fn workspace(users: &[&str], counts: u32) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write("riva.toml", "");
    write(
        "connections/mail.toml",
        "system = \"exchange-ews\"\naddress = \"https://mail.example/EWS/Exchange.asmx\"\naccount = \"riva\"\n",
    );
    write(
        "connections/crm.toml",
        "system = \"odoo\"\naddress = \"https://crm.example\"\naccount = \"riva\"\n\
          [options]\ndatabase = \"db\"\n",
    );
    write("policies/sales.toml", &policy(users));
    write("licenses/test.license", &license(counts));
    folder
}

pub(crate) fn policy(users: &[&str]) -> String {
    let mut text = "enabled = true\nmail = \"mail\"\ncrm = \"crm\"\n\n[modules.contacts]\n".to_owned();
    for (n, user) in users.iter().enumerate() {
        let added = format!("{{ at = \"2026-01-01T00:00:{n:02}Z\", by = \"t\" }}");
        text.extend(["\n[[user]]\naddress = \"", user, "\"\nadded = ", &added, "\n"]);
    }
    text
}

fn license(counts: u32) -> String {
    let text = format!(
        "[license]\nid = \"T-1\"\nlicensee = \"Example\"\nmode = \"demo\"\nissued = \"2026-01-01\"\n\
         expires = \"2999-12-31\"\n\n[license.counts]\nexchange-ews = {counts}\nodoo = {counts}\n"
    );
    sign(&text, &include_str!("../../config/demo/demo-issuer.key").to_owned().into()).unwrap()
}

/// An agent that runs in this process.
pub(crate) struct Running {
    workspace: PathBuf,
    shutdown: CancellationToken,
    task: JoinHandle<Result<(), AgentFault>>,
    pub client: AgentClient,
}

impl Running {
    pub async fn start(workspace: &Path, fakes: &Fakes) -> Self {
        let shutdown = CancellationToken::new();
        let (folder, systems, stop) = (workspace.to_owned(), Arc::new(fakes.clone()), shutdown.clone());
        let task = tokio::spawn(async move { run(&folder, systems, Arc::new(SystemClock), stop).await });
        let running =
            Self { workspace: workspace.to_owned(), shutdown, task, client: AgentClient::new(workspace) };
        until("the agent answers", async || running.client.status().await.is_ok()).await;
        running
    }

    pub async fn row(&self, user: &str) -> QueueRow {
        let queue = self.client.queue().await.unwrap();
        queue.into_iter().find(|r| r.member.address.as_str() == user).unwrap()
    }

    pub async fn is(&self, user: &str, kind: StateKind) {
        until(&format!("{user} is {kind:?}"), async || self.row(user).await.shown.kind == kind).await;
    }

    pub async fn initial_done(&self, user: &str) {
        let done = async || self.row(user).await.member.state.initial_done_at.is_some();
        until(&format!("the initial sync of {user} is done"), done).await;
    }

    async fn lines(&self, member: MemberId) -> Vec<(Level, String)> {
        let query = ActivityQuery { member, after: 0, limit: 500 };
        let lines = self.client.activity(&query).await.unwrap();
        lines.into_iter().map(|l| (l.level, l.text)).collect()
    }

    /// Waits until a line of a user's activity starts with these words.
    async fn is_told(&self, user: &str, level: Level, words: &str) {
        let member = self.row(user).await.member.id;
        let told = async || self.lines(member).await.iter().any(|(l, t)| *l == level && t.starts_with(words));
        until(&format!("{user} is told {words:?}"), told).await;
    }

    /// Why the CRM waits to be accepted.
    async fn waits(&self) -> Option<ToAccept> {
        let waiting = self.client.status().await.unwrap().to_accept;
        let told = |one: &Unaccepted| (one.connection.as_str() == "crm", one.side, one.users);
        assert!(waiting.iter().all(|one| told(one) == (true, Side::Crm, 1)), "{waiting:?}");
        waiting.first().map(|one| one.why)
    }

    pub async fn stop(self) {
        self.client.stop().await.unwrap();
        self.task.await.unwrap().unwrap();
    }
}

/// Waits for a condition; fails with its name after half a minute.
pub(crate) async fn until(what: &str, condition: impl AsyncFnMut() -> bool) {
    until_within(Duration::from_secs(30), what, condition).await;
}

/// Waits for a condition; fails with its name after so long.
pub(crate) async fn until_within(most: Duration, what: &str, mut condition: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + most;
    while !condition().await {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

#[tokio::test]
async fn users_are_synced_and_told_in_plain_words() {
    let (folder, fakes) = (workspace(&[ANN, BOB], 2), Fakes::new());
    fakes.mail().add(ANN, "Mia Mail");
    fakes.crm().add(ANN, "Carl Crm");
    fakes.crm().add(BOB, "Bea Crm");
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    agent.initial_done(BOB).await;
    assert_eq!(fakes.mail().names(ANN), ["Carl Crm", "Mia Mail"]);
    assert_eq!(fakes.crm().names(ANN), ["Carl Crm", "Mia Mail"]);
    assert_eq!(fakes.mail().names(BOB), ["Bea Crm"]);

    agent.is(ANN, StateKind::Waiting).await;
    let ann = agent.row(ANN).await.member;
    assert_eq!(ann.state.linked(), 2);
    assert_eq!(ann.crm_user.as_ref().map(CrmUserId::as_str), Some(ANN));
    let lines = agent.lines(ann.id).await;
    let said = |text: &str| lines.iter().any(|(level, line)| *level == Level::Info && line.contains(text));
    for text in [
        "Starting sync: mail and crm (initial sync).",
        "1 created in the CRM, 1 created in the mailbox",
        "Full initial sync is completed: Contacts 2 in step.",
        "Synchronization Completed in 1 sec.",
        "Next scheduled full synchronization: ",
    ] {
        assert!(said(text), "{text:?} is not in {lines:#?}");
    }

    // "Sync now" brings what has changed in the CRM since, and nothing else.
    fakes.crm().add(ANN, "Nina New");
    assert_eq!(agent.client.sync_now(&Selection::User(ANN.into())).await, Ok(1));
    until("the new contact arrives", async || fakes.mail().names(ANN).len() == 3).await;
    agent.is(ANN, StateKind::Waiting).await;
    assert_eq!(fakes.mail().names(BOB).len(), 1);
    let status = agent.client.status().await.unwrap();
    assert_eq!((status.members, status.complaints), (2, Vec::<String>::new()));
    agent.stop().await;
}

#[tokio::test]
async fn a_stopped_agent_leaves_nothing_behind_and_goes_on_where_it_was() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().add(ANN, "Mia Mail");
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    agent.is(ANN, StateKind::Waiting).await;
    let cycle = agent.row(ANN).await.member.state.cycle;

    // A second agent for the same workspace is refused, in words.
    let second =
        run(folder.path(), Arc::new(fakes.clone()), Arc::new(SystemClock), CancellationToken::new()).await;
    let why = second.unwrap_err().to_string();
    assert!(why.starts_with("an agent already runs for"), "{why}");

    let client = AgentClient::new(&agent.workspace);
    agent.stop().await;
    assert_eq!(client.status().await, Err(AgentError::NotRunning));
    for name in ["agent.json", "agent.token", "agent.sock"] {
        assert!(!folder.path().join("state").join(name).exists(), "{name} was left behind");
    }
    let again = Running::start(folder.path(), &fakes).await;
    assert_eq!(again.row(ANN).await.shown.kind, StateKind::Waiting);
    assert_eq!(again.row(ANN).await.member.state.cycle, cycle);
    assert_eq!(fakes.crm().names(ANN), ["Mia Mail"]);
    again.stop().await;
}

#[tokio::test]
async fn who_gets_no_licence_count_is_told_why_and_others_go_on() {
    let (folder, fakes) = (workspace(&[ANN, BOB], 1), Fakes::new());
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    agent.is(BOB, StateKind::LicenceRefused).await;
    let bob = agent.row(BOB).await;
    assert!(bob.shown.reason.contains("used up: 1 of 1"), "{}", bob.shown.reason);
    until("it is in the activity", async || !agent.lines(bob.member.id).await.is_empty()).await;
    let lines = agent.lines(bob.member.id).await;
    assert!(lines[0].1.starts_with("Licence refused: The licence counts"), "{lines:?}");
    assert_eq!(fakes.mail().opened, 1, "a refused user is not touched");

    // A larger licence is installed.
    std::fs::write(folder.path().join("licenses/test.license"), license(2)).unwrap();
    agent.client.reload().await.unwrap();
    agent.initial_done(BOB).await;
    agent.stop().await;
}

#[tokio::test]
async fn a_fault_is_shown_to_everyone_it_concerns_until_it_is_mended() {
    let (folder, fakes) = (workspace(&[ANN, BOB, CY], 3), Fakes::new());
    std::fs::write(folder.path().join("riva.toml"), "[agent]\nmax_threads = 1\n").unwrap();
    fakes.crm().fault =
        Some(Fault::new(FaultKind::GivenCredentials, "crm.example refused the login of riva."));
    let agent = Running::start(folder.path(), &fakes).await;
    for user in [ANN, BOB, CY] {
        agent.is(user, StateKind::Credentials).await;
        let shown = agent.row(user).await.shown;
        assert_eq!(shown.text, "Cannot Connect to the Target System with Given Credentials");
        assert!(shown.reason.starts_with("CRM: crm.example refused the login of riva."), "{}", shown.reason);
    }
    // Nobody hammers a login that is refused.
    assert_eq!(fakes.mail().opened, 1, "one was tried");
    // Whoever was not tried is told, too.
    for user in [ANN, BOB, CY] {
        agent
            .is_told(user, Level::Error, "CRM: Cannot Connect to the Target System with Given Credentials: ")
            .await;
    }

    // The password is set anew: the document is touched by it, and all go on without a restart.
    fakes.crm().fault = None;
    let document = folder.path().join("connections/crm.toml");
    let text = std::fs::read_to_string(&document).unwrap();
    std::fs::write(&document, format!("{text}\n# password changed\n")).unwrap();
    agent.initial_done(ANN).await;
    agent.initial_done(BOB).await;
    agent.is(BOB, StateKind::Waiting).await;
    for user in [ANN, BOB, CY] {
        agent.is_told(user, Level::Info, "Connection crm works again.").await;
    }
    agent.stop().await;
}

#[tokio::test]
async fn another_database_under_the_same_address_is_not_synced_before_it_is_accepted() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().add(ANN, "Ada Able");
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    agent.is(ANN, StateKind::Waiting).await;

    // An empty twin: everything looks deleted.
    let before = std::mem::take(&mut fakes.crm().items);
    fakes.crm().twin = " (restored)";
    agent.client.sync_now(&Selection::All).await.unwrap();
    agent.is(ANN, StateKind::Fault).await;
    let shown = agent.row(ANN).await.shown;
    let said = "CRM: the remote database is not the one synced before: crm leads to \"memory (restored)\", it was \"memory\".";
    assert!(shown.reason.starts_with(said), "{}", shown.reason);
    assert!(shown.reason.contains("`riva connection accept crm`"), "{}", shown.reason);
    assert_eq!(
        (shown.text.as_str(), agent.waits().await),
        ("Another Database", Some(ToAccept::AnotherDatabase))
    );
    assert_eq!(fakes.mail().names(ANN), ["Ada Able"]);
    // Nor after a restart.
    agent.stop().await;
    let agent = Running::start(folder.path(), &fakes).await;
    agent.client.sync_now(&Selection::All).await.unwrap();
    agent.is(ANN, StateKind::Fault).await;

    // It is meant.
    assert!(matches!(agent.client.accept(&"nowhere".into(), false).await, Err(AgentError::Refused(_))));
    fakes.crm().items = before;
    assert_eq!(agent.client.accept(&"crm".into(), false).await, Ok(1));
    assert_eq!(agent.waits().await, None, "who is tried again does not wait");
    agent.is(ANN, StateKind::Waiting).await;
    assert_eq!((fakes.mail().names(ANN).len(), fakes.crm().names(ANN).len()), (1, 1));
    agent.stop().await;
}

#[tokio::test]
async fn a_backup_that_is_put_back_undoes_nothing_until_an_administrator_says_what_it_should_be() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().add(ANN, "Ada Able");
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    let backup = fakes.crm().items.clone();
    fakes.mail().rename(ANN, "Ada Able", "Ada Abel");
    agent.client.sync_now(&Selection::All).await.unwrap();
    until("the CRM has the new name", async || fakes.crm().names(ANN) == ["Ada Abel"]).await;

    fakes.crm().items = backup;
    fakes.mail().rename(ANN, "Ada Abel", "Ada Abels");
    agent.client.sync_now(&Selection::All).await.unwrap();
    agent.is(ANN, StateKind::Fault).await;
    let shown = agent.row(ANN).await.shown;
    assert!(shown.reason.starts_with("CRM: A backup seems to have been put back: "), "{}", shown.reason);
    assert!(shown.reason.contains("`riva connection accept crm --catch-up`"), "{}", shown.reason);
    assert_eq!((shown.text.as_str(), agent.waits().await), ("Backup Put Back", Some(ToAccept::OlderState)));
    // Nor after a restart.
    agent.stop().await;
    let agent = Running::start(folder.path(), &fakes).await;
    agent.client.sync_now(&Selection::All).await.unwrap();
    agent.is(ANN, StateKind::Fault).await;
    assert_eq!(
        (fakes.mail().names(ANN), fakes.crm().names(ANN)),
        (vec!["Ada Abels".into()], vec!["Ada Able".into()])
    );

    assert_eq!(agent.client.accept(&"crm".into(), true).await, Ok(1));
    until("the CRM is brought up to date", async || fakes.crm().names(ANN) == ["Ada Abels"]).await;
    assert_eq!(fakes.mail().names(ANN), ["Ada Abels"]);
    agent.stop().await;
}

#[tokio::test]
async fn a_fault_of_one_user_stops_nobody_else() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().fault = Some(Fault::new(FaultKind::MailboxNeverOpened, "Ann has never logged in."));
    let agent = Running::start(folder.path(), &fakes).await;
    agent.is(ANN, StateKind::Fault).await;
    let row = agent.row(ANN).await;
    assert_eq!(row.shown.text, "Mailbox Never Opened");
    let minutes = (row.member.next_at - chrono::Utc::now()).num_minutes();
    assert!((58..=60).contains(&minutes), "tried again in {minutes} minutes");
    // "Sync now" after Ann has logged in.
    fakes.mail().fault = None;
    agent.client.sync_now(&Selection::All).await.unwrap();
    agent.initial_done(ANN).await;
    agent.stop().await;
}

#[tokio::test]
async fn of_a_broken_document_the_last_good_version_stays_in_force() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    agent.stop().await;
    let path = folder.path().join("policies/sales.toml");
    std::fs::write(&path, policy(&[ANN]).replace("enabled", "enabeld")).unwrap();
    let agent = Running::start(folder.path(), &fakes).await;
    let status = agent.client.status().await.unwrap();
    assert_eq!(status.members, 1);
    let complaints = status.complaints.join("\n");
    assert!(complaints.contains("policies/sales.toml:1"), "{complaints}");
    assert!(complaints.contains("The last good version stays in force."), "{complaints}");
    assert!(agent.row(ANN).await.member.enabled);
    agent.stop().await;
}

#[tokio::test]
async fn a_connection_that_cannot_be_read_is_named_to_its_users() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    let path = folder.path().join("connections/crm.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, text.replace("account", "acount")).unwrap();
    let agent = Running::start(folder.path(), &fakes).await;
    agent.is(ANN, StateKind::NotAvailable).await;
    let reason = agent.row(ANN).await.shown.reason;
    assert!(reason.starts_with("CRM: connections/crm.toml:"), "{reason}");
    assert!(reason.ends_with("Mend the connection, then restart the agent."), "{reason}");
    std::fs::write(&path, &text).unwrap();
    agent.client.reload().await.unwrap();
    agent.initial_done(ANN).await;
    agent.stop().await;
}

#[tokio::test]
async fn only_who_has_the_token_is_answered() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    std::fs::write(
        folder.path().join("riva.toml"),
        format!("[api]\nlisten = \"127.0.0.1:{}\"\n", free_port()),
    )
    .unwrap();
    let agent = Running::start(folder.path(), &fakes).await;
    let file = AgentFile::read(folder.path()).unwrap().unwrap();
    let Address::Url(url) = &file.address else { panic!("a port was asked for") };
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let status = async |token: Option<&str>| {
        let request = client.get(format!("{url}/v1/queue"));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await.unwrap().status().as_u16()
    };
    let token = file.token(folder.path()).unwrap();
    let token = secrecy::ExposeSecret::expose_secret(&token);
    assert_eq!(status(Some(token)).await, 200);
    assert_eq!(status(None).await, 401);
    assert_eq!(status(Some("")).await, 401);
    assert_eq!(status(Some(&token[1..])).await, 401);
    assert_eq!(status(Some(&format!("{}x", &token[..token.len() - 1]))).await, 401);
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        for name in ["agent.token", "agent.json", "riva.db"] {
            let mode =
                std::fs::metadata(folder.path().join("state").join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{name}");
        }
    }
    agent.stop().await;
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[tokio::test]
async fn a_stop_waits_for_the_call_that_is_under_way() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    fakes.mail().add(ANN, "Mia Mail");
    fakes.gate.send_replace(false);
    let agent = Running::start(folder.path(), &fakes).await;
    agent.is(ANN, StateKind::Running).await;
    agent.shutdown.cancel();
    fakes.gate.send_replace(true);
    agent.task.await.unwrap().unwrap();
    // What was under way is done and written down: the next agent makes nothing twice.
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    assert_eq!(fakes.crm().names(ANN), ["Mia Mail"]);
    agent.stop().await;
}

/// Names the workspace of the agent that is to be killed.
const VICTIM: &str = "RIVA_AGENT_TEST_WORKSPACE";

/// Not a test of its own: the process that `what_a_killed_agent_held_is_taken_up_at_once` starts and kills.
#[tokio::test]
#[ignore = "is started, and killed, by what_a_killed_agent_held_is_taken_up_at_once"]
async fn works_until_killed() {
    let fakes = Fakes::new();
    fakes.mail().add(ANN, "Mia Mail");
    fakes.gate.send_replace(false);
    let workspace = std::env::var(VICTIM).unwrap();
    let agent = Running::start(Path::new(&workspace), &fakes).await;
    agent.task.await.unwrap().unwrap();
}

#[tokio::test]
async fn what_a_killed_agent_held_is_taken_up_at_once() {
    let (folder, fakes) = (workspace(&[ANN], 1), Fakes::new());
    let mut child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "tests::works_until_killed", "--ignored"])
        .env(VICTIM, folder.path())
        .stdout(std::process::Stdio::null())
        .stderr(std::process::Stdio::null())
        .spawn()
        .unwrap();
    let client = AgentClient::new(folder.path());
    let store = folder.path().join("state/riva.db");
    let intents = async || {
        let Ok(store) = riva_store::SqlStore::open(&store).await else { return 0 };
        let open = riva_core::ports::SyncStore::open_intents(&store, MemberId(1)).await;
        store.close().await;
        open.map_or(0, |intents| intents.len())
    };
    // In the middle of a create: the intent is written down, the answer has not come.
    until("a create is under way", async || client.status().await.is_ok() && intents().await == 1).await;
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(client.status().await, Err(AgentError::NotRunning));

    // The systems are as before: the request never arrived. The lease would have run for another minute and a half.
    fakes.mail().add(ANN, "Mia Mail");
    let begun = Instant::now();
    let agent = Running::start(folder.path(), &fakes).await;
    agent.initial_done(ANN).await;
    assert!(begun.elapsed() < Duration::from_secs(30));
    assert_eq!(fakes.crm().names(ANN), ["Mia Mail"]);
    assert_eq!(fakes.mail().names(ANN), ["Mia Mail"]);
    assert_eq!(agent.row(ANN).await.member.state.linked(), 1);
    agent.stop().await;
}
