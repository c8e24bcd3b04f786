//! Random pairs: what both sides showed, what they show now, what was sent, what each can hold, and a policy.

use super::fields::{Can, Sight};
use crate::capable::capable;
use crate::decided::{Verdict, plan_decided};
use crate::hash::FieldHasher;
use crate::plan::{BothCaps, ModuleRules, Now, PairPlan, plan_pair};
use crate::simulator::Random;
use crate::table::Rules;
use chrono::DateTime;
use riva_core::documents::{BecamePrivate, ConflictWinner, DeletePolicy, Direction, PrivateItems};
use riva_core::ids::{MemberId, PairId, RemoteId, Version};
use riva_core::item::{
    Attendee, Body, Element, Field, Item, Module, Name, Participation, Sensitivity, Value,
};
use riva_core::ports::{ModuleCapabilities, SeriesSupport};
use riva_core::rows::{Hashes, PairRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};
use uuid::Uuid;

/// The fields of a random item: of each class at least one.
pub const FIELDS: [Field; 8] = [
    Field::Name,
    Field::Nickname,
    Field::Manager,
    Field::Notes,
    Field::Phones,
    Field::Categories,
    Field::Attendees,
    Field::Sensitivity,
];

/// What a system answers for a side's item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    Present,
    Gone,
    OutOfScope,
    Unreadable,
    /// The pair has no such side.
    NoSide,
}

/// One side of a random pair.
#[derive(Debug, Clone)]
pub struct SideCase {
    pub answer: Answer,
    /// What it shows, if it is there.
    pub now: Item,
    /// What it showed when both were last in step; no fields: never seen.
    pub base: Item,
    /// What was last sent there; no fields: nothing.
    pub sent: Item,
    pub caps: ModuleCapabilities,
    /// When it was last changed, if its system tells: the second.
    pub modified: Option<i64>,
}

/// A random pair and policy.
#[derive(Debug, Clone)]
pub struct Case {
    pub mail: SideCase,
    pub crm: SideCase,
    pub rules: ModuleRules,
}

impl Case {
    /// The case of a seed.
    pub fn of(seed: u64) -> Self {
        let random = &mut Random::new(seed);
        let mail_caps = caps(random, false);
        let crm_caps = caps(random, true);
        let (empty_base, answer_lost) = (random.percent(15), random.percent(5));
        let (mut mail, mut crm) = (side(random, mail_caps), side(random, crm_caps));
        for field in FIELDS {
            let then = value(random, field);
            // Mostly the CRM showed what it could hold of the mailbox's value; at times its own form of it.
            let there = if random.percent(80) { held(&then, field, &crm.caps) } else { value(random, field) };
            let missing = random.percent(3);
            fill(random, field, &mut mail, Some(&then));
            fill(random, field, &mut crm, Some(&there).filter(|_| !missing));
        }
        let lost_in_crm = random.percent(50);
        for (side, lost) in [(&mut mail, !lost_in_crm), (&mut crm, lost_in_crm)] {
            if answer_lost && lost {
                // Made by us, and found again by its marker: what was sent is all that is known.
                side.sent = std::mem::replace(&mut side.base, Item::new(Module::Contacts));
                side.sent.fields.retain(|_, value| *value != Value::Blank);
            }
            if empty_base {
                side.base.fields.clear();
                side.sent.fields.clear();
            }
            let caps = &side.caps;
            // A side that requires a field was never sent a blank.
            side.sent.fields.retain(|field, value| *value != Value::Blank || !caps.required.contains(field));
            side.now.fields.retain(|field, _| caps.reads.contains(field));
        }
        Self { mail, crm, rules: rules(random) }
    }

    /// What the planner says of a pair in step.
    pub fn plan(&self, hasher: &FieldHasher) -> PairPlan {
        self.plan_in(hasher, PairState::Linked, None)
    }

    /// What the planner says of a pair in some state.
    pub fn plan_in(&self, hasher: &FieldHasher, state: PairState, reason: Option<&str>) -> PairPlan {
        let (pair, caps) = (self.pair(hasher, state, reason), self.caps());
        plan_pair(hasher, &pair, &self.mail.answered(), &self.crm.answered(), caps, self.rules)
    }

