//! The plan for one pair: a pure function of what both sides show now, of what they showed when they were last in
//! step, and of the policy.

use crate::edited::{beside, is_edited, state};
use crate::first_sync::left_over;
use crate::hash::FieldHasher;
use crate::merge::{Conflicts, Merged, Shown, leads_to, merge, overwrite, undo};
use crate::messages;
use crate::permission;
use crate::relink::DUPLICATE_AFTER_MERGE;
use crate::series::{self, Kept};
use crate::shared::IN_ANOTHERS_CALENDAR;
use crate::table::{Decision, Rules, SideState, decide};
use crate::veil::is_veiled;
use crate::zone_rules;
use chrono::{DateTime, Utc};
use riva_core::documents::{BecamePrivate, ConflictWinner, DeletePolicy, Direction, Policy, PrivateItems};
use riva_core::holds::HoldKind;
use riva_core::ids::{Marker, Version};
use riva_core::item::{Item, Module};
use riva_core::ports::ModuleCapabilities;
use riva_core::rows::{Hashes, PairRow, PairSide, PairState, Side};
use std::cmp::Ordering;

/// What a module's policy says to the planner.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ModuleRules {
    /// For the table.
    pub rules: Rules,
    /// For the merge.
    pub winner: ConflictWinner,
    /// What the CRM gets of items that are private in the mailbox.
    pub private: PrivateItems,
    /// What becomes of the CRM's copy of an item that is made private.
    pub became_private: BecamePrivate,
    /// The CRM's leads are contacts too.
    pub leads: bool,
    /// Of a conflict that an administrator has decided: the side that is right in everything. Its value is written even
    /// where that cuts the other side's longer text.
    pub decided: Option<Side>,
    /// What is special about this pair, if one side of it is an occurrence of a series.
    pub occurrence: Option<OfSeries>,
}

/// An occurrence of a series on one side, a single item on the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OfSeries {
    /// The side with the series.
    pub side: Side,
    /// Somebody else organises it: it is not for this user to change.
    pub foreign: bool,
    /// It lies before the time that is synced.
    pub past: bool,
}

impl ModuleRules {
    /// The rules of a module; `None` if the policy does not sync it.
    pub fn of(policy: &Policy, module: Module) -> Option<Self> {
        match module {
            Module::Contacts => policy.modules.contacts.as_ref().map(|p| Self {
                rules: Rules {
                    direction: p.direction,
                    deleted_in_mail: p.deleted_in_mail,
                    deleted_in_crm: p.deleted_in_crm,
                    crm_is_master: true,
                },
                winner: p.conflict,
                private: PrivateItems::Skip,
                became_private: p.became_private,
                leads: p.leads,
                decided: None,
                occurrence: None,
            }),
            Module::Calendar => policy.modules.calendar.as_ref().map(|p| Self {
                rules: Rules {
                    direction: p.direction,
                    deleted_in_mail: p.deleted_in_mail,
                    deleted_in_crm: p.deleted_in_crm,
                    crm_is_master: false,
                },
                winner: p.conflict,
                private: p.private,
                became_private: p.became_private,
                leads: false,
                decided: None,
                occurrence: None,
            }),
            Module::Tasks => policy.modules.tasks.as_ref().map(|p| Self {
                rules: Rules {
                    direction: p.direction,
                    deleted_in_mail: p.deleted_in_mail,
                    deleted_in_crm: p.deleted_in_crm,
                    crm_is_master: false,
                },
                winner: p.conflict,
                private: p.private,
                became_private: p.became_private,
                leads: false,
                decided: None,
                occurrence: None,
            }),
            Module::Email => policy.modules.email.as_ref().map(|_| Self {
                rules: Rules {
                    direction: Direction::MailToCrm,
                    deleted_in_mail: DeletePolicy::Detach,
                    deleted_in_crm: DeletePolicy::Detach,
                    crm_is_master: false,
                },
                winner: ConflictWinner::Mail,
                private: PrivateItems::Skip,
                became_private: BecamePrivate::Leave,
                leads: false,
                decided: None,
                occurrence: None,
            }),
        }
    }
}

