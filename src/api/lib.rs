//! What the agent can be asked, and the client that asks it.
//!
//! The agent writes into `state/agent.json` where it is to be reached ([`AgentFile`]); the token that it wants lies
//! beside it, for the workspace's owner alone. Whether it lives is told by its lock, not by a process id.

mod agent_file;
mod client;
mod process;

pub use agent_file::{API_VERSION, Address, AgentFile, AgentLock, new_token};
pub use client::{AgentClient, connect};
pub use process::DETACHED;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use riva_core::activity::{ActivityLine, ActivityQuery};
use riva_core::fault::ToAccept;
use riva_core::history::{Explanation, Order, OrderRow, Preview, UndoLine, UndoSpan};
use riva_core::hold_details::HoldDetails;
use riva_core::holds::{Decision, HoldRow};
use riva_core::ids::{ConnectionName, EmailAddress, MemberId, PolicyName};
use riva_core::not_synced::NotSynced;
use riva_core::queue::{MemberRow, ShownState};
use riva_core::rows::Side;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the agent is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentStatus {
    /// Its version.
    pub version: String,
    /// Its process id.
    pub pid: u32,
    /// When it was started.
    pub started: DateTime<Utc>,
    /// Members that are being synced right now.
    pub running: usize,
    /// Members in the queue.
    pub members: usize,
    /// Documents it could not load, in words; it goes on with the last good ones.
    pub complaints: Vec<String>,
    /// Connections that lead elsewhere than before, until an administrator has accepted that.
    #[serde(default)]
    pub to_accept: Vec<Unaccepted>,
}

/// A connection whose users are not synced until an administrator has accepted what it leads to now.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Unaccepted {
    /// Its name.
    pub connection: ConnectionName,
    /// Which side it is.
    pub side: Side,
    /// Why.
    pub why: ToAccept,
    /// What was found, for a person.
    pub found: String,
    /// How many users it keeps waiting.
    pub users: usize,
}

impl Unaccepted {
    /// Those that members have run into.
    pub fn of(members: &[MemberRow]) -> Vec<Self> {
        let mut all: BTreeMap<&ConnectionName, Self> = BTreeMap::new();
        for member in members {
            let Some((side, why, fault)) = member.to_accept() else { continue };
            let connection = member.connection(side);
            all.entry(connection).or_insert_with(|| Self {
                connection: connection.clone(),
                side,
                why,
                found: fault.detail.clone(),
                users: members.iter().filter(|m| m.enabled && m.connection(side) == connection).count(),
            });
        }
        all.into_values().collect()
    }
}

/// A row of the sync queue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct QueueRow {
    /// The member with all its facts.
    #[serde(flatten)]
    pub member: MemberRow,
    /// The one state to show, as of the answer's time.
    pub shown: ShownState,
}

/// Which members something is done to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Selection {
    /// All of them.
    All,
    /// Those of a policy.
    Policy(PolicyName),
    /// One user, in every policy.
    User(EmailAddress),
    /// One member.
    Member(MemberId),
}

/// What the agent answers when it refuses.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// Why, for a person.
    pub error: String,
}

/// Which connection is to be taken for the right one, whatever database it leads to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Accept {
    /// Its name.
    pub connection: ConnectionName,
    /// What a backup has put back there is brought up to date with what was in step before.
    #[serde(default)]
    pub catch_up: bool,
}

/// How many members were woken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Woken {
    /// So many.
    pub woken: usize,
}

/// Which holds are wanted.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldsQuery {
    /// Whose; everybody's without one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub member: Option<MemberId>,
    /// Closed ones too.
    #[serde(default)]
    pub closed: bool,
}

/// A decision about a hold.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Decide {
    /// The hold's number.
    pub number: i64,
    /// What.
    #[serde(flatten)]
    pub decision: Decision,
    /// By whom (`user@computer`).
    pub by: String,
}

/// Which hold is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct HoldQuery {
    /// Its number.
    pub number: i64,
    /// Of deletions, too, what their sides show of them is read.
    #[serde(default)]
    pub read: bool,
}

/// An order to the engine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct GiveOrder {
    /// For whom.
    pub member: MemberId,
    /// What.
    #[serde(flatten)]
    pub order: Order,
    /// By whom (`user@computer`).
    pub by: String,
}

/// Which order is asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrderQuery {
    /// Its number.
    pub number: i64,
}

/// Whose preview is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewOf {
    /// The member.
    pub member: MemberId,
}

/// Whose preview is wanted who is in a policy's file, and not known to the agent yet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewNewcomer {
    /// The policy, as its file is now.
    pub policy: PolicyName,
    /// The mailbox.
    pub address: EmailAddress,
}

/// Of which writes an undo is previewed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct PreviewUndo {
    /// Whose.
    pub member: MemberId,
    /// Which.
    pub span: UndoSpan,
}

/// Which item is to be explained.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExplainQuery {
    /// Whose.
    pub member: MemberId,
    /// A pair's id, an item's id on either side, or a part of its title.
    pub item: String,
}

