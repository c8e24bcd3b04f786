//! Explain: what is known of an item, and what was done to it, in plain sentences.

use crate::age;
use crate::desk::Desk;
use crate::requested::Requested;
use crate::theme::Tone;
use crate::words::{because, deed_sentence, field_by_word};
use chrono::{DateTime, Utc};
use riva_api::{AgentError, ExplainQuery, QueueRow};
use riva_core::history::{ExplainedSide, Explanation};
use riva_core::ids::MemberId;
use riva_core::not_synced::title_in;
use riva_core::rows::JournalRow;

/// The window.
#[derive(Debug)]
pub struct Explain {
    /// Whose items are looked through; all users' without one.
    pub user: Option<(MemberId, String)>,
    /// All users' items are, whoever is chosen.
    pub all: bool,
    /// What is typed.
    pub search: String,
    /// Which item is told of while nothing is typed: a pair's id says nothing to a person.
    item: String,
    /// What was found.
    pub stories: Requested<Vec<Told>>,
    /// The story that is shown.
    pub chosen: usize,
}

/// A story, and whose it is.
#[derive(Debug, Clone, PartialEq)]
pub struct Told {
    /// The user.
    pub user: String,
    /// The story.
    pub story: Explanation,
}

/// Something that was done, as a sentence.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: DateTime<Utc>,
    /// How it is meant.
    pub tone: Tone,
    /// What was done.
    pub text: String,
    /// Why: the end of the sentence "because …".
    pub why: String,
    /// What the sides showed then; may be empty.
    pub seen: String,
}

impl Explain {
    /// A window that tells of an item, or of what will be typed.
    pub fn of(user: Option<(MemberId, String)>, item: String) -> Self {
        let all = user.is_none();
        Self { user, all, search: String::new(), item, stories: Requested::NotYet, chosen: 0 }
    }

    /// Asks the agent about what is typed.
    pub fn ask(&mut self, desk: &Desk) {
        let typed = self.search.trim();
        let item = if typed.is_empty() { self.item.clone() } else { typed.to_owned() };
        if item.is_empty() {
            return;
        }
        let only = self.user.clone().filter(|_| !self.all);
        let agent = desk.agent.clone();
        self.chosen = 0;
        self.stories.start(desk.ask(async move {
            let person = |row: QueueRow| (row.member.id, row.member.address.to_string());
            let whom = match only {
                Some(one) => vec![one],
                None => agent.queue().await?.into_iter().map(person).collect(),
            };
            let mut told = Vec::new();
            for (member, user) in whom {
                let found = agent.explain(&ExplainQuery { member, item: item.clone() }).await?;
                told.extend(found.into_iter().map(|story| Told { user: user.clone(), story }));
            }
            Ok::<_, AgentError>(told)
        }));
    }

    /// The story that is shown.
    pub fn shown(&self) -> Option<&Told> {
        self.stories.value()?.get(self.chosen)
    }
}

impl Told {
    /// What a person calls the item.
    pub fn title(&self) -> String {
        let reason = self.story.reason.as_deref().unwrap_or_default();
        title_in(&self.story.journal, reason).unwrap_or_else(|| format!("({} item)", self.story.module))
    }

    /// How it stands, in a word or two.
    pub fn state(&self) -> (Tone, &'static str) {
        match self.story.state.as_str() {
            "linked" if self.story.next_try.is_some() => (Tone::Warn, "In step, to be tried again"),
            "linked" => (Tone::Good, "In step"),
            "held" => (Tone::Warn, "Held"),
            "quarantined" => (Tone::Bad, "Failed"),
            "detached" => (Tone::Neutral, "Not kept in step"),
            "tombstoned" => (Tone::Neutral, "Gone on both sides"),
            "unrolled" => (Tone::Good, "In step, by occurrence"),
            _ => (Tone::Neutral, "Known"),
        }
    }

    /// Whether it failed, and can be tried again.
    pub fn failed(&self) -> bool {
        self.story.state == "quarantined"
    }

    /// How often it failed, and when it is tried next; empty if it did not.
    pub fn attempts(&self, now: DateTime<Utc>) -> String {
        if self.story.attempts == 0 {
            return String::new();
        }
        let times = crate::words::count(self.story.attempts as usize, "time", "times");
        let next = self.story.next_try.map_or_else(
            || "it is not tried again by itself".to_owned(),
            |at| format!("it is tried again {}", age::ahead(at, now)),
        );
        format!("It failed {times}; {next}.")
    }

