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
        IntentKind::Move => DeedKind::Move { side },
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
        Write::Delete { .. } | Write::Move { .. } => Vec::new(),
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
        Write::Create { .. } | Write::Move { .. } => None,
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::holds::of_pair;
    use crate::journal;
    use crate::simulator::world::Deeds;
    use chrono::{DateTime, Utc};
    use riva_core::holds::{Decided, Decision, HoldKind, HoldRow};
    use riva_core::ids::PairId;
    use riva_core::rows::PairRow;

    const NOW: DateTime<Utc> = DateTime::UNIX_EPOCH;

    fn pair(number: u128, reason: Option<&str>) -> PairRow {
        let id = PairId(uuid::Uuid::from_u128(number));
        PairRow { id, reason: reason.map(str::to_owned), ..Work::sample().pair }
    }

    /// What is told of a commit: of which pair, what, its title, by which rule, and why.
    fn told(commit: &Commit) -> Vec<(PairId, DeedKind, String, String, String)> {
        let deeds = Deeds::default();
        of_commit(commit, &deeds);
        deeds.take().into_iter().map(|d| (d.pair, d.kind, d.title, d.rule, d.reason)).collect()
    }

    #[test]
    fn what_is_linked_or_given_up_is_told_with_its_own_reason() {
        let [first, second] = [pair(1, Some("It is unreadable.")), pair(2, Some("It was deleted."))];
        let third = pair(3, None);
        let journal = vec![
            journal::line(&first, NOW, "quarantined", "reading", "Visit: It is unreadable."),
            journal::line(&second, NOW, "detached", "matching", "Call: It was deleted."),
            journal::line(&third, NOW, "link", "uid", "Lunch"),
            journal::line(&third, NOW, "update crm", "table row 3", "Lunch"),
        ];
        let ids = [first.id, second.id, third.id];
        let commit = Commit { journal, pairs: vec![first, second, third], ..Commit::default() };
        let text = str::to_owned;
        assert_eq!(
            told(&commit),
            [
                (ids[0], DeedKind::Fail, text("Visit"), text("reading"), text("It is unreadable.")),
                (ids[1], DeedKind::Detach, text("Call"), text("matching"), text("It was deleted.")),
                (ids[2], DeedKind::Link, text("Lunch"), text("uid"), text("")),
            ]
        );
    }

    #[test]
    fn a_hold_is_told_when_it_is_opened_and_by_the_rule_that_opened_it() {
        let [first, second] = [pair(1, None), pair(2, None)];
        let hold =
            |pair, title: &str| of_pair(HoldKind::Conflict, pair, title, "Both differ.", Vec::new(), NOW);
        let decided = Decided { decision: Decision::TakeMail, by: "admin@desk".into(), at: NOW };
        let holds = vec![
            hold(&first, "Visit"),
            HoldRow { decided: Some(decided), ..hold(&second, "Call") },
            HoldRow { closed: Some(NOW), ..hold(&second, "Call") },
        ];
        let line = |pair, rule: &str| journal::line(pair, NOW, "held", rule, "");
        let journal = vec![line(&second, "table row 4"), line(&first, "table row 3")];
        let kind = DeedKind::Hold { hold: HoldKind::Conflict };
        let told = told(&Commit { holds, journal, ..Commit::default() });
        let [visit, rule, reason] = ["Visit", "table row 3", "Both differ."].map(str::to_owned);
        assert_eq!(told, [(first.id, kind, visit, rule, reason)]);
    }
}