    /// What the planner says of a held pair of which this was decided.
    pub fn plan_decided(&self, hasher: &FieldHasher, pair: &PairRow, verdict: Verdict<'_>) -> PairPlan {
        let (mail, crm) = (self.mail.answered(), self.crm.answered());
        plan_decided(hasher, pair, &mail, &crm, self.caps(), self.rules, verdict)
    }

    fn caps(&self) -> BothCaps<'_> {
        BothCaps { mail: &self.mail.caps, crm: &self.crm.caps }
    }

    /// The pair in some state.
    pub fn pair(&self, hasher: &FieldHasher, state: PairState, reason: Option<&str>) -> PairRow {
        PairRow {
            id: PairId(Uuid::from_u128(1)),
            member: MemberId(2),
            module: self.mail.now.module,
            mail: self.mail.row(hasher),
            crm: self.crm.row(hasher),
            uid: None,
            state,
            reason: reason.map(str::to_owned),
            generation: 0,
            attempts: 0,
            next_try: None,
        }
    }
}

impl SideCase {
    fn row(&self, hasher: &FieldHasher) -> Option<PairSide> {
        (self.answer != Answer::NoSide).then(|| PairSide {
            id: RemoteId::from("a"),
            version: Version::from("1"),
            seen: hasher.item(&self.base),
            sent: if self.sent.fields.is_empty() { Hashes::default() } else { hasher.item(&self.sent) },
        })
    }

    fn answered(&self) -> Now {
        match self.answer {
            Answer::Present => Now::Present {
                version: Version::from("2"),
                marker: None,
                modified: self.modified.and_then(|at| DateTime::from_timestamp(at, 0)),
                item: self.now.clone(),
            },
            Answer::Gone => Now::Gone,
            Answer::OutOfScope => Now::OutOfScope,
            Answer::Unreadable => Now::Unreadable("it has no start".into()),
            Answer::NoSide => Now::None,
        }
    }

    /// One field of it.
    pub fn sight(&self, field: Field) -> Sight {
        Sight {
            now: self.now.get(field).cloned(),
            base: self.base.get(field).cloned(),
            sent: self.sent.get(field).cloned(),
            can: Can {
                write: self.caps.writes.contains(&field),
                max_len: self.caps.max_len.get(&field).copied(),
                keys: self.caps.set_keys.get(&field).cloned(),
                required: self.caps.required.contains(&field),
                names: field == Field::Categories,
            },
        }
    }
}

fn caps(random: &mut Random, poor: bool) -> ModuleCapabilities {
    let mut caps = capable(FIELDS, SeriesSupport::None);
    for field in FIELDS {
        if random.percent(6) {
            caps.writes.remove(&field);
        }
        if random.percent(2) {
            caps.reads.remove(&field);
        }
        if field == Field::Nickname && random.percent(20) {
            caps.required.insert(field);
        }
    }
    if poor && random.percent(60) {
        caps.max_len = BTreeMap::from([(Field::Manager, 5), (Field::Notes, 5)]);
    }
    if poor && random.percent(40) {
        caps.set_keys.insert(Field::Phones, BTreeSet::from(["work".to_owned(), "home".to_owned()]));
    }
    caps
}

fn side(random: &mut Random, caps: ModuleCapabilities) -> SideCase {
    let answer = match random.below(100) {
        0..8 => Answer::Gone,
        8..12 => Answer::OutOfScope,
        12..16 => Answer::NoSide,
        _ => Answer::Present,
    };
    let nothing = || Item::new(Module::Contacts);
    let modified = (!random.percent(20)).then(|| i64::from(random.percent(50)));
    SideCase { answer, now: nothing(), base: nothing(), sent: nothing(), caps, modified }
}

