//! Holds: what waits for an administrator, and what was decided.
//!
//! A hold is a row. A decision is written into it by whoever asks an administrator, and carried out by the engine in its
//! next cycle; the row is closed when none of its items waits any more. It never expires.

use crate::ids::{MemberId, PairId, RemoteId};
use crate::item::Module;
use crate::rows::Side;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A hold's name in the engine: that of the pair that is held or, of Delete Safety, one of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HoldId(pub Uuid);

impl From<PairId> for HoldId {
    fn from(pair: PairId) -> Self {
        Self(pair.0)
    }
}

/// Why something waits for an administrator.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HoldKind {
    /// More deletions than allowed in one cycle, or those of what another sync has left. Nothing of this module of this user is
    /// written until it is decided.
    DeleteSafety,
    /// Several items may be the same thing.
    PossibleDuplicate,
    /// The same field was changed on both sides, and the policy is to ask; or an edit would cut the other side's text.
    Conflict,
    /// Deleted in the CRM, but edited in the mailbox.
    DeletedButEdited,
    /// Writing it would send mail to people.
    WouldNotify,
    /// It is not known whether it was made, and it cannot be looked for.
    InDoubt,
    /// One side cannot express what the other has (a recurring series).
    NotExpressible,
    /// The rules of time zones have changed: appointments are at another time that nobody has edited.
    ZoneRules,
    /// Another sync has left them in the mailbox, and they have no twin in the CRM.
    LostAndFound,
}

/// What an administrator may choose, without what goes with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Choice {
    /// The held deletions are made, or the held records moved.
    Approve,
    /// The held deletions are not made, or the held records not moved.
    Refuse,
    /// It is the same thing as an item of the other side.
    Link,
    /// It is a thing of its own: made on the other side.
    Create,
    /// It is left alone.
    Ignore,
    /// The mailbox is right.
    TakeMail,
    /// The CRM is right.
    TakeCrm,
    /// The mailbox keeps it.
    Keep,
    /// It is deleted in the mailbox too.
    LetGo,
}

impl Choice {
    /// On a button.
    pub fn title(self) -> &'static str {
        match self {
            Self::Approve => "Approve",
            Self::Refuse => "Refuse",
            Self::Link => "Link",
            Self::Create => "Create",
            Self::Ignore => "Ignore",
            Self::TakeMail => "Take mailbox",
            Self::TakeCrm => "Take CRM",
            Self::Keep => "Keep",
            Self::LetGo => "Let go",
        }
    }
}

impl HoldKind {
    /// As a person calls it.
    pub fn title(self) -> &'static str {
        match self {
            Self::DeleteSafety => "Delete Safety",
            Self::PossibleDuplicate => "Possible duplicate",
            Self::Conflict => "Conflict",
            Self::DeletedButEdited => "Deleted in the CRM, edited in the mailbox",
            Self::WouldNotify => "Would send mail",
            Self::InDoubt => "In doubt",
            Self::NotExpressible => "Cannot be expressed",
            Self::ZoneRules => "New time zone rules",
            Self::LostAndFound => "Lost & Found",
        }
    }

    /// Whether its items are told by name alone: there may be thousands.
    pub fn is_a_list(self) -> bool {
        matches!(self, Self::DeleteSafety | Self::LostAndFound)
    }

    /// What can be decided. Of what is in doubt nothing can: any choice might make it twice.
    pub fn choices(self) -> &'static [Choice] {
        match self {
            Self::DeleteSafety | Self::ZoneRules => &[Choice::Approve, Choice::Refuse],
            Self::PossibleDuplicate => &[Choice::Link, Choice::Create, Choice::Ignore],
            Self::LostAndFound => &[Choice::Create, Choice::Ignore],
            Self::Conflict => &[Choice::TakeMail, Choice::TakeCrm, Choice::Ignore],
            Self::DeletedButEdited => &[Choice::Keep, Choice::LetGo],
            Self::WouldNotify | Self::NotExpressible => &[Choice::Ignore],
            Self::InDoubt => &[],
        }
    }
}

/// What an administrator decided.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "decision")]
pub enum Decision {
    /// Exactly the deletions of the hold are made. An item that was edited since is not deleted.
    /// Of new time zone rules: the CRM's records are moved.
    Approve,
    /// They are not made: the items are kept, or made again where they were deleted, as the policy says.
    /// Of new time zone rules: the CRM's records stay as they are.
    Refuse,
    /// The held item is the same thing as this one of the other side.
    Link {
        /// Its id there.
        to: RemoteId,
    },
    /// The held item is a thing of its own: made on the other side.
    Create,
    /// Each side keeps what it has, and they are not kept in step.
    Ignore,
    /// What the mailbox shows goes to the CRM.
    TakeMail,
    /// What the CRM shows goes to the mailbox.
    TakeCrm,
    /// The mailbox keeps it; made again in the CRM, or not, as the policy says of refused deletions.
    Keep,
    /// It is deleted in the mailbox too.
    LetGo,
}

