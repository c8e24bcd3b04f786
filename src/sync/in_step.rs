//! What both sides are in step in: the base of the next plan.

use crate::arrived::forget_tried;
use crate::edited::differs;
use crate::hash::FieldHasher;
use crate::loops;
use crate::work::{Fate, Read, Work, Write};
use riva_core::item::{Field, Item, Value};
use riva_core::rows::{Commit, Hashes, IntentKind, ItemRow, PairSide, PairState, Side};
use std::collections::{BTreeMap, BTreeSet};

/// What is not written is in step, whatever becomes of the writes: a pair that was just linked has a base for it. So has
/// a side for what is written to it alone: it is what it showed before, unless there is an older base. That one stays: if
/// the write does not arrive, and its origin goes back to what it was, this side is the one that has changed.
pub(crate) fn in_step_but_for(work: &mut Work, hasher: &FieldHasher) {
    let mut written: BTreeMap<Side, BTreeSet<&str>> = BTreeMap::new();
    for write in &work.writes {
        match write {
            Write::Update { side, set, .. } => {
                written.entry(*side).or_default().extend(set.keys().map(|field| field.as_str()));
            }
            Write::Create { .. } | Write::Delete { .. } | Write::Move { .. } => return,
        }
    }
    let left_alone = work.left_alone.as_ref().map(|left| &left.fields);
    let is_left_alone = |field: &str| left_alone.is_some_and(|fields| fields.contains(field));
    let is_written = |to: Side, field: &str| written.get(&to).is_some_and(|all| all.contains(field));
    let bases = [Side::Mail, Side::Crm].map(|side| {
        let shown = work.read(side).map(|read| read.hashes.clone())?;
        let at = work.pair.side(side)?;
        let origin = work.pair.side(side.other());
        let mut base = shown.clone();
        base.0.retain(|key, _| {
            let field = Hashes::field_of(key);
            let keeps = is_written(side, field) && !takes_for_base(hasher, field, at, &shown, origin);
            !is_written(side.other(), field) && !keeps && !is_left_alone(field)
        });
        Some((side, shown, base))
    });
    for (side, shown, base) in bases.into_iter().flatten() {
        if let Some(at) = work.pair.side_mut(side) {
            adopt_shown_of(at, &shown, &base);
        }
    }
}

/// Whether what a side shows of a field that is written to it is its base: it has none yet, and shows what it was sent, or
/// nothing is known of its origin either. If it shows something else, and its origin did not change, both would be in step
/// as they are, and a write that fails would not be made again.
fn takes_for_base(
    hasher: &FieldHasher,
    field: &str,
    at: &PairSide,
    shown: &Hashes,
    origin: Option<&PairSide>,
) -> bool {
    let has = |base: &Hashes| base.0.contains_key(field);
    if has(&at.seen) {
        return false;
    }
    // What is not sent of an item that was made is blank.
    let mut sent = of_field(&at.sent, field);
    if sent.is_empty() && at.seen.0.is_empty() && at.sent.0.keys().any(|key| !loops::is_note(key)) {
        sent = blank(hasher, field);
    }
    sent == of_field(shown, field) || !origin.is_some_and(|origin| has(&origin.seen))
}

/// The entries of one field.
pub(crate) fn of_field(hashes: &Hashes, field: &str) -> BTreeMap<String, u64> {
    let entries = hashes.0.iter().filter(|(key, _)| Hashes::field_of(key) == field);
    entries.map(|(key, hash)| (key.clone(), *hash)).collect()
}

/// The entries of a field that is blank.
fn blank(hasher: &FieldHasher, field: &str) -> BTreeMap<String, u64> {
    let mut blank = Hashes::default();
    if let Some(field) = Field::from_word(field) {
        hasher.insert(&mut blank, field, &Value::Blank);
    }
    blank.0
}

/// What an item was made without was blank in it, whoever has filled it since: so it counts as sent.
pub(crate) fn made_without(hasher: &FieldHasher, sent: &mut Hashes, item: &Item) {
    for field in item.fields.keys() {
        if !sent.0.contains_key(&Hashes::key(*field)) {
            hasher.insert(sent, *field, &Value::Blank);
        }
    }
}