/// What a side of a pair shows now.
#[derive(Debug, Clone, PartialEq)]
pub enum Now {
    /// It is there.
    Present {
        /// In this version.
        version: Version,
        /// With this marker of ours.
        marker: Option<Marker>,
        /// Last changed then, by its system's own clock; `None`: not told.
        modified: Option<DateTime<Utc>>,
        /// With this content.
        item: Item,
    },
    /// It is gone (a probe by id found nothing).
    Gone,
    /// It is there, but out of the user's reach.
    OutOfScope,
    /// It cannot be understood.
    Unreadable(String),
    /// The pair has no such side.
    None,
}

impl Now {
    /// When it was last changed, as far as its system tells.
    fn modified(&self) -> Option<DateTime<Utc>> {
        match self {
            Self::Present { modified, .. } => *modified,
            _ => None,
        }
    }

    /// The item, if it is there.
    pub fn item(&self) -> Option<&Item> {
        match self {
            Self::Present { item, .. } => Some(item),
            _ => None,
        }
    }
}

/// What is to be done with a pair.
#[derive(Debug, Clone, PartialEq)]
pub enum Deed {
    /// Nothing is written; the base follows what is shown now.
    Refresh,
    /// Fields are written on one side or both.
    Merge(Merged),
    /// The item is taken away on this side.
    Delete(Side),
    /// The item is made (again) on this side.
    Create(Side),
    /// Its twin is looked for; made on this side if there is none.
    Match(Side),
    /// A new state, and why; nothing is written.
    Become(PairState, String),
    /// An administrator decides; why, and nothing is written until then.
    Hold(HoldKind, String),
    /// This side's item is a series that the other side cannot hold: its occurrences become pairs of their own.
    Unroll(Side),
    /// Nothing, and the base stays.
    Ignore,
}

/// The plan for one pair.
#[derive(Debug, Clone, PartialEq)]
pub struct PairPlan {
    /// The row of the reconciliation table.
    pub row: u8,
    /// What to do.
    pub deed: Deed,
}

/// Both sides' abilities.
#[derive(Debug, Clone, Copy)]
pub struct BothCaps<'a> {
    /// The mailbox's.
    pub mail: &'a ModuleCapabilities,
    /// The CRM's.
    pub crm: &'a ModuleCapabilities,
}

impl<'a> BothCaps<'a> {
    /// One side's.
    pub fn side(&self, side: Side) -> &'a ModuleCapabilities {
        match side {
            Side::Mail => self.mail,
            Side::Crm => self.crm,
        }
    }
}

/// Why an item that became private is not kept in step. Once it is private no more, it goes on.
pub const LEFT_PRIVATE: &str =
    "Marked private in the mailbox: not synced until it is private no more; the CRM keeps what it had.";
/// Why a pair is done with whose items were both gone, or in sight no more, when it was looked at.
pub const GONE_ON_BOTH_SIDES: &str = "Gone on both sides.";
/// Why an item stands alone that was gone on both sides, and is back on one.
const TAKEN_BACK: &str =
    "Was gone on both sides, and is back on this one alone: it is not made again on the other.";

const OUT_OF_MAIL: &str = "Out of the mailbox's scope now: not synced any more.";
const OUT_OF_CRM: &str =
    "No longer this user's in the CRM (reassigned, or out of the user's sight): the mailbox keeps its copy.";
pub(crate) const KEPT_IN_CRM: &str = "Deleted in the mailbox: the CRM keeps it, and it does not come back.";
const KEPT_IN_MAIL: &str = "Deleted in the CRM: the mailbox keeps it.";

/// Whether a pair that is not kept in step goes on by itself once both of its items are there again. What an administrator
/// has decided, or an undo, stays as it is.
fn may_go_on(pair: &PairRow) -> bool {
    let by_itself = [LEFT_PRIVATE, TAKEN_BACK, OUT_OF_MAIL, OUT_OF_CRM, KEPT_IN_CRM, KEPT_IN_MAIL];
    match pair.state {
        PairState::Tombstoned => true,
        PairState::Detached => pair.reason.as_deref().is_some_and(|why| by_itself.contains(&why)),
        _ => false,
    }
}

