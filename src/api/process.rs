//! Starts and stops the agent's process.

use crate::client::{AgentClient, unreachable};
use crate::{Agent as _, AgentError};
use std::fs::{self, File};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Set in the environment of an agent that was started by a client: its standard error is kept for its last words
/// alone.
pub const DETACHED: &str = "RIVA_AGENT_DETACHED";

/// Until a started agent must answer.
const TO_START: Duration = Duration::from_secs(20);
/// Until an agent that was asked to stop must have gone: it finishes the calls that are under way.
const TO_STOP: Duration = Duration::from_secs(90);
/// Between two looks.
const LOOK: Duration = Duration::from_millis(50);

/// Starts the agent and waits until it answers. Does nothing if it runs.
pub(crate) async fn start(agent: &AgentClient) -> Result<(), AgentError> {
    if agent.lives()? {
        return until_it_answers(agent, None).await;
    }
    let program = match &agent.program {
        Some(program) => program.clone(),
        None => std::env::current_exe().map_err(unreachable)?,
    };
    let logs = agent.workspace.join("state/logs");
    fs::create_dir_all(&logs).map_err(unreachable)?;
    let words = logs.join("agent.start.log");
    let mut command = Command::new(program);
    command.args(["agent", "run", "--workspace"]).arg(&agent.workspace);
    command.env(DETACHED, "1").stdin(Stdio::null()).stdout(Stdio::null());
    command.stderr(File::create(&words).map_err(unreachable)?);
    // A group of its own: Ctrl+C in the terminal of whoever started it is not meant for the service.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(unreachable)?;
    let answers = until_it_answers(agent, Some((&mut child, &words))).await;
    // It outlives this program; while this program lives, somebody has to take note of its end.
    std::thread::spawn(move || child.wait());
    answers
}

async fn until_it_answers(
    agent: &AgentClient,
    mut child: Option<(&mut Child, &Path)>,
) -> Result<(), AgentError> {
    let deadline = Instant::now() + TO_START;
    loop {
        let why = match agent.status().await {
            Ok(_) => return Ok(()),
            Err(refused @ AgentError::Refused(_)) => return Err(refused),
            Err(why) => why,
        };
        if let Some((child, words)) = &mut child
            && let Some(status) = child.try_wait().map_err(unreachable)?
        {
            return Err(AgentError::Refused(last_words(status, words)));
        }
        if Instant::now() > deadline {
            return Err(why);
        }
        sleep(LOOK).await;
    }
}

fn last_words(status: ExitStatus, words: &Path) -> String {
    let text = fs::read_to_string(words).unwrap_or_default();
    let lines: Vec<&str> = text.lines().filter(|l| !l.trim().is_empty()).collect();
    let last = lines[lines.len().saturating_sub(5)..].join("\n");
    if last.is_empty() {
        return format!("it ended at once ({status}) and said nothing; see the logs in state/logs");
    }
    format!("it ended at once ({status}):\n{last}")
}

/// Asks the agent to stop and waits until its process has given the lock back.
pub(crate) async fn stop(agent: &AgentClient) -> Result<(), AgentError> {
    let deadline = Instant::now() + TO_STOP;
    // An agent that is just starting cannot be asked yet.
    let mut asked = false;
    loop {
        if !asked {
            match agent.ask_to_stop().await {
                Ok(()) => asked = true,
                Err(AgentError::Unreachable(why)) if Instant::now() < deadline => {
                    tracing::debug!("the agent cannot be asked to stop yet: {why}");
                }
                Err(why) => return Err(why),
            }
        }
        if !agent.lives()? {
            return if asked { Ok(()) } else { Err(AgentError::NotRunning) };
        }
        if Instant::now() > deadline {
            let why = "it was asked to stop, and still works; try again, or end its process".to_owned();
            return Err(AgentError::Unreachable(why));
        }
        sleep(LOOK).await;
    }
}
