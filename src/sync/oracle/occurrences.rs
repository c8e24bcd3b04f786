//! The occurrences of a series that differ from it, as the engine's design has them merged (sections 1.5 and 1.8): "merge
//! at master level and per override key", and what keeps them with their rule (case 16). On values, not on hashes.

use super::fields::{self, Can, Sight};
use super::table::Winner;
use crate::capable::capable;
use crate::hash::FieldHasher;
use crate::merge::{Merged, Shown, Won, merge};
use crate::simulator::Random;
use riva_core::documents::{ConflictWinner, Direction};
use riva_core::item::{
    Ends, Field, Frequency, Item, Module, Override, Recurrence, RecurrenceId, Rule, Value, When,
};
use riva_core::ports::{ModuleCapabilities, SeriesSupport};
use riva_core::rows::{Hashes, Side};
use std::collections::{BTreeMap, BTreeSet};

/// The days of December on which occurrences are changed: two that a short series has, and two that only a long one has.
const DAYS: [u32; 4] = [2, 3, 6, 7];
const SHORT: u32 = 4;
const LONG: u32 = 8;

type Overrides = BTreeMap<u32, Override>;

/// Every day from the first of December, so many times (0: it is no series).
#[derive(Debug, Clone, PartialEq)]
struct Series {
    times: u32,
    overrides: Overrides,
}

#[derive(Debug, Clone)]
struct OneSide {
    now: Series,
    /// Whether it says what its occurrences do otherwise.
    tells: bool,
    base: Option<Series>,
    sent: Option<Series>,
    /// Occurrences that went back and forth already.
    again: BTreeSet<u32>,
    writes: bool,
    /// The longest name of a room.
    cut: Option<usize>,
    /// Whether it has a subject for a single occurrence.
    subjects: bool,
}

#[derive(Debug, Clone)]
struct Case {
    mail: OneSide,
    crm: OneSide,
    direction: Direction,
    winner: ConflictWinner,
}

/// What becomes of a pair.
#[derive(Debug, Default, PartialEq)]
struct Expected {
    mail: BTreeMap<Field, Value>,
    crm: BTreeMap<Field, Value>,
    held: BTreeSet<Field>,
    /// Whether somebody won an occurrence that both had changed.
    conflict: bool,
    frozen: bool,
}

fn id(day: u32) -> RecurrenceId {
    RecurrenceId::parse(&format!("202612{day:02}T090000")).expect("a recurrence id")
}

fn rule(times: u32) -> Value {
    if times == 0 {
        return Value::Blank;
    }
    let rule = Rule { ends: Ends::After(times), ..Rule::every(1, Frequency::Daily) };
    Value::Recurrence(Recurrence { rules: vec![rule], ..Recurrence::default() })
}

fn value(overrides: &Overrides) -> Value {
    let those: BTreeMap<RecurrenceId, Override> =
        overrides.iter().map(|(day, change)| (id(*day), change.clone())).collect();
    if those.is_empty() { Value::Blank } else { Value::Overrides(those) }
}

fn item(series: &Series, tells: bool) -> Item {
    let mut item = Item::new(Module::Calendar);
    let at = |text: &str| text.parse().expect("a time");
    let (start, end) = (at("2026-12-01T09:00:00"), at("2026-12-01T09:30:00"));
    item.set(Field::When, Value::When(When::Timed { start, end, zone: chrono_tz::Europe::Berlin }));
    item.set(Field::Recurrence, rule(series.times));
    if tells {
        item.set(Field::Overrides, value(&series.overrides));
    }
    item
}

fn change(random: &mut Random) -> Option<Override> {
    let room = ["A", "B", "Room 12 of the old house", "Room 12 of the new house"][random.below(4)];
    let mut fields = BTreeMap::from([(Field::Location, Value::text(room))]);
    match random.below(10) {
        0..4 => return None,
        4 => return Some(Override::Cancelled),
        5 => {
            fields.insert(Field::Summary, Value::text("Outing"));
        }
        6 => fields = BTreeMap::from([(Field::Summary, Value::text("Outing"))]),
        _ => {}
    }
    Some(Override::Changed(fields))
}

fn changes(random: &mut Random) -> Overrides {
    DAYS.iter().filter_map(|day| Some((*day, change(random)?))).collect()
}