/// Whether a pair is not kept in step because its item left a side's scope.
pub(crate) fn is_out_of_scope(pair: &PairRow, side: Side) -> bool {
    let why = match side {
        Side::Mail => OUT_OF_MAIL,
        Side::Crm => OUT_OF_CRM,
    };
    pair.state == PairState::Detached && pair.reason.as_deref() == Some(why)
}

/// Whether a copy of a meeting that is in the CRM by another member's has become a series that the CRM cannot hold.
fn is_split_now(pair: &PairRow, mail: &Now, caps: BothCaps<'_>) -> bool {
    pair.reason.as_deref() == Some(IN_ANOTHERS_CALENDAR)
        && mail.item().is_some_and(|item| series::kept(item, caps.mail, caps.crm) == Kept::Unrolled)
}

/// Plans a pair.
pub fn plan_pair(
    hasher: &FieldHasher,
    pair: &PairRow,
    mail: &Now,
    crm: &Now,
    caps: BothCaps<'_>,
    rules: ModuleRules,
) -> PairPlan {
    if pair.module.is_log() {
        return messages::plan(pair, mail, crm);
    }
    let edited_once_more = permission::edited_once_more(hasher, pair, mail);
    let pair = edited_once_more.as_ref().unwrap_or(pair);
    let plan = |row, deed| PairPlan { row, deed };
    let private = mail.item().is_some_and(Item::is_private) && rules.private == PrivateItems::Skip;
    match pair.state {
        PairState::Held if pair.reason.as_deref() == Some(DUPLICATE_AFTER_MERGE) => {
            return plan(21, Deed::Ignore);
        }
        PairState::Linked | PairState::Held | PairState::Quarantined => {}
        PairState::Tombstoned if rules.occurrence.is_some() => {
            match rules.occurrence.filter(|o| is_back(o.side, mail, crm, rules)) {
                None => return plan(0, Deed::Ignore),
                Some(o) => match now(o.side.other(), mail, crm) {
                    Now::Gone | Now::None => return plan(0, Deed::Match(o.side.other())),
                    Now::OutOfScope | Now::Unreadable(_) => return plan(0, Deed::Ignore),
                    // Its twin is back as well, or was never gone.
                    Now::Present { .. } => {}
                },
            }
        }
        // Both are there again (taken back, in scope, not private any more): they go on where they were.
        PairState::Detached | PairState::Tombstoned
            if may_go_on(pair) && !private && mail.item().is_some() && crm.item().is_some() => {}
        // Gone on both sides, and taken back on one: nothing that was deleted is made again (row 19).
        PairState::Tombstoned if !private && (mail.item().is_some() || crm.item().is_some()) => {
            return plan(19, Deed::Become(PairState::Detached, TAKEN_BACK.into()));
        }
        // As a single meeting it was another member's to keep. As a series it has pairs for its days, as theirs has.
        PairState::Detached if is_split_now(pair, mail, caps) => return plan(0, Deed::Unroll(Side::Mail)),
        // Each side keeps its own; what was deleted is not made again.
        PairState::Detached | PairState::Tombstoned | PairState::Unrolled => return plan(0, Deed::Ignore),
    }
    for (side, now) in [(Side::Mail, mail), (Side::Crm, crm)] {
        match now {
            Now::Unreadable(why) => {
                let why = format!("The {}'s item cannot be read: {why}", side.title());
                return plan(0, Deed::Become(PairState::Quarantined, why));
            }
            Now::Present { item, .. } => match series::kept(item, caps.side(side), caps.side(side.other())) {
                Kept::Whole => {}
                Kept::Unrolled => return plan(0, Deed::Unroll(side)),
                Kept::Held(why) => return plan(0, Deed::Hold(HoldKind::NotExpressible, why)),
            },
            _ => {}
        }
    }
    if left_over::is_left_over(pair) && mail.item().is_some() && !private {
        // Whatever the policy's direction: it has a twin by now, or is put aside.
        return plan(15, Deed::Match(Side::Crm));
    }
    let mail_state = if private { SideState::LeftScope } else { state(hasher, pair.mail.as_ref(), mail) };
    let crm_state = state(hasher, pair.crm.as_ref(), crm);
    let (mail_state, crm_state) = (
        beside(crm_state, mail_state, || is_edited(hasher, pair.mail.as_ref(), mail)),
        beside(mail_state, crm_state, || is_edited(hasher, pair.crm.as_ref(), crm)),
    );
    let (row, decision) = decide(mail_state, crm_state, rules.rules);
    if let Some(of_series) = rules.occurrence
        && let Some(deed) = of_occurrence(of_series, decision, hasher, pair, (mail, crm), caps, rules)
    {
        return plan(row, deed);
    }
    if rules.decided.is_none() && crm_state == SideState::Unchanged && zone_rules::waits(hasher, pair, mail) {
        return plan(row, Deed::Hold(HoldKind::ZoneRules, zone_rules::MOVED.into()));
    }
    let deed = match decision {
        Decision::Refresh => Deed::Refresh,
        Decision::Merge => merged(hasher, pair, mail, crm, caps, rules),
        Decision::Delete(side) => Deed::Delete(side),
        Decision::Create(side) => Deed::Create(side),
        Decision::Match(side) => Deed::Match(side),
        // Row 12: it became private.
        Decision::Detach if private && row == 12 && rules.rules.direction != Direction::CrmToMail => {
            match rules.became_private {
                BecamePrivate::Leave => Deed::Become(PairState::Detached, LEFT_PRIVATE.into()),
                BecamePrivate::Blank => merged(hasher, pair, mail, crm, caps, rules),
                BecamePrivate::Delete => Deed::Delete(Side::Crm),
            }
        }
        Decision::Detach => {
            Deed::Become(PairState::Detached, detached_because(mail_state, crm_state, private))
        }
        Decision::Tombstone => Deed::Become(PairState::Tombstoned, GONE_ON_BOTH_SIDES.into()),
        Decision::Hold => Deed::Hold(
            HoldKind::DeletedButEdited,
            "Deleted in the CRM, but edited in the mailbox: keep it or let it go?".into(),
        ),
        Decision::Ignore if mail_state == SideState::Deleted || crm_state == SideState::Deleted => {
            Deed::Become(PairState::Tombstoned, "Gone before it had a twin.".into())
        }
        Decision::Ignore => Deed::Ignore,
    };
    plan(row, deed)
}