    /// What was done, oldest first.
    pub fn steps(&self) -> Vec<Step> {
        self.story.journal.iter().map(step).collect()
    }

    /// What *Copy* puts on the clipboard.
    pub fn copy_text(&self) -> String {
        let mut lines = vec![format!("{} of {}: {}", self.title(), self.user, self.state().1)];
        lines.extend(self.story.reason.clone());
        for side in &self.story.sides {
            lines.push(format!("In the {} ({}): {}", side.side.title(), side.id, side_words(side)));
        }
        for step in self.steps() {
            lines.push(format!("{}  {} Because {}.", age::exact(step.at), step.text, step.why));
            if !step.seen.is_empty() {
                lines.push(format!("    seen: {}", step.seen));
            }
        }
        lines.join("\n")
    }
}

/// A side of the item, in a sentence.
pub fn side_words(side: &ExplainedSide) -> String {
    let there = match side.seen.as_ref().map(|(_, presence)| presence.as_str()) {
        Some("there") => "It is there",
        Some("deleted") => "It was deleted",
        Some("missing in the last listing") => "It was missing in the last listing, and is looked for",
        Some("out of this user's sight") => "It is out of this user's sight",
        Some(_) => "It was seen",
        None => "Nothing is known of it now",
    };
    let news = if side.news { ", with something new that is not taken into account yet" } else { "" };
    format!("{there}{news}.")
}

fn step(line: &JournalRow) -> Step {
    let tone = match line.deed.as_str() {
        "failed" | "quarantined" => Tone::Bad,
        "held" | "in doubt" | "waits" | "detached" => Tone::Warn,
        "decided" | "undo" => Tone::Busy,
        _ => Tone::Good,
    };
    Step { at: line.at, tone, text: deed_sentence(line), why: because(&line.rule), seen: seen(&line.seen) }
}

/// "mailbox: version v7, changed: displayName; CRM: …" without the versions, which say nothing to a person.
fn seen(text: &str) -> String {
    let part = |part: &str| {
        let Some((side, rest)) = part.split_once(": version ") else { return part.to_owned() };
        let rest = rest.split_once(", ").map_or(rest, |(_, said)| said);
        let Some(fields) = rest.strip_prefix("changed: ") else { return format!("{side}: {rest}") };
        let fields: Vec<String> = fields.split(", ").map(field_by_word).collect();
        format!("{side}: {} changed", fields.join(", "))
    };
    text.split("; ").map(part).collect::<Vec<_>>().join("; ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up;

    fn told() -> Told {
        let story = made_up::story(MemberId(1), made_up::pair(1), Utc::now());
        Told { user: "ann@x".into(), story }
    }

    #[test]
    fn an_items_history_reads_as_sentences() {
        let told = told();
        assert_eq!((told.title().as_str(), told.state()), ("Zoë Álvarez", (Tone::Good, "In step")));
        let steps = told.steps();
        assert_eq!(steps[0].why, "both have the same e-mail address");
        assert_eq!(steps[1].text, "Updated in the CRM: shown as, phones.");
        assert_eq!(steps[1].why, "it was changed in the mailbox");
        assert_eq!(steps[1].seen, "mailbox: shown as, phones changed; CRM: unchanged");
        assert_eq!(steps[2].tone, Tone::Bad);
        assert_eq!(side_words(&told.story.sides[0]), "It is there.");
    }

    #[test]
    fn the_text_to_copy_names_item_user_and_every_step() {
        let text = told().copy_text();
        for part in [
            "Zoë Álvarez of ann@x: In step",
            "In the CRM (003A000001)",
            "Because it was changed in the mailbox.",
        ] {
            assert!(text.contains(part), "{part}: {text}");
        }
    }

    #[test]
    fn what_failed_says_how_often_and_what_follows() {
        let mut told = told();
        assert_eq!(told.attempts(Utc::now()), "");
        told.story.attempts = 2;
        assert_eq!(told.attempts(Utc::now()), "It failed 2 times; it is not tried again by itself.");
    }
}