impl OneSide {
    fn of(random: &mut Random, then: &Series, poor: bool) -> Self {
        let mut side = Self {
            now: then.clone(),
            tells: !random.percent(3),
            base: None,
            sent: None,
            again: BTreeSet::new(),
            writes: !random.percent(8),
            cut: (poor && random.percent(50)).then_some(7),
            subjects: !poor || random.percent(60),
        };
        let mut then = then.clone();
        // At times its own users have set more than we may write there.
        if !random.percent(15) {
            let held = then.overrides.iter().map(|(day, change)| (*day, side.held(Some(change))));
            then.overrides = held.filter_map(|(day, change)| Some((day, change?))).collect();
        }
        side.now = then.clone();
        if random.percent(25) {
            side.now.times = [0, SHORT, LONG][random.below(3)];
        }
        for day in DAYS {
            if random.percent(40) {
                set(&mut side.now.overrides, day, change(random));
            }
        }
        if random.percent(40) {
            let mut sent = side.now.clone();
            for day in DAYS {
                match random.below(4) {
                    0 => set(&mut sent.overrides, day, change(random)),
                    1 => set(&mut sent.overrides, day, then.overrides.get(&day).cloned()),
                    _ => {}
                }
            }
            side.sent = Some(sent);
            if side.writes {
                side.again = DAYS.into_iter().filter(|_| random.percent(70)).collect();
            }
        }
        side.base = Some(then);
        side
    }

    /// What an occurrence does otherwise, as far as this side has fields for it.
    fn held(&self, change: Option<&Override>) -> Option<Override> {
        let Override::Changed(fields) = change? else { return Some(Override::Cancelled) };
        let mut fields = fields.clone();
        if let (Some(Value::Text(room)), Some(cut)) = (fields.get(&Field::Location), self.cut) {
            let short: String = room.chars().take(cut).collect();
            fields.insert(Field::Location, Value::text(short.trim_end()));
        }
        if !self.subjects {
            fields.remove(&Field::Summary);
        }
        (!fields.is_empty()).then_some(Override::Changed(fields))
    }

    fn then(&self) -> Option<&Series> {
        self.base.as_ref().or(self.sent.as_ref())
    }

    /// "Not (`H(v') = sent[f]` and `H(project(now)) = obs[f]`)."
    fn shows_its_own_form(&self, day: u32, of: &Override) -> bool {
        let is = |series: &Option<Series>, what: Option<&Override>| {
            series.as_ref().is_some_and(|series| series.overrides.get(&day) == what)
        };
        is(&self.sent, Some(of)) && is(&self.base, self.now.overrides.get(&day))
    }

    fn is_frozen(&self, day: u32, value: &Override) -> bool {
        self.again.contains(&day)
            && self.sent.as_ref().is_some_and(|sent| sent.overrides.get(&day) == Some(value))
    }

    fn rule_sight(&self) -> Sight {
        Sight {
            now: Some(rule(self.now.times)),
            base: self.base.as_ref().map(|base| rule(base.times)),
            sent: self.sent.as_ref().map(|sent| rule(sent.times)),
            can: Can { write: true, ..Can::default() },
        }
    }

    fn caps(&self) -> ModuleCapabilities {
        let mut writes: BTreeSet<Field> = Field::ALL.iter().copied().collect();
        if !self.writes {
            writes.remove(&Field::Overrides);
        }
        if !self.subjects {
            writes.remove(&Field::Summary);
        }
        ModuleCapabilities {
            writes,
            max_len: self.cut.map(|cut| (Field::Location, cut)).into_iter().collect(),
            ..capable(Field::ALL.iter().copied(), SeriesSupport::Full)
        }
    }
}

fn set(overrides: &mut Overrides, day: u32, change: Option<Override>) {
    match change {
        Some(change) => overrides.insert(day, change),
        None => overrides.remove(&day),
    };
}

/// Of what the other side shows, a side was sent some before: it may have its own form of that, or may have put it back.
fn sent_before(random: &mut Random, side: &mut OneSide, other: &OneSide) {
    for day in DAYS {
        let held = side.held(other.now.overrides.get(&day));
        if let (Some(sent), true) = (&mut side.sent, random.percent(40)) {
            set(&mut sent.overrides, day, held);
        }
    }
}

