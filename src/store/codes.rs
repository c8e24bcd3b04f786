//! Numbers for words, milliseconds for times, bytes for ids. A number once given is never given to another word.

use crate::base::broken;
use chrono::{DateTime, Utc};
use riva_core::activity::Level;
use riva_core::ids::{MemberId, PairId};
use riva_core::item::Module;
use riva_core::ports::StoreError;
use riva_core::rows::{FeedScope, IntentKind, MatchKey, PairState, Presence, Side};
use uuid::Uuid;

/// A word that is a number in the database.
pub(crate) trait Code: Sized + Copy + PartialEq + 'static {
    /// All of them with their numbers.
    const ALL: &'static [(Self, i64)];

    /// Its number.
    fn code(self) -> i64 {
        // Every word is in its table (the test below sees to it); the number for none is never stored.
        Self::ALL.iter().find(|(word, _)| *word == self).map_or(-1, |(_, code)| *code)
    }

    /// The word of a number.
    fn from_code(code: i64) -> Result<Self, StoreError> {
        let word = Self::ALL.iter().find(|(_, c)| *c == code).map(|(word, _)| *word);
        word.ok_or_else(|| broken(format_args!("{code} is not a known {}", std::any::type_name::<Self>())))
    }
}

impl Code for Module {
    const ALL: &'static [(Self, i64)] =
        &[(Self::Contacts, 1), (Self::Calendar, 2), (Self::Tasks, 3), (Self::Email, 4)];
}

impl Code for Side {
    const ALL: &'static [(Self, i64)] = &[(Self::Mail, 1), (Self::Crm, 2)];
}

impl Code for Presence {
    const ALL: &'static [(Self, i64)] =
        &[(Self::Present, 1), (Self::Deleted, 2), (Self::Missing, 3), (Self::OutOfScope, 4)];
}

impl Code for PairState {
    const ALL: &'static [(Self, i64)] = &[
        (Self::Linked, 1),
        (Self::Held, 2),
        (Self::Quarantined, 3),
        (Self::Detached, 4),
        (Self::Tombstoned, 5),
        (Self::Unrolled, 6),
    ];
}

impl Code for IntentKind {
    const ALL: &'static [(Self, i64)] =
        &[(Self::Create, 1), (Self::Update, 2), (Self::Delete, 3), (Self::Move, 4)];
}

impl Code for Level {
    const ALL: &'static [(Self, i64)] = &[(Self::Info, 1), (Self::Warning, 2), (Self::Error, 3)];
}

/// A time as milliseconds.
pub(crate) fn millis(at: DateTime<Utc>) -> i64 {
    at.timestamp_millis()
}

/// The time of so many milliseconds.
pub(crate) fn time(millis: i64) -> Result<DateTime<Utc>, StoreError> {
    DateTime::from_timestamp_millis(millis).ok_or_else(|| broken(format_args!("{millis} is not a time")))
}

/// A pair's id as bytes; their order is the ids' order.
pub(crate) fn pair_bytes(pair: PairId) -> Vec<u8> {
    pair.0.as_bytes().to_vec()
}

/// The pair id of bytes.
pub(crate) fn pair_id(bytes: &[u8]) -> Result<PairId, StoreError> {
    Uuid::from_slice(bytes).map(PairId).map_err(broken)
}

/// What comes after nothing: every id's bytes are greater.
pub(crate) fn after_pair(after: Option<PairId>) -> Vec<u8> {
    after.map(pair_bytes).unwrap_or_default()
}

/// Who reads a feed, as a key.
pub(crate) fn scope(scope: &FeedScope) -> String {
    match scope {
        FeedScope::Member(MemberId(id)) => format!("m:{id}"),
        FeedScope::Connection(name) => format!("c:{name}"),
    }
}

/// An unsigned number in a signed column: the same bits.
pub(crate) fn bits(number: u64) -> i64 {
    number.cast_signed()
}

/// A small number that was stored as a large one.
pub(crate) fn small(number: i64) -> Result<u32, StoreError> {
    u32::try_from(number).map_err(broken)
}

/// Match keys as bytes: nine for each.
pub(crate) fn match_bytes(keys: &[MatchKey]) -> Vec<u8> {
    keys.iter().flat_map(|k| std::iter::once(k.rule).chain(k.hash.to_le_bytes())).collect()
}

/// The reverse of [`match_bytes`].
pub(crate) fn match_keys(bytes: &[u8]) -> Result<Vec<MatchKey>, StoreError> {
    let (keys, rest) = bytes.as_chunks::<9>();
    if !rest.is_empty() {
        return Err(broken("match keys of a wrong length"));
    }
    let key = |b: &[u8; 9]| {
        let [rule, hash @ ..] = *b;
        MatchKey { rule, hash: u64::from_le_bytes(hash) }
    };
    Ok(keys.iter().map(key).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn unambiguous<C: Code + std::fmt::Debug>() {
        for (word, code) in C::ALL {
            assert_eq!(word.code(), *code);
            assert_eq!(C::from_code(*code).as_ref(), Ok(word));
        }
        assert_eq!(C::ALL.iter().map(|(_, code)| code).collect::<BTreeSet<_>>().len(), C::ALL.len());
    }

    #[test]
    fn every_word_has_its_number() {
        unambiguous::<Module>();
        unambiguous::<Side>();
        unambiguous::<Presence>();
        unambiguous::<PairState>();
        unambiguous::<IntentKind>();
        unambiguous::<Level>();
        assert!(Module::from_code(99).is_err());
    }

    #[test]
    fn match_keys_survive_their_bytes() {
        let keys = vec![MatchKey { rule: 2, hash: u64::MAX }, MatchKey { rule: 0, hash: 7 }];
        assert_eq!(match_keys(&match_bytes(&keys)), Ok(keys));
        assert!(match_keys(&[1, 2]).is_err());
    }
}
