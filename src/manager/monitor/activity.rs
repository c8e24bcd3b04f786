//! Monitor Activity of one user: three verdicts, and the log.

use super::not_in_step::NotInStep;
use crate::accept::model::Notice;
use crate::age;
use crate::desk::Desk;
use crate::theme::Tone;
use chrono::{DateTime, Utc};
use riva_api::QueueRow;
use riva_core::activity::{ActivityLine, Level};
use riva_core::ids::{EmailAddress, MemberId, PolicyName};
use std::collections::VecDeque;

/// Lines kept on screen.
const KEPT: usize = 5000;

/// The window.
#[derive(Debug)]
pub struct Activity {
    /// Whose.
    pub member: MemberId,
    /// The user.
    pub address: EmailAddress,
    /// In which policy.
    pub policy: PolicyName,
    /// The row as last heard.
    pub row: Option<QueueRow>,
    lines: VecDeque<ActivityLine>,
    /// Whether the view stays at the end.
    pub follow: bool,
    /// Only lines of this level and worse.
    pub least: Level,
    /// The open page.
    pub page: Page,
    /// What is not in step.
    pub not_in_step: NotInStep,
}

/// The pages of the window.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Page {
    /// What the agent did, line by line.
    #[default]
    Log,
    /// The items that are not kept in step.
    NotInStep,
}

/// One of the three things an administrator checks after adding a user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// What is judged.
    pub title: &'static str,
    /// How it is.
    pub tone: Tone,
    /// In a few words.
    pub words: String,
    /// The whole reason with what to do next; may be empty.
    pub more: String,
}

impl Activity {
    /// Of a row of the queue.
    pub fn of(row: &QueueRow) -> Self {
        Self {
            member: row.member.id,
            address: row.member.address.clone(),
            policy: row.member.policy.clone(),
            row: Some(row.clone()),
            lines: VecDeque::new(),
            follow: true,
            least: Level::Info,
            page: Page::default(),
            not_in_step: NotInStep::default(),
        }
    }

    /// The number of the last line.
    pub fn last_seq(&self) -> i64 {
        self.lines.back().map_or(0, |l| l.seq)
    }

    /// Takes in new lines.
    pub fn add(&mut self, lines: Vec<ActivityLine>) {
        let last = self.last_seq();
        self.lines.extend(lines.into_iter().filter(|l| l.seq > last));
        while self.lines.len() > KEPT {
            self.lines.pop_front();
        }
    }

    /// Keeps the list of what is not in step as new as the user's state.
    pub fn poll(&mut self, desk: &Desk) {
        self.not_in_step.poll(desk, self.member, self.row.as_ref());
    }

    /// The lines that are shown.
    pub fn shown(&self) -> Vec<&ActivityLine> {
        self.lines.iter().filter(|l| l.level >= self.least).collect()
    }

    /// What *Copy* puts on the clipboard.
    pub fn copy_text(&self) -> String {
        let mut text = format!("{} in policy {}\n", self.address, self.policy);
        for line in self.shown() {
            text.push_str(&line_text(line));
            text.push('\n');
        }
        text
    }

    /// The connection of this user that waits to be accepted.
    pub fn to_accept<'a>(&self, waiting: &'a [Notice]) -> Option<&'a Notice> {
        let member = &self.row.as_ref()?.member;
        let (side, ..) = member.to_accept()?;
        waiting.iter().find(|notice| notice.connection == *member.connection(side))
    }

    /// Licence, connections, initial sync.
    pub fn verdicts(&self, now: DateTime<Utc>) -> [Verdict; 3] {
        let row = self.row.as_ref();
        [licence(row), connections(row), initial_sync(row, now)]
    }
}

/// A line as text.
pub fn line_text(line: &ActivityLine) -> String {
    format!("{}  {:<7}  {}", age::exact(line.at), level_word(line.level), line.with_module())
}

