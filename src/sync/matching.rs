//! Finding the twin of an item at first sync (engine design, section 1.6): duplicates are what users complain of most,
//! so a rule counts only where it is one-to-one, and nothing is guessed.

use crate::hash::{FieldHasher, phone_digits};
use riva_core::ids::Marker;
use riva_core::item::{Field, Item, Module, Name, Value};
use riva_core::rows::{MatchKey, PairRow, Side};
use std::collections::BTreeSet;

/// The rules, in order of trust.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MatchRule {
    /// Both carry the same marker of ours.
    Marker = 0,
    /// The same iCalUID or vCard UID.
    Uid = 1,
    /// The same e-mail address (no role address), and names that can be of one person.
    Email = 2,
    /// The same phone number and family name.
    Phone = 3,
    /// The same full name and company; for events the same start, end and subject; for tasks the same subject and due date.
    Name = 4,
}

impl MatchRule {
    /// The rule of a key.
    pub fn of(key: MatchKey) -> Option<Self> {
        [Self::Marker, Self::Uid, Self::Email, Self::Phone, Self::Name]
            .into_iter()
            .find(|r| *r as u8 == key.rule)
    }

    /// The rule in words, for journal and log.
    pub fn title(self, module: Module) -> &'static str {
        match (self, module) {
            (Self::Marker, _) => "marker",
            (Self::Uid, Module::Email) => "Message-ID",
            (Self::Uid, _) => "UID",
            (Self::Email, _) => "e-mail address",
            (Self::Phone, _) => "phone number and family name",
            (Self::Name, Module::Calendar) => "start, end and subject",
            (Self::Name, Module::Tasks) => "subject and due date",
            (Self::Name, _) => "name and company",
        }
    }
}

/// Local parts that belong to a desk and not to a person.
const ROLE_ADDRESSES: [&str; 14] = [
    "info", "sales", "office", "support", "contact", "admin", "mail", "service", "hello", "team", "billing",
    "help", "noreply", "no-reply",
];

/// The keys by which an item's twin can be found, in order of trust.
pub fn keys(hasher: &FieldHasher, item: &Item, marker: Option<Marker>) -> Vec<MatchKey> {
    let mut keys = BTreeSet::new();
    let mut add = |rule: MatchRule, kind: &str, text: &str| {
        keys.insert(MatchKey { rule: rule as u8, hash: hasher.text(kind, text) });
    };
    if let Some(marker) = marker {
        add(MatchRule::Marker, "marker", &marker.pair.to_string());
    }
    if let Some(uid) = item.uid.as_deref().filter(|u| !u.is_empty()) {
        add(MatchRule::Uid, "uid", uid);
    }
    match item.module {
        Module::Contacts => {
            for address in emails(item) {
                add(MatchRule::Email, "email", &address);
            }
            let family = item.name().map(|n| fold(&n.family)).filter(|f| !f.is_empty());
            if let (Some(family), Some(phones)) = (family, item.set_elements(Field::Phones)) {
                for phone in phones.values().map(|e| phone_digits(&e.value)).filter(|p| p.len() >= 6) {
                    add(MatchRule::Phone, "phone", &format!("{phone}\n{family}"));
                }
            }
            let organization = match item.get(Field::Organization) {
                Some(Value::Organization(o)) => fold(&o.name),
                _ => String::new(),
            };
            let full = full_name(item);
            if !full.is_empty() && !organization.is_empty() {
                add(MatchRule::Name, "name", &format!("{full}\n{organization}"));
            }
        }
        Module::Calendar => {
            if let (Some(when), Some(subject)) = (item.when(), item.text(Field::Summary)) {
                let (start, end) = when.utc();
                // What has no length in a mailbox lasts a minute in a CRM.
                let end = end.max(start + chrono::Duration::minutes(1));
                let text = format!("{}\n{}\n{}", start.timestamp(), end.timestamp(), fold(subject));
                // A single appointment at the first time of a series is not the series.
                add(MatchRule::Name, if item.is_recurring() { "series" } else { "event" }, &text);
            }
        }
        Module::Tasks => {
            if let Some(subject) = item.text(Field::Summary) {
                let due = match item.get(Field::DueDate) {
                    Some(Value::Date(day)) => day.to_string(),
                    _ => String::new(),
                };
                add(MatchRule::Name, "task", &format!("{due}\n{}", fold(subject)));
            }
        }
        Module::Email => {}
    }
    keys.into_iter().collect()
}

