//! What a cycle does, told to whoever wants to hear it: the preview is this list, without the doing.

use crate::work::{Work, Write};
use riva_core::history::{Deed, DeedKind, DeedSink, FieldChange};
use riva_core::item::Item;
use riva_core::rows::{Commit, IntentKind};

/// A write that is about to be made.
pub(crate) fn of_write(work: &Work) -> Option<Deed> {
    let write = work.writes.first()?;
    let side = write.side();
    let kind = match write.kind() {
        IntentKind::Create => DeedKind::Create { side },
        IntentKind::Update => DeedKind::Update { side },
        IntentKind::Delete => DeedKind::Delete { side },
    };
    let fields = match write {
        Write::Create { item, .. } => item
            .fields
            .iter()
            .map(|(field, new)| FieldChange { field: *field, old: None, new: new.clone() })
            .collect(),
        Write::Update { set, base, .. } => set
            .iter()
            .map(|(field, new)| FieldChange {
                field: *field,
                old: base.get(*field).cloned(),
                new: new.clone(),
            })
            .collect(),
        Write::Delete { .. } => Vec::new(),
    };
    Some(Deed {
        module: work.pair.module,
        pair: work.pair.id,
        kind,
        title: work.title.clone(),
        rule: work.rule.clone(),
        fields,
        reason: String::new(),
    })
}

/// The content that a write replaces or takes away, as far as it is to be kept for an undo.
pub(crate) fn before(write: &Write) -> Option<Item> {
    match write {
        Write::Create { .. } => None,
        Write::Update { set, base, .. } => {
            let mut before = Item { fields: base.fields.clone(), ..Item::new(base.module) };
            before.fields.retain(|field, _| set.contains_key(field));
            Some(before)
        }
        // What became private is not put back by any undo.
        Write::Delete { base, frees_origin, .. } => base.clone().filter(|_| !frees_origin),
    }
}

/// What rows tell that are about to be stored: links, holds, and what is given up.
pub(crate) fn of_commit(changes: &Commit, sink: &dyn DeedSink) {
    for line in &changes.journal {
        let kind = match line.deed.as_str() {
            "link" => DeedKind::Link,
            "detached" => DeedKind::Detach,
            "quarantined" => DeedKind::Fail,
            _ => continue,
        };
        let pair = changes.pairs.iter().find(|p| p.id == line.pair);
        let reason = pair.and_then(|p| p.reason.clone()).unwrap_or_default();
        let title = line.text.strip_suffix(&reason).map_or(line.text.as_str(), |t| t.trim_end_matches(": "));
        sink.deed(Deed {
            module: line.module,
            pair: line.pair,
            kind,
            title: title.to_owned(),
            rule: line.rule.clone(),
            fields: Vec::new(),
            reason,
        });
    }
    for hold in changes.holds.iter().filter(|h| h.closed.is_none() && h.decided.is_none()) {
        for item in &hold.items {
            let rule = changes.journal.iter().find(|line| line.pair == item.pair).map(|l| l.rule.clone());
            sink.deed(Deed {
                module: hold.module,
                pair: item.pair,
                kind: DeedKind::Hold { hold: hold.kind },
                title: item.title.clone(),
                rule: rule.unwrap_or_default(),
                fields: Vec::new(),
                reason: hold.reason.clone(),
            });
        }
    }
}
