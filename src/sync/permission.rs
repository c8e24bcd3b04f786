//! What a user may not do in the CRM is tried again, left as it is, or put back in the mailbox, as the policy says (Riva's
//! *privilege exceptions*).
//!
//! A change that is put back needs no plan of its own: its rows are made to say that it had been written, and that the CRM
//! has put its own value back since. So the next cycle brings that to the mailbox by the table's row 3, with all that this
//! row minds.

use crate::arrived::adopt_update;
use crate::effects::Effects;
use crate::hash::FieldHasher;
use crate::in_step::{adopt_fields, adopt_shown_of, clean, finish};
use crate::journal;
use crate::loops;
use crate::plan::{KEPT_IN_CRM, Now};
use crate::project::{complete, map_item};
use crate::veil::VEILED;
use crate::work::{Fate, Work, Write};
use chrono::{DateTime, Utc};
use riva_core::activity::Level;
use riva_core::documents::{Direction, MayNot, MayNotCreate};
use riva_core::item::{Field, Value};
use riva_core::not_synced::NOT_PERMITTED as LEFT;
use riva_core::rows::{Commit, Hashes, IntentKind, PairRow, PairSide, PairState, Side};
use std::collections::BTreeSet;

/// Whether a pair is alone because its item may not be made in the CRM. Under another policy it is tried again, and what it
/// claimed is anybody's.
pub(crate) fn is_left(pair: &PairRow) -> bool {
    let why = pair.reason.as_deref();
    pair.state == PairState::Detached && why.is_some_and(|why| why.starts_with(LEFT))
}

/// Notes stand among the hashes of what was sent. Under this prefix, until both sides are in step: what the CRM showed of a
/// field that is put back in the mailbox.
const BACK: &str = "back:";

/// Whether a key of the hashes is such a note.
pub(crate) fn is_note(key: &str) -> bool {
    key.starts_with(BACK)
}

/// What the CRM showed of fields that wait to be put back: nobody has edited that.
pub(crate) fn to_be_put_back(sent: &Hashes) -> Hashes {
    let noted = sent.0.iter().filter_map(|(key, hash)| Some((key.strip_prefix(BACK)?.to_owned(), *hash)));
    Hashes(noted.collect())
}

/// Notes what the CRM shows of fields that are put back in the mailbox.
fn note(crm: &mut PairSide, shown: &Hashes) {
    let of_shown = |key: &str| shown.0.contains_key(Hashes::field_of(key));
    crm.sent.0.retain(|key, _| !key.strip_prefix(BACK).is_some_and(of_shown));
    crm.sent.0.extend(shown.0.iter().map(|(key, hash)| (format!("{BACK}{key}"), *hash)));
}

/// The CRM was written to while fields wait to be put back: of these it shows now what was sent.
pub(crate) fn written(crm: &mut PairSide, sends: &Hashes) {
    let waits = to_be_put_back(&crm.sent);
    let mut shown = sends.clone();
    shown.0.retain(|key, _| waits.0.contains_key(Hashes::field_of(key)));
    note(crm, &shown);
}

/// A pair as it is planned. What its user edits once more in the mailbox while it waits to be put back there is his edit, beside
/// what the CRM showed then: by the CRM's edit, which nobody has made, it would be lost, and nothing would say so. In its row the
/// field waits on: he may take his edit back. `None`: there is no such edit.
pub(crate) fn edited_once_more(hasher: &FieldHasher, pair: &PairRow, mail: &Now) -> Option<PairRow> {
    let waits = to_be_put_back(&pair.crm.as_ref()?.sent);
    if waits.0.is_empty() {
        return None;
    }
    let shown = hasher.item(mail.item()?);
    let seen = &pair.mail.as_ref()?.seen;
    let known = |key: &&String| {
        [&waits, seen, &shown].into_iter().all(|hashes| hashes.0.contains_key(Hashes::field_of(key)))
    };
    let keys = seen.0.keys().chain(shown.0.keys()).filter(known);
    let edited: BTreeSet<&String> = keys.filter(|key| seen.0.get(*key) != shown.0.get(*key)).collect();
    let mut planned = pair.clone();
    let crm = planned.crm.as_mut()?;
    for key in &edited {
        match waits.0.get(*key) {
            Some(then) => crm.seen.0.insert((*key).clone(), *then),
            None => crm.seen.0.remove(*key),
        };
        // It never got that.
        crm.sent.0.remove(*key);
    }
    (!edited.is_empty()).then_some(planned)
}

/// What a policy says is done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Says {
    PutBack,
    Leave,
}