fn now<'a>(side: Side, mail: &'a Now, crm: &'a Now) -> &'a Now {
    match side {
        Side::Mail => mail,
        Side::Crm => crm,
    }
}

/// Whether an occurrence that was cancelled takes place again, and is for the other side.
fn is_back(side: Side, mail: &Now, crm: &Now, rules: ModuleRules) -> bool {
    let private = rules.private == PrivateItems::Skip && mail.item().is_some_and(Item::is_private);
    leads_to(rules.rules.direction, side.other())
        && !private
        && matches!(now(side, mail, crm), Now::Present { .. })
}

/// What is done otherwise where one side is an occurrence of a series.
fn of_occurrence(
    of_series: OfSeries,
    decision: Decision,
    hasher: &FieldHasher,
    pair: &PairRow,
    (mail, crm): (&Now, &Now),
    caps: BothCaps<'_>,
    rules: ModuleRules,
) -> Option<Deed> {
    let OfSeries { side, foreign, past } = of_series;
    let other = side.other();
    let veiled = mail.item().is_some_and(|item| is_veiled(item, rules.private));
    let over = past && matches!(now(side, mail, crm), Now::Gone);
    match decision {
        Decision::Delete(_) | Decision::Create(_) if over => {
            let why = format!(
                "It lies before the time that is synced, and its series is over or changed: the {} keeps it.",
                other.title()
            );
            Some(Deed::Become(PairState::Detached, why))
        }
        Decision::Delete(on) if on == side && foreign => {
            let why = format!(
                "Deleted in the {}; its organizer is somebody else, so that it stays in the {}.",
                other.title(),
                side.title()
            );
            Some(Deed::Become(PairState::Detached, why))
        }
        Decision::Merge if foreign && !veiled && rules.rules.direction != one_way(other) => {
            Some(with_items(pair, mail, crm, caps, |mail, crm| undo(hasher, mail, crm, side)))
        }
        _ => None,
    }
}

