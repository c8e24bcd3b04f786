//! The reconciliation table (engine design, section 1.4): what becomes of a pair, from the state of its two sides and
//! the policy. A pure function; every combination is written out.

use riva_core::documents::{DeletePolicy, Direction};
use riva_core::rows::Side;

/// The state of one side of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SideState {
    /// As it was when both sides were last in step.
    Unchanged,
    /// Some field differs from then.
    Changed,
    /// Deleted, with evidence.
    Deleted,
    /// Still there, but not for this user any more.
    LeftScope,
    /// Seen for the first time.
    New,
    /// Never seen.
    Never,
    /// Deleted by a user, and remembered so.
    Tombstone,
}

impl SideState {
    /// All states.
    pub const ALL: [Self; 7] = [
        Self::Unchanged,
        Self::Changed,
        Self::Deleted,
        Self::LeftScope,
        Self::New,
        Self::Never,
        Self::Tombstone,
    ];
}

/// What the policy says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rules {
    /// Which way changes go.
    pub direction: Direction,
    /// When an item is deleted in the mailbox.
    pub deleted_in_mail: DeletePolicy,
    /// When an item is deleted in the CRM.
    pub deleted_in_crm: DeletePolicy,
    /// Whether the CRM is the master of this kind of item (contacts): then a mailbox copy that was edited while the CRM
    /// deleted its own is kept; otherwise it is held.
    pub crm_is_master: bool,
}

/// What becomes of a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Decision {
    /// Only versions are brought up to date.
    Refresh,
    /// Field by field (rows 2 to 6, and 17 with an empty base).
    Merge,
    /// Take the item away on this side.
    Delete(Side),
    /// Make the item on this side (again), from the other.
    Create(Side),
    /// Each side keeps its own, and they are not kept in step any more.
    Detach,
    /// Both are gone: remember that.
    Tombstone,
    /// An administrator decides.
    Hold,
    /// Find its twin; link to it, or make one on this side, or hold if there are several.
    Match(Side),
    /// Nothing to do, and nothing to remember.
    Ignore,
}

/// The number of the table's row, and the decision.
#[expect(clippy::match_same_arms, reason = "an arm is a row of the table")]
pub fn decide(mail: SideState, crm: SideState, rules: Rules) -> (u8, Decision) {
    use Decision as D;
    use SideState as S;
    match (mail, crm) {
        (S::Unchanged, S::Unchanged) => (1, D::Refresh),
        (S::Changed, S::Unchanged) => (2, D::Merge),
        (S::Unchanged, S::Changed) => (3, D::Merge),
        (S::Changed, S::Changed) => (5, D::Merge),
        (S::Deleted, S::Unchanged) => (7, deleted_in_mail(rules)),
        (S::Unchanged, S::Deleted) => (8, deleted_in_crm(rules)),
        (S::Deleted, S::Changed) => (9, deleted_in_mail_edited_in_crm(rules)),
        (S::Changed, S::Deleted) => (10, deleted_in_crm_edited_in_mail(rules)),
        (S::Deleted, S::Deleted) => (11, D::Tombstone),
        (S::LeftScope, S::Unchanged | S::Changed) => (12, D::Detach),
        (S::Unchanged | S::Changed, S::LeftScope) => (13, D::Detach),
        (S::LeftScope, S::Deleted | S::LeftScope) | (S::Deleted, S::LeftScope) => (14, D::Tombstone),
        // One side alone: an item without a twin, or whose twin could not be made yet.
        (S::New | S::Unchanged | S::Changed, S::Never) => (15, matched(Side::Crm, rules)),
        (S::Never, S::New | S::Unchanged | S::Changed) => (16, matched(Side::Mail, rules)),
        // Two new items that were found to be the same thing; or a known side with a newly found twin.
        (S::New, S::New | S::Unchanged | S::Changed) | (S::Unchanged | S::Changed, S::New) => (17, D::Merge),
        (S::Deleted | S::LeftScope, S::Never) | (S::Never, S::Deleted | S::LeftScope | S::Never) => {
            (11, D::Ignore)
        }
        // A user deleted one side earlier: it is never made again from the other (row 19).
        (S::New | S::Unchanged | S::Changed, S::Tombstone)
        | (S::Tombstone, S::New | S::Unchanged | S::Changed) => (19, D::Detach),
        (S::Deleted | S::LeftScope | S::Never, S::Tombstone)
        | (S::Tombstone, S::Deleted | S::LeftScope | S::Never | S::Tombstone) => (14, D::Tombstone),
        // A new item where the other side's was deleted or left scope at the same time: it stands alone.
        (S::New, S::Deleted | S::LeftScope) | (S::Deleted | S::LeftScope, S::New) => (14, D::Detach),
    }
}

fn matched(make_on: Side, rules: Rules) -> Decision {
    match (rules.direction, make_on) {
        (Direction::TwoWay, side) => Decision::Match(side),
        (Direction::MailToCrm, Side::Crm) => Decision::Match(Side::Crm),
        (Direction::CrmToMail, Side::Mail) => Decision::Match(Side::Mail),
        (Direction::MailToCrm, Side::Mail) | (Direction::CrmToMail, Side::Crm) => Decision::Ignore,
    }
}

/// Row 7.
fn deleted_in_mail(rules: Rules) -> Decision {
    match (rules.direction, rules.deleted_in_mail) {
        (Direction::TwoWay | Direction::MailToCrm, DeletePolicy::Propagate) => Decision::Delete(Side::Crm),
        // What may not be made again is let go: nothing is deleted that the policy does not say to delete.
        (Direction::TwoWay | Direction::MailToCrm | Direction::CrmToMail, DeletePolicy::Detach)
        | (Direction::MailToCrm, DeletePolicy::Restore) => Decision::Detach,
        (Direction::TwoWay, DeletePolicy::Restore)
        | (Direction::CrmToMail, DeletePolicy::Restore | DeletePolicy::Propagate) => {
            Decision::Create(Side::Mail)
        }
    }
}

