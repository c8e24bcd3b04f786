//! The sync queue as the Monitor shows it: filtered, searched and sorted once, not in every frame.

use crate::age;
use crate::holds::model::Holds;
use crate::theme::Tone;
use crate::widgets::table::Sort;
use chrono::{DateTime, Utc};
use riva_api::{AgentError, AgentStatus, QueueRow, Unaccepted};
use riva_core::ids::MemberId;
use riva_core::queue::StateKind;
use std::cmp::Ordering;
use std::collections::BTreeMap;

/// The agent, as last heard.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum AgentState {
    /// Not asked yet.
    #[default]
    Unknown,
    /// It runs.
    Running(AgentStatus),
    /// It does not run.
    Stopped,
    /// It should run, but does not answer.
    Silent(String),
}

impl AgentState {
    /// Whether it runs.
    pub fn runs(&self) -> bool {
        matches!(self, Self::Running(_))
    }

    /// Connections that lead elsewhere than before.
    pub fn to_accept(&self) -> &[Unaccepted] {
        if let Self::Running(status) = self { &status.to_accept } else { &[] }
    }

    /// For a chip.
    pub fn words(&self) -> (Tone, &'static str) {
        match self {
            Self::Unknown => (Tone::Neutral, "Agent: asking"),
            Self::Running(_) => (Tone::Good, "Agent running"),
            Self::Stopped => (Tone::Warn, "Agent stopped"),
            Self::Silent(_) => (Tone::Bad, "Agent does not answer"),
        }
    }
}

impl From<Result<AgentStatus, AgentError>> for AgentState {
    fn from(answer: Result<AgentStatus, AgentError>) -> Self {
        match answer {
            Ok(status) => Self::Running(status),
            Err(AgentError::NotRunning) => Self::Stopped,
            Err(AgentError::Refused(why) | AgentError::Unreachable(why)) => Self::Silent(why),
        }
    }
}

/// The pages of the Monitor.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum MonitorPage {
    /// The sync queue.
    #[default]
    Queue,
    /// What waits for an administrator.
    Waiting,
}

/// What the Monitor pane shows.
#[derive(Debug, Default)]
pub struct Monitor {
    /// The open page.
    pub page: MonitorPage,
    /// What waits for an administrator.
    pub holds: Holds,
    /// The agent.
    pub agent: AgentState,
    /// The queue.
    rows: Vec<QueueRow>,
    /// Whether the queue was received at all.
    pub heard: bool,
    /// Indices of the rows that are shown, in order.
    shown: Vec<usize>,
    /// How many rows are in each state.
    counts: BTreeMap<StateKind, usize>,
    /// Only this state.
    filter: Option<StateKind>,
    /// Only what holds this text.
    search: String,
    /// How they are sorted.
    sort: Sort,
    /// The chosen one.
    pub selected: Option<MemberId>,
}

/// The name of a kind of state, for a filter.
pub fn kind_title(kind: StateKind) -> &'static str {
    match kind {
        StateKind::Disabled => "Disabled",
        StateKind::LicenceRefused => "Licence refused",
        StateKind::Credentials => "Given credentials",
        StateKind::NotAvailable => "System not available",
        StateKind::Fault => "User faults",
        StateKind::Held => "Held",
        StateKind::Running => "Running",
        StateKind::BackingOff => "Backing off",
        StateKind::Queued => "Queued",
        StateKind::Errors => "Item errors",
        StateKind::InitialSync => "Initial sync",
        StateKind::Waiting => "Waiting",
    }
}

/// How a kind of state is meant.
pub fn kind_tone(kind: StateKind) -> Tone {
    match kind {
        StateKind::Disabled | StateKind::Queued => Tone::Neutral,
        StateKind::LicenceRefused | StateKind::Credentials | StateKind::NotAvailable | StateKind::Fault => {
            Tone::Bad
        }
        StateKind::Held | StateKind::Errors | StateKind::BackingOff => Tone::Warn,
        StateKind::Running | StateKind::InitialSync => Tone::Busy,
        StateKind::Waiting => Tone::Good,
    }
}

impl Monitor {
    /// Takes in a new queue.
    pub fn set_rows(&mut self, rows: Vec<QueueRow>) {
        self.holds.set_people(&rows);
        self.rows = rows;
        self.heard = true;
        self.counts.clear();
        for row in &self.rows {
            *self.counts.entry(row.shown.kind).or_default() += 1;
        }
        self.arrange();
    }

    /// "Waiting for you (3)"; without a number while nothing waits.
    pub fn waiting_title(&self) -> String {
        match self.holds.waiting() {
            0 => "Waiting for you".into(),
            waiting => format!("Waiting for you ({waiting})"),
        }
    }