/// Whether two items that share a key of this rule can be the same thing.
pub fn compatible(rule: MatchRule, a: &Item, b: &Item) -> bool {
    match rule {
        MatchRule::Marker | MatchRule::Uid | MatchRule::Phone | MatchRule::Name => true,
        MatchRule::Email => names_compatible(&name_of(a), &name_of(b)),
    }
}

/// The addresses of a contact that belong to a person, in lower case.
fn emails(item: &Item) -> BTreeSet<String> {
    let all = item.set_elements(Field::Emails).into_iter().flat_map(|e| e.values());
    all.map(|e| e.value.trim().to_lowercase())
        .filter(|a| a.split_once('@').is_some_and(|(local, _)| !ROLE_ADDRESSES.contains(&local)))
        .collect()
}

/// The key under which the making of one record for many members is claimed: an event's UID, a contact's first
/// personal address, a message's Message-ID.
pub fn claim_key(hasher: &FieldHasher, item: &Item) -> Option<(&'static str, u64)> {
    match item.module {
        Module::Calendar => uid_key(hasher, item).map(|key| ("event", key)),
        Module::Contacts => emails(item).first().map(|a| ("contact", hasher.text("email", a))),
        Module::Email => item.uid.as_deref().map(|id| ("message", hasher.text("message-id", id))),
        Module::Tasks => None,
    }
}

/// By which an item is known when its mailbox gives it another id: the UID of a card, a task, or an appointment. (A
/// message is known by nothing: it never changes.)
pub fn uid_key(hasher: &FieldHasher, item: &Item) -> Option<u64> {
    let uid = item.uid.as_deref().filter(|uid| !uid.is_empty())?;
    match item.module {
        Module::Contacts | Module::Tasks | Module::Calendar => Some(hasher.text("uid", uid)),
        Module::Email => None,
    }
}

/// Notes in a pair by which its item is known.
pub(crate) fn note_uid(hasher: &FieldHasher, pair: &mut PairRow, side: Side, item: &Item) {
    if side == Side::Mail {
        pair.uid = uid_key(hasher, item);
    }
}

fn name_of(item: &Item) -> Name {
    match item.name() {
        Some(name) if !name.given.is_empty() || !name.family.is_empty() => name.clone(),
        _ => {
            let shown = item.text(Field::DisplayName).unwrap_or_default();
            let (given, family) = shown.rsplit_once(' ').unwrap_or(("", shown));
            Name { given: given.to_owned(), family: family.to_owned(), ..Name::default() }
        }
    }
}

fn full_name(item: &Item) -> String {
    let name = name_of(item);
    fold(&format!("{} {}", name.given, name.family))
}

/// One blank, or close spelling of family name and given name (or its initial).
fn names_compatible(a: &Name, b: &Name) -> bool {
    let close = |a: &str, b: &str| {
        let (a, b) = (fold(a), fold(b));
        a.is_empty() || b.is_empty() || a == b || strsim::jaro_winkler(&a, &b) >= 0.85
    };
    let initial = |a: &str, b: &str| {
        let (a, b) = (fold(a), fold(b));
        let one = |t: &str| t.chars().filter(|c| c.is_alphabetic()).count() == 1;
        (one(&a) || one(&b)) && a.chars().next() == b.chars().next()
    };
    close(&a.family, &b.family) && (close(&a.given, &b.given) || initial(&a.given, &b.given))
}

/// Lower case, single spaces.
fn fold(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").to_lowercase()
}

#[cfg(test)]
mod tests;
