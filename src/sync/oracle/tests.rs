//! The comparisons.

use super::cases::Case;
use super::expected::{Expected, expected};
use super::table::{self, Changes, Deed, Settings, State, look_up};
use crate::hash::FieldHasher;
use crate::plan;
use crate::table::{Decision, Rules, SideState, decide};
use riva_core::documents::{ConflictWinner, DeletePolicy, Direction};
use riva_core::rows::{PairState, Side};

const DIRECTIONS: [Direction; 3] = [Direction::TwoWay, Direction::MailToCrm, Direction::CrmToMail];
const DELETES: [DeletePolicy; 3] = [DeletePolicy::Propagate, DeletePolicy::Detach, DeletePolicy::Restore];
const WINNERS: [ConflictWinner; 4] =
    [ConflictWinner::Crm, ConflictWinner::Mail, ConflictWinner::Newest, ConflictWinner::Hold];

fn all_settings() -> impl Iterator<Item = Settings> {
    DIRECTIONS.into_iter().flat_map(|direction| {
        WINNERS.into_iter().flat_map(move |conflict| {
            DELETES.into_iter().flat_map(move |deleted_in_mail| {
                DELETES.into_iter().flat_map(move |deleted_in_crm| {
                    [false, true].into_iter().map(move |crm_masters| Settings {
                        direction,
                        conflict,
                        stamps: [None, None],
                        deleted_in_mail,
                        deleted_in_crm,
                        crm_masters,
                    })
                })
            })
        })
    })
}

fn planner_state(state: State) -> SideState {
    match state {
        State::Unchanged => SideState::Unchanged,
        State::Changed => SideState::Changed,
        State::Deleted => SideState::Deleted,
        State::LeftScope => SideState::LeftScope,
        State::New => SideState::New,
        State::NeverSeen => SideState::Never,
        State::Tombstone => SideState::Tombstone,
    }
}

/// The decision that a row's cell stands for.
fn decision_of(row: u8, deed: Deed, mail: State, crm: State) -> Decision {
    let gone = if mail == State::Deleted { Side::Mail } else { Side::Crm };
    match deed {
        Deed::Keep => Decision::Refresh,
        // A change that may not go to the other side: the merge sees to it, field by field.
        Deed::Ignore if matches!(row, 2 | 3) => Decision::Merge,
        // Not made again: what is there stands alone.
        Deed::Ignore if row == 19 => Decision::Detach,
        Deed::Ignore => Decision::Ignore,
        Deed::Merge | Deed::Adopt | Deed::MergeFor(_) | Deed::Link => Decision::Merge,
        Deed::DeleteOther => Decision::Delete(gone.other()),
        Deed::Restore => Decision::Create(gone),
        Deed::Detach => Decision::Detach,
        Deed::Hold => Decision::Hold,
        Deed::Tombstone => Decision::Tombstone,
        Deed::MatchOrCreate if crm == State::NeverSeen => Decision::Match(Side::Crm),
        Deed::MatchOrCreate => Decision::Match(Side::Mail),
    }
}

#[test]
fn every_state_under_every_policy_is_decided_as_the_table_says() {
    let mut differences = Vec::new();
    for (mail, crm) in State::ALL.into_iter().flat_map(|m| State::ALL.into_iter().map(move |c| (m, c))) {
        for (changes, settings) in Changes::ALL.into_iter().flat_map(|c| all_settings().map(move |s| (c, s)))
        {
            let rules = Rules {
                direction: settings.direction,
                deleted_in_mail: settings.deleted_in_mail,
                deleted_in_crm: settings.deleted_in_crm,
                crm_is_master: settings.crm_masters,
            };
            let (row, decided) = decide(planner_state(mail), planner_state(crm), rules);
            match look_up(mail, crm, changes, settings) {
                Some((number, deed)) => {
                    let said = decision_of(number, deed, mail, crm);
                    // Rows 4, 5 and 6 differ by what their fields show.
                    let same_row = row == number || (matches!(number, 4..=6) && row == 5);
                    if said != decided || !same_row {
                        differences.push(format!(
                            "{mail:?} {crm:?} {settings:?}: row {number} says {said:?}, the planner {decided:?} by row {row}"
                        ));
                    }
                }
                None => assert!(harmless(decided, mail, crm, settings), "{mail:?} {crm:?}: {decided:?}"),
            }
        }
    }
    differences.dedup();
    assert!(differences.is_empty(), "{}", differences.join("\n"));
}

