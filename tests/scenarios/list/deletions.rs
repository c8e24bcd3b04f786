//! Deletions.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Rules, Scenario, TWO_WAY, Then, alike, step};
use riva_core::documents::DeletePolicy;
use riva_core::holds::Decision;
use riva_core::rows::Side;

pub(super) const RESTORE: Rules =
    Rules { deleted_in_mail: DeletePolicy::Restore, deleted_in_crm: DeletePolicy::Restore, ..TWO_WAY };
const DETACH: Rules =
    Rules { deleted_in_mail: DeletePolicy::Detach, deleted_in_crm: DeletePolicy::Detach, ..TWO_WAY };

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "deletion",
            restates: &["test_deletion"],
            about: "What is deleted on one side is deleted on the other, and may be made anew.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "crm+2"),
                alike([Deed::Delete(CRM, "Ann")], "Ben", "mail-1"),
                alike([Deed::Make(MAIL, "Ann")], "Ann; Ben", "crm+1"),
                alike([Deed::Delete(MAIL, "Ann")], "Ben", "crm-1"),
                alike([Deed::Make(CRM, "Ann")], "Ann; Ben", "mail+1"),
            ],
        },
        deleted_as_soon_as_it_was_made(),
        Scenario {
            name: "gone-on-both-sides",
            restates: &["test_irrelevant_status"],
            about: "What people deleted on both sides is no work, and is remembered as nothing that could come back.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")], "Ann; Ben", "mail+1 crm+1"),
                alike([Deed::Delete(MAIL, "Ann"), Deed::Delete(CRM, "Ann")], "Ben", ""),
                alike([Deed::Delete(MAIL, "Ben"), Deed::Delete(CRM, "Ben")], "", ""),
                alike([Deed::Make(CRM, "Ann")], "Ann", "mail+1"),
            ],
        },
        Scenario {
            name: "deletions-are-detached",
            restates: &["test_partial_sync_ignore2"],
            about: "Where the policy says so, the other side keeps its own, and it does not come back even when it is edited.",
            kinds: ALL,
            needs: &[],
            rules: DETACH,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "crm+2"),
                step(
                    [Deed::Delete(MAIL, "Ann"), Deed::Delete(CRM, "Ben")],
                    Then { mail: "Ben", crm: "Ann", did: "", apart: "Ann detached; Ben detached" },
                ),
                step(
                    [Deed::Edit(CRM, "Ann", "note=x"), Deed::Edit(MAIL, "Ben", "note=y")],
                    Then {
                        mail: "Ben note=y",
                        crm: "Ann note=x",
                        did: "",
                        apart: "Ann detached; Ben detached",
                    },
                ),
            ],
        },
        Scenario {
            name: "deletions-are-taken-back",
            restates: &["test_partial_sync_revert"],
            about: "Where the policy says so, what is deleted is made again from the other side.",
            kinds: ALL,
            needs: &[],
            rules: RESTORE,
            steps: vec![
                alike(
                    [Deed::Make(MAIL, "Ann note=x"), Deed::Make(MAIL, "Ben note=y")],
                    "Ann note=x; Ben note=y",
                    "crm+2",
                ),
                alike(
                    [Deed::Delete(MAIL, "Ann"), Deed::Delete(CRM, "Ben")],
                    "Ann note=x; Ben note=y",
                    "mail+1 crm+1",
                ),
                alike([Deed::Edit(MAIL, "Ann", "note=z")], "Ann note=z; Ben note=y", "crm~1"),
            ],
        },
        emptied("emptied-mailbox", MAIL, ("", "Ann; Ben; Cem")),
        emptied("emptied-crm", CRM, ("Ann; Ben; Cem", "")),
    ]
}

/// A side that is suddenly empty.
fn emptied(name: &'static str, side: Side, (mail, crm): (&'static str, &'static str)) -> Scenario {
    let apart = "Ann delete-safety; Ben delete-safety; Cem delete-safety";
    let held = || Then { mail, crm, did: "", apart };
    let decided = Deed::Decide("Ann", Decision::Approve);
    let did = if side == MAIL { "crm-3" } else { "mail-3" };
    Scenario {
        name,
        restates: &["test_empty_storage_dataloss"],
        about: "A side where everything is gone empties nothing: vdirsyncer stops with StorageEmpty, Riva holds the deletions \
                until an administrator approves them (vdirsyncer's --force-delete).",
        kinds: ALL,
        needs: &[],
        rules: TWO_WAY,
        steps: vec![
            alike(
                [Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben"), Deed::Make(CRM, "Cem")],
                "Ann; Ben; Cem",
                "mail+1 crm+2",
            ),
            step([Deed::Empty(side)], held()),
            step([], held()),
            alike([decided], "", did),
        ],
    }
}

/// A feed need not tell of what came and went between two polls.
fn deleted_as_soon_as_it_was_made() -> Scenario {
    Scenario {
        name: "deleted-as-soon-as-it-was-made",
        restates: &[],
        about: "What we have made, and is deleted there before it is looked at once more, is deleted on the other side.",
        kinds: ALL,
        needs: &[],
        rules: TWO_WAY,
        steps: vec![
            alike([Deed::Make(CRM, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "mail+1 crm+1"),
            alike(
                [Deed::Make(CRM, "Cem"), Deed::Cycle, Deed::Delete(MAIL, "Cem")],
                "Ann; Ben",
                "mail+1 crm-1",
            ),
            alike(
                [Deed::Make(MAIL, "Dee"), Deed::Cycle, Deed::Delete(CRM, "Dee")],
                "Ann; Ben",
                "mail-1 crm+1",
            ),
            // Whoever edits it on the other side at the same time keeps it.
            alike(
                [
                    Deed::Make(CRM, "Eve"),
                    Deed::Cycle,
                    Deed::Delete(MAIL, "Eve"),
                    Deed::Edit(CRM, "Eve", "note=x"),
                ],
                "Ann; Ben; Eve note=x",
                "mail+2",
            ),
        ],
    }
}
