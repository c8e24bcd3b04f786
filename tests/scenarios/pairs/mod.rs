//! A mail system and a CRM, and the hands of the people who work there: what they do never goes through a connector.

#[path = "../../servers/desk/desk.rs"]
mod desk;
pub mod sandbox;
pub mod servers;
pub mod shelf;

use crate::story::Need;
use crate::things::{Kind, Thing};
use async_trait::async_trait;
use riva_core::ports::SecretStore;
use riva_core::rows::Side;
use std::sync::Arc;

/// Who lives through a story: a user of both systems.
#[derive(Debug, Clone)]
pub struct Person {
    /// The story's name with the kind of thing; also the name in the address.
    pub story: String,
    pub address: String,
}

impl Person {
    pub fn of(scenario: &str, kind: Kind, domain: &str) -> Self {
        let story = format!("{scenario}-{}", kind.word());
        Self { address: format!("{story}@{domain}"), story }
    }
}

/// What a hand does to an item.
#[derive(Debug, Clone)]
pub enum Hand {
    /// A new one, with the UID of another if so said.
    Make {
        thing: Thing,
        uid_of: Option<String>,
    },
    /// It is saved with this content, as people save it who see all of it.
    Save {
        id: String,
        thing: Thing,
    },
    Delete {
        id: String,
    },
    /// To another place within what is synced: it has another id.
    Move {
        id: String,
    },
    OtherUid {
        id: String,
    },
}

/// Two systems, as the documents of a workspace name them.
pub trait Connected: Send + Sync {
    /// The document of a connection.
    fn connection(&self, side: Side) -> String;
    fn licensed(&self, side: Side) -> &'static str;
    fn secrets(&self) -> Arc<dyn SecretStore>;
}

/// Two systems.
#[async_trait]
pub trait Pair: Connected {
    fn name(&self) -> &'static str;
    /// The part of an address behind the `@`.
    fn domain(&self) -> &'static str;
    /// Why a kind of thing is not synced between them, if it is not.
    fn lacks(&self, kind: Kind) -> Option<&'static str>;
    /// Why people cannot do something with a kind of thing there, if they cannot.
    fn cannot(&self, need: Need, kind: Kind) -> Option<&'static str>;
    /// Makes a user on both sides.
    async fn hire(&self, who: &Person);
    async fn deed(&self, who: &Person, kind: Kind, side: Side, hand: Hand);
    /// Everything of a kind that somebody has on a side, by id.
    async fn shows(&self, who: &Person, kind: Kind, side: Side) -> Vec<(String, Thing)>;
    /// Mails that were sent to people, or would have been.
    async fn mails(&self) -> u64;
}
