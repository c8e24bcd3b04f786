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
    /// One item alone, by its pair's id as `riva explain` shows it; else all that failed.
    #[arg(long, value_name = "ID")]
    pair: Option<uuid::Uuid>,
}

impl Retry {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = AgentClient::new(&desk.workspace);
        let order = desk.wait(async {
            let member = member(&agent.queue().await?, &self.user, self.policy.as_deref())?;
            let order = Order::Retry { pair: self.pair.map(PairId) };
            Ok::<_, Failure>(agent.order(&GiveOrder { member, order, by: who() }).await?)
        })?;
        if desk.json {
            output::json(&order);
        } else {
            line("What failed is tried again in this user's next cycle, which is due at once.");
        }
        Ok(Verdict::Fine)
    }
}
