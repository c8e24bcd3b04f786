//! Systems that do not do what they should.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Scenario, TWO_WAY, Then, alike, step};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "refused-creates",
            restates: &["test_rollback"],
            about: "One side refuses every write: the other way goes on, what was refused is listed and is not taken for done.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                step(
                    [Deed::Refuse(CRM, true), Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")],
                    Then { mail: "Ann; Ben", crm: "Ben", did: "mail+1", apart: "Ann failed" },
                ),
                alike([Deed::Refuse(CRM, false)], "Ann; Ben", "crm+1"),
            ],
        },
        Scenario {
            name: "refused-edits-and-deletions",
            restates: &["test_rollback"],
            about: "The same with edits and deletions.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike(
                    [Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben"), Deed::Make(MAIL, "Cem")],
                    "Ann; Ben; Cem",
                    "crm+3",
                ),
                step(
                    [
                        Deed::Refuse(MAIL, true),
                        Deed::Edit(CRM, "Ann", "note=x"),
                        Deed::Delete(CRM, "Ben"),
                        Deed::Edit(MAIL, "Cem", "note=y"),
                    ],
                    Then {
                        mail: "Ann; Ben; Cem note=y",
                        crm: "Ann note=x; Cem note=y",
                        did: "crm~1",
                        apart: "Ann failed; Ben failed",
                    },
                ),
                alike([Deed::Refuse(MAIL, false)], "Ann note=x; Cem note=y", "mail~1 mail-1"),
            ],
        },
        Scenario {
            name: "told-three-times",
            restates: &["test_duplicate_hrefs"],
            about: "A listing that names each item three times: vdirsyncer ends with an assertion, Riva takes it for one.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike(
                    [Deed::Stutter(true), Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")],
                    "Ann; Ben",
                    "mail+1 crm+1",
                ),
                alike([Deed::Edit(MAIL, "Ann", "note=x")], "Ann note=x; Ben", "crm~1"),
                alike([Deed::Delete(CRM, "Ben")], "Ann note=x", "mail-1"),
                alike([Deed::Stutter(false)], "Ann note=x", ""),
            ],
        },
    ]
}
