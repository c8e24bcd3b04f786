//! `riva agent …`

use super::desk::{Desk, ports_of};
use super::output::{self, line};
use super::standing::{Standing, documents_since};
use super::verdict::{Failure, Verdict};
use chrono::Utc;
use clap::Subcommand;
use riva_api::{AgentError, AgentStatus, HoldsQuery};
use riva_core::documents::Workspace;
use riva_core::ports::SystemClock;
use serde_json::json;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

#[derive(Subcommand)]
pub enum AgentVerb {
    /// Run the service in the foreground until it is told to stop (Ctrl+C, SIGTERM, `riva agent stop`).
    Run,
    /// Start the service in the background, and wait until it answers.
    Start,
    /// Stop the service: running calls are finished first.
    Stop,
    /// Stop it and start it again: documents are read anew.
    Restart,
    /// How it is.
    Status,
}

impl AgentVerb {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = riva_api::connect(&desk.workspace);
        match self {
            Self::Run => return serve(desk),
            Self::Start => {
                // Tells at once, and in plain words, if this is no workspace.
                Workspace::new(&desk.workspace).load()?;
                match desk.wait(agent.status()) {
                    Ok(status) => runs_already(desk, &status),
                    // One that is starting, or of another version, is waited for or told of by the start itself.
                    Err(AgentError::NotRunning | AgentError::Unreachable(_) | AgentError::Refused(_)) => {
                        desk.wait(agent.start())?;
                        done(desk, "started");
                    }
                }
            }
            Self::Stop => {
                desk.wait(agent.stop())?;
                done(desk, "stopped");
            }
            Self::Restart => {
                Workspace::new(&desk.workspace).load()?;
                desk.wait(agent.restart())?;
                done(desk, "restarted");
            }
            Self::Status => {
                let query = HoldsQuery::default();
                let (status, queue, holds) = desk.wait(async {
                    Ok::<_, AgentError>((
                        agent.status().await?,
                        agent.queue().await?,
                        agent.holds(&query).await?,
                    ))
                })?;
                let documents = documents_since(&desk.workspace, &status, &queue);
                let standing = Standing::of(status, &queue, &holds, documents);
                if desk.json {
                    output::json(&standing);
                } else {
                    standing.told(Utc::now()).iter().for_each(line);
                }
            }
        }
        Ok(Verdict::Fine)
    }
}

fn runs_already(desk: &Desk, status: &AgentStatus) {
    if desk.json {
        output::json(&json!({ "agent": "runs already", "pid": status.pid }));
    } else {
        line(format!(
            "The Riva CRM Agent runs already (process {}, since {}); documents are read anew by `riva agent restart`.",
            status.pid,
            output::time(status.started)
        ));
    }
}

fn done(desk: &Desk, what: &str) {
    if desk.json {
        output::json(&json!({ "agent": what }));
    } else {
        line(format!("The Riva CRM Agent was {what}."));
    }
}

fn serve(desk: &Desk) -> Result<Verdict, Failure> {
    // Its last lines are written when the guard goes.
    let _log = riva_agent::start_logging(&desk.workspace).map_err(|e| Failure::Other(e.to_string()))?;
    let (_, secrets) = ports_of(&desk.workspace)?;
    let systems = riva_connectors::registry(secrets, &desk.workspace);
    let ended = desk.wait(async {
        let shutdown = CancellationToken::new();
        let signal = shutdown.clone();
        tokio::spawn(async move {
            asked_to_stop().await;
            signal.cancel();
        });
        riva_agent::run(&desk.workspace, systems, Arc::new(SystemClock), shutdown).await
    });
    ended.map_err(|e| Failure::Other(e.to_string()))?;
    Ok(Verdict::Fine)
}

/// Waits for Ctrl+C, or where there is one for SIGTERM.
pub async fn asked_to_stop() {
    #[cfg(unix)]
    {
        use tokio::signal::unix::{SignalKind, signal};
        if let Ok(mut terminate) = signal(SignalKind::terminate()) {
            tokio::select! {
                _ = tokio::signal::ctrl_c() => {}
                _ = terminate.recv() => {}
            }
            return;
        }
    }
    if tokio::signal::ctrl_c().await.is_err() {
        // No signal can be heard here: then nobody asks in this way.
        std::future::pending::<()>().await;
    }
}

/// The policy has changed: the agent acts on it after a restart.
pub fn after_a_change(desk: &Desk, restart: bool) -> Result<Verdict, Failure> {
    let agent = riva_api::connect(&desk.workspace);
    if restart {
        desk.wait(agent.restart())?;
        if !desk.json {
            line("The Riva CRM Agent was restarted.");
        }
    } else if !desk.json {
        line("The Riva CRM Agent must be restarted to act on it: `riva agent restart`.");
    }
    Ok(Verdict::Fine)
}
