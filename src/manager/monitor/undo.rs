//! Undo of a user's writes: since when, what would be restored and what cannot be, and what came of it.

use crate::age;
use crate::desk::Desk;
use crate::requested::Requested;
use crate::trouble::Trouble;
use crate::widgets::dialog::Question;
use crate::words::count;
use chrono::{DateTime, TimeDelta, Utc};
use riva_api::{Agent, AgentError, GiveOrder, QueueRow};
use riva_core::activity::{ActivityLine, ActivityQuery, Level};
use riva_core::admin::who;
use riva_core::history::{DeedKind, Order, OrderRow, UndoLine, UndoSpan, shown};
use riva_core::ids::{EmailAddress, MemberId, PolicyName};
use riva_core::rows::Side;
use riva_core::since::since;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at an order.
const LOOK: Duration = Duration::from_millis(300);
/// Looks until it is said that a side may be down: ten minutes.
const LOOKS: u32 = 2_000;
/// Lines of activity that cycles are gathered from.
const LINES: usize = 5_000;

/// Which writes are taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Since {
    /// Of the last hour.
    Hour,
    /// Of the last day.
    Day,
    /// Of the last seven days.
    Week,
    /// Since a time that is typed.
    Typed,
    /// Of one cycle.
    Cycle,
}

impl Since {
    /// All, as they are offered.
    pub const ALL: [(Self, &'static str); 5] = [
        (Self::Hour, "Last hour"),
        (Self::Day, "Last 24 hours"),
        (Self::Week, "Last 7 days"),
        (Self::Typed, "Since a time"),
        (Self::Cycle, "One cycle"),
    ];
}

/// A cycle that can be undone.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Its number.
    pub number: u64,
    /// When it began.
    pub at: DateTime<Utc>,
    /// What it did: its lines about items, newest last.
    pub lines: usize,
    /// The worst that happened in it.
    pub worst: Level,
    /// Its last line about items.
    pub last: String,
}

/// The window.
#[derive(Debug)]
pub struct Undo {
    /// Whose writes.
    pub member: MemberId,
    /// The user.
    pub address: EmailAddress,
    /// In which policy.
    pub policy: PolicyName,
    /// Which writes.
    pub since: Since,
    /// The time that is typed.
    pub typed: String,
    /// The cycles that the log tells of, newest first.
    pub cycles: Requested<Vec<Cycle>>,
    /// The chosen cycle.
    pub cycle: Option<u64>,
    /// What would be done.
    pub lines: Requested<Vec<UndoLine>>,
    /// Of which writes `lines` is.
    span: Option<UndoSpan>,
    /// What came of it.
    pub done: Requested<OrderRow>,
}

impl Undo {
    /// Of a row of the queue.
    pub fn of(desk: &Desk, row: &QueueRow) -> Self {
        let member = row.member.id;
        let agent = desk.agent.clone();
        let mut cycles = Requested::NotYet;
        cycles.start(desk.ask(async move {
            let lines = agent.activity(&ActivityQuery { member, after: 0, limit: LINES }).await?;
            Ok::<_, AgentError>(cycles_in(&lines))
        }));
        Self {
            member,
            address: row.member.address.clone(),
            policy: row.member.policy.clone(),
            since: Since::Day,
            typed: String::new(),
            cycles,
            cycle: None,
            lines: Requested::NotYet,
            span: None,
            done: Requested::NotYet,
        }
    }

    /// Takes in answers.
    pub fn poll(&mut self) {
        self.cycles.poll();
        self.lines.poll();
        self.done.poll();
    }

