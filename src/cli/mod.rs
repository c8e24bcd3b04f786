//! The command line: everything that the Manager can do, for scripts and for servers without a screen. It makes the
//! same calls as the Manager; tables are for people, `--json` is for programs.

mod activity;
mod agent;
mod census;
mod check;
mod connection;
mod demo;
mod desk;
mod explain;
mod holds;
mod init;
mod journey;
mod license;
mod manager;
mod meaning;
mod output;
mod policy;
mod preview;
mod queue;
mod retry;
mod sandbox;
mod secret_input;
mod side_by_side;
mod standing;
mod sync;
mod tenant;
mod undo;
mod verdict;

use clap::{Parser, Subcommand};
use desk::Desk;
use std::path::PathBuf;
use std::process::ExitCode;
use verdict::{Failure, Verdict};

/// Keeps mail systems and CRMs in step: contacts, calendar, tasks and e-mail, per user, unattended.
///
/// Without a command, Riva Manager opens.
#[derive(Parser)]
#[command(name = "riva", version, about, long_about, propagate_version = true)]
struct Cli {
    /// The workspace's folder: connections, policies, licences, state.
    #[arg(long, global = true, env = "RIVA_WORKSPACE", value_name = "DIR", hide_env_values = true)]
    workspace: Option<PathBuf>,
    /// Answer as JSON, for programs.
    #[arg(long, global = true)]
    json: bool,
    #[command(subcommand)]
    verb: Option<Verb>,
}

#[derive(Subcommand)]
enum Verb {
    /// Open the Service Monitor alone.
    Monitor,
    /// Try Riva: a sandbox company, an agent, and the Manager on it.
    Demo(demo::Demo),
    /// Make a workspace in a new or empty folder.
    Init(init::Init),
    /// Connections to mail systems and CRMs.
    #[command(subcommand)]
    Connection(connection::ConnectionVerb),
    /// Sync policies and their users.
    #[command(subcommand)]
    Policy(policy::PolicyVerb),
    /// Licences and who holds their counts.
    #[command(subcommand)]
    License(license::LicenseVerb),
    /// The Riva CRM Agent, the service that syncs.
    #[command(subcommand)]
    Agent(agent::AgentVerb),
    /// The sync queue: one row for each syncing user.
    Queue(queue::Queue),
    /// The Monitor Activity of a user.
    Activity(activity::Activity),
    /// What waits for an administrator, by name; and, of a user, everything that is not kept in step.
    Holds(holds::Holds),
    /// Try items that failed again at once.
    Retry(retry::Retry),
    /// The story of an item: what was seen where and when, which rule acted, what was written.
    Explain(explain::Explain),
    /// Take back what was written for a user: previewed first, restored as far as nobody has touched it since.
    Undo(undo::Undo),
    /// Sync users now.
    Sync(sync::Sync),
    /// Local Exchange and Salesforce servers, to try things without a tenant.
    #[command(subcommand)]
    Sandbox(sandbox::SandboxVerb),
    /// Check every document and every connection; says what is wrong and how to mend it.
    Check(check::Check),
}

/// Runs the command that the arguments ask for.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let json = cli.json;
    let outcome = start(cli);
    match outcome {
        Ok(Verdict::Fine) => ExitCode::SUCCESS,
        Ok(Verdict::Failed) => ExitCode::from(1),
        Err(failure) => {
            failure.tell(json);
            failure.exit_code()
        }
    }
}

fn start(cli: Cli) -> Result<Verdict, Failure> {
    // Fails only if a provider is there already, and then it is the same one.
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let desk = Desk::new(cli.workspace, cli.json)?;
    let runs_agent = matches!(cli.verb, Some(Verb::Agent(agent::AgentVerb::Run)));
    if !runs_agent {
        // The agent writes its own log; everybody else tells warnings, on the error stream.
        output::tell_errors();
    }
    match cli.verb {
        None => manager::open_manager(&desk),
        Some(Verb::Monitor) => manager::open_monitor(&desk),
        Some(Verb::Demo(verb)) => verb.run(&desk),
        Some(Verb::Init(verb)) => verb.run(&desk),
        Some(Verb::Connection(verb)) => verb.run(&desk),
        Some(Verb::Policy(verb)) => verb.run(&desk),
        Some(Verb::License(verb)) => verb.run(&desk),
        Some(Verb::Agent(verb)) => verb.run(&desk),
        Some(Verb::Queue(verb)) => verb.run(&desk),
        Some(Verb::Activity(verb)) => verb.run(&desk),
        Some(Verb::Holds(verb)) => verb.run(&desk),
        Some(Verb::Retry(verb)) => verb.run(&desk),
        Some(Verb::Explain(verb)) => verb.run(&desk),
        Some(Verb::Undo(verb)) => verb.run(&desk),
        Some(Verb::Sync(verb)) => verb.run(&desk),
        Some(Verb::Sandbox(verb)) => verb.run(&desk),
        Some(Verb::Check(verb)) => verb.run(&desk),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_is_well_formed() {
        Cli::command().debug_assert();
    }
}
