//! What a scenario is made of: policy, what people do on both sides, and what must have come of it after each sync.

use crate::things::Kind;
use riva_core::documents::{ConflictWinner, DeletePolicy, Direction, LostAndFound};
use riva_core::holds::Decision;
use riva_core::rows::Side;

/// A story that is played on every pair of systems, once for each kind of thing.
pub struct Scenario {
    /// Its name: also the user's.
    pub name: &'static str,
    /// The tests of vdirsyncer 0.21 (`tests/unit/sync`) that it restates.
    pub restates: &'static [&'static str],
    /// What it shows; where Riva means to behave otherwise than vdirsyncer, why.
    pub about: &'static str,
    pub kinds: &'static [Kind],
    /// What systems must let people do so that the story can happen at all.
    pub needs: &'static [Need],
    pub rules: Rules,
    pub steps: Vec<Step>,
}

/// What not every system lets people do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The mailbox's owner can give an item another UID.
    OtherUid,
    /// The mailbox takes two items with one UID.
    TwoOfOneUid,
}

/// What the policy says.
#[derive(Debug, Clone, Copy)]
pub struct Rules {
    pub direction: Direction,
    pub conflict: ConflictWinner,
    pub deleted_in_mail: DeletePolicy,
    pub deleted_in_crm: DeletePolicy,
    pub attachments: bool,
    pub lost_and_found: LostAndFound,
}

/// Both ways, deletions are carried out, conflicts are held.
pub const TWO_WAY: Rules = Rules {
    direction: Direction::TwoWay,
    conflict: ConflictWinner::Hold,
    deleted_in_mail: DeletePolicy::Propagate,
    deleted_in_crm: DeletePolicy::Propagate,
    attachments: false,
    lost_and_found: LostAndFound::Move,
};

/// What people do, a sync, and what must have come of it.
pub struct Step {
    pub deeds: Vec<Deed>,
    pub then: Then,
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Deed {
    /// Makes a thing.
    Make(Side, &'static str),
    /// Sets one field of the thing of a name.
    Edit(Side, &'static str, &'static str),
    /// Saves the thing of a name as it is: a new version, nothing else.
    Touch(Side, &'static str),
    Delete(Side, &'static str),
    /// Deletes all there is.
    Empty(Side),
    /// Moves or renames an item of the mailbox: it has another id.
    MoveInMail(&'static str),
    /// Gives an item of the mailbox another UID.
    OtherUid(&'static str),
    /// Makes a thing in the mailbox with the UID of the thing of a name.
    MakeWithUidOf(&'static str, &'static str),
    /// From now on a side refuses every write; or takes them again, and the administrator has failed ones tried again.
    Refuse(Side, bool),
    /// From now on a side names every change three times; or once again.
    Stutter(bool),
    /// One cycle, and what it has written is not looked at again before people do what comes next.
    Cycle,
    /// The state database is lost, the agent begins anew.
    LoseState,
    /// The administrator changes the policy.
    Change(Rules),
    /// The administrator decides what is held about the thing of a name.
    Decide(&'static str, Decision),
}

/// What stands on both sides after the sync, and what was done for it.
#[derive(Debug, Clone, Copy)]
pub struct Then {
    pub mail: &'static str,
    pub crm: &'static str,
    /// Since the step before: `crm+1` created, `crm~1` updated, `crm-1` deleted there, `conflict=1` decided by the policy.
    pub did: &'static str,
    /// Who is not in step, and why in a word: `Ann conflict; Ben detached`.
    pub apart: &'static str,
}

pub const MAIL: Side = Side::Mail;
pub const CRM: Side = Side::Crm;

/// A step in which both sides end alike, with nothing left to tell.
pub fn alike<const N: usize>(deeds: [Deed; N], both: &'static str, did: &'static str) -> Step {
    step(deeds, Then { mail: both, crm: both, did, apart: "" })
}

/// Any step.
pub fn step<const N: usize>(deeds: [Deed; N], then: Then) -> Step {
    Step { deeds: deeds.into(), then }
}