/// What may be done where the table has no row: nothing is deleted, and made only where there never was anything.
fn harmless(decided: Decision, mail: State, crm: State, settings: Settings) -> bool {
    let there = |s: State| matches!(s, State::New | State::Unchanged | State::Changed);
    match decided {
        Decision::Delete(_) | Decision::Create(_) | Decision::Hold => false,
        Decision::Refresh | Decision::Ignore | Decision::Detach | Decision::Tombstone => true,
        // An item whose twin could not be made yet, or was found just now.
        Decision::Merge => there(mail) && there(crm) && (mail == State::New || crm == State::New),
        Decision::Match(Side::Crm) => {
            there(mail) && crm == State::NeverSeen && settings.direction != Direction::CrmToMail
        }
        Decision::Match(Side::Mail) => {
            there(crm) && mail == State::NeverSeen && settings.direction != Direction::MailToCrm
        }
    }
}

/// What the planner says, in the words of the comparison.
fn planned(deed: plan::Deed) -> Expected {
    match deed {
        plan::Deed::Refresh | plan::Deed::Ignore => Expected::Nothing,
        plan::Deed::Merge(merged) => Expected::Write { mail: merged.to_mail, crm: merged.to_crm },
        plan::Deed::Delete(side) => Expected::Delete(side),
        plan::Deed::Create(side) => Expected::Create(side),
        plan::Deed::Match(side) => Expected::Match(side),
        plan::Deed::Hold(..) => Expected::Hold,
        plan::Deed::Become(PairState::Detached, _) => Expected::Detach,
        plan::Deed::Become(PairState::Tombstoned, _) => Expected::Tombstone,
        plan::Deed::Become(PairState::Quarantined, _) => Expected::Refused,
        plan::Deed::Become(PairState::Linked | PairState::Held | PairState::Unrolled, _) => {
            panic!("a planner that links or holds by a reason alone")
        }
        plan::Deed::Unroll(_) => panic!("a series where there was none"),
    }
}

/// How many random pairs: `RIVA_PLANNER_CASES`, or a few.
fn cases() -> u64 {
    std::env::var("RIVA_PLANNER_CASES").ok().and_then(|n| n.parse().ok()).unwrap_or(20_000)
}

#[test]
fn every_random_pair_is_planned_as_the_text_says() {
    let hasher = FieldHasher::new([9; 16]);
    let mut kinds = std::collections::BTreeMap::new();
    for seed in 0..cases() {
        let case = Case::of(seed);
        let Some(said) = expected(&case) else { continue };
        let plan = case.plan(&hasher);
        let row = plan.row;
        let done = planned(plan.deed);
        assert_eq!(done, said, "seed {seed}, row {row}: left the planner, right the text\n{case:?}");
        *kinds.entry(kind(&said)).or_insert(0_u64) += 1;
    }
    // A generator that never comes to some kind of answer would prove nothing of it.
    assert_eq!(kinds.len(), 9, "{kinds:?}");
    assert!(kinds.values().all(|n| *n * 1_000 > cases()), "{kinds:?}");
}

fn kind(expected: &Expected) -> &'static str {
    match expected {
        Expected::Nothing => "nothing",
        Expected::Write { .. } => "write",
        Expected::Delete(_) => "delete",
        Expected::Create(_) => "create",
        Expected::Match(_) => "match",
        Expected::Detach => "detach",
        Expected::Tombstone => "tombstone",
        Expected::Hold => "hold",
        Expected::Refused => "refused",
    }
}

/// The interpreter itself: a few cells, read by eye.
#[test]
fn the_interpreter_reads_the_table() {
    let mut settings = all_settings().next().expect("some settings");
    let read = |m, c, s| look_up(m, c, Changes::Clash, s);
    assert_eq!(read(State::Deleted, State::Unchanged, settings), Some((7, Deed::DeleteOther)));
    assert_eq!(read(State::Changed, State::Deleted, settings), Some((10, Deed::Hold)));
    let wins = |stamps| {
        let settings = Settings { conflict: ConflictWinner::Newest, stamps, ..settings };
        read(State::Changed, State::Changed, settings).map(|(_, deed)| deed)
    };
    assert_eq!(wins([Some(2), Some(1)]), Some(Deed::MergeFor(table::Winner::Mail)));
    for or_the_crm in [[Some(1), Some(2)], [Some(1), Some(1)], [None, Some(1)], [Some(1), None]] {
        assert_eq!(wins(or_the_crm), Some(Deed::MergeFor(table::Winner::Crm)), "{or_the_crm:?}");
    }
    settings.crm_masters = true;
    assert_eq!(read(State::Changed, State::Deleted, settings), Some((10, Deed::Detach)));
    settings.direction = Direction::CrmToMail;
    assert_eq!(read(State::Changed, State::Changed, settings), Some((6, Deed::MergeFor(table::Winner::Crm))));
    assert_eq!(read(State::New, State::NeverSeen, settings), Some((15, Deed::Ignore)));
    assert_eq!(read(State::LeftScope, State::NeverSeen, settings), None);
}