    /// The writes that are chosen now; an error says what is missing.
    pub fn wanted(&self, now: DateTime<Utc>) -> Result<UndoSpan, &'static str> {
        let hours = |hours| Ok(UndoSpan::Since(now - TimeDelta::hours(hours)));
        match self.since {
            Since::Hour => hours(1),
            Since::Day => hours(24),
            Since::Week => hours(7 * 24),
            Since::Typed if self.typed.trim().is_empty() => Err("Type a time"),
            Since::Typed => match since(&self.typed, now) {
                Some(at) if at > now => Err("This time is still to come"),
                Some(at) => Ok(UndoSpan::Since(at)),
                None => Err("No time: write 2026-11-24 15:00, or an age such as 90m, 2h, 1d"),
            },
            Since::Cycle => self.cycle.map(UndoSpan::Cycle).ok_or("Choose a cycle"),
        }
    }

    /// Asks what would be restored.
    pub fn list(&mut self, desk: &Desk) {
        let Ok(span) = self.wanted(desk.now()) else { return };
        let (agent, member) = (desk.agent.clone(), self.member);
        self.span = Some(span);
        self.lines = Requested::NotYet;
        self.lines.start(desk.ask(async move { agent.preview_undo(member, span).await }));
    }

    /// Goes back to the choice.
    pub fn back(&mut self) {
        self.lines = Requested::NotYet;
        self.done = Requested::NotYet;
        self.span = None;
    }

    /// How many writes would be taken back, and of how many items something cannot be.
    pub fn totals(&self) -> (usize, usize) {
        let lines = || self.lines.value().into_iter().flatten();
        (lines().filter(|l| l.deed.is_some()).count(), lines().filter(|l| !l.cannot.is_empty()).count())
    }

    /// The list in a sentence.
    pub fn summary(&self) -> String {
        let (writes, cannot) = self.totals();
        let taken = count(writes, "write is taken back", "writes are taken back");
        match cannot {
            0 => format!("{taken}; everything can be restored."),
            1 => format!("{taken}; 1 item cannot be restored, or not whole."),
            many => format!("{taken}; {many} items cannot be restored, or not whole."),
        }
    }

    /// What is asked before it is done.
    pub fn question(&self) -> Question {
        let (writes, cannot) = self.totals();
        let writes = count(writes, "write", "writes");
        let left = if cannot == 0 {
            String::new()
        } else {
            format!("\n\nOf {} something stays as it is; the list says why.", count(cannot, "item", "items"))
        };
        Question {
            title: format!("Take back {writes} of {}?", self.address),
            text: format!(
                "What stood there before is put back on both sides, as far as nobody has edited it since. Items that \
                 were made are taken away, and items that were taken away are made again; those are not kept in step \
                 any more.{left}"
            ),
            choices: None,
            yes: "Undo",
            no: "Cancel",
            danger: true,
            busy: None,
        }
    }

    /// Gives the order, and waits until it is carried out.
    pub fn carry_out(&mut self, desk: &Desk) {
        let Some(span) = self.span else { return };
        let order = GiveOrder { member: self.member, order: Order::Undo { span }, by: who() };
        let agent = desk.agent.clone();
        self.done = Requested::NotYet;
        self.done.start(desk.ask(carried_out(agent, order)));
    }
}

async fn carried_out(agent: Arc<dyn Agent>, order: GiveOrder) -> Result<OrderRow, Trouble> {
    let mut order = agent.order(&order).await?;
    for _ in 0..LOOKS {
        if order.done.is_some() {
            return Ok(order);
        }
        tokio::time::sleep(LOOK).await;
        order = agent.order_of(order.number).await?;
    }
    Err(Trouble::new(
        "The undo is not done yet",
        "It was ordered, but a side may be down.",
        "It is done as soon as the user is synced again; Monitor Activity shows it.",
    ))
}

/// The cycles that lines tell of, newest first.
fn cycles_in(lines: &[ActivityLine]) -> Vec<Cycle> {
    let mut cycles: BTreeMap<u64, Cycle> = BTreeMap::new();
    for line in lines.iter().filter(|line| line.cycle > 0) {
        let new =
            || Cycle { number: line.cycle, at: line.at, lines: 0, worst: Level::Info, last: String::new() };
        let cycle = cycles.entry(line.cycle).or_insert_with(new);
        cycle.at = cycle.at.min(line.at);
        cycle.worst = cycle.worst.max(line.level);
        if line.module.is_some() {
            cycle.lines += 1;
            cycle.last = line.with_module();
        }
    }
    cycles.into_values().rev().collect()
}

/// What is done to an item, in words.
pub fn what(line: &UndoLine) -> String {
    match line.deed {
        None => "Nothing".into(),
        Some(DeedKind::Create { side }) => format!("Make it again in the {}", side.title()),
        Some(DeedKind::Update { side }) => format!("Put back in the {}", side.title()),
        Some(DeedKind::Delete { side }) => format!("Take away in the {}", side.title()),
        Some(other) => other.title(),
    }
}

