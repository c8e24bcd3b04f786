//! `riva explain`

use super::activity::member;
use super::desk::Desk;
use super::output::{self, line, wrapped};
use super::verdict::{Failure, Verdict};
use clap::Args;
use riva_api::{Agent as _, AgentClient, ExplainQuery};
use riva_core::history::Explanation;
use riva_core::ids::MemberId;
use riva_core::not_synced::title_in;
use riva_manager::words::{because, count, deed_sentence};

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
    /// With ids, versions and rules as the engine has them, for a report of a fault, or for `riva retry --pair`.
    #[arg(long)]
    ids: bool,
}

impl Explain {
    pub fn run(self, desk: &Desk) -> Result<Verdict, Failure> {
        if self.item.trim().is_empty() {
            let text =
                "name the item: a part of its title, its id in the mailbox or in the CRM, or its pair's id";
            return Err(Failure::Usage(text.into()));
        }
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
            told(user, story, self.ids).iter().for_each(line);
            line("");
        }
        Ok(Verdict::fine_if(!stories.is_empty()))
    }
}

/// The story in sentences; ids and versions only where they are asked for, and last.
fn told(user: &str, story: &Explanation, ids: bool) -> Vec<String> {
    let reason = story.reason.as_deref().unwrap_or_default();
    let title = title_in(&story.journal, reason).unwrap_or_else(|| "(an item without a title)".to_owned());
    let mut lines = vec![format!("{title}  ({} of {user}): {}", story.module, state_of(story))];
    if !reason.is_empty() {
        lines.extend(wrapped(reason, "  "));
    }
    if story.attempts > 0 {
        let times = count(story.attempts as usize, "time", "times");
        let next = story.next_try.map_or_else(
            || "not tried again by itself".into(),
            |at| format!("tried again {}", output::time(at)),
        );
        lines.push(format!("  Failed {times}; {next}."));
    }
    for side in &story.sides {
        let seen = side.seen.as_ref().map_or("nothing is known of it now", |(_, presence)| presence.as_str());
        let news = if side.news { ", with something new that is not taken into account yet" } else { "" };
        lines.push(format!("  In the {}: {seen}{news}.", side.side.title()));
    }
    for step in &story.journal {
        lines.extend(wrapped(&format!("{}  {}", output::time(step.at), deed_sentence(step)), "  "));
        lines.extend(wrapped(&format!("because {}", because(&step.rule)), "      "));
        if ids && !step.seen.is_empty() {
            lines.extend(wrapped(&format!("seen: {} (rule: {})", step.seen, step.rule), "      "));
        }
    }
    if story.journal.is_empty() {
        lines.push("  Nothing was done to it.".to_owned());
    }
    if ids {
        lines.push(format!("  pair {}", story.pair));
        for side in &story.sides {
            let now =
                side.seen.as_ref().map_or_else(String::new, |(version, _)| format!("version {version}, "));
            let text =
                format!("{}: {} ({now}in step at version {})", side.side.title(), side.id, side.in_step_at);
            lines.push(format!("  {text}"));
        }
    }
    lines
}

/// How the pair stands, as a person says it.
fn state_of(story: &Explanation) -> &str {
    match story.state.as_str() {
        "linked" if story.next_try.is_some() => "in step, to be tried again",
        "linked" => "in step",
        "quarantined" => "failed",
        "detached" => "not kept in step",
        "tombstoned" => "gone on both sides",
        "unrolled" => "in step, occurrence by occurrence",
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chrono::{DateTime, Utc};
    use riva_core::history::ExplainedSide;
    use riva_core::ids::PairId;
    use riva_core::item::Module;
    use riva_core::rows::{JournalRow, Side};
    use uuid::Uuid;

    const LONG_ID: &str = "AAMkAGI1NTk4ZTYxLTY5ZjEtNDQzMS1hMmMxLTk4NjQ3ZGFiMmRhMgBGAAAAAAAy9";

    fn story() -> Explanation {
        let (member, pair, module) = (MemberId(1), PairId(Uuid::from_u128(7)), Module::Contacts);
        let error = "refused: no such field";
        let failed = JournalRow {
            member,
            module,
            pair,
            at: DateTime::<Utc>::UNIX_EPOCH,
            deed: "failed".into(),
            rule: "table row 15".into(),
            text: format!("create in the CRM: Mia Mail: {error}"),
            seen: format!("mailbox: {LONG_ID}, version 1"),
        };
        let mail = ExplainedSide {
            side: Side::Mail,
            id: LONG_ID.into(),
            in_step_at: "1".into(),
            seen: Some(("2".into(), "there".into())),
            news: false,
        };
        Explanation {
            member,
            pair,
            module,
            state: "quarantined".into(),
            reason: Some(format!("Could not be created in the CRM: {error}.")),
            sides: vec![mail],
            attempts: 1,
            next_try: None,
            journal: vec![failed],
        }
    }

    #[test]
    fn a_story_is_told_in_words_and_ids_come_last_and_when_they_are_asked_for() {
        let text = told("ann@x.example", &story(), false).join("\n");
        for words in [
            "Mia Mail  (Contacts of ann@x.example): failed",
            "  Failed 1 time; not tried again by itself.",
            "because it is new in the mailbox, and the CRM has no twin of it",
        ] {
            assert!(text.contains(words), "{words}: {text}");
        }
        assert!(!text.contains(LONG_ID) && !text.contains("table row"), "{text}");
        let lines = told("ann@x.example", &story(), true);
        let pair = lines.iter().position(|line| line.starts_with("  pair 00000000-")).unwrap();
        assert!(lines[pair + 1].contains(LONG_ID) && lines.len() == pair + 2, "{lines:?}");
    }
}