/// The word of a level.
pub fn level_word(level: Level) -> &'static str {
    match level {
        Level::Info => "info",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

fn verdict(title: &'static str, tone: Tone, words: impl Into<String>, more: impl Into<String>) -> Verdict {
    Verdict { title, tone, words: words.into(), more: more.into() }
}

fn licence(row: Option<&QueueRow>) -> Verdict {
    let title = "License";
    let Some(row) = row else { return unknown(title) };
    match &row.member.state.licence {
        Some(why) => verdict(title, Tone::Bad, "Refused", why),
        None if row.member.state.cycle == 0 => verdict(title, Tone::Busy, "Checked in the first cycle", ""),
        None => verdict(title, Tone::Good, "Licensed", "No licence error."),
    }
}

fn connections(row: Option<&QueueRow>) -> Verdict {
    let title = "Connections";
    let Some(row) = row else { return unknown(title) };
    let state = &row.member.state;
    let faults: Vec<String> = [("E-mail", &state.mail_fault), ("CRM", &state.crm_fault)]
        .iter()
        .filter_map(|(side, fault)| {
            let fault = fault.as_ref()?;
            Some(format!("{side}: {}\n{}\n{}", fault.title(), fault.detail, fault.remedy))
        })
        .collect();
    if !faults.is_empty() {
        return verdict(title, Tone::Bad, "Connection error", faults.join("\n\n"));
    }
    if state.last_success.is_none() && state.last_end.is_none() {
        return verdict(title, Tone::Busy, "Tried in the first cycle", "");
    }
    verdict(title, Tone::Good, "E-mail and CRM connected", "No connection error.")
}

fn initial_sync(row: Option<&QueueRow>, now: DateTime<Utc>) -> Verdict {
    let title = "Initial sync";
    let Some(row) = row else { return unknown(title) };
    let state = &row.member.state;
    if let Some(at) = state.initial_done_at {
        let words = format!("Completed {}", age::ago(at, now));
        return verdict(title, Tone::Good, words, age::exact(at));
    }
    match &state.progress {
        Some(p) if p.total > 0 => {
            let words = format!("{}: {} {}/{}", p.module, p.phase, p.done, p.total);
            verdict(title, Tone::Busy, words, "Do not interrupt the first synchronisation.")
        }
        Some(p) => verdict(title, Tone::Busy, format!("{}: {}", p.module, p.phase), ""),
        None if row.member.running => verdict(title, Tone::Busy, "Initializing", ""),
        None if !row.member.enabled => verdict(title, Tone::Neutral, "Not begun", "The policy is disabled."),
        None if state.cycle == 0 => verdict(title, Tone::Busy, "Waits in the queue", ""),
        None => verdict(title, Tone::Warn, "Not completed yet", row.shown.reason.clone()),
    }
}

fn unknown(title: &'static str) -> Verdict {
    verdict(title, Tone::Neutral, "Not known", "The agent has not told yet.")
}

#[cfg(test)]
mod tests {
    use super::super::model::tests::row;
    use super::*;
    use riva_core::activity::Progress;
    use riva_core::fault::{Fault, FaultKind};
    use riva_core::item::Module;

    fn line(seq: i64, level: Level) -> ActivityLine {
        ActivityLine {
            seq,
            member: MemberId(1),
            at: Utc::now(),
            level,
            cycle: 1,
            module: Some(Module::Contacts),
            text: format!("line {seq}"),
        }
    }

    #[test]
    fn the_three_verdicts_of_a_user_in_step() {
        let now = Utc::now();
        let activity = Activity::of(&row(1, "ann@x", now));
        let verdicts = activity.verdicts(now);
        assert!(verdicts.iter().all(|v| v.tone == Tone::Good), "{verdicts:?}");
        assert_eq!(verdicts[2].words, "Completed 2 h ago");
    }

    #[test]
    fn each_verdict_fails_for_its_own_reason() {
        let now = Utc::now();
        let mut row = row(1, "ann@x", now);
        row.member.state.licence = Some("All 5 counts are used.".into());
        row.member.state.crm_fault = Some(Fault::new(FaultKind::UserNotFound, "nobody"));
        row.member.state.initial_done_at = None;
        let verdicts = Activity::of(&row).verdicts(now);
        assert_eq!(verdicts.each_ref().map(|v| v.tone), [Tone::Bad, Tone::Bad, Tone::Warn]);
        assert!(verdicts[0].more.contains("5 counts") && verdicts[1].more.contains("User Not Found"));
    }

    #[test]
    fn a_new_user_is_under_way_not_at_fault() {
        let now = Utc::now();
        let mut row = row(1, "ann@x", now);
        row.member.state = riva_core::queue::MemberState::default();
        let tones = |row: &QueueRow| Activity::of(row).verdicts(now).map(|v| v.tone);
        assert_eq!(tones(&row), [Tone::Busy; 3]);
        let phase = "writing to the CRM".to_owned();
        row.member.state.progress = Some(Progress { module: Module::Contacts, phase, done: 4, total: 9 });
        assert!(Activity::of(&row).verdicts(now)[2].words.ends_with("4/9"));
    }

    #[test]
    fn lines_come_once_and_are_filtered_by_level() {
        let mut activity = Activity::of(&row(1, "ann@x", Utc::now()));
        activity.add(vec![line(1, Level::Info), line(2, Level::Error)]);
        activity.add(vec![line(2, Level::Error), line(3, Level::Warning)]);
        assert_eq!((activity.shown().len(), activity.last_seq()), (3, 3));
        activity.least = Level::Warning;
        assert_eq!(activity.shown().len(), 2);
        assert!(activity.copy_text().contains("line 3") && !activity.copy_text().contains("line 1"));
        activity.add((4..9000).map(|i| line(i, Level::Info)).collect());
        assert!(activity.lines.len() <= KEPT);
    }
}