impl Decision {
    /// Which choice it is.
    pub fn choice(&self) -> Choice {
        match self {
            Self::Approve => Choice::Approve,
            Self::Refuse => Choice::Refuse,
            Self::Link { .. } => Choice::Link,
            Self::Create => Choice::Create,
            Self::Ignore => Choice::Ignore,
            Self::TakeMail => Choice::TakeMail,
            Self::TakeCrm => Choice::TakeCrm,
            Self::Keep => Choice::Keep,
            Self::LetGo => Choice::LetGo,
        }
    }
}

/// A decision, by whom and when.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decided {
    /// What.
    #[serde(flatten)]
    pub decision: Decision,
    /// `user@computer`.
    pub by: String,
    /// When.
    pub at: DateTime<Utc>,
}

/// An item of the other side that may be the same thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LikelyTwin {
    /// Its id there.
    pub id: RemoteId,
    /// What a person calls it.
    pub title: String,
}

/// One item that waits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeldItem {
    /// Its pair.
    pub pair: PairId,
    /// What a person calls it.
    pub title: String,
    /// Of a deletion: where it would be deleted. Else the side on which it stands, if on one alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub side: Option<Side>,
    /// What it can be linked to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub twins: Vec<LikelyTwin>,
}

/// Something that waits for an administrator.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldRow {
    /// Its name in the engine.
    pub id: HoldId,
    /// Its number for a person; 0 until it is stored.
    #[serde(default)]
    pub number: i64,
    /// Whose.
    pub member: MemberId,
    /// Of what.
    pub module: Module,
    /// Why, to decide by.
    pub kind: HoldKind,
    /// Since when.
    pub since: DateTime<Utc>,
    /// Why, for a person.
    pub reason: String,
    /// What waits, by name.
    pub items: Vec<HeldItem>,
    /// What was decided; the engine carries it out in its next cycle.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decided: Option<Decided>,
    /// When nothing of it waited any more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed: Option<DateTime<Utc>>,
}

impl HoldRow {
    /// Whether nothing of its module may be written.
    pub fn blocks_module(&self) -> bool {
        self.kind == HoldKind::DeleteSafety && self.decided.is_none() && self.closed.is_none()
    }

    /// Whether a decision fits.
    ///
    /// # Errors
    /// Why not, for a person.
    pub fn accepts(&self, decision: &Decision) -> Result<(), Undecidable> {
        if self.closed.is_some() {
            return Err(Undecidable(format!("hold {} is closed: nothing of it waits any more", self.number)));
        }
        let choices = self.kind.choices();
        if !choices.contains(&decision.choice()) {
            let words: Vec<&str> = choices.iter().map(|c| c.title()).collect();
            let what = if words.is_empty() {
                "nothing can be decided about it; it settles by itself as soon as it is known what became of it".into()
            } else {
                format!("it can be decided by {}", words.join(", "))
            };
            return Err(Undecidable(format!("hold {} is {}: {what}", self.number, self.kind.title())));
        }
        if let Decision::Link { to } = decision
            && !self.items.iter().flat_map(|i| &i.twins).any(|twin| twin.id == *to)
        {
            return Err(Undecidable(format!("{to} is not among the items that hold {} names", self.number)));
        }
        Ok(())
    }
}

/// Why a decision does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Undecidable(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    fn hold(kind: HoldKind) -> HoldRow {
        let pair = PairId(Uuid::from_u128(7));
        let twins = vec![LikelyTwin { id: "003".into(), title: "Ann".into() }];
        HoldRow {
            id: pair.into(),
            number: 4,
            member: MemberId(1),
            module: Module::Contacts,
            kind,
            since: DateTime::UNIX_EPOCH,
            reason: "why".into(),
            items: vec![HeldItem { pair, title: "Ann".into(), side: Some(Side::Mail), twins }],
            decided: None,
            closed: None,
        }
    }

    #[test]
    fn a_decision_must_fit_its_hold() {
        let duplicate = hold(HoldKind::PossibleDuplicate);
        assert_eq!(duplicate.accepts(&Decision::Link { to: "003".into() }), Ok(()));
        let stranger = duplicate.accepts(&Decision::Link { to: "004".into() }).unwrap_err().to_string();
        assert!(stranger.contains("004"), "{stranger}");
        let wrong = duplicate.accepts(&Decision::Approve).unwrap_err().to_string();
        assert_eq!(wrong, "hold 4 is Possible duplicate: it can be decided by Link, Create, Ignore");
        assert!(hold(HoldKind::InDoubt).accepts(&Decision::Ignore).is_err());
        let closed = HoldRow { closed: Some(DateTime::UNIX_EPOCH), ..hold(HoldKind::DeleteSafety) };
        assert!(closed.accepts(&Decision::Approve).is_err());
    }

    #[test]
    fn a_decision_survives_its_text() {
        let decided = Decided {
            decision: Decision::Link { to: "003".into() },
            by: "bob@desk".into(),
            at: DateTime::UNIX_EPOCH,
        };
        let text = serde_json::to_string(&decided).unwrap();
        assert_eq!(serde_json::from_str::<Decided>(&text).unwrap(), decided);
    }
}
