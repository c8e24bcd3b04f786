//! `riva agent …`

use super::desk::{Desk, ports_of};
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Subcommand;
use riva_api::{AgentStatus, Unaccepted};
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
                desk.wait(agent.start())?;
                done(desk, "started");
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
                let status = desk.wait(agent.status())?;
                if desk.json {
                    output::json(&status);
                } else {
                    show(&status);
                }
            }
        }
        Ok(Verdict::Fine)
    }
}

fn done(desk: &Desk, what: &str) {
    if desk.json {
        output::json(&json!({ "agent": what }));
    } else {
        line(format!("The Riva CRM Agent was {what}."));
    }
}

fn show(status: &AgentStatus) {
    told(status).iter().for_each(line);
}

fn told(status: &AgentStatus) -> Vec<String> {
    let mut lines = vec![format!(
        "The Riva CRM Agent {} runs (process {}, since {}): {} of {} members are being synced.",
        status.version,
        status.pid,
        output::time(status.started),
        status.running,
        status.members
    )];
    lines.extend(status.complaints.iter().map(|complaint| format!("  {complaint}")));
    for one in &status.to_accept {
        let users = if one.users == 1 { "user waits" } else { "users wait" };
        let Unaccepted { connection, found, users: how_many, .. } = one;
        lines.push(format!(
            "  {found} {how_many} {users} until you say what it should be: `riva connection accept {connection}` takes it as \
             it is, with `--catch-up` it is brought up to date with what was in step before."
        ));
    }
    lines
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

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::fault::ToAccept;
    use riva_core::rows::Side;

    #[test]
    fn the_status_tells_what_waits_to_be_accepted() {
        let one = |users| Unaccepted {
            connection: "crm".into(),
            side: Side::Crm,
            why: ToAccept::OlderState,
            found: "It is older.".into(),
            users,
        };
        let status = AgentStatus {
            version: "1.0".into(),
            pid: 7,
            started: chrono::DateTime::UNIX_EPOCH,
            running: 1,
            members: 9,
            complaints: vec!["p.toml: no policy".into()],
            to_accept: vec![one(1), one(2)],
        };
        let lines = told(&status);
        assert_eq!((lines.len(), lines[1].as_str()), (4, "  p.toml: no policy"));
        assert!(lines[2].starts_with("  It is older. 1 user waits until you say"), "{lines:?}");
        assert!(lines[3].starts_with("  It is older. 2 users wait until you say"), "{lines:?}");
        assert!(lines[3].contains("`riva connection accept crm`"), "{lines:?}");
    }
}
