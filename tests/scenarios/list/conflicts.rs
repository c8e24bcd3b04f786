//! Edits on both sides at once.

use super::{ALL, WITH_EXTRA};
use crate::story::{CRM, Deed, MAIL, Rules, Scenario, TWO_WAY, Then, alike, step};
use riva_core::documents::ConflictWinner;
use riva_core::holds::Decision;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "both-edit-different-fields",
            restates: &["test_conflict_resolution_both_etags_new"],
            about: "vdirsyncer would call it a conflict: both have a new version. Riva merges field by field: both edits last.",
            kinds: WITH_EXTRA,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                alike(
                    [Deed::Edit(MAIL, "Ann", "note=a"), Deed::Edit(CRM, "Ann", "extra=b")],
                    "Ann extra=b note=a",
                    "mail~1 crm~1",
                ),
            ],
        },
        conflict("conflict-mail-wins", ConflictWinner::Mail, "Ann note=a", "crm~1 conflict=1"),
        conflict("conflict-crm-wins", ConflictWinner::Crm, "Ann note=b", "mail~1 conflict=1"),
        Scenario {
            name: "conflict-held",
            restates: &["test_conflict_resolution_both_etags_new"],
            about: "With no winner by the policy the item waits for an administrator, and no other item does.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "crm+2"),
                step(
                    [
                        Deed::Edit(MAIL, "Ann", "note=a"),
                        Deed::Edit(CRM, "Ann", "note=b"),
                        Deed::Edit(CRM, "Ben", "note=c"),
                    ],
                    Then {
                        mail: "Ann note=a; Ben note=c",
                        crm: "Ann note=b; Ben note=c",
                        did: "mail~1",
                        apart: "Ann conflict",
                    },
                ),
                alike(
                    [Deed::Decide("Ann", Decision::TakeCrm)],
                    "Ann note=b; Ben note=c",
                    "mail~1 conflict=1",
                ),
            ],
        },
        Scenario {
            name: "conflict-that-is-none",
            restates: &["test_conflict_resolution_both_etags_new"],
            about: "Both sides were changed to the same: there is nothing to write, and nobody to ask.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(CRM, "Ann")], "Ann", "mail+1"),
                alike(
                    [Deed::Edit(MAIL, "Ann", "note=a"), Deed::Edit(CRM, "Ann", "note=a")],
                    "Ann note=a",
                    "",
                ),
                alike([Deed::Edit(MAIL, "Ann", "note=b")], "Ann note=b", "crm~1"),
            ],
        },
    ]
}

/// Both sides edit one note.
fn conflict(name: &'static str, winner: ConflictWinner, both: &'static str, did: &'static str) -> Scenario {
    Scenario {
        name,
        restates: &["test_conflict_resolution_both_etags_new"],
        about: "Both sides edited the same field: the policy says who wins, and the log that it was so.",
        kinds: ALL,
        needs: &[],
        rules: Rules { conflict: winner, ..TWO_WAY },
        steps: vec![
            alike([Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ann")], "Ann", ""),
            alike([Deed::Edit(MAIL, "Ann", "note=a"), Deed::Edit(CRM, "Ann", "note=b")], both, did),
            alike([], both, ""),
        ],
    }
}
