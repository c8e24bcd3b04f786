//! Deleted on one side, edited on the other.

use super::ALL;
use super::deletions::RESTORE;
use crate::story::{CRM, Deed, MAIL, Scenario, TWO_WAY, Then, alike, step};
use crate::things::Kind;
use riva_core::holds::Decision;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "updated-and-deleted-restored",
            restates: &["test_updated_and_deleted"],
            about: "An edit outlives a deletion on the other side: it is made again there, either way.",
            kinds: ALL,
            needs: &[],
            rules: RESTORE,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "crm+2"),
                alike(
                    [
                        Deed::Edit(MAIL, "Ann", "note=updated"),
                        Deed::Delete(CRM, "Ann"),
                        Deed::Edit(CRM, "Ben", "note=updated"),
                        Deed::Delete(MAIL, "Ben"),
                    ],
                    "Ann note=updated; Ben note=updated",
                    "mail+1 crm+1",
                ),
            ],
        },
        Scenario {
            name: "updated-in-the-crm-and-deleted",
            restates: &["test_updated_and_deleted"],
            about: "Also where deletions are carried out, an edit in the CRM outlives the mailbox's deletion.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                alike(
                    [Deed::Delete(MAIL, "Ann"), Deed::Edit(CRM, "Ann", "note=updated")],
                    "Ann note=updated",
                    "mail+1",
                ),
            ],
        },
        Scenario {
            name: "contact-deleted-in-the-crm-and-updated",
            restates: &["test_updated_and_deleted"],
            about: "vdirsyncer would make it again. The CRM is the master of contacts: it is not made again there, but the \
                    mailbox keeps what its owner has just edited.",
            kinds: &[Kind::Contact],
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                step(
                    [Deed::Delete(CRM, "Ann"), Deed::Edit(MAIL, "Ann", "note=updated")],
                    Then { mail: "Ann note=updated", crm: "", did: "", apart: "Ann detached" },
                ),
            ],
        },
        kept_or_not("deleted-in-the-crm-and-kept", Decision::Keep),
        kept_or_not("deleted-in-the-crm-and-let-go", Decision::LetGo),
    ]
}

/// Deleted in the CRM, edited in the mailbox, and nobody is the master: an administrator decides.
fn kept_or_not(name: &'static str, decision: Decision) -> Scenario {
    let last = match decision {
        Decision::LetGo => alike([Deed::Decide("Ann", decision)], "", "mail-1"),
        _ => step(
            [Deed::Decide("Ann", decision)],
            Then { mail: "Ann note=updated", crm: "", did: "", apart: "Ann detached" },
        ),
    };
    Scenario {
        name,
        restates: &["test_updated_and_deleted"],
        about: "vdirsyncer would make it again. Riva asks: neither the deletion nor the edit is lost meanwhile.",
        kinds: &[Kind::Event, Kind::Task],
        needs: &[],
        rules: TWO_WAY,
        steps: vec![
            alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
            step(
                [Deed::Delete(CRM, "Ann"), Deed::Edit(MAIL, "Ann", "note=updated")],
                Then { mail: "Ann note=updated", crm: "", did: "", apart: "Ann deleted-but-edited" },
            ),
            last,
        ],
    }
}
