//! `riva init`

use super::desk::Desk;
use super::output;
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_core::admin::Admin;

#[derive(Args)]
pub struct Init {}

impl Init {
    #[expect(clippy::unused_self, reason = "every verb is run the same way")]
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        Admin::create_workspace(&desk.workspace)?;
        let folder = desk.workspace.display();
        if desk.json {
            output::json(&serde_json::json!({ "workspace": desk.workspace }));
        } else {
            output::line(format!(
                "A workspace is in {folder}. Next: `riva connection add`, `riva connection set-password`, `riva policy add`."
            ));
        }
        Ok(Verdict::Fine)
    }
}
