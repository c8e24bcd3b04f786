//! The agent's own log: a file a day in `state/logs`, and standard error where somebody reads that.

use crate::AgentFault;
use riva_core::documents::{LogSettings, Workspace};
use std::io::IsTerminal as _;
use std::path::Path;
use tracing_appender::non_blocking::WorkerGuard;
use tracing_appender::rolling::{RollingFileAppender, Rotation};
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, fmt};

/// Writes what is still in memory when it is dropped: keep it until the end.
#[derive(Debug)]
pub struct LogGuard(#[expect(dead_code, reason = "dropping it flushes the log")] WorkerGuard);

/// Starts the log of this process as the workspace's settings say. Once per process; `RUST_LOG` overrules the level.
pub fn start_logging(workspace: &Path) -> Result<LogGuard, AgentFault> {
    let settings = Workspace::new(workspace).load()?.settings.unwrap_or_default().log;
    let folder = workspace.join("state/logs");
    let doing = format!("write logs to {}", folder.display());
    std::fs::create_dir_all(&folder)
        .and_then(|()| keep_private(&folder))
        .map_err(AgentFault::io(doing.clone()))?;
    let file = RollingFileAppender::builder()
        .rotation(Rotation::DAILY)
        .filename_prefix("agent")
        .filename_suffix("log")
        .max_log_files(usize::try_from(settings.keep_files.max(1)).unwrap_or(usize::MAX))
        .build(&folder)
        .map_err(|e| AgentFault::Io { doing, source: std::io::Error::other(e) })?;
    let (file, guard) = tracing_appender::non_blocking(file);
    // Started by a client, its standard error is a file that nobody rolls.
    let heard = std::env::var_os(riva_api::DETACHED).is_none();
    let colours = std::io::stderr().is_terminal();
    let stderr = heard.then(|| fmt::layer().with_writer(std::io::stderr).with_ansi(colours));
    let started = tracing_subscriber::registry()
        .with(filter(&settings))
        .with(fmt::layer().with_writer(file).with_ansi(false))
        .with(stderr)
        .try_init();
    if let Err(e) = started {
        tracing::debug!("this process has a log already: {e}");
    }
    Ok(LogGuard(guard))
}

/// The settings' level for our own crates; others speak up from a warning on.
fn filter(settings: &LogSettings) -> EnvFilter {
    if let Ok(filter) = EnvFilter::try_from_default_env() {
        return filter;
    }
    let level = settings.level.trim();
    let ours = ["riva", "riva_agent", "riva_api", "riva_core", "riva_connectors", "riva_store", "riva_sync"];
    let directives = if level.contains(['=', ',']) {
        level.to_owned()
    } else {
        ours.iter().fold("warn".to_owned(), |all, name| format!("{all},{name}={level}"))
    };
    EnvFilter::try_new(directives).unwrap_or_else(|_| EnvFilter::new("info"))
}

/// Addresses of users and titles of items are in the logs: their owner alone reads them.
#[cfg(unix)]
fn keep_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::PermissionsExt as _;
    std::fs::set_permissions(folder, std::fs::Permissions::from_mode(0o700))
}

/// On other systems the folder's access list decides.
#[cfg(not(unix))]
fn keep_private(_folder: &Path) -> std::io::Result<()> {
    Ok(())
}

#[cfg(all(test, unix))]
mod tests {
    #[test]
    fn nobody_else_reads_the_logs() {
        use std::os::unix::fs::PermissionsExt as _;
        let folder = tempfile::tempdir().unwrap();
        riva_core::documents::Workspace::new(folder.path().join("w")).create().unwrap();
        let _log = super::start_logging(&folder.path().join("w")).unwrap();
        let mode = std::fs::metadata(folder.path().join("w/state/logs")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o700);
    }
}
