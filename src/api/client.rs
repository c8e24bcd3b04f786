//! Asks the agent of a workspace.

use crate::agent_file::{API_VERSION, Address, AgentFile, AgentLock};
use crate::{
    Accept, Agent, AgentError, AgentStatus, Decide, ExplainQuery, GiveOrder, HoldQuery, HoldsQuery,
    OrderQuery, PreviewNewcomer, PreviewOf, PreviewUndo, QueueRow, Refusal, Selection, Woken, process,
};
use async_trait::async_trait;
use reqwest::{Client, Method, RequestBuilder, StatusCode};
use riva_core::activity::{ActivityLine, ActivityQuery};
use riva_core::history::{Explanation, OrderRow, Preview, UndoLine, UndoSpan};
use riva_core::hold_details::HoldDetails;
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, MemberId};
use riva_core::not_synced::NotSynced;
use secrecy::ExposeSecret as _;
use serde::de::DeserializeOwned;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// For questions that are answered only after both sides were read.
const LONG: Duration = Duration::from_mins(15);

/// The agent of a workspace, whether it runs or not.
pub fn connect(workspace: &Path) -> Arc<dyn Agent> {
    Arc::new(AgentClient::new(workspace))
}

/// Asks the agent of one workspace. Every call finds out anew where it is: it may have been restarted.
#[derive(Debug)]
pub struct AgentClient {
    pub(crate) workspace: PathBuf,
    pub(crate) program: Option<PathBuf>,
    line: Mutex<Option<(Address, Client)>>,
}

impl AgentClient {
    /// The agent of a workspace; it is started with the program that runs now.
    pub fn new(workspace: &Path) -> Self {
        // The agent has its own working folder in mind.
        let workspace = std::path::absolute(workspace).unwrap_or_else(|_| workspace.to_owned());
        Self { workspace, program: None, line: Mutex::new(None) }
    }

    /// The same, to be started with another program.
    #[must_use]
    pub fn with_program(mut self, program: &Path) -> Self {
        self.program = Some(program.to_owned());
        self
    }

    /// Whether the agent's process lives.
    pub(crate) fn lives(&self) -> Result<bool, AgentError> {
        AgentLock::is_held(&self.workspace).map_err(unreachable)
    }

    fn file(&self) -> Result<AgentFile, AgentError> {
        if !self.lives()? {
            return Err(AgentError::NotRunning);
        }
        let file = AgentFile::read(&self.workspace).map_err(unreachable)?;
        file.ok_or_else(|| AgentError::Unreachable("it is starting, or stopping".into()))
    }

    /// One kept connection, as long as the agent stays where it is.
    fn client(&self, address: &Address) -> Result<Client, AgentError> {
        let mut line = self.line.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some((at, client)) = line.as_ref()
            && at == address
        {
            return Ok(client.clone());
        }
        let builder = Client::builder().no_proxy().timeout(Duration::from_secs(15));
        let builder = match address {
            #[cfg(unix)]
            Address::Socket(path) => builder.unix_socket(path.as_path()),
            #[cfg(not(unix))]
            Address::Socket(path) => {
                let why = format!("it listens on {}, which this system cannot reach", path.display());
                return Err(AgentError::Unreachable(why));
            }
            Address::Url(_) => builder,
        };
        let client = builder.build().map_err(unreachable)?;
        *line = Some((address.clone(), client.clone()));
        Ok(client)
    }

    fn request(&self, file: &AgentFile, method: Method, path: &str) -> Result<RequestBuilder, AgentError> {
        let base = match &file.address {
            Address::Socket(_) => "http://agent",
            Address::Url(url) => url.as_str(),
        };
        let token = file.token(&self.workspace).map_err(unreachable)?;
        let client = self.client(&file.address)?;
        Ok(client.request(method, format!("{base}{path}")).bearer_auth(token.expose_secret()))
    }

    /// A request to an agent that speaks our version.
    fn ask(&self, method: Method, path: &str) -> Result<RequestBuilder, AgentError> {
        let file = self.file()?;
        if file.api != API_VERSION {
            return Err(AgentError::Refused(format!(
                "it is version {}, this program is version {}; restart the agent (`riva agent restart`), or use the \
                 program of the same version",
                file.version,
                env!("CARGO_PKG_VERSION")
            )));
        }
        self.request(&file, method, path)
    }