    /// All rows.
    pub fn all(&self) -> &[QueueRow] {
        &self.rows
    }

    /// How many rows are shown.
    pub fn len(&self) -> usize {
        self.shown.len()
    }

    /// Whether none is.
    pub fn is_empty(&self) -> bool {
        self.shown.is_empty()
    }

    /// A shown row.
    pub fn row(&self, place: usize) -> Option<&QueueRow> {
        self.rows.get(*self.shown.get(place)?)
    }

    /// A member's row, shown or not.
    pub fn member(&self, id: MemberId) -> Option<&QueueRow> {
        self.rows.iter().find(|r| r.member.id == id)
    }

    /// Where the chosen one stands.
    pub fn selected_place(&self) -> Option<usize> {
        let id = self.selected?;
        self.shown.iter().position(|index| self.rows[*index].member.id == id)
    }

    /// The chosen row, if it is still there.
    pub fn chosen(&self) -> Option<&QueueRow> {
        self.member(self.selected?)
    }

    /// States that occur, with their counts, worst first; the one that is filtered by stays.
    pub fn filters(&self) -> Vec<(StateKind, usize)> {
        let mut list: Vec<(StateKind, usize)> = self.counts.iter().map(|(k, n)| (*k, *n)).collect();
        if let Some(kind) = self.filter.filter(|k| !self.counts.contains_key(k)) {
            list.push((kind, 0));
        }
        let rank = |kind: StateKind| match kind_tone(kind) {
            Tone::Bad => 0,
            Tone::Warn => 1,
            Tone::Busy => 2,
            Tone::Neutral => 3,
            Tone::Good => 4,
        };
        list.sort_by_key(|(kind, _)| (rank(*kind), *kind));
        list
    }

    /// The state that is filtered by.
    pub fn filter(&self) -> Option<StateKind> {
        self.filter
    }

    /// Filters by a state, or by none.
    pub fn set_filter(&mut self, filter: Option<StateKind>) {
        self.filter = filter;
        self.arrange();
    }

    /// What is searched for.
    pub fn search(&self) -> &str {
        &self.search
    }

    /// Searches by user and policy.
    pub fn set_search(&mut self, search: String) {
        self.search = search;
        self.arrange();
    }

    /// How the rows are sorted.
    pub fn sort(&self) -> Sort {
        self.sort
    }

    /// Sorts by a column, or the other way round.
    pub fn sort_by(&mut self, column: usize) {
        self.sort = self.sort.clicked(column);
        self.arrange();
    }

    fn arrange(&mut self) {
        let wanted = self.search.trim().to_lowercase();
        let (rows, filter, sort) = (&self.rows, self.filter, self.sort);
        let fits = |row: &QueueRow| {
            filter.is_none_or(|kind| row.shown.kind == kind)
                && (wanted.is_empty()
                    || row.member.address.as_str().contains(&wanted)
                    || row.member.policy.as_str().to_lowercase().contains(&wanted))
        };
        let mut shown: Vec<usize> = (0..rows.len()).filter(|i| fits(&rows[*i])).collect();
        shown.sort_by(|a, b| {
            let order = compare(&rows[*a], &rows[*b], sort.column);
            let order = if sort.descending { order.reverse() } else { order };
            order.then_with(|| rows[*a].member.address.cmp(&rows[*b].member.address))
        });
        self.shown = shown;
    }
}

fn compare(a: &QueueRow, b: &QueueRow, column: usize) -> Ordering {
    let (x, y) = (&a.member, &b.member);
    match column {
        1 => x.policy.cmp(&y.policy),
        2 => a.shown.kind.cmp(&b.shown.kind),
        3 => x.next_at.cmp(&y.next_at),
        4 => y.state.last_success.cmp(&x.state.last_success),
        5 => x.state.linked().cmp(&y.state.linked()),
        6 => x.state.errors().cmp(&y.state.errors()),
        _ => x.address.cmp(&y.address),
    }
}

/// A row's state in the table: times as they are where this computer stands; the next time has its own column.
pub fn state_words(row: &QueueRow) -> String {
    match (row.shown.kind, &row.member.state.backing_off) {
        (StateKind::Waiting, _) => "Waiting".into(),
        (StateKind::BackingOff, Some((until, _))) => {
            format!("Backing off until {}", age::time_of_day(*until))
        }
        _ => row.shown.text.clone(),
    }
}

