//! `riva retry`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::{Agent as _, AgentClient, GiveOrder};
use riva_core::admin::who;
use riva_core::history::Order;
use riva_core::ids::PairId;

#[derive(Args)]
pub struct Retry {
    /// The user's address.
    user: String,
    /// The policy, for a user who is in several.
    #[arg(long)]
    policy: Option<String>,
    /// One item alone, by its pair's id as `riva explain --ids` shows it; else all that failed.
    #[arg(long, value_name = "ID")]
    pair: Option<uuid::Uuid>,
}

impl Retry {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = AgentClient::new(&desk.workspace);
        let pair = self.pair.map(PairId);
        let (failed, order) = desk.wait(async {
            let member = member(&agent.queue().await?, &self.user, self.policy.as_deref())?;
            let mut failed = agent.not_synced(member).await?;
            failed.retain(|item| item.can_be_retried() && (pair.is_none() || item.pair == pair));
            if failed.is_empty() {
                return Ok::<_, Failure>((0, None));
            }
            let order = GiveOrder { member, order: Order::Retry { pair }, by: who() };
            Ok((failed.len(), Some(agent.order(&order).await?)))
        })?;
        if desk.json {
            output::json(&order);
        } else {
            line(said(failed, pair.is_some()));
        }
        Ok(Verdict::fine_if(failed > 0))
    }
}

fn said(failed: usize, one: bool) -> String {
    match (failed, one) {
        (0, true) => "That item has not failed: there is nothing to try again.".to_owned(),
        (0, false) => "Nothing of this user has failed: there is nothing to try again.".to_owned(),
        (1, _) => {
            "1 item that failed is tried again in this user's next cycle, which is due at once.".to_owned()
        }
        (many, _) => {
            format!(
                "{many} items that failed are tried again in this user's next cycle, which is due at once."
            )
        }
    }
}