/// The direction in which changes of one side go to the other alone.
fn one_way(from: Side) -> Direction {
    match from {
        Side::Mail => Direction::MailToCrm,
        Side::Crm => Direction::CrmToMail,
    }
}

/// The side that is known to have been changed later. Two clocks tell it, and most systems tell whole seconds: within one
/// second nobody knows.
fn newer(mail: &Now, crm: &Now) -> Option<Side> {
    let second = |now: &Now| now.modified().map(|at| at.timestamp());
    match second(mail)?.cmp(&second(crm)?) {
        Ordering::Less => Some(Side::Crm),
        Ordering::Equal => None,
        Ordering::Greater => Some(Side::Mail),
    }
}

fn merged(
    hasher: &FieldHasher,
    pair: &PairRow,
    mail_now: &Now,
    crm_now: &Now,
    caps: BothCaps<'_>,
    rules: ModuleRules,
) -> Deed {
    with_items(pair, mail_now, crm_now, caps, |mail, crm| {
        if is_veiled(mail.item, rules.private) {
            overwrite(hasher, mail, crm, rules.rules.direction)
        } else {
            let newer = newer(mail_now, crm_now);
            let conflicts = Conflicts { winner: rules.winner, newer, decided: rules.decided };
            merge(hasher, mail, crm, rules.rules.direction, conflicts)
        }
    })
}

fn with_items(
    pair: &PairRow,
    mail: &Now,
    crm: &Now,
    caps: BothCaps<'_>,
    merge: impl FnOnce(Shown<'_>, Shown<'_>) -> Merged,
) -> Deed {
    let (Some(mail_item), Some(crm_item)) = (mail.item(), crm.item()) else { return Deed::Ignore };
    let empty = Hashes::default();
    let seen = |side: &Option<PairSide>| side.as_ref().map_or_else(|| empty.clone(), |s| s.seen.clone());
    let sent = |side: &Option<PairSide>| side.as_ref().map_or_else(|| empty.clone(), |s| s.sent.clone());
    let (mail_seen, crm_seen, mail_sent, crm_sent) =
        (seen(&pair.mail), seen(&pair.crm), sent(&pair.mail), sent(&pair.crm));
    let merged = merge(
        Shown { item: mail_item, caps: caps.mail, seen: &mail_seen, sent: &mail_sent },
        Shown { item: crm_item, caps: caps.crm, seen: &crm_seen, sent: &crm_sent },
    );
    if !merged.held.is_empty() {
        let fields: Vec<String> = merged.held.iter().map(|(f, why)| format!("{f} {why}")).collect();
        return Deed::Hold(HoldKind::Conflict, format!("Conflict: {}.", fields.join("; ")));
    }
    if let Some((side, field)) = merged.refused.first() {
        let why = format!("The {} requires {field}, which is blank here.", side.title());
        return Deed::Become(PairState::Quarantined, why);
    }
    if merged.is_empty() { Deed::Refresh } else { Deed::Merge(merged) }
}

fn detached_because(mail: SideState, crm: SideState, private: bool) -> String {
    match (mail, crm) {
        _ if private => LEFT_PRIVATE,
        (SideState::LeftScope, _) => OUT_OF_MAIL,
        (_, SideState::LeftScope) => OUT_OF_CRM,
        (SideState::Deleted, _) => KEPT_IN_CRM,
        (_, SideState::Deleted) => KEPT_IN_MAIL,
        _ => "A user deleted it before: it is not made again.",
    }
    .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::work::Work;

    #[test]
    fn a_pair_is_out_of_the_scope_of_the_side_that_its_item_left() {
        let mut pair = Work::sample().pair;
        for (side, why) in [(Side::Mail, OUT_OF_MAIL), (Side::Crm, OUT_OF_CRM)] {
            for state in PairState::ALL {
                (pair.state, pair.reason) = (state, Some(why.to_owned()));
                assert_eq!(is_out_of_scope(&pair, side), state == PairState::Detached);
                assert!(!is_out_of_scope(&pair, side.other()));
                pair.reason = None;
                assert!(!is_out_of_scope(&pair, side));
            }
        }
    }
}
