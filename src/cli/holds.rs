//! `riva holds`

use super::activity::member;
use super::desk::Desk;
use super::output;
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_core::not_synced::{NotSynced, NotSyncedKind};

#[derive(Args)]
pub struct Holds {
    /// The user's address.
    user: String,
    /// The policy, for a user who is in several.
    #[arg(long)]
    policy: Option<String>,
}

impl Holds {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = riva_api::connect(&desk.workspace);
        let items = desk.wait(async {
            let member = member(&agent.queue().await?, &self.user, self.policy.as_deref())?;
            Ok::<_, Failure>(agent.not_synced(member).await?)
        })?;
        if desk.json {
            output::json(&items);
            return Ok(Verdict::Fine);
        }
        let rows = items.iter().map(row).collect();
        output::table(&["module", "state", "item", "reason"], rows, "Every item of this user is in step.");
        Ok(Verdict::Fine)
    }
}

fn row(item: &NotSynced) -> Vec<String> {
    let kind = match item.kind {
        NotSyncedKind::Held => "held",
        NotSyncedKind::Failed => "failed",
        NotSyncedKind::Detached => "detached",
        NotSyncedKind::LeftAlone => "left alone",
    };
    let id = item.mail_id.as_ref().or(item.crm_id.as_ref());
    let shown = item.history.last().cloned().or_else(|| id.map(ToString::to_string)).unwrap_or_default();
    vec![item.module.to_string(), kind.to_owned(), shown, item.reason.clone()]
}
