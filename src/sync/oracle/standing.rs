//! Pairs that are not kept in step: what becomes of them once something is there again.

use super::cases::{Answer, Case};
use crate::hash::FieldHasher;
use crate::plan::{Deed, LEFT_PRIVATE, OfSeries, PairPlan};
use crate::relink::DUPLICATE_AFTER_MERGE;
use riva_core::documents::{BecamePrivate, Direction, PrivateItems};
use riva_core::item::{Field, Module, Sensitivity, Value};
use riva_core::rows::{PairState, Side};
use std::collections::BTreeSet;

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

/// Of some cases the plans that detach, with their reasons. At least one does.
fn reasons(cases: impl Iterator<Item = Case>) -> BTreeSet<String> {
    let plans = cases.map(|case| case.plan(&hasher()).deed);
    let reasons: BTreeSet<String> = plans
        .filter_map(|deed| match deed {
            Deed::Become(PairState::Detached, why) => Some(why),
            _ => None,
        })
        .collect();
    assert!(!reasons.is_empty());
    reasons
}

#[test]
fn why_an_item_stands_alone_says_what_happened() {
    let [_, _, out_of_mail, out_of_crm, kept_in_crm, kept_in_mail] = GO_ON.map(str::to_owned);
    assert_eq!(reasons(cases(Answer::OutOfScope, Answer::Present, false)), [out_of_mail].into());
    assert_eq!(reasons(cases(Answer::Present, Answer::OutOfScope, false)), [out_of_crm].into());
    assert_eq!(reasons(cases(Answer::Gone, Answer::Present, false)), [kept_in_crm].into());
    assert_eq!(reasons(cases(Answer::Present, Answer::Gone, false)), [kept_in_mail].into());
}

#[test]
fn what_became_private_leaves_the_crm_as_the_policy_says() {
    for direction in [Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail] {
        for became_private in [BecamePrivate::Leave, BecamePrivate::Blank, BecamePrivate::Delete] {
            let with = |mut case: Case| {
                (case.rules.rules.direction, case.rules.became_private) = (direction, became_private);
                case
            };
            let both = cases(Answer::Present, Answer::Present, true).map(with);
            for case in both.filter(|case| !case.crm.base.fields.is_empty()) {
                let deed = case.plan(&hasher()).deed;
                let left = Deed::Become(PairState::Detached, LEFT_PRIVATE.into());
                // Where the CRM alone is followed, nothing of it is the mailbox's to take away.
                match became_private {
                    _ if direction == Direction::CrmToMail => assert_eq!(deed, left),
                    BecamePrivate::Leave => assert_eq!(deed, left),
                    BecamePrivate::Delete => assert_eq!(deed, Deed::Delete(Side::Crm)),
                    BecamePrivate::Blank => assert_ne!(deed, left),
                }
            }
            // What left the mailbox's scope for another reason takes nothing away.
            for case in cases(Answer::OutOfScope, Answer::Present, false).map(with) {
                let deed = case.plan(&hasher()).deed;
                assert_eq!(deed, Deed::Become(PairState::Detached, GO_ON[2].into()));
            }
            // Nor does what is private by now, and out of the user's sight in the CRM.
            for case in cases(Answer::Present, Answer::OutOfScope, true).map(with) {
                let deed = case.plan(&hasher()).deed;
                assert_eq!(deed, Deed::Become(PairState::Tombstoned, "Gone on both sides.".into()));
            }
        }
    }
}

#[test]
fn what_is_gone_before_it_had_a_twin_is_forgotten() {
    let forgotten = Deed::Become(PairState::Tombstoned, "Gone before it had a twin.".into());
    for (mail, crm) in [(Answer::Gone, Answer::NoSide), (Answer::NoSide, Answer::Gone)] {
        for case in cases(mail, crm, false) {
            assert_eq!(case.plan(&hasher()).deed, forgotten);
        }
    }
    for case in cases(Answer::OutOfScope, Answer::NoSide, false) {
        assert_ne!(case.plan(&hasher()).deed, forgotten);
    }
}

#[test]
fn an_occurrence_that_takes_place_again_is_made_again_where_the_policy_goes_there() {
    for side in [Side::Mail, Side::Crm] {
        let (there, gone) = (Answer::Present, Answer::Gone);
        let answers = |here, other| if side == Side::Mail { (here, other) } else { (other, here) };
        for direction in [Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail] {
            let with = |mut case: Case| {
                case.rules.rules.direction = direction;
                case.rules.occurrence = Some(OfSeries { side, foreign: false, past: false });
                case
            };
            let forward = match side {
                Side::Mail => direction != Direction::CrmToMail,
                Side::Crm => direction != Direction::MailToCrm,
            };
            let tombstoned = |case: &Case| case.plan_in(&hasher(), PairState::Tombstoned, None);
            let (mail, crm) = answers(there, gone);
            let other = side.other();
            for mut case in cases(mail, crm, false).map(with) {
                let again = PairPlan { row: 0, deed: Deed::Match(other) };
                assert_eq!(tombstoned(&case) == again, forward);
                case.mail.now.set(Field::Sensitivity, Value::Sensitivity(Sensitivity::Private));
                let skipped = side == Side::Mail;
                assert_eq!(tombstoned(&case) == again, forward && !skipped, "private");
                case.rules.private = PrivateItems::Sync;
                assert_eq!(tombstoned(&case) == again, forward, "private, and synced");
            }
            for (here, there) in [(gone, Answer::Present), (gone, gone), (there, Answer::OutOfScope)] {
                let (mail, crm) = answers(here, there);
                for case in cases(mail, crm, false).map(with) {
                    ignored(&tombstoned(&case));
                }
            }
            for case in cases(there, there, false).map(with) {
                let in_step = case.plan(&hasher());
                assert_eq!(tombstoned(&case) == in_step, forward);
            }
        }
    }
}

/// The window moves on: what lies before it is not listed any more, and nobody has deleted it.
#[test]
fn an_occurrence_that_has_passed_out_of_the_window_takes_nothing_with_it() {
    let mut spared = 0;
    for side in [Side::Mail, Side::Crm] {
        let (mail, crm) = match side {
            Side::Mail => (Answer::Gone, Answer::Present),
            Side::Crm => (Answer::Present, Answer::Gone),
        };
        let why = format!(
            "It lies before the time that is synced, and its series is over or changed: the {} keeps it.",
            side.other().title()
        );
        for mut case in cases(mail, crm, false) {
            let mut planned = |past| {
                case.rules.occurrence = Some(OfSeries { side, foreign: false, past });
                case.plan(&hasher()).deed
            };
            let (now, past) = (planned(false), planned(true));
            if matches!(now, Deed::Delete(_) | Deed::Create(_)) {
                assert_eq!(past, Deed::Become(PairState::Detached, why.clone()));
                spared += 1;
            } else {
                assert_eq!(past, now);
            }
        }
    }
    assert!(spared > 20, "{spared}");
}

#[test]
fn what_cannot_be_read_waits_and_says_why() {
    let (there, unreadable) = (Answer::Present, Answer::Unreadable);
    for (mail, crm, title) in [(unreadable, there, "mailbox"), (there, unreadable, "CRM")] {
        let why = format!("The {title}'s item cannot be read: it has no start");
        for case in cases(mail, crm, false) {
            let deed = Deed::Become(PairState::Quarantined, why.clone());
            assert_eq!(case.plan(&hasher()), PairPlan { row: 0, deed });
        }
    }
}