/// What a side shows after a write, as far as it is a base, and whether it shows more than that by now.
///
/// It is what the plan was made of, with what was sent as the side shows it now. Whatever else it shows by now was not
/// planned: taken for the base, a user's edit would never reach the other side. `answer`: what it showed, and whether
/// that is known to be what the write left behind.
pub(crate) fn after_write(
    kind: IntentKind,
    before: &Hashes,
    sends: &Hashes,
    answer: Option<(Hashes, bool)>,
) -> (Hashes, bool) {
    let mut shown = before.clone();
    match answer {
        None => shown.0.extend(sends.0.clone()),
        Some((all, true)) if kind == IntentKind::Create => return (all, false),
        // What it showed when it was made is not known: the next plan goes by what was sent.
        Some((_, false)) if kind == IntentKind::Create => return (shown, true),
        Some((all, exact)) => {
            let mut of_sent = Hashes::default();
            adopt_fields(&mut of_sent, &all, sends);
            let known = exact || of_sent == *sends;
            if known {
                adopt_written(&mut shown, &all, sends, before);
            } else {
                adopt_fields(&mut shown, &Hashes::default(), sends);
            }
            let more_changed = !known || differs(&shown, &all);
            return (shown, more_changed);
        }
    }
    (shown, false)
}

/// Both sides are in step: the base is what they show now, and their rows are clean. What is left alone is looked at again.
pub(crate) fn finish(work: &mut Work, commit: &mut Commit) {
    let left_alone = work.left_alone.take();
    for side in [Side::Mail, Side::Crm] {
        let Some(read) = work.read(side).cloned() else { continue };
        if let Some(pair_side) = work.pair.side_mut(side) {
            let mut shown = read.hashes;
            forget_fields(&mut shown, left_alone.as_ref().map_or(&BTreeSet::new(), |left| &left.fields));
            adopt_shown(pair_side, shown);
            forget_tried(pair_side);
            pair_side.version = read.version;
        }
    }
    work.pair.state = PairState::Linked;
    work.pair.reason = None;
    work.pair.attempts = 0;
    work.pair.next_try = left_alone.map(|left| left.until);
    clean(work, commit);
    commit.pairs.push(work.pair.clone());
    work.fate = Fate::Done;
}

/// All that a side shows is in step. A field that is not shown says nothing: what it was before still counts.
pub(crate) fn adopt_shown(side: &mut PairSide, mut seen: Hashes) {
    let shown: BTreeSet<String> = seen.0.keys().filter(|k| !k.contains('/')).cloned().collect();
    let of_shown = |key: &str| shown.contains(Hashes::field_of(key));
    let before = side.seen.0.iter().map(|(key, hash)| (key.clone(), *hash));
    seen.0.extend(before.filter(|(key, _)| !of_shown(key)));
    loops::follow(side, seen);
}

/// What a side shows of these fields is in step.
pub(crate) fn adopt_shown_of(side: &mut PairSide, shown: &Hashes, fields: &Hashes) {
    let mut seen = side.seen.clone();
    adopt_fields(&mut seen, shown, fields);
    loops::follow(side, seen);
}

/// The rows that the plan was made of are taken into account.
pub(crate) fn clean(work: &Work, commit: &mut Commit) {
    for read in [&work.mail, &work.crm].into_iter().flatten() {
        let row = read.row.clone();
        // An item that is alone in its pair may still find its twin.
        let alone = work.pair.mail.is_none() || work.pair.crm.is_none();
        commit.items.extend(row.map(|row| ItemRow {
            dirty: read.more_changed,
            version: read.version.clone(),
            pair: Some(work.pair.id),
            match_keys: row.match_keys.clone().filter(|_| alone),
            ..row
        }));
    }
}

/// The fields of a base that are shown otherwise now.
fn shown_otherwise(base: &Hashes, shown: &Hashes) -> BTreeSet<String> {
    let mut as_base = Hashes::default();
    adopt_fields(&mut as_base, shown, base);
    let keys = base.0.keys().chain(as_base.0.keys()).filter(|key| !loops::is_note(key));
    let others = keys.filter(|key| base.0.get(*key) != as_base.0.get(*key));
    others.map(|key| Hashes::field_of(key).to_owned()).collect()
}

/// Nothing is known of these fields any more.
pub(crate) fn forget_fields(base: &mut Hashes, fields: &BTreeSet<String>) {
    base.0.retain(|key, _| !fields.contains(Hashes::field_of(key)));
}

/// An item has come in the place of one that is gone, and is not that one with another id: what it shows otherwise may be
/// older than the base, and is nobody's edit. Returns whether it shows anything otherwise.
pub(crate) fn in_its_place(seen: &mut Hashes, sent: &mut Hashes, shown: &Hashes) -> bool {
    let mut others = shown_otherwise(seen, shown);
    // Where nobody has looked since, the base is what was sent.
    let mut sent_alone = sent.clone();
    sent_alone.0.retain(|key, _| !seen.0.contains_key(Hashes::field_of(key)));
    others.extend(shown_otherwise(&sent_alone, shown));
    forget_fields(seen, &others);
    forget_fields(sent, &others);
    if seen.0.is_empty() && !others.is_empty() {
        // Beside what was sent alone, a blank field is taken for one that it was made without, and would never be filled.
        seen.0.extend(
            sent.0.iter().filter(|(key, _)| !loops::is_note(key)).map(|(key, hash)| (key.clone(), *hash)),
        );
    }
    !others.is_empty()
}