fn fill(random: &mut Random, field: Field, side: &mut SideCase, then: Option<&Value>) {
    let now = match (then, random.percent(65)) {
        (Some(then), true) => then.clone(),
        _ => value(random, field),
    };
    if let Some(then) = then {
        side.base.set(field, then.clone());
    }
    if random.percent(30) {
        // A value sent again that the side has its own form of.
        let sent = if random.percent(50) { value(random, field) } else { now.clone() };
        side.sent.set(field, sent);
    }
    if !random.percent(3) {
        side.now.set(field, now);
    }
}

/// A value as a side with short fields showed it.
fn held(value: &Value, field: Field, caps: &ModuleCapabilities) -> Value {
    let max = caps.max_len.get(&field).copied().unwrap_or(usize::MAX);
    let cut = |text: &str| text.chars().take(max).collect::<String>();
    match value {
        Value::Text(text) => Value::text(cut(text)),
        Value::Body(body) => Value::body(Body::plain(cut(&body.text))),
        Value::Set(elements) => {
            let keys = caps.set_keys.get(&field);
            let kept = elements.iter().filter(|(key, _)| keys.is_none_or(|keys| keys.contains(*key)));
            Value::set(kept.map(|(k, e)| (k.clone(), e.clone())).collect())
        }
        other => other.clone(),
    }
}

fn value(random: &mut Random, field: Field) -> Value {
    let pick = |random: &mut Random, from: &[&str]| from[random.below(from.len())].to_owned();
    match field {
        Field::Name => {
            let name = Name {
                given: pick(random, &["", "Ann", "Bo"]),
                family: pick(random, &["", "Low"]),
                ..Name::default()
            };
            if name == Name::default() { Value::Blank } else { Value::Name(name) }
        }
        Field::Manager => {
            Value::text(pick(random, &["", "Cy", "Dan", "Edward the first", "Edward the last"]))
        }
        Field::Notes => {
            let text = pick(random, &["", "x", "x y", "x  y\r\n", "a longer text", "a longer tail"]);
            let html = random.percent(30).then(|| format!("<p>{text}</p>"));
            Value::body(Body { text, html })
        }
        Field::Phones => set(random, &["work", "home", "mobile"], |random| {
            Element::plain(pick(random, &["1", "22", "333"]))
        }),
        Field::Categories => set(random, &["red", "blue", "green"], |_| Element::plain("")),
        Field::Attendees => set(random, &["a@x.test", "b@x.test"], |random| Element {
            attendee: Some(Attendee {
                required: random.percent(50),
                participation: [Participation::NeedsAction, Participation::Accepted, Participation::Declined]
                    [random.below(3)],
            }),
            ..Element::plain("")
        }),
        Field::Sensitivity if random.percent(4) => Value::Sensitivity(Sensitivity::Private),
        Field::Sensitivity => Value::Sensitivity(Sensitivity::Normal),
        _ => Value::text(pick(random, &["", "one", "two", "three"])),
    }
}

fn set(random: &mut Random, keys: &[&str], mut element: impl FnMut(&mut Random) -> Element) -> Value {
    let mut elements = BTreeMap::new();
    for key in keys {
        if random.percent(45) {
            let mut element = element(random);
            if element.value.is_empty() {
                (*key).clone_into(&mut element.value);
            }
            elements.insert((*key).to_owned(), element);
        }
    }
    Value::set(elements)
}

fn rules(random: &mut Random) -> ModuleRules {
    let one = |random: &mut Random| {
        [DeletePolicy::Propagate, DeletePolicy::Detach, DeletePolicy::Restore][random.below(3)]
    };
    ModuleRules {
        rules: Rules {
            direction: [Direction::TwoWay, Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail]
                [random.below(4)],
            deleted_in_mail: one(random),
            deleted_in_crm: one(random),
            crm_is_master: random.percent(50),
        },
        winner: [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Newest, ConflictWinner::Hold]
            [random.below(4)],
        private: if random.percent(50) { PrivateItems::Skip } else { PrivateItems::Sync },
        became_private: BecamePrivate::Leave,
        leads: random.percent(50),
        decided: random.percent(10).then(|| [Side::Mail, Side::Crm][random.below(2)]),
        occurrence: None,
    }
}