/// Values as they are and as they are set again, and what cannot be restored.
pub fn details(line: &UndoLine) -> String {
    let value = |value: Option<&_>| value.map_or_else(|| "(not shown)".to_owned(), shown);
    let changes = line.fields.iter().map(|change| {
        let field = crate::words::field_title(change.field);
        format!("{field}: {} → {}", value(change.old.as_ref()), shown(&change.new))
    });
    let cannot = line.cannot.iter().map(|why| format!("Cannot be restored: {why}"));
    cannot.chain(changes).collect::<Vec<_>>().join("; ")
}

/// Where a line's item stands.
pub fn side_title(side: Side) -> &'static str {
    match side {
        Side::Mail => "Mailbox",
        Side::Crm => "CRM",
    }
}

/// A cycle in a line.
pub fn cycle_words(cycle: &Cycle, now: DateTime<Utc>) -> String {
    format!("Cycle {}, {}", cycle.number, age::ago(cycle.at, now))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::made_up;
    use riva_core::item::Module;

    fn undo() -> Undo {
        Undo {
            member: MemberId(1),
            address: "ann@x".into(),
            policy: "Sales".into(),
            since: Since::Day,
            typed: String::new(),
            cycles: Requested::NotYet,
            cycle: None,
            lines: Requested::Ready(made_up::undo_lines()),
            span: None,
            done: Requested::NotYet,
        }
    }

    #[test]
    fn what_is_chosen_becomes_a_span_or_says_what_is_missing() {
        let now: DateTime<Utc> = "2026-11-24T15:00:00Z".parse().unwrap();
        let mut undo = undo();
        assert_eq!(undo.wanted(now), Ok(UndoSpan::Since(now - TimeDelta::hours(24))));
        undo.since = Since::Typed;
        for (typed, wanted) in [
            ("2h", Ok(UndoSpan::Since(now - TimeDelta::hours(2)))),
            ("2026-11-24T14:00:00Z", Ok(UndoSpan::Since(now - TimeDelta::hours(1)))),
            ("2026-11-25T14:00:00Z", Err("This time is still to come")),
            ("", Err("Type a time")),
        ] {
            undo.typed = typed.into();
            assert_eq!(undo.wanted(now), wanted, "{typed}");
        }
        undo.typed = "noon".into();
        assert!(undo.wanted(now).is_err());
        undo.since = Since::Cycle;
        assert_eq!(undo.wanted(now), Err("Choose a cycle"));
        undo.cycle = Some(4);
        assert_eq!(undo.wanted(now), Ok(UndoSpan::Cycle(4)));
    }

    #[test]
    fn the_list_says_how_much_is_taken_back_and_what_cannot_be() {
        let undo = undo();
        assert_eq!(undo.summary(), "2 writes are taken back; 1 item cannot be restored, or not whole.");
        let lines = undo.lines.value().unwrap();
        assert_eq!(what(&lines[0]), "Put back in the CRM");
        assert_eq!(details(&lines[0]), "Shown as: Zoe A. → Zoë Álvarez");
        assert_eq!((what(&lines[2]).as_str(), lines[2].cannot.len()), ("Nothing", 1));
        assert!(undo.question().title.contains("2 writes of ann@x"));
    }

    #[test]
    fn cycles_are_gathered_from_the_log_newest_first() {
        let now = Utc::now();
        let line = |seq: i64, cycle: u64, level: Level, module: Option<Module>| ActivityLine {
            seq,
            member: MemberId(1),
            at: now + TimeDelta::seconds(seq),
            level,
            cycle,
            module,
            text: format!("line {seq}"),
        };
        let lines = [
            line(1, 1, Level::Info, None),
            line(2, 1, Level::Error, Some(Module::Contacts)),
            line(3, 2, Level::Info, Some(Module::Calendar)),
            line(4, 0, Level::Info, None),
        ];
        let cycles = cycles_in(&lines);
        assert_eq!(cycles.iter().map(|c| (c.number, c.lines)).collect::<Vec<_>>(), [(2, 1), (1, 1)]);
        assert_eq!((cycles[1].worst, cycles[1].last.as_str()), (Level::Error, "Contacts: line 2"));
        assert_eq!(cycles[1].at, now + TimeDelta::seconds(1));
    }
}