/// Why the agent did not answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AgentError {
    /// It does not run.
    #[error("the Riva CRM Agent is not running; start it with `riva agent start`, or in the Service Monitor")]
    NotRunning,
    /// It runs, but refuses.
    #[error("the Riva CRM Agent refused: {0}")]
    Refused(String),
    /// It could not be reached, or gave no sensible answer.
    #[error("the Riva CRM Agent does not answer: {0}")]
    Unreachable(String),
}

/// The Riva CRM Agent, as Manager, Monitor and command line see it.
#[async_trait]
pub trait Agent: Send + Sync {
    /// How it is.
    async fn status(&self) -> Result<AgentStatus, AgentError>;
    /// The sync queue, all members.
    async fn queue(&self) -> Result<Vec<QueueRow>, AgentError>;
    /// A member's activity.
    async fn activity(&self, query: &ActivityQuery) -> Result<Vec<ActivityLine>, AgentError>;
    /// The items of a member that are not kept in step, each with the reason.
    async fn not_synced(&self, member: MemberId) -> Result<Vec<NotSynced>, AgentError>;
    /// Holds, with every item by name.
    async fn holds(&self, query: &HoldsQuery) -> Result<Vec<HoldRow>, AgentError>;
    /// What a hold is decided by beyond names. Both sides may be read for it.
    async fn hold_details(&self, number: i64) -> Result<HoldDetails, AgentError>;
    /// Decides about a hold; the engine carries it out at once.
    async fn decide(&self, what: &Decide) -> Result<HoldRow, AgentError>;
    /// Gives the engine an order; it is carried out in the member's next cycle, which is due at once.
    async fn order(&self, what: &GiveOrder) -> Result<OrderRow, AgentError>;
    /// An order, with what came of it.
    async fn order_of(&self, number: i64) -> Result<OrderRow, AgentError>;
    /// The story of the pairs that somebody may mean.
    async fn explain(&self, query: &ExplainQuery) -> Result<Vec<Explanation>, AgentError>;
    /// What the next cycle of a member would do. Both sides are read for it: it takes as long as a cycle.
    async fn preview(&self, member: MemberId) -> Result<Preview, AgentError>;
    /// What an undo would do.
    async fn preview_undo(&self, member: MemberId, span: UndoSpan) -> Result<Vec<UndoLine>, AgentError>;
    /// Takes whatever database a connection leads to now for the right one. Answers how many members were woken.
    /// `catch_up`: what a backup has put back there is brought up to date with what was in step before.
    async fn accept(&self, connection: &ConnectionName, catch_up: bool) -> Result<usize, AgentError>;
    /// Sync now. Answers how many members were woken.
    async fn sync_now(&self, which: &Selection) -> Result<usize, AgentError>;
    /// Starts the service and waits until it answers.
    async fn start(&self) -> Result<(), AgentError>;
    /// Stops the service: running calls are finished, leases given back; waits until it has gone.
    async fn stop(&self) -> Result<(), AgentError>;
    /// Stop, then start: documents are read anew.
    async fn restart(&self) -> Result<(), AgentError>;
}

#[cfg(test)]
mod tests {
    use super::*;
    use riva_core::fault::{Fault, FaultKind};
    use riva_core::queue::MemberState;

    fn member(id: i64, crm: &str, fault: Option<Fault>) -> MemberRow {
        MemberRow {
            id: MemberId(id),
            policy: "p".into(),
            address: format!("user{id}@example.com").as_str().into(),
            mail: "mail".into(),
            crm: crm.into(),
            crm_user: None,
            enabled: true,
            next_at: DateTime::UNIX_EPOCH,
            urgent: false,
            running: false,
            state: MemberState { crm_fault: fault, ..MemberState::default() },
        }
    }

    #[test]
    fn a_connection_is_told_once_with_all_its_users() {
        let older =
            Fault::new(FaultKind::UnexpectedAnswer, "it is older").to_be_accepted(ToAccept::OlderState);
        let refused = Fault::new(FaultKind::GivenCredentials, "401");
        let disabled = MemberRow { enabled: false, ..member(6, "crm", Some(older.clone())) };
        let members = [
            member(1, "another", Some(refused)),
            member(2, "crm", None),
            member(3, "crm", Some(older.clone())),
            member(4, "crm", Some(older)),
            member(5, "another", None),
            disabled,
        ];
        let [one] = &Unaccepted::of(&members)[..] else { panic!("one connection") };
        let expected = Unaccepted {
            connection: "crm".into(),
            side: Side::Crm,
            why: ToAccept::OlderState,
            found: "it is older".into(),
            users: 3,
        };
        assert_eq!(*one, expected);
    }

    #[test]
    fn the_status_of_an_agent_that_tells_nothing_of_it_is_understood() {
        let status = r#"{"version":"1","pid":1,"started":"2026-11-23T08:00:00Z","running":0,"members":0,"complaints":[]}"#;
        let status: AgentStatus = serde_json::from_str(status).unwrap();
        assert!(status.to_accept.is_empty());
    }
}
