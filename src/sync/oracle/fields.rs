//! The merge of one field as the engine's design writes it (section 1.5), on values and not on hashes. Written from
//! the text and not from the planner.

use super::table::Winner;
use riva_core::documents::Direction;
use riva_core::item::{Body, Element, Name, Participation, Value};
use riva_core::rows::Side;
use std::collections::{BTreeMap, BTreeSet};

/// One field on one side.
#[derive(Debug, Clone, Default)]
pub struct Sight {
    /// What it shows now; `None`: the side said nothing of it.
    pub now: Option<Value>,
    /// What it showed when both were last in step; `None`: never seen.
    pub base: Option<Value>,
    /// What we last sent there.
    pub sent: Option<Value>,
    /// What it can hold.
    pub can: Can,
}

/// What a side can hold of a field.
#[derive(Debug, Clone, Default)]
pub struct Can {
    /// Whether we may set it.
    pub write: bool,
    /// The longest text.
    pub max_len: Option<usize>,
    /// Keys of a set; `None`: all.
    pub keys: Option<BTreeSet<String>>,
    /// Whether it may not be blank.
    pub required: bool,
    /// Whether a set is one of names, of which it may have some alone.
    pub names: bool,
}

/// What becomes of a field.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Verdict {
    pub to_mail: Option<Value>,
    pub to_crm: Option<Value>,
    /// Waits for an administrator.
    pub held: bool,
    /// "Required on target, blank in source → default rule from mapping, else Quarantined": there is no default here.
    pub refused: bool,
}

impl Verdict {
    fn held() -> Self {
        Self { held: true, ..Self::default() }
    }
}

/// Where a change may go.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub direction: Direction,
    pub winner: Winner,
    /// The side that an administrator has said to be right in everything.
    pub decided: Option<Side>,
    /// The side whose changes are undone: it is not for its user to change.
    pub undone: Option<Side>,
}

impl Rules {
    fn to_crm(self) -> bool {
        self.direction != Direction::CrmToMail
    }
    fn to_mail(self) -> bool {
        self.direction != Direction::MailToCrm
    }
    fn to(self, side: Side) -> bool {
        match side {
            Side::Mail => self.to_mail(),
            Side::Crm => self.to_crm(),
        }
    }
    /// "Only M → take M; only C → take C", unless what a side shows is not its own to change.
    fn only(self, side: Side) -> Take {
        match if self.undone == Some(side) { side.other() } else { side } {
            Side::Mail => Take::Mail,
            Side::Crm => Take::Crm,
        }
    }
}

/// Whose content is to stand on both sides.
enum Take {
    Neither,
    Mail,
    Crm,
    Hold,
}

fn by(winner: Winner) -> Take {
    match winner {
        Winner::Mail => Take::Mail,
        Winner::Crm => Take::Crm,
        Winner::Nobody => Take::Hold,
    }
}

impl Sight {
    /// What it showed then. Where the answer to a write was lost, what was sent is all that is known of it.
    fn then(&self) -> Option<&Value> {
        self.base.as_ref().or(self.sent.as_ref())
    }

    /// Known by what was sent alone: the side may show its own form of that.
    fn by_sent(&self) -> bool {
        self.base.is_none() && self.sent.is_some()
    }
}

/// The verdict on a field that is merged as a whole: scalar, group, body. "Merge per field: only M → take M; only C →
/// take C; both equal after projection → adopt; both differ → policy."
pub fn whole(m: &Sight, c: &Sight, rules: Rules) -> Verdict {
    // "A missing property (partial payload) is no information."
    let (Some(m_now), Some(c_now)) = (&m.now, &c.now) else { return Verdict::default() };
    // What differs only by what a side can hold is equal after projection.
    let as_held =
        |value: &Value, on: &Sight, shown: &Value| on.can.write && same(&map(value, &on.can), shown);
    let equal = as_held(m_now, c, c_now) || as_held(c_now, m, m_now);
    let taken = match (m.then(), c.then()) {
        (Some(m_then), Some(c_then)) => match (!same(m_now, m_then), !same(c_now, c_then)) {
            (false, false) => Take::Neither,
            (_, _) if equal && (m.by_sent() || c.by_sent()) => Take::Neither,
            (true, false) => rules.only(Side::Mail),
            (false, true) => rules.only(Side::Crm),
            (true, true) if equal => Take::Neither,
            (true, true) => by(rules.winner),
        },
        // Row 17: "equal → adopt; blank on one side → fill; both differ → row 6". A field that one side shows for the
        // first time has no base on the other either.
        _ if equal => Take::Neither,
        _ => match (*m_now == Value::Blank, *c_now == Value::Blank) {
            (true, true) => Take::Neither,
            (true, false) => Take::Crm,
            (false, true) => Take::Mail,
            (false, false) => match filled(m_now, c_now) {
                // So it is with the parts of a name: "fill blanks only … nothing is deleted during first sync".
                Some(both) if rules.decided.is_none() => {
                    let to_crm = rules.to_crm().then(|| push(&both, (Side::Mail, m), c, rules).to_crm);
                    let to_mail = rules.to_mail().then(|| push(&both, (Side::Crm, c), m, rules).to_mail);
                    return Verdict {
                        to_mail: to_mail.flatten(),
                        to_crm: to_crm.flatten(),
                        ..Verdict::default()
                    };
                }
                _ => by(rules.winner),
            },
        },
    };
    match taken {
        // There is nothing to decide where neither side can be written.
        Take::Hold => Verdict { held: m.can.write || c.can.write, ..Verdict::default() },
        Take::Mail if rules.to_crm() => push(m_now, (Side::Mail, m), c, rules),
        Take::Crm if rules.to_mail() => push(c_now, (Side::Crm, c), m, rules),
        Take::Neither | Take::Mail | Take::Crm => Verdict::default(),
    }
}