impl Case {
    fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let then = Series { times: [LONG, LONG, LONG, SHORT][random.below(4)], overrides: changes(random) };
        let (mut mail, mut crm) = (OneSide::of(random, &then, false), OneSide::of(random, &then, true));
        sent_before(random, &mut mail, &crm);
        sent_before(random, &mut crm, &mail);
        match random.below(10) {
            // Seen together for the first time.
            0 => {
                for side in [&mut mail, &mut crm] {
                    (side.base, side.sent, side.again) = (None, None, BTreeSet::new());
                }
            }
            // Made there, and its answer lost.
            1 => {
                crm.sent = crm.base.take();
                crm.again.clear();
            }
            _ => {}
        }
        let direction = [Direction::TwoWay, Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail]
            [random.below(4)];
        let winner = [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Hold][random.below(3)];
        Self { mail, crm, direction, winner }
    }

    fn may_write(&self, side: Side) -> bool {
        match self.direction {
            Direction::TwoWay => true,
            Direction::MailToCrm => side == Side::Crm,
            Direction::CrmToMail => side == Side::Mail,
        }
    }

    /// "In one direction there is no choice."
    fn winner(&self) -> Winner {
        match (self.direction, self.winner) {
            (Direction::MailToCrm, _) | (Direction::TwoWay, ConflictWinner::Mail) => Winner::Mail,
            (Direction::TwoWay, ConflictWinner::Hold) => Winner::Nobody,
            (Direction::CrmToMail | Direction::TwoWay, _) => Winner::Crm,
        }
    }

    /// Whose word stands for an occurrence: the side that is written to is the other one.
    fn taken(&self, day: u32, expected: &mut Expected) -> Option<Side> {
        let (m, c) = (&self.mail, &self.crm);
        let (mine, theirs) = (m.now.overrides.get(&day), c.now.overrides.get(&day));
        let changed = match (m.then(), c.then()) {
            (Some(mt), Some(ct)) => (mt.overrides.get(&day) != mine, ct.overrides.get(&day) != theirs),
            _ => (true, true),
        };
        match changed {
            _ if mine == theirs => None,
            (false, false) => None,
            (true, false) => Some(Side::Mail),
            (false, true) => Some(Side::Crm),
            (true, true) => match (mine, theirs) {
                // "Remove vs modify → modify wins."
                (Some(_), None) => Some(Side::Mail),
                (None, _) => Some(Side::Crm),
                (Some(_), Some(_)) if c.held(mine).as_ref() == theirs || m.held(theirs).as_ref() == mine => {
                    None
                }
                (Some(_), Some(_)) => self.won(expected),
            },
        }
    }

    fn won(&self, expected: &mut Expected) -> Option<Side> {
        let winner = match self.winner() {
            Winner::Mail => Side::Mail,
            Winner::Crm => Side::Crm,
            Winner::Nobody => {
                // There is nothing to decide where neither side can be written.
                if self.mail.writes || self.crm.writes {
                    expected.held.insert(Field::Overrides);
                }
                return None;
            }
        };
        expected.conflict = true;
        Some(winner)
    }

    fn expected(&self) -> Expected {
        let mut expected = Expected::default();
        let rules =
            fields::Rules { direction: self.direction, winner: self.winner(), decided: None, undone: None };
        let verdict = fields::whole(&self.mail.rule_sight(), &self.crm.rule_sight(), rules);
        expected.mail.extend(verdict.to_mail.map(|value| (Field::Recurrence, value)));
        expected.crm.extend(verdict.to_crm.map(|value| (Field::Recurrence, value)));
        if verdict.held {
            expected.held.insert(Field::Recurrence);
        }
        if self.mail.tells && self.crm.tells {
            self.merge_occurrences(&mut expected);
        }
        let mut astray = false;
        for (side, out) in [(&self.mail, &mut expected.mail), (&self.crm, &mut expected.crm)] {
            astray |= keep_whole(side, out);
        }
        if astray {
            expected.held.insert(Field::Overrides);
        }
        if !expected.held.is_empty() {
            expected.mail.clear();
            expected.crm.clear();
        }
        expected
    }

    fn merge_occurrences(&self, expected: &mut Expected) {
        let (mut on_mail, mut on_crm) = (self.mail.now.overrides.clone(), self.crm.now.overrides.clone());
        for day in DAYS {
            let Some(from) = self.taken(day, expected).filter(|from| self.may_write(from.other())) else {
                continue;
            };
            let (source, target, there) = match from {
                Side::Mail => (&self.mail, &self.crm, &mut on_crm),
                Side::Crm => (&self.crm, &self.mail, &mut on_mail),
            };
            let new = target.held(source.now.overrides.get(&day));
            if new.as_ref() == there.get(&day) {
                continue;
            }
            match &new {
                Some(new) if target.shows_its_own_form(day, new) => {}
                Some(new) if target.is_frozen(day, new) => expected.frozen = true,
                _ => set(there, day, new),
            }
        }
        let sides = [(&self.mail, on_mail, &mut expected.mail), (&self.crm, on_crm, &mut expected.crm)];
        for (side, new, out) in sides {
            if side.writes && new != side.now.overrides {
                out.insert(Field::Overrides, value(&new));
            }
        }
    }

    fn merged(&self, hasher: &FieldHasher) -> Merged {
        let items = [item(&self.mail.now, self.mail.tells), item(&self.crm.now, self.crm.tells)];
        let caps = [self.mail.caps(), self.crm.caps()];
        let known = |series: Option<&Series>| {
            series.map_or_else(Hashes::default, |series| hasher.item(&item(series, true)))
        };
        let seen = [&self.mail, &self.crm].map(|side| known(side.base.as_ref()));
        let sent = [&self.mail, &self.crm].map(|side| {
            let mut sent = known(side.sent.as_ref());
            let notes = side.again.iter().map(|day| (format!("again:overrides/{}", id(*day)), 5));
            sent.0.extend(notes);
            sent
        });
        let shown = |i: usize| Shown { item: &items[i], caps: &caps[i], seen: &seen[i], sent: &sent[i] };
        merge(hasher, shown(0), shown(1), self.direction, self.winner)
    }
}