/// Row 8.
fn deleted_in_crm(rules: Rules) -> Decision {
    match (rules.direction, rules.deleted_in_crm) {
        (Direction::TwoWay | Direction::CrmToMail, DeletePolicy::Propagate) => Decision::Delete(Side::Mail),
        (Direction::TwoWay | Direction::MailToCrm | Direction::CrmToMail, DeletePolicy::Detach)
        | (Direction::CrmToMail, DeletePolicy::Restore) => Decision::Detach,
        (Direction::TwoWay, DeletePolicy::Restore)
        | (Direction::MailToCrm, DeletePolicy::Restore | DeletePolicy::Propagate) => {
            Decision::Create(Side::Crm)
        }
    }
}

/// Row 9: an edit beats a deletion, unless the policy is to let go.
fn deleted_in_mail_edited_in_crm(rules: Rules) -> Decision {
    match (rules.direction, rules.deleted_in_mail) {
        (Direction::MailToCrm, DeletePolicy::Propagate) => Decision::Delete(Side::Crm),
        (Direction::TwoWay | Direction::MailToCrm | Direction::CrmToMail, DeletePolicy::Detach)
        | (Direction::MailToCrm, DeletePolicy::Restore) => Decision::Detach,
        (Direction::TwoWay | Direction::CrmToMail, DeletePolicy::Propagate | DeletePolicy::Restore) => {
            Decision::Create(Side::Mail)
        }
    }
}

/// Row 10.
fn deleted_in_crm_edited_in_mail(rules: Rules) -> Decision {
    match (rules.direction, rules.deleted_in_crm) {
        (Direction::CrmToMail, DeletePolicy::Propagate) => Decision::Delete(Side::Mail),
        (Direction::MailToCrm, DeletePolicy::Propagate | DeletePolicy::Restore) => {
            Decision::Create(Side::Crm)
        }
        (Direction::TwoWay | Direction::MailToCrm | Direction::CrmToMail, DeletePolicy::Detach)
        | (Direction::CrmToMail, DeletePolicy::Restore) => Decision::Detach,
        (Direction::TwoWay, DeletePolicy::Restore) => Decision::Create(Side::Crm),
        (Direction::TwoWay, DeletePolicy::Propagate) => {
            if rules.crm_is_master {
                Decision::Detach
            } else {
                Decision::Hold
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DIRECTIONS: [Direction; 3] = [Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail];
    const DELETES: [DeletePolicy; 3] = [DeletePolicy::Propagate, DeletePolicy::Detach, DeletePolicy::Restore];

    fn each(mut check: impl FnMut(SideState, SideState, Rules, Decision)) {
        for mail in SideState::ALL {
            for crm in SideState::ALL {
                for direction in DIRECTIONS {
                    for deleted_in_mail in DELETES {
                        for deleted_in_crm in DELETES {
                            for crm_is_master in [false, true] {
                                let rules =
                                    Rules { direction, deleted_in_mail, deleted_in_crm, crm_is_master };
                                check(mail, crm, rules, decide(mail, crm, rules).1);
                            }
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn nothing_is_deleted_without_a_deletion_on_the_other_side() {
        each(|mail, crm, rules, decision| match decision {
            Decision::Delete(Side::Crm) => {
                assert_eq!(mail, SideState::Deleted, "{mail:?} {crm:?} {rules:?}");
                assert_ne!(rules.direction, Direction::CrmToMail, "{mail:?} {crm:?} {rules:?}");
            }
            Decision::Delete(Side::Mail) => {
                assert_eq!(crm, SideState::Deleted, "{mail:?} {crm:?} {rules:?}");
                assert_ne!(rules.direction, Direction::MailToCrm, "{mail:?} {crm:?} {rules:?}");
            }
            _ => {}
        });
    }

    #[test]
    fn nothing_is_deleted_that_the_policy_does_not_say_to_delete() {
        each(|mail, crm, rules, decision| {
            let says = match decision {
                Decision::Delete(Side::Crm) => rules.deleted_in_mail,
                Decision::Delete(Side::Mail) => rules.deleted_in_crm,
                _ => return,
            };
            assert_eq!(says, DeletePolicy::Propagate, "{mail:?} {crm:?} {rules:?}");
        });
    }

    #[test]
    fn an_edit_survives_a_deletion_in_two_way_sync() {
        each(|mail, crm, rules, decision| {
            if rules.direction == Direction::TwoWay
                && matches!(
                    (mail, crm),
                    (SideState::Changed, SideState::Deleted) | (SideState::Deleted, SideState::Changed)
                )
            {
                assert!(!matches!(decision, Decision::Delete(_)), "{mail:?} {crm:?} {rules:?}");
            }
        });
    }

    #[test]
    fn what_a_user_deleted_is_never_made_again() {
        each(|mail, crm, rules, decision| {
            if mail == SideState::Tombstone || crm == SideState::Tombstone {
                assert!(
                    matches!(decision, Decision::Detach | Decision::Tombstone),
                    "{mail:?} {crm:?} {rules:?} {decision:?}"
                );
            }
        });
    }

    #[test]
    fn what_left_scope_is_never_taken_for_deleted() {
        each(|mail, crm, rules, decision| {
            if mail == SideState::LeftScope || crm == SideState::LeftScope {
                assert!(
                    !matches!(decision, Decision::Delete(_) | Decision::Create(_)),
                    "{mail:?} {crm:?} {rules:?} {decision:?}"
                );
            }
        });
    }
}