/// Both names in one, if they do not contradict each other.
fn filled(m: &Value, c: &Value) -> Option<Value> {
    let (Value::Name(m), Value::Name(c)) = (m, c) else { return None };
    let either = |m: &String, c: &String| match (m.as_str(), c.as_str()) {
        ("", only) | (only, "") => Some(only.to_owned()),
        (one, another) => (one == another).then(|| one.to_owned()),
    };
    Some(Value::Name(Name {
        prefix: either(&m.prefix, &c.prefix)?,
        given: either(&m.given, &c.given)?,
        middle: either(&m.middle, &c.middle)?,
        family: either(&m.family, &c.family)?,
        suffix: either(&m.suffix, &c.suffix)?,
    }))
}

/// "Write only if `H(v') ≠ H(project(now))` and not (`H(v') = sent[f]` and `H(project(now)) = obs[f]`)."
fn push(value: &Value, (from, source): (Side, &Sight), target: &Sight, rules: Rules) -> Verdict {
    let write = |to: Side, value: Value| match to {
        Side::Mail => Verdict { to_mail: Some(value), ..Verdict::default() },
        Side::Crm => Verdict { to_crm: Some(value), ..Verdict::default() },
    };
    let Some(now) = target.now.as_ref().filter(|_| target.can.write) else { return Verdict::default() };
    let mapped = map(value, &target.can);
    let is = |a: Option<&Value>, b: &Value| a.is_some_and(|a| same(a, b));
    let its_own_form = is(target.sent.as_ref(), &mapped) && is(target.base.as_ref(), now);
    if same(&mapped, now) || its_own_form {
        return Verdict::default();
    }
    if mapped == Value::Blank && target.can.required {
        return Verdict { refused: true, ..Verdict::default() };
    }
    // "If the short side is then edited, and the edit starts from the truncated prefix → Held (would destroy the
    // tail)": whatever it was edited to, the other side's text is longer than the one who edited could see.
    let loses_tail = source.can.max_len.is_some_and(|max| length(now) > max);
    match rules.decided {
        None if loses_tail => Verdict::held(),
        // Of both, the longer one is right: the one who edited what he could see of it sees that again.
        Some(right) if loses_tail && right != from => {
            if rules.to(from) && source.can.write {
                write(from, map(now, &source.can))
            } else {
                Verdict::default()
            }
        }
        None | Some(_) => write(from.other(), mapped),
    }
}

fn length(value: &Value) -> usize {
    match value {
        Value::Text(text) => text.chars().count(),
        Value::Body(body) => body.text.chars().count(),
        _ => 0,
    }
}

/// A value as a side can hold it.
pub fn map(value: &Value, can: &Can) -> Value {
    let cut = |text: &str| text.chars().take(can.max_len.unwrap_or(usize::MAX)).collect::<String>();
    match value {
        Value::Text(text) => Value::text(cut(text)),
        Value::Body(body) if length(value) > can.max_len.unwrap_or(usize::MAX) => {
            Value::body(Body::plain(cut(&body.text).trim_end()))
        }
        Value::Set(all) => {
            let holds = |key: &String| can.keys.as_ref().is_none_or(|keys| keys.contains(key));
            let held = all.iter().filter(|(key, _)| holds(key));
            Value::set(held.map(|(key, element)| (key.clone(), element.clone())).collect())
        }
        _ => value.clone(),
    }
}

/// Whether two values say the same: bodies by their words alone.
pub fn same(a: &Value, b: &Value) -> bool {
    match (a, b) {
        (Value::Body(a), Value::Body(b)) => a.text.split_whitespace().eq(b.text.split_whitespace()),
        _ => a == b,
    }
}

type Elements = BTreeMap<String, Element>;

