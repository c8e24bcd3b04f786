//! `riva`: the Manager, the agent and the command line in one program. Without arguments it opens Riva Manager.

mod cli;

use mimalloc::MiMalloc;
use std::process::ExitCode;

/// An item is many small values: a quarter of a push's time went into making and dropping them with the system's own
/// allocator.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    cli::main()
}
