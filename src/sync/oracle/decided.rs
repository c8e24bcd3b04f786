//! What was decided about an item that stands alone in the mailbox.

use super::cases::{Answer, Case};
use crate::decided::Verdict;
use crate::first_sync::left_over;
use crate::hash::FieldHasher;
use crate::plan::{Deed, PairPlan};
use riva_core::documents::Refused;
use riva_core::holds::Decision;
use riva_core::item::{Field, Sensitivity, Value};
use riva_core::rows::{PairRow, PairState, Side};

const LEFT_ALONE: &str = "Left alone: an administrator decided so.";
const LEFT_BY_ANOTHER: &str = "Left by another sync, and left alone: an administrator decided so.";

fn hasher() -> FieldHasher {
    FieldHasher::new([7; 16])
}

/// Items that stand alone in the mailbox, and would go to the CRM.
fn alone() -> Vec<(Case, PairRow, PairPlan)> {
    let cases = (0..200).map(|seed| {
        let mut case = Case::of(seed);
        (case.mail.answer, case.crm.answer) = (Answer::Present, Answer::NoSide);
        case.mail.now.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Normal));
        let pair = case.pair(&hasher(), PairState::Held, Some("it waits"));
        let plan = case.plan_in(&hasher(), PairState::Held, Some("it waits"));
        (case, pair, plan)
    });
    let cases: Vec<_> = cases.filter(|(.., plan)| plan.deed == Deed::Match(Side::Crm)).collect();
    assert!(cases.len() > 50);
    cases
}

fn detached(row: u8, why: &str) -> PairPlan {
    PairPlan { row, deed: Deed::Become(PairState::Detached, why.to_owned()) }
}

#[test]
fn of_what_no_other_sync_has_left_nothing_is_deleted_by_a_decision() {
    for (case, pair, plan) in alone() {
        for refused in [Refused::Detach, Refused::Restore] {
            let decided =
                |decision: &Decision| case.plan_decided(&hasher(), &pair, Verdict { decision, refused });
            assert_eq!(decided(&Decision::Approve), plan);
            assert_eq!(decided(&Decision::Refuse), plan);
            assert_eq!(decided(&Decision::Ignore), detached(plan.row, LEFT_ALONE));
        }
    }
}

#[test]
fn what_another_sync_has_left_is_deleted_once_that_is_approved_unless_it_was_edited() {
    for (mut case, _, plan) in alone() {
        case.mail.base = case.mail.now.clone();
        let pair = left_over::noted(case.pair(&hasher(), PairState::Held, Some("it waits")));
        let decided = |case: &Case, decision: &Decision| {
            case.plan_decided(&hasher(), &pair, Verdict { decision, refused: Refused::Detach })
        };
        for decision in [Decision::Refuse, Decision::Ignore] {
            assert_eq!(decided(&case, &decision), detached(plan.row, LEFT_BY_ANOTHER));
        }
        let deleted = PairPlan { row: plan.row, deed: Deed::Delete(Side::Mail) };
        assert_eq!(decided(&case, &Decision::Approve), deleted);
        case.mail.now.set(Field::Manager, Value::text("of late"));
        assert_eq!(decided(&case, &Decision::Approve), detached(plan.row, left_over::EDITED_SINCE));
    }
}
