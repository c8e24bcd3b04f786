//! What is there on both sides before anything was synced.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Rules, Scenario, TWO_WAY, Then, alike, step};
use riva_core::documents::ConflictWinner;
use riva_core::holds::Decision;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "missing-status",
            restates: &["test_missing_status", "test_insert_hash"],
            about: "The same thing on both sides is linked, and nothing is written. From then on it is in step.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x"), Deed::Make(CRM, "Ann note=x")], "Ann note=x", ""),
                alike([Deed::Edit(MAIL, "Ann", "note=y")], "Ann note=y", "crm~1"),
                alike([Deed::Edit(CRM, "Ann", "note=z")], "Ann note=z", "mail~1"),
            ],
        },
        differing("differing-held", None),
        differing("differing-mail-wins", Some(ConflictWinner::Mail)),
        differing("differing-crm-wins", Some(ConflictWinner::Crm)),
        Scenario {
            name: "already-synced",
            restates: &["test_already_synced"],
            about: "What is in step stays so: syncing again writes nothing, however often.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x"), Deed::Make(CRM, "Ann note=x")], "Ann note=x", ""),
                alike([], "Ann note=x", ""),
                alike([], "Ann note=x", ""),
            ],
        },
        Scenario {
            name: "no-uids",
            restates: &["test_no_uids"],
            about: "Things that have nothing in common, no UID either, are made on the other side.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")], "Ann; Ben", "mail+1 crm+1"),
                alike([], "Ann; Ben", ""),
            ],
        },
        Scenario {
            name: "lost-state",
            restates: &["test_missing_status"],
            about: "A lost database is no reason for anything to be made twice: all is linked again, what Riva made and what \
                    was there before, and stays in step.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike(
                    [
                        Deed::Make(MAIL, "Ann"),
                        Deed::Make(CRM, "Ben note=x"),
                        Deed::Make(MAIL, "Cem"),
                        Deed::Make(CRM, "Cem"),
                    ],
                    "Ann; Ben note=x; Cem",
                    "mail+1 crm+1",
                ),
                alike([Deed::LoseState], "Ann; Ben note=x; Cem", ""),
                alike([Deed::Edit(MAIL, "Ben", "note=y")], "Ann; Ben note=y; Cem", "crm~1"),
                alike([Deed::Delete(CRM, "Ann")], "Ben note=y; Cem", "mail-1"),
            ],
        },
        Scenario {
            name: "lost-state-and-an-edit",
            restates: &["test_missing_status_and_different_items"],
            about: "What was edited while there was no database is found again by its marker or by what it is known by; what \
                    differs is for the policy to decide.",
            kinds: ALL,
            needs: &[],
            rules: Rules { conflict: ConflictWinner::Mail, ..TWO_WAY },
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x")], "Ann note=x", "crm+1"),
                alike([Deed::LoseState, Deed::Edit(MAIL, "Ann", "note=y")], "Ann note=y", "crm~1 conflict=1"),
            ],
        },
    ]
}

/// One thing on both sides with different notes.
fn differing(name: &'static str, winner: Option<ConflictWinner>) -> Scenario {
    let made = || [Deed::Make(MAIL, "Ann note=haha"), Deed::Make(CRM, "Ann note=hoho")];
    let mail_wins = Rules { conflict: ConflictWinner::Mail, ..TWO_WAY };
    let steps = match winner {
        Some(ConflictWinner::Mail) => vec![alike(made(), "Ann note=haha", "crm~1 conflict=1")],
        // The CRM's is made second: later, or within the same second.
        Some(ConflictWinner::Crm | ConflictWinner::Newest) => {
            vec![alike(made(), "Ann note=hoho", "mail~1 conflict=1")]
        }
        // As vdirsyncer's: refused at first, then resolved by another setting.
        None | Some(ConflictWinner::Hold) => vec![
            step(
                made(),
                Then { mail: "Ann note=haha", crm: "Ann note=hoho", did: "", apart: "Ann conflict" },
            ),
            step([], Then { mail: "Ann note=haha", crm: "Ann note=hoho", did: "", apart: "Ann conflict" }),
            alike([Deed::Decide("Ann", Decision::TakeMail)], "Ann note=haha", "crm~1 conflict=1"),
            step(
                [Deed::Edit(MAIL, "Ann", "note=a"), Deed::Edit(CRM, "Ann", "note=b")],
                Then { mail: "Ann note=a", crm: "Ann note=b", did: "", apart: "Ann conflict" },
            ),
            // What waits for an administrator is not decided by another policy; the next edit is.
            step(
                [Deed::Change(mail_wins)],
                Then { mail: "Ann note=a", crm: "Ann note=b", did: "", apart: "Ann conflict" },
            ),
            alike([Deed::Edit(MAIL, "Ann", "note=c")], "Ann note=c", "crm~1 conflict=1"),
        ],
    };
    Scenario {
        name,
        restates: &["test_missing_status_and_different_items"],
        about: "The same thing on both sides, not alike: by the policy one side wins, or an administrator is asked.",
        kinds: ALL,
        needs: &[],
        rules: Rules { conflict: winner.unwrap_or(ConflictWinner::Hold), ..TWO_WAY },
        steps,
    }
}