    /// Asks an agent of whatever version to stop: so that it can be replaced.
    pub(crate) async fn ask_to_stop(&self) -> Result<(), AgentError> {
        let request = self.request(&self.file()?, Method::POST, "/v1/stop")?;
        send::<serde_json::Value>(request).await.map(drop)
    }

    /// What a hold is decided by, with what the sides show of deletions, too: for whoever lists their dates.
    pub async fn hold_details_read(&self, number: i64) -> Result<HoldDetails, AgentError> {
        self.details_of(HoldQuery { number, read: true }).await
    }

    async fn details_of(&self, query: HoldQuery) -> Result<HoldDetails, AgentError> {
        send(self.ask(Method::GET, "/v1/hold-details")?.query(&query).timeout(LONG)).await
    }

    /// What the first cycle would do of somebody who is in a policy's file, and not known to the agent yet: a preview before
    /// the restart that begins it.
    pub async fn preview_newcomer(&self, what: &PreviewNewcomer) -> Result<Preview, AgentError> {
        send(self.ask(Method::POST, "/v1/preview-newcomer")?.json(what).timeout(LONG)).await
    }

    /// Reads the documents anew without a restart.
    pub async fn reload(&self) -> Result<AgentStatus, AgentError> {
        send(self.ask(Method::POST, "/v1/reload")?).await
    }
}

#[async_trait]
impl Agent for AgentClient {
    async fn status(&self) -> Result<AgentStatus, AgentError> {
        send(self.ask(Method::GET, "/v1/status")?).await
    }

    async fn queue(&self) -> Result<Vec<QueueRow>, AgentError> {
        send(self.ask(Method::GET, "/v1/queue")?).await
    }

    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityLine>, AgentError> {
        send(self.ask(Method::GET, "/v1/activity")?.query(query)).await
    }

    async fn not_synced(&self, member: MemberId) -> Result<Vec<NotSynced>, AgentError> {
        send(self.ask(Method::GET, "/v1/not-synced")?.query(&[("member", member)])).await
    }

    async fn holds(&self, query: &HoldsQuery) -> Result<Vec<HoldRow>, AgentError> {
        send(self.ask(Method::GET, "/v1/holds")?.query(query)).await
    }

    async fn hold_details(&self, number: i64) -> Result<HoldDetails, AgentError> {
        self.details_of(HoldQuery { number, read: false }).await
    }

    async fn decide(&self, what: &Decide) -> Result<HoldRow, AgentError> {
        send(self.ask(Method::POST, "/v1/decide")?.json(what)).await
    }

    async fn order(&self, what: &GiveOrder) -> Result<OrderRow, AgentError> {
        send(self.ask(Method::POST, "/v1/order")?.json(what)).await
    }

    async fn order_of(&self, number: i64) -> Result<OrderRow, AgentError> {
        send(self.ask(Method::GET, "/v1/order")?.query(&OrderQuery { number })).await
    }

    async fn explain(&self, query: &ExplainQuery) -> Result<Vec<Explanation>, AgentError> {
        send(self.ask(Method::GET, "/v1/explain")?.query(query)).await
    }

    async fn preview(&self, member: MemberId) -> Result<Preview, AgentError> {
        let request = self.ask(Method::POST, "/v1/preview")?.json(&PreviewOf { member });
        send(request.timeout(LONG)).await
    }

    async fn preview_undo(&self, member: MemberId, span: UndoSpan) -> Result<Vec<UndoLine>, AgentError> {
        let request = self.ask(Method::POST, "/v1/preview-undo")?.json(&PreviewUndo { member, span });
        send(request.timeout(LONG)).await
    }

    async fn accept(&self, connection: &ConnectionName, catch_up: bool) -> Result<usize, AgentError> {
        let what = Accept { connection: connection.clone(), catch_up };
        let woken: Woken = send(self.ask(Method::POST, "/v1/accept")?.json(&what)).await?;
        Ok(woken.woken)
    }