impl Effects<'_, '_> {
    /// Settles a write that the CRM does not permit as the policy says. Answers whether it does: a policy that says nothing
    /// has it tried again. (By its rows, or its due time, the pair is planned anew should the cycle end here.)
    pub(crate) fn not_permitted(
        &self,
        kind: IntentKind,
        work: &mut Work,
        why: &str,
        now: DateTime<Utc>,
        commit: &mut Commit,
    ) -> bool {
        let policy = self.ctx.policy.no_permission;
        // Where nothing goes to the mailbox, nothing goes back.
        let goes_back = self.ctx.policy.modules.direction(self.module) == Some(Direction::TwoWay);
        let by = |may_not| match may_not {
            MayNot::Retry => None,
            MayNot::Rollback if goes_back => Some(Says::PutBack),
            MayNot::Rollback | MayNot::Ignore => Some(Says::Leave),
        };
        let says = match kind {
            IntentKind::Create => (policy.create == MayNotCreate::Ignore).then_some(Says::Leave),
            IntentKind::Update => by(policy.modify),
            IntentKind::Delete => by(policy.delete),
            // In the mailbox alone.
            IntentKind::Move => None,
        };
        let Some(says) = says.filter(|_| !self.module.is_log()) else { return false };
        if work.writes.first().is_none_or(hides) {
            return false;
        }
        let write = work.writes.remove(0);
        let done = match (&write, says) {
            (Write::Create { .. } | Write::Move { .. }, _) => {
                leave(work, &format!("{LEFT}{why}."), commit);
                Says::Leave
            }
            (Write::Update { .. }, Says::PutBack) => self.put_back(&write, work, commit),
            (Write::Update { .. }, Says::Leave) => {
                keep_both(&write.sends(&self.hasher), work);
                go_on(work, commit);
                Says::Leave
            }
            (Write::Delete { .. }, Says::PutBack) => self.make_again(&write, work, commit),
            (Write::Delete { .. }, Says::Leave) => {
                leave(work, KEPT_IN_CRM, commit);
                Says::Leave
            }
        };
        let (deed, text) = match done {
            Says::PutBack => (
                "put back",
                "not permitted in the CRM: the mailbox gets what the CRM has, as the policy says",
            ),
            Says::Leave => {
                ("left alone", "not permitted in the CRM: each side keeps what it has, as the policy says")
            }
        };
        let text = format!("{}: {text}", work.title);
        commit.journal.push(journal::of_work(work, now, deed, text.clone()));
        self.ctx.line(Level::Warning, Some(self.module), text);
        true
    }

    /// As if the change had been made, and the CRM had put its own value back since. Of a field that was never in step there is
    /// nothing to put back: each side keeps its own.
    fn put_back(&self, write: &Write, work: &mut Work, commit: &mut Commit) -> Says {
        let known = work.pair.mail.as_ref().map(|at| at.seen.clone()).unwrap_or_default();
        let (was_in_step, never): (Vec<_>, Vec<_>) = write
            .sends(&self.hasher)
            .0
            .into_iter()
            .partition(|(key, _)| known.0.contains_key(Hashes::field_of(key)));
        let [changed, never] = [was_in_step, never].map(|fields| Hashes(fields.into_iter().collect()));
        keep_both(&never, work);
        if changed.0.is_empty() {
            go_on(work, commit);
            return Says::Leave;
        }
        let mut origin = Hashes::default();
        if let Some(read) = work.read(Side::Mail) {
            adopt_fields(&mut origin, &read.hashes, &changed);
        }
        let mut stays = Hashes::default();
        if let Some(read) = work.read(Side::Crm) {
            adopt_fields(&mut stays, &read.hashes, &changed);
        }
        adopt_update(&mut work.pair, Side::Crm, &changed, &origin);
        if let Some(at) = &mut work.pair.crm {
            // Should its user delete the item before that, his deletion meets no edit.
            note(at, &stays);
        }
        if let Some(at) = &mut work.pair.mail {
            // Its user has changed it: that is no loop, however often he does.
            loops::forget(&mut at.sent, &changed);
        }
        (work.pair.state, work.pair.reason, work.pair.attempts) = (PairState::Linked, None, 0);
        Says::PutBack
    }

    /// What was deleted in the mailbox is made there again: in this very cycle, and planned once more if that ends before.
    /// Where that cannot be, the CRM keeps it alone.
    fn make_again(&self, write: &Write, work: &mut Work, commit: &mut Commit) -> Says {
        let Some(again) = self.made_again(write, work) else {
            leave(work, KEPT_IN_CRM, commit);
            return Says::Leave;
        };
        work.writes = vec![again];
        work.fate = Fate::Open;
        Says::PutBack
    }

    /// The item of a deletion for the mailbox; `None` of an occurrence, which comes and goes with its series, and of what lacks
    /// a field there.
    fn made_again(&self, write: &Write, work: &Work) -> Option<Write> {
        let of_series = |side| work.pair.side(side).is_some_and(|at| at.id.as_occurrence().is_some());
        if of_series(Side::Mail) || of_series(Side::Crm) {
            return None;
        }
        let Write::Delete { side: Side::Crm, base: Some(origin), .. } = write else {
            return None;
        };
        let (crm, mail) = (self.caps.side(Side::Crm), self.caps.side(Side::Mail));
        let mut item = map_item(origin, crm, mail);
        complete(&mut item, origin, mail).ok()?;
        Some(Write::Create { side: Side::Mail, item })
    }
}

/// Whether a write keeps from the CRM what became private. It is tried again, whatever the policy says: what the CRM shows is
/// not to stay there.
fn hides(write: &Write) -> bool {
    let veiled = Value::text(VEILED);
    match write {
        Write::Create { .. } | Write::Move { .. } => false,
        Write::Update { set, base, .. } => {
            set.get(&Field::Summary) == Some(&veiled) || base.get(Field::Summary) == Some(&veiled)
        }
        Write::Delete { frees_origin, .. } => *frees_origin,
    }
}

/// The item stays where it is, on its own.
fn leave(work: &mut Work, reason: &str, commit: &mut Commit) {
    work.pair.state = PairState::Detached;
    work.pair.reason = Some(reason.to_owned());
    (work.pair.attempts, work.pair.next_try) = (0, None);
    clean(work, commit);
}

/// Fields that differ are in step as they are.
fn keep_both(fields: &Hashes, work: &mut Work) {
    for side in [Side::Mail, Side::Crm] {
        let Some(shown) = work.read(side).map(|read| read.hashes.clone()) else { continue };
        if let Some(at) = work.pair.side_mut(side) {
            adopt_shown_of(at, &shown, fields);
        }
    }
}

/// What is left to be written, is; without anything, both sides are in step.
fn go_on(work: &mut Work, commit: &mut Commit) {
    if work.writes.is_empty() {
        finish(work, commit);
    } else {
        work.fate = Fate::Open;
    }
}

#[cfg(test)]
mod tests;
