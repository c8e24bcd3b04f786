//! Edits of what is in step.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Scenario, TWO_WAY, alike};
use crate::things::Kind;

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "upload-and-update",
            restates: &["test_upload_and_update"],
            about: "New things and edits cross, each way.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                alike([Deed::Edit(CRM, "Ann", "note=yes")], "Ann note=yes", "mail~1"),
                alike([Deed::Make(CRM, "Ben")], "Ann note=yes; Ben", "mail+1"),
                alike([Deed::Edit(MAIL, "Ben", "note=yes")], "Ann note=yes; Ben note=yes", "crm~1"),
                alike(
                    [Deed::Edit(MAIL, "Ben", "known-by=Z"), Deed::Edit(CRM, "Ann", "note=no")],
                    "Ann note=no; Ben known-by=Z note=yes",
                    "mail~1 crm~1",
                ),
            ],
        },
        Scenario {
            name: "a-note-taken-away",
            restates: &["test_upload_and_update"],
            about: "What is blanked on one side is blank on the other.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x")], "Ann note=x", "crm+1"),
                alike([Deed::Edit(MAIL, "Ann", "note=")], "Ann", "crm~1"),
                alike([Deed::Edit(CRM, "Ann", "note=y")], "Ann note=y", "mail~1"),
                alike([Deed::Edit(CRM, "Ann", "note=")], "Ann", "mail~1"),
            ],
        },
        Scenario {
            name: "done",
            restates: &[],
            about: "A task that is done on one side is done on the other, and one that is taken up again is not.",
            kinds: &[Kind::Task],
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike(
                    [Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben"), Deed::Make(MAIL, "Cem extra=done")],
                    "Ann; Ben; Cem extra=done",
                    "mail+1 crm+2",
                ),
                alike(
                    [Deed::Edit(MAIL, "Ann", "extra=done"), Deed::Edit(CRM, "Ben", "extra=done")],
                    "Ann extra=done; Ben extra=done; Cem extra=done",
                    "mail~1 crm~1",
                ),
                alike(
                    [
                        Deed::Edit(CRM, "Ann", "extra="),
                        Deed::Edit(MAIL, "Ben", "note=x"),
                        Deed::Edit(MAIL, "Cem", "extra="),
                    ],
                    "Ann; Ben extra=done note=x; Cem",
                    "mail~1 crm~2",
                ),
                alike(
                    [Deed::Edit(MAIL, "Ann", "extra=done"), Deed::Edit(CRM, "Ann", "note=y")],
                    "Ann extra=done note=y; Ben extra=done note=x; Cem",
                    "mail~1 crm~1",
                ),
            ],
        },
        Scenario {
            name: "new-versions-without-changes",
            restates: &["test_conflict_resolution_new_etags_without_changes"],
            about: "New versions on both sides, and nothing has changed: nothing is written.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x"), Deed::Make(CRM, "Ann note=x")], "Ann note=x", ""),
                alike([Deed::Touch(MAIL, "Ann"), Deed::Touch(CRM, "Ann")], "Ann note=x", ""),
            ],
        },
        Scenario {
            name: "bogus-version-change",
            restates: &["test_bogus_etag_change"],
            about: "New versions on both sides, one of them an edit: it crosses, and the other side wins nothing by its new \
                    version.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                alike([Deed::Touch(MAIL, "Ann"), Deed::Edit(CRM, "Ann", "note=x")], "Ann note=x", "mail~1"),
                alike([Deed::Edit(MAIL, "Ann", "note=y"), Deed::Touch(CRM, "Ann")], "Ann note=y", "crm~1"),
            ],
        },
    ]
}