    async fn sync_now(&self, which: &Selection) -> Result<usize, AgentError> {
        let woken: Woken = send(self.ask(Method::POST, "/v1/sync")?.json(which)).await?;
        Ok(woken.woken)
    }

    async fn start(&self) -> Result<(), AgentError> {
        process::start(self).await
    }

    async fn stop(&self) -> Result<(), AgentError> {
        process::stop(self).await
    }

    async fn restart(&self) -> Result<(), AgentError> {
        match self.stop().await {
            Ok(()) | Err(AgentError::NotRunning) => self.start().await,
            Err(e) => Err(e),
        }
    }
}

async fn send<T: DeserializeOwned>(request: RequestBuilder) -> Result<T, AgentError> {
    let answer = request.send().await.map_err(unreachable)?;
    let status = answer.status();
    if status.is_success() {
        return answer.json().await.map_err(unreachable);
    }
    if status == StatusCode::UNAUTHORIZED {
        // One that is just starting has not written its token down yet: what is read is that of the one before.
        let why = "it does not know this workspace's token; restart it".to_owned();
        return Err(AgentError::Unreachable(why));
    }
    match answer.json::<Refusal>().await {
        Ok(refusal) => Err(AgentError::Refused(refusal.error)),
        Err(_) => Err(AgentError::Unreachable(format!("it answered {status}"))),
    }
}

/// With the causes: the first says but "error sending request".
#[allow(clippy::needless_pass_by_value)] // so that `map_err(unreachable)` reads well
pub(crate) fn unreachable(error: impl Into<Box<dyn std::error::Error>>) -> AgentError {
    let error = error.into();
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let next_text = next.to_string();
        if !text.contains(&next_text) {
            text = format!("{text}: {next_text}");
        }
        cause = next.source();
    }
    AgentError::Unreachable(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::new_token;

    fn left_behind(workspace: &Path, api: u32) {
        std::fs::create_dir_all(workspace.join("state")).unwrap();
        let file = AgentFile {
            api,
            version: "9.9".into(),
            pid: 1,
            address: Address::Url("http://127.0.0.1:9".into()),
            token_file: "state/agent.token".into(),
        };
        file.write(workspace, &new_token()).unwrap();
    }

    #[tokio::test]
    async fn what_a_dead_agent_left_behind_is_no_agent() {
        let folder = tempfile::tempdir().unwrap();
        let agent = connect(folder.path());
        assert_eq!(agent.status().await, Err(AgentError::NotRunning));
        left_behind(folder.path(), API_VERSION);
        assert_eq!(agent.status().await, Err(AgentError::NotRunning));
        assert_eq!(agent.stop().await, Err(AgentError::NotRunning));
    }

    #[tokio::test]
    async fn an_agent_of_another_version_is_named() {
        let folder = tempfile::tempdir().unwrap();
        left_behind(folder.path(), API_VERSION + 1);
        let _alive = AgentLock::take(folder.path()).unwrap().unwrap();
        let Err(AgentError::Refused(why)) = connect(folder.path()).status().await else {
            panic!("not refused")
        };
        assert!(why.contains("it is version 9.9"), "{why}");
    }

    #[tokio::test]
    async fn an_agent_that_does_not_listen_is_unreachable() {
        let folder = tempfile::tempdir().unwrap();
        left_behind(folder.path(), API_VERSION);
        let _alive = AgentLock::take(folder.path()).unwrap().unwrap();
        assert!(matches!(connect(folder.path()).status().await, Err(AgentError::Unreachable(_))));
    }

    #[cfg(unix)]
    #[tokio::test]
    async fn a_program_that_ends_at_once_shows_its_last_words() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        let program = folder.path().join("agent");
        std::fs::write(&program, "#!/bin/sh\necho \"$1 $2: no licence for poetry\" >&2\nexit 3\n").unwrap();
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o700)).unwrap();
        let agent = AgentClient::new(folder.path()).with_program(&program);
        let Err(AgentError::Refused(why)) = agent.start().await else { panic!("not refused") };
        assert!(why.contains("agent run: no licence for poetry"), "{why}");
    }
}