/// The verdict on a set: "add/remove by element key relative to base; both add same key → merge attributes; remove vs
/// modify → modify wins".
pub fn set(m: &Sight, c: &Sight, rules: Rules) -> Verdict {
    let (Some(m_now), Some(c_now)) = (&m.now, &c.now) else { return Verdict::default() };
    let (m_now, c_now) = (elements(Some(m_now)), elements(Some(c_now)));
    let (m_then, c_then) = (elements(m.then()), elements(c.then()));
    let with_base = m.then().is_some() && c.then().is_some();
    let mut verdict = Verdict::default();
    let (mut on_mail, mut on_crm) = (m_now.clone(), c_now.clone());
    let keys: BTreeSet<&String> =
        [&m_now, &c_now, &m_then, &c_then].into_iter().flat_map(BTreeMap::keys).collect();
    for key in keys {
        let holds = |s: &Sight| s.can.keys.as_ref().is_none_or(|keys| keys.contains(key));
        if !holds(m) || !holds(c) {
            continue;
        }
        let (mn, cn, mt, ct) = (m_now.get(key), c_now.get(key), m_then.get(key), c_then.get(key));
        // "Not (`H(v') = sent[f]` and `H(project(now)) = obs[f]`)", element by element.
        let own_form = |to: &Sight, new: Option<&Element>, now: Option<&Element>| {
            let (sent, base) = (elements(to.sent.as_ref()), elements(to.base.as_ref()));
            new.is_some() && sent.get(key) == new && to.base.is_some() && base.get(key) == now
        };
        let added_twice = mt.is_none() && ct.is_none();
        let changed = if with_base { (mn != mt, cn != ct) } else { (true, true) };
        // "Unmapped → leave untouched": a name that was sent and never seen there may be none that the side has.
        let unseen = |s: &Sight, now: Option<&Element>, then: Option<&Element>| {
            s.can.names && s.by_sent() && then.is_some() && now.is_none()
        };
        let taken = match changed {
            _ if mn == cn => Take::Neither,
            (false, false) => Take::Neither,
            (true, false) if unseen(m, mn, mt) => Take::Neither,
            (false, true) if unseen(c, cn, ct) => Take::Neither,
            (true, false) => rules.only(Side::Mail),
            (false, true) => rules.only(Side::Crm),
            (true, true) => match (mn, cn) {
                // Modify wins over remove; and without a base, what one side has not is filled: unless it stands
                // there under another key.
                (Some(mine), None) if with_base || !stands_in(mine, &c_now) => Take::Mail,
                (None, Some(theirs)) if with_base || !stands_in(theirs, &m_now) => Take::Crm,
                (Some(_) | None, None) | (None, Some(_)) => Take::Neither,
                (Some(mine), Some(theirs)) => {
                    let first_seen = added_twice || !with_base;
                    if let Some(both) = united(mine, theirs).filter(|_| first_seen) {
                        if !own_form(m, Some(&both), mn) {
                            on_mail.insert(key.clone(), both.clone());
                        }
                        if !own_form(c, Some(&both), cn) {
                            on_crm.insert(key.clone(), both);
                        }
                        continue;
                    }
                    match by(rules.winner) {
                        // The same address in another slot is the same address.
                        Take::Mail if !with_base && stands_in(mine, &c_now) => Take::Neither,
                        Take::Crm if !with_base && stands_in(theirs, &m_now) => Take::Neither,
                        taken => taken,
                    }
                }
            },
        };
        match taken {
            Take::Neither => {}
            Take::Hold => verdict.held |= m.can.write || c.can.write,
            Take::Mail if own_form(c, mn, cn) => {}
            Take::Crm if own_form(m, cn, mn) => {}
            Take::Mail => put(&mut on_crm, key, mn),
            Take::Crm => put(&mut on_mail, key, cn),
        }
    }
    if rules.to_crm() && c.can.write && on_crm != c_now {
        verdict.to_crm = Some(Value::set(on_crm));
    }
    if rules.to_mail() && m.can.write && on_mail != m_now {
        verdict.to_mail = Some(Value::set(on_mail));
    }
    verdict
}

/// "Both add same key → merge attributes": of two that name the same, where neither contradicts the other. An answer
/// says more than none.
fn united(a: &Element, b: &Element) -> Option<Element> {
    let one = |x: &Element, y: &Element| {
        let (mut person, other) = (x.attendee?, y.attendee?);
        person.participation = Participation::NeedsAction;
        (person == x.attendee? && other.required == person.required).then(|| y.clone())
    };
    if a.value != b.value {
        return None;
    }
    one(a, b).or_else(|| one(b, a))
}

fn stands_in(element: &Element, elements: &Elements) -> bool {
    elements.values().any(|e| e.value == element.value)
}

fn elements(value: Option<&Value>) -> Elements {
    match value {
        Some(Value::Set(elements)) => elements.clone(),
        _ => Elements::new(),
    }
}

fn put(on: &mut Elements, key: &str, element: Option<&Element>) {
    match element {
        Some(element) => on.insert(key.to_owned(), element.clone()),
        None => on.remove(key),
    };
}
