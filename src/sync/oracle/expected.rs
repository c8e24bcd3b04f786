//! What the design's text expects of a random pair: the state of each side, the row's cell, the fields' verdicts.

use super::cases::{Answer, Case, FIELDS, SideCase};
use super::fields::{self, Verdict};
use super::table::{Changes, Deed, Settings, State, Winner, look_up};
use riva_core::documents::Direction;
use riva_core::item::{Field, FieldClass, Sensitivity, Value};
use riva_core::rows::Side;
use std::collections::BTreeMap;

/// What is to be done with a pair, in the words in which planner and table can be compared.
#[derive(Debug, Clone, PartialEq)]
pub enum Expected {
    /// Nothing is written, whatever is noted.
    Nothing,
    /// These fields are set.
    Write {
        mail: BTreeMap<Field, Value>,
        crm: BTreeMap<Field, Value>,
    },
    Delete(Side),
    Create(Side),
    Match(Side),
    Detach,
    Tombstone,
    Hold,
    /// A field that one side requires is blank on the other.
    Refused,
}

/// The settings of a case, as the table speaks of them.
fn settings(case: &Case) -> Settings {
    Settings {
        direction: case.rules.rules.direction,
        conflict: case.rules.winner,
        stamps: [case.mail.modified, case.crm.modified],
        deleted_in_mail: case.rules.rules.deleted_in_mail,
        deleted_in_crm: case.rules.rules.deleted_in_crm,
        crm_masters: case.rules.rules.crm_is_master,
    }
}

/// What the table and the merge rules say. `None` where the table has no row for the states.
pub fn expected(case: &Case) -> Option<Expected> {
    let private = case.rules.private == riva_core::documents::PrivateItems::Skip
        && case.mail.answer == Answer::Present
        && case.mail.now.get(Field::Sensitivity) == Some(&Value::Sensitivity(Sensitivity::Private));
    let gone = |side: &SideCase| side.answer == Answer::Gone;
    let mail = if private { State::LeftScope } else { state(&case.mail, gone(&case.crm)) };
    let (settings, crm) = (settings(case), state(&case.crm, gone(&case.mail)));
    let (_, deed) = look_up(mail, crm, Changes::Clash, settings)?;
    let other = |gone: State, side: Side| if gone == State::Deleted { side } else { side.other() };
    Some(match deed {
        Deed::Keep => Expected::Nothing,
        Deed::Ignore | Deed::Merge | Deed::Adopt | Deed::MergeFor(_) | Deed::Link => merged(case, settings),
        Deed::DeleteOther => Expected::Delete(other(mail, Side::Mail).other()),
        Deed::Restore => Expected::Create(other(mail, Side::Mail)),
        Deed::MatchOrCreate if mail == State::NeverSeen => Expected::Match(Side::Mail),
        Deed::MatchOrCreate => Expected::Match(Side::Crm),
        Deed::Detach => Expected::Detach,
        Deed::Hold => Expected::Hold,
        Deed::Tombstone => Expected::Tombstone,
    })
}

/// The column's letter. Beside an item that is gone, a field that was never shown before, and is blank, is no edit: it only waits
/// to be filled.
fn state(side: &SideCase, beside_gone: bool) -> State {
    match side.answer {
        Answer::Gone => State::Deleted,
        Answer::OutOfScope => State::LeftScope,
        Answer::NoSide => State::NeverSeen,
        // It says nothing.
        Answer::Unreadable => State::Unchanged,
        // An item of ours, the answer to whose making was lost: nobody was at it while it shows what was sent, no more.
        Answer::Present if side.base.fields.is_empty() && !side.sent.fields.is_empty() => {
            if FIELDS.iter().all(|f| as_sent(side.now.get(*f), side.sent.get(*f))) {
                State::Unchanged
            } else {
                State::New
            }
        }
        Answer::Present if side.base.fields.is_empty() => State::New,
        Answer::Present => {
            let as_then = |(field, now): (&Field, &Value)| match side.base.get(*field) {
                Some(base) => fields::same(now, base),
                None => beside_gone && *now == Value::Blank,
            };
            if side.now.fields.iter().all(as_then) { State::Unchanged } else { State::Changed }
        }
    }
}

fn as_sent(now: Option<&Value>, sent: Option<&Value>) -> bool {
    match (now, sent) {
        (None | Some(Value::Blank), None) => true,
        (Some(now), Some(sent)) => *now != Value::Blank && fields::same(now, sent),
        (Some(_), None) | (None, Some(_)) => false,
    }
}

/// Field by field; the winner is the one of row 6 in this direction.
fn merged(case: &Case, settings: Settings) -> Expected {
    if case.mail.answer != Answer::Present || case.crm.answer != Answer::Present {
        return Expected::Nothing;
    }
    let decided = case.rules.decided;
    let winner = match (look_up(State::Changed, State::Changed, Changes::Clash, settings), decided) {
        (Some((6, Deed::MergeFor(_))), Some(side)) if settings.direction == Direction::TwoWay => match side {
            Side::Mail => Winner::Mail,
            Side::Crm => Winner::Crm,
        },
        (Some((6, Deed::MergeFor(winner))), _) => winner,
        (other, _) => panic!("row 6 says who wins, not {other:?}"),
    };
    let rules = fields::Rules { direction: settings.direction, winner, decided, undone: None };
    let (mut mail, mut crm) = (BTreeMap::new(), BTreeMap::new());
    let (mut held, mut refused) = (false, false);
    for field in FIELDS {
        let (m, c) = (case.mail.sight(field), case.crm.sight(field));
        let verdict: Verdict = match field.class() {
            FieldClass::Set => fields::set(&m, &c, rules),
            FieldClass::Scalar | FieldClass::Group | FieldClass::Body => fields::whole(&m, &c, rules),
        };
        held |= verdict.held;
        refused |= verdict.refused;
        mail.extend(verdict.to_mail.map(|value| (field, value)));
        crm.extend(verdict.to_crm.map(|value| (field, value)));
    }
    match (held, refused) {
        (true, _) => Expected::Hold,
        (false, true) => Expected::Refused,
        (false, false) if mail.is_empty() && crm.is_empty() => Expected::Nothing,
        (false, false) => Expected::Write { mail, crm },
    }
}
