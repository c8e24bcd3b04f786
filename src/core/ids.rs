//! Identifiers. Each is a type of its own, so that a policy's name can never be passed where a user's address is
//! wanted.

use crate::item::RecurrenceId;
use serde::{Deserialize, Serialize};
use std::fmt;
use uuid::Uuid;

macro_rules! text_id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Takes the text as it is.
            pub fn new(text: impl Into<String>) -> Self {
                Self(text.into())
            }

            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<&str> for $name {
            fn from(text: &str) -> Self {
                Self::new(text)
            }
        }

        impl From<String> for $name {
            fn from(text: String) -> Self {
                Self::new(text)
            }
        }
    };
}

text_id!(
    /// A connection's name: the stem of its file in `connections/`.
    ConnectionName
);
text_id!(
    /// A sync policy's name: the stem of its file in `policies/`.
    PolicyName
);
text_id!(
    /// An item's id as its own system gives it. Opaque; may change when the item is moved (Exchange).
    RemoteId
);
text_id!(
    /// A version token as the item's own system gives it: ChangeKey, etag, SystemModstamp, write_date. Opaque, and
    /// may change although no field did.
    Version
);

impl Version {
    /// At the end of a version: another one of the same instant may follow.
    pub const PROVISIONAL: char = '~';

    /// Without that mark.
    pub fn stamp(&self) -> &str {
        self.as_str().trim_end_matches(Self::PROVISIONAL)
    }

    /// Whether it is earlier than another one, where versions tell when an item was last changed: in the order of their
    /// texts (instants) or, if both are numbers, of those. Of one that is not known nothing can be said.
    pub fn is_before(&self, other: &Self) -> bool {
        let [mine, theirs] = [self.stamp(), other.stamp()];
        let is_number = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if mine.is_empty() || theirs.is_empty() {
            false
        } else if is_number(mine) && is_number(theirs) {
            (mine.len(), mine) < (theirs.len(), theirs)
        } else {
            mine < theirs
        }
    }
}

text_id!(
    /// Where a feed of changes was read up to. Opaque, made and understood by the connector alone.
    Cursor
);
text_id!(
    /// A CRM user's id as the CRM gives it.
    CrmUserId
);

/// Stands between a series' id and its occurrence's.
const OCCURRENCE: char = '#';

impl RemoteId {
    /// The id under which one occurrence of a series is known here, where it is an item of its own (`series#20261124T090000`).
    /// No system knows this id.
    #[must_use]
    pub fn occurrence(&self, of: RecurrenceId) -> Self {
        Self(format!("{}{OCCURRENCE}{of}", self.0))
    }

    /// The series and the occurrence of it, if this is an occurrence's id.
    pub fn as_occurrence(&self) -> Option<(Self, RecurrenceId)> {
        let (series, of) = self.0.rsplit_once(OCCURRENCE)?;
        Some((Self::new(series), RecurrenceId::parse(of)?))
    }

    /// What the ids of all occurrences of this series begin with.
    #[must_use]
    pub fn occurrences(&self) -> Self {
        Self(format!("{}{OCCURRENCE}", self.0))
    }
}

/// An e-mail address, compared without regard to case (kept trimmed and lower-cased).
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Takes any text: use [`EmailAddress::looks_valid`] before trusting it.
    pub fn new(text: impl AsRef<str>) -> Self {
        Self(text.as_ref().trim().to_lowercase())
    }

    /// The address in lower case.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// One `@` with something on both sides and no white space: enough to tell an address from a user name.
    pub fn looks_valid(&self) -> bool {
        let mut parts = self.0.split('@');
        matches!((parts.next(), parts.next(), parts.next()), (Some(a), Some(b), None) if !a.is_empty() && !b.is_empty())
            && !self.0.contains(char::is_whitespace)
    }
}

impl From<String> for EmailAddress {
    fn from(text: String) -> Self {
        Self::new(text)
    }
}

impl From<&str> for EmailAddress {
    fn from(text: &str) -> Self {
        Self::new(text)
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl fmt::Display for EmailAddress {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A member's number in the store: one user in one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MemberId(pub i64);

impl fmt::Display for MemberId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "member {}", self.0)
    }
}

/// A pair of items that are the same thing on both sides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct PairId(pub Uuid);

impl fmt::Display for PairId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// What is written into an item when we create it, so that a create whose answer was lost can be found again.
/// Text form: `pair-uuid/generation`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Marker {
    /// The pair that the item belongs to.
    pub pair: PairId,
    /// Counts the creates of this pair; a new one after each confirmed deletion.
    pub generation: u32,
}

impl fmt::Display for Marker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.pair, self.generation)
    }
}

impl std::str::FromStr for Marker {
    type Err = NotAMarker;

    fn from_str(text: &str) -> Result<Self, NotAMarker> {
        let (pair, generation) = text.split_once('/').ok_or(NotAMarker)?;
        Ok(Self {
            pair: PairId(pair.parse().map_err(|_| NotAMarker)?),
            generation: generation.parse().map_err(|_| NotAMarker)?,
        })
    }
}

/// The text is not one of our markers: somebody else's value stands in the field.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a Riva marker")]
pub struct NotAMarker;

impl Serialize for Marker {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Marker {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_its_text_form() {
        let marker = Marker { pair: PairId(Uuid::from_u128(7)), generation: 3 };
        assert_eq!(marker.to_string().parse::<Marker>(), Ok(marker));
        assert_eq!("CRM-123".parse::<Marker>(), Err(NotAMarker));
    }

    #[test]
    fn versions_are_in_the_order_of_their_instants() {
        let in_order = [
            "2026-11-28 09:59:59",
            "2026-11-28 10:00:00~",
            "2026-11-28 10:00:00.5",
            "2026-11-28 10:00:00.52",
            "2026-11-28 10:00:01",
        ]
        .map(Version::from);
        let numbers = ["7", "9~", "10", "11"].map(Version::from);
        for all in [&in_order[..], &numbers[..]] {
            for (n, earlier) in all.iter().enumerate() {
                assert!(!earlier.is_before(earlier));
                for later in &all[n + 1..] {
                    assert!(earlier.is_before(later) && !later.is_before(earlier), "{earlier} {later}");
                }
            }
        }
        let [settled, provisional] = ["10:00:00", "10:00:00~"].map(Version::from);
        assert!(!settled.is_before(&provisional) && !provisional.is_before(&settled));
        let unknown = Version::default();
        assert!(!unknown.is_before(&settled) && !settled.is_before(&unknown));
    }

    #[test]
    fn an_occurrence_is_known_by_its_series() {
        let series = RemoteId::new("AAMk#x=");
        for of in ["20261124T090000", "20261124"] {
            let of = RecurrenceId::parse(of).expect("a recurrence id");
            let id = series.occurrence(of);
            assert_eq!(id.as_occurrence(), Some((series.clone(), of)));
            assert!(id.as_str().starts_with(series.occurrences().as_str()));
        }
        assert_eq!(series.as_occurrence(), None);
        assert_eq!(RemoteId::new("20261124T090000").as_occurrence(), None);
    }

    #[test]
    fn addresses_differ_not_by_case() {
        assert_eq!(EmailAddress::new(" Ann@Example.COM "), EmailAddress::new("ann@example.com"));
        assert!(EmailAddress::new("ann@example.com").looks_valid());
        assert!(!EmailAddress::new("ann").looks_valid());
        assert!(!EmailAddress::new("a b@c").looks_valid());
    }
}
