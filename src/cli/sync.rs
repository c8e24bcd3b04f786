//! `riva sync`

use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::Selection;
use serde_json::json;

#[derive(Args)]
#[group(required = true, multiple = false)]
pub struct Sync {
    /// A user's address (in every policy), or a policy's name.
    #[arg(value_name = "USER|POLICY")]
    which: Option<String>,
    /// Everybody.
    #[arg(long)]
    all: bool,
}

impl Sync {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let selection = match self.which {
            None => Selection::All,
            Some(name) => {
                let is_policy = desk.admin()?.policies()?.iter().any(|policy| policy.name.as_str() == name);
                if is_policy { Selection::Policy(name.into()) } else { Selection::User(name.into()) }
            }
        };
        let woken = desk.wait(riva_api::connect(&desk.workspace).sync_now(&selection))?;
        if desk.json {
            output::json(&json!({ "woken": woken }));
        } else if woken == 0 {
            line("Nobody was found; `riva queue` shows who is in the queue.");
        } else {
            line(format!("{woken} to be synced now; `riva queue --watch` shows how it goes."));
        }
        Ok(Verdict::fine_if(woken > 0))
    }
}
