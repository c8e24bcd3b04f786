//! Pairs that are not kept in step: what becomes of them once something is there again.

use super::cases::{Answer, Case};
use crate::hash::FieldHasher;
use crate::plan::{Deed, LEFT_PRIVATE, PairPlan};
use crate::relink::DUPLICATE_AFTER_MERGE;
use riva_core::documents::PrivateItems;
use riva_core::item::{Field, Module, Sensitivity, Value};
use riva_core::rows::PairState;

/// Databases keep these words: what was detached for one of them goes on by itself.
const GO_ON: [&str; 6] = [
    LEFT_PRIVATE,
    TAKEN_BACK,
    "Out of the mailbox's scope now: not synced any more.",
    "No longer this user's in the CRM (reassigned, or out of the user's sight): the mailbox keeps its copy.",
    "Deleted in the mailbox: the CRM keeps it, and it does not come back.",
    "Deleted in the CRM: the mailbox keeps it.",
];
const TAKEN_BACK: &str =
    "Was gone on both sides, and is back on this one alone: it is not made again on the other.";
const DECIDED: [Option<&str>; 3] =
    [None, Some("Left alone: an administrator decided so."), Some("Undone: the mailbox keeps its copy.")];
const GONE: [Answer; 2] = [Answer::Gone, Answer::OutOfScope];

fn hasher() -> FieldHasher {
    FieldHasher::new([7; 16])
}

/// Pairs of some seeds, with these answers; private ones are no business of the CRM's.
fn cases(mail: Answer, crm: Answer, private: bool) -> impl Iterator<Item = Case> {
    (0..100).map(move |seed| {
        let mut case = Case::of(seed);
        (case.mail.answer, case.crm.answer) = (mail, crm);
        let sensitivity = if private { Sensitivity::Private } else { Sensitivity::Normal };
        case.mail.now.set(Field::Sensitivity, Value::Sensitivity(sensitivity));
        case.rules.private = PrivateItems::Skip;
        case
    })
}

fn ignored(plan: &PairPlan) {
    assert_eq!(*plan, PairPlan { row: 0, deed: Deed::Ignore });
}

#[test]
fn what_is_there_again_on_both_sides_goes_on_as_if_in_step() {
    for case in cases(Answer::Present, Answer::Present, false) {
        let in_step = case.plan(&hasher());
        assert_ne!(in_step.deed, Deed::Ignore);
        assert_eq!(case.plan_in(&hasher(), PairState::Tombstoned, None), in_step);
        for why in GO_ON {
            assert_eq!(case.plan_in(&hasher(), PairState::Detached, Some(why)), in_step, "{why}");
        }
        for why in DECIDED {
            ignored(&case.plan_in(&hasher(), PairState::Detached, why));
        }
    }
}

#[test]
fn what_is_private_does_not_go_on() {
    for crm in [Answer::Present, Answer::Gone] {
        for case in cases(Answer::Present, crm, true) {
            ignored(&case.plan_in(&hasher(), PairState::Tombstoned, None));
            for why in GO_ON {
                ignored(&case.plan_in(&hasher(), PairState::Detached, Some(why)));
            }
        }
    }
}

#[test]
fn what_was_deleted_on_both_sides_is_not_made_again_when_it_is_back_on_one() {
    let taken_back = PairPlan { row: 19, deed: Deed::Become(PairState::Detached, TAKEN_BACK.into()) };
    for gone in GONE {
        for (mail, crm) in [(Answer::Present, gone), (gone, Answer::Present)] {
            for case in cases(mail, crm, false) {
                assert_eq!(case.plan_in(&hasher(), PairState::Tombstoned, None), taken_back);
                for why in GO_ON {
                    ignored(&case.plan_in(&hasher(), PairState::Detached, Some(why)));
                }
            }
        }
        for case in cases(gone, gone, false) {
            ignored(&case.plan_in(&hasher(), PairState::Tombstoned, None));
        }
    }
}

#[test]
fn the_second_copy_of_a_merged_record_waits() {
    for case in cases(Answer::Present, Answer::Present, false) {
        let plan = case.plan_in(&hasher(), PairState::Held, Some(DUPLICATE_AFTER_MERGE));
        assert_eq!(plan, PairPlan { row: 21, deed: Deed::Ignore });
        let held = case.plan_in(&hasher(), PairState::Held, Some("the same field was changed on both sides"));
        assert_eq!(held, case.plan(&hasher()));
    }
}

#[test]
fn a_message_that_was_logged_stays_whatever_becomes_of_the_other() {
    for mut case in cases(Answer::Gone, Answer::Present, false) {
        case.mail.now.module = Module::Email;
        assert_eq!(case.plan(&hasher()), PairPlan { row: 1, deed: Deed::Refresh });
        case.crm.answer = Answer::Gone;
        let deed = case.plan(&hasher()).deed;
        assert!(matches!(deed, Deed::Become(PairState::Detached, _)), "{deed:?}");
    }
}