/// When the next sync of a row is, in words.
pub fn next_words(row: &QueueRow, now: DateTime<Utc>) -> String {
    match row.shown.kind {
        StateKind::Disabled => "—".into(),
        StateKind::Running => "now".into(),
        _ => age::ahead(row.member.next_at, now),
    }
}

/// How long ago a row last succeeded.
pub fn success_words(row: &QueueRow, now: DateTime<Utc>) -> String {
    row.member.state.last_success.map_or_else(|| "never".into(), |at| age::ago(at, now))
}

#[cfg(test)]
pub mod tests {
    use super::*;
    use chrono::TimeDelta;
    use riva_core::fault::{Fault, FaultKind};
    use riva_core::queue::{MemberRow, MemberState};

    /// A row that waits for its next time.
    pub fn row(id: i64, address: &str, now: DateTime<Utc>) -> QueueRow {
        let state = MemberState {
            initial_done_at: Some(now - TimeDelta::hours(2)),
            last_success: Some(now - TimeDelta::minutes(id)),
            last_end: Some(now - TimeDelta::minutes(id)),
            cycle: 3,
            ..MemberState::default()
        };
        shown(
            MemberRow {
                id: MemberId(id),
                policy: "Sales".into(),
                address: address.into(),
                mail: "exchange".into(),
                crm: "salesforce".into(),
                crm_user: None,
                enabled: true,
                next_at: now + TimeDelta::minutes(15),
                urgent: false,
                running: false,
                state,
            },
            now,
        )
    }

    /// The row with its state worked out anew.
    pub fn shown(member: MemberRow, now: DateTime<Utc>) -> QueueRow {
        let shown = member.shown(now);
        QueueRow { member, shown }
    }

    fn refused(id: i64, address: &str, now: DateTime<Utc>) -> QueueRow {
        let mut row = row(id, address, now);
        row.member.state.crm_fault = Some(Fault::new(FaultKind::GivenCredentials, "401"));
        shown(row.member, now)
    }

    fn names(monitor: &Monitor) -> Vec<String> {
        (0..monitor.len()).filter_map(|i| Some(monitor.row(i)?.member.address.to_string())).collect()
    }

    #[test]
    fn rows_are_counted_filtered_searched_and_sorted() {
        let now = Utc::now();
        let mut monitor = Monitor::default();
        monitor.set_rows(vec![row(1, "cy@x", now), refused(2, "ann@x", now), row(3, "bob@x", now)]);
        assert_eq!(monitor.filters(), [(StateKind::Credentials, 1), (StateKind::Waiting, 2)]);
        assert_eq!(names(&monitor), ["ann@x", "bob@x", "cy@x"]);
        monitor.sort_by(4);
        assert_eq!(names(&monitor), ["cy@x", "ann@x", "bob@x"], "the newest success first");
        monitor.set_filter(Some(StateKind::Waiting));
        monitor.set_search(" BOB".into());
        assert_eq!(names(&monitor), ["bob@x"]);
        monitor.set_rows(vec![]);
        assert_eq!(monitor.filters(), [(StateKind::Waiting, 0)], "the filter in force stays to be seen");
    }

    #[test]
    fn the_choice_follows_the_member_not_the_place() {
        let now = Utc::now();
        let mut monitor = Monitor { selected: Some(MemberId(3)), ..Monitor::default() };
        monitor.set_rows(vec![row(3, "bob@x", now), row(4, "cy@x", now)]);
        assert_eq!(monitor.selected_place(), Some(0));
        monitor.set_rows(vec![row(3, "bob@x", now), row(4, "cy@x", now), row(5, "ann@x", now)]);
        assert_eq!(monitor.selected_place(), Some(1));
    }

    #[test]
    fn twenty_thousand_rows_are_arranged_within_a_blink() {
        let now = Utc::now();
        let mut monitor = Monitor::default();
        let begun = std::time::Instant::now();
        monitor.set_rows((0..20_000).map(|i| row(i, &format!("user{i:05}@x"), now)).collect());
        monitor.set_search("user1999".into());
        assert_eq!(monitor.len(), 10);
        assert!(begun.elapsed().as_secs() < 5, "{:?}", begun.elapsed());
    }

    #[test]
    fn words_for_next_and_last() {
        let now = Utc::now();
        let mut row = row(7, "ann@x", now);
        assert_eq!(
            (next_words(&row, now), success_words(&row, now)),
            ("in 15 min".into(), "7 min ago".into())
        );
        row.member.state.last_success = None;
        row.member.enabled = false;
        let row = shown(row.member, now);
        assert_eq!((next_words(&row, now), success_words(&row, now)), ("—".into(), "never".into()));
    }
}
