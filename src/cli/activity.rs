//! `riva activity`

use super::agent::asked_to_stop;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::{Agent, QueueRow};
use riva_core::activity::{ActivityLine, ActivityQuery, Level};
use riva_core::ids::{EmailAddress, MemberId};
use std::time::Duration;

#[derive(Args)]
pub struct Activity {
    /// The user's address.
    user: String,
    /// The policy, for a user who is in several.
    #[arg(long)]
    policy: Option<String>,
    /// How many of the newest lines.
    #[arg(long, short = 'n', default_value_t = 200)]
    lines: usize,
    /// Go on with new lines as they come, until Ctrl+C.
    #[arg(long, short)]
    follow: bool,
}

impl Activity {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = riva_api::connect(&desk.workspace);
        desk.wait(async {
            let member = member(&agent.queue().await?, &self.user, self.policy.as_deref())?;
            let mut query = ActivityQuery { member, after: 0, limit: self.lines };
            let stop = asked_to_stop();
            tokio::pin!(stop);
            loop {
                let lines = page(agent.as_ref(), &mut query).await?;
                for entry in &lines {
                    if desk.json {
                        output::json_line(entry);
                    } else {
                        line(as_text(entry));
                    }
                }
                if !self.follow {
                    return Ok(Verdict::Fine);
                }
                tokio::select! {
                    () = tokio::time::sleep(Duration::from_millis(500)) => {}
                    () = &mut stop => return Ok(Verdict::Fine),
                }
            }
        })
    }
}

/// The next lines; the query then asks for those after them.
pub async fn page(agent: &dyn Agent, query: &mut ActivityQuery) -> Result<Vec<ActivityLine>, Failure> {
    let lines = agent.activity(query).await?;
    if let Some(last) = lines.last() {
        query.after = last.seq;
    }
    Ok(lines)
}

/// A line as Monitor Activity shows it.
pub fn as_text(entry: &ActivityLine) -> String {
    let mark = match entry.level {
        Level::Info => ' ',
        Level::Warning => '!',
        Level::Error => 'x',
    };
    format!("{}  {mark} [{}] {}", output::time(entry.at), entry.cycle, entry.with_module())
}

/// The member of a user.
pub fn member(queue: &[QueueRow], user: &str, policy: Option<&str>) -> Result<MemberId, Failure> {
    let address = EmailAddress::new(user);
    let matching: Vec<_> = queue
        .iter()
        .filter(|row| row.member.address == address)
        .filter(|row| policy.is_none_or(|policy| row.member.policy.as_str() == policy))
        .collect();
    match matching.as_slice() {
        [row] => Ok(row.member.id),
        [] => Err(Failure::Other(format!("{address} is not in the sync queue; `riva queue` shows who is"))),
        several => {
            let enabled: Vec<_> = several.iter().filter(|row| row.member.enabled).collect();
            if let [row] = enabled.as_slice() {
                return Ok(row.member.id);
            }
            let policies: Vec<_> = several.iter().map(|row| row.member.policy.as_str()).collect();
            let policies = policies.join(", ");
            Err(Failure::Usage(format!(
                "{address} is in several policies ({policies}); name one with --policy"
            )))
        }
    }
}