/// In which fields an item differs from what a pair's showed last; of one that nobody has looked at since it was made, from
/// what it was sent.
pub(crate) fn unlike(at: &PairSide, shown: &Hashes) -> BTreeSet<String> {
    shown_otherwise(if at.seen.0.is_empty() { &at.sent } else { &at.seen }, shown)
}

/// Whether all is blank in an item that we wrote to the one whose place it takes: it may be another copy, of a meeting that
/// its organizer sent again, or of a contact that a colleague has shared.
pub(crate) fn lacks_ours(hasher: &FieldHasher, sent: &Hashes, shown: &Hashes) -> bool {
    let ours: BTreeSet<&str> =
        sent.0.keys().filter(|key| !loops::is_note(key)).map(|key| Hashes::field_of(key)).collect();
    let mut written =
        ours.into_iter().filter(|field| of_field(sent, field) != blank(hasher, field)).peekable();
    written.peek().is_some() && written.all(|field| of_field(shown, field) == blank(hasher, field))
}

/// The base of an item that was made by one request or by another, or only looks like it: seen, and sent. What it shows just
/// as it was sent is in step; what it shows otherwise says nothing.
pub(crate) fn as_far_as_sent(mut sent: Hashes, shown: &Hashes) -> (Hashes, Hashes) {
    let others = shown_otherwise(&sent, shown);
    if others.is_empty() {
        return (Hashes::default(), sent);
    }
    forget_fields(&mut sent, &others);
    (sent.clone(), sent)
}

/// What the other side showed of the fields that are written: of a create, all of them.
pub(crate) fn origin_of(write: &Write, origin: Option<&Read>, hasher: &FieldHasher) -> Hashes {
    match (write, origin) {
        (Write::Update { .. }, Some(read)) => {
            let mut shown = Hashes::default();
            adopt_fields(&mut shown, &read.hashes, &write.sends(hasher));
            shown
        }
        // Of a deletion that the origin outlives: that there is one.
        (Write::Create { .. } | Write::Delete { frees_origin: true, .. }, Some(read)) => read.hashes.clone(),
        (Write::Create { .. } | Write::Update { .. } | Write::Delete { .. } | Write::Move { .. }, _) => {
            Hashes::default()
        }
    }
}

/// Takes over the entries of the fields that were sent: elements that are no longer there go.
pub(crate) fn adopt_fields(into: &mut Hashes, from: &Hashes, sent: &Hashes) {
    let fields: Vec<&str> = sent.0.keys().map(|k| Hashes::field_of(k)).collect();
    let of_sent = |key: &String| fields.contains(&Hashes::field_of(key));
    into.0.retain(|key, _| !of_sent(key));
    into.0.extend(from.0.iter().filter(|(key, _)| of_sent(key)).map(|(k, v)| (k.clone(), *v)));
}

/// Takes over what was sent as what the side showed. Of a set, which is sent as a whole, an element that the other side did
/// not have was the side's own, and one that only the other side had was taken away here: neither has gone across yet. Nor
/// has one that the other side shows otherwise, and as it was there in its base `then`: it was changed here.
pub(crate) fn adopt_sent(seen: &mut Hashes, sends: &Hashes, origin: &Hashes, then: &Hashes) {
    let elements = sends.0.keys().chain(seen.0.keys()).filter(|key| key.contains('/'));
    let own: BTreeMap<String, Option<u64>> = elements
        .filter(|key| {
            let [sent, shown, before] = [sends, origin, then].map(|hashes| hashes.0.get(*key));
            sent.is_some() != shown.is_some() || (sent != shown && shown == before)
        })
        .map(|key| (key.clone(), seen.0.get(key).copied()))
        .collect();
    adopt_fields(seen, sends, sends);
    for (key, then) in own {
        match then {
            Some(hash) => seen.0.insert(key, hash),
            None => seen.0.remove(&key),
        };
    }
}

/// Takes over the entries of what a write has changed. Of a set, which is sent as a whole, these are the elements that were
/// not there `before` as they were sent; the others may be the side's own, and not on the other side yet.
pub(crate) fn adopt_written(into: &mut Hashes, from: &Hashes, sent: &Hashes, before: &Hashes) {
    let fields: BTreeSet<&str> = sent.0.keys().map(|k| Hashes::field_of(k)).collect();
    let written = |key: &String| {
        let of_sent = fields.contains(Hashes::field_of(key));
        of_sent && (!key.contains('/') || sent.0.get(key) != before.0.get(key))
    };
    into.0.retain(|key, _| !written(key));
    into.0.extend(from.0.iter().filter(|(key, _)| written(key)).map(|(k, v)| (k.clone(), *v)));
}

#[cfg(test)]
mod tests;
