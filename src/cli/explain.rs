//! `riva explain`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line};
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::{Agent as _, AgentClient, ExplainQuery};
use riva_core::history::Explanation;
use riva_core::ids::MemberId;

#[derive(Args)]
pub struct Explain {
    /// A part of its title, its id in the mailbox or in the CRM, or its pair's id.
    item: String,
    /// The user's address; without one, all users are looked through.
    #[arg(long)]
    user: Option<String>,
    /// The policy, for a user who is in several.
    #[arg(long, requires = "user")]
    policy: Option<String>,
}

impl Explain {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        let agent = AgentClient::new(&desk.workspace);
        let stories = desk.wait(async {
            let queue = agent.queue().await?;
            let members: Vec<(MemberId, String)> = match &self.user {
                Some(user) => vec![(member(&queue, user, self.policy.as_deref())?, user.clone())],
                None => queue.iter().map(|row| (row.member.id, row.member.address.to_string())).collect(),
            };
            let mut stories: Vec<(String, Explanation)> = Vec::new();
            for (member, user) in members {
                let found = agent.explain(&ExplainQuery { member, item: self.item.clone() }).await?;
                stories.extend(found.into_iter().map(|story| (user.clone(), story)));
            }
            Ok::<_, Failure>(stories)
        })?;
        if desk.json {
            output::json(&stories.iter().map(|(_, story)| story).collect::<Vec<_>>());
        } else if stories.is_empty() {
            line("Nothing is known of it; an item is known once the engine has done something with it.");
        }
        for (user, story) in stories.iter().filter(|_| !desk.json) {
            tell(user, story);
        }
        Ok(Verdict::fine_if(!stories.is_empty()))
    }
}

fn tell(user: &str, story: &Explanation) {
    line(format!("{} of {user}, pair {}: {}", story.module, story.pair, story.state));
    if let Some(reason) = &story.reason {
        line(format!("  {reason}"));
    }
    if story.attempts > 0 {
        let next = story
            .next_try
            .map_or_else(|| "not tried again".into(), |at| format!("tried again {}", output::time(at)));
        line(format!("  failed {} times; {next}", story.attempts));
    }
    for side in &story.sides {
        let seen = side.seen.as_ref().map_or_else(
            || "nothing is known of it now".to_owned(),
            |(version, presence)| format!("{presence}, version {version}"),
        );
        let news = if side.news { ", with something new that is not taken into account yet" } else { "" };
        line(format!(
            "  {}: {} ({seen}; in step at version {}{news})",
            side.side.title(),
            side.id,
            side.in_step_at
        ));
    }
    let rows = story
        .journal
        .iter()
        .map(|l| vec![output::time(l.at), l.deed.clone(), l.rule.clone(), l.text.clone(), l.seen.clone()]);
    output::table(
        &["when", "what", "by which rule", "text", "seen"],
        rows.collect(),
        "  Nothing was done to it.",
    );
    line("");
}
