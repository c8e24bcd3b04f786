//! `riva`: the Manager, the agent and the command line in one program. Without arguments it opens Riva Manager.

mod cli;

use std::process::ExitCode;

fn main() -> ExitCode {
    cli::main()
}