/// What is written of a rule carries the occurrences that differ; whether one of them does not take place by it.
fn keep_whole(side: &OneSide, out: &mut BTreeMap<Field, Value>) -> bool {
    let moves = out.contains_key(&Field::Recurrence);
    let times = match out.get(&Field::Recurrence) {
        Some(new) => [SHORT, LONG].into_iter().find(|times| rule(*times) == *new).unwrap_or(0),
        None => side.now.times,
    };
    let now = if side.tells { value(&side.now.overrides) } else { Value::Blank };
    let (old, kept) = match (&now, out.get(&Field::Overrides).unwrap_or(&now)) {
        (_, Value::Overrides(_)) if times == 0 => return false,
        (Value::Overrides(old), Value::Overrides(kept)) => (old.clone(), kept.clone()),
        (_, Value::Overrides(kept)) => (BTreeMap::new(), kept.clone()),
        _ => return false,
    };
    // What stood there before and is not touched is its own affair.
    let touched = moves || out.contains_key(&Field::Overrides);
    let astray = DAYS.iter().filter(|day| **day > times).any(|day| {
        let change = kept.get(&id(*day));
        matches!(change, Some(Override::Changed(_))) && touched && (moves || old.get(&id(*day)) != change)
    });
    if moves && side.writes {
        out.entry(Field::Overrides).or_insert(Value::Overrides(kept));
    }
    astray
}

#[test]
fn occurrences_are_merged_one_by_one_and_stay_with_their_rule() {
    let hasher = FieldHasher::new([5; 16]);
    let mut kinds = BTreeMap::new();
    for seed in 0..6_000 {
        let case = Case::of(seed);
        let merged = case.merged(&hasher);
        // Whatever there is to say of them is said once, of how many it may be true.
        let told: Vec<Field> = merged.held.iter().map(|(field, _)| *field).collect();
        let held: BTreeSet<Field> = told.iter().copied().collect();
        assert_eq!(told.len(), held.len(), "{told:?}");
        let won: Vec<Won> =
            merged.conflicts.iter().filter(|(f, _)| *f == Field::Overrides).map(|(_, won)| *won).collect();
        assert!(won.len() <= 1, "{won:?}");
        let done = Expected {
            held,
            conflict: matches!(won[..], [Won::Side(_)]),
            frozen: merged.frozen == [Field::Overrides],
            mail: merged.to_mail,
            crm: merged.to_crm,
        };
        let said = case.expected();
        assert_eq!(done, said, "seed {seed}: left the merge, right the text\n{case:#?}");
        for (kind, is) in [
            ("held", !said.held.is_empty()),
            ("conflict", said.conflict),
            ("frozen", said.frozen),
            ("to mail", said.mail.contains_key(&Field::Overrides)),
            ("to crm", said.crm.contains_key(&Field::Overrides)),
            ("with its rule", said.crm.len() == 2),
            ("nothing", said == Expected::default()),
        ] {
            *kinds.entry(kind).or_insert(0) += i32::from(is);
        }
    }
    assert!(kinds.values().all(|n| *n > 60), "{kinds:?}");
}
