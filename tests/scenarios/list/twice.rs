//! Things that are there twice.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Scenario, TWO_WAY, Then, alike, step};
use crate::things::Kind;
use riva_core::holds::Decision;

/// Three that wait, because nobody can tell which two of them are one.
const ALIKE: &str = "Ann possible-duplicate; Ann possible-duplicate; Ann possible-duplicate";

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "there-twice",
            restates: &["test_ident_conflict"],
            about: "Two in the mailbox that may each be the one in the CRM: vdirsyncer stops with IdentConflict, Riva holds \
                    these three and goes on with the rest.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                step(
                    [
                        Deed::Make(MAIL, "Ann note=x"),
                        Deed::Make(MAIL, "Ann note=y"),
                        Deed::Make(CRM, "Ann note=z"),
                        Deed::Make(MAIL, "Ben"),
                    ],
                    Then {
                        mail: "Ann note=x; Ann note=y; Ben",
                        crm: "Ann note=z; Ben",
                        did: "crm+1",
                        apart: ALIKE,
                    },
                ),
                step(
                    [],
                    Then {
                        mail: "Ann note=x; Ann note=y; Ben",
                        crm: "Ann note=z; Ben",
                        did: "",
                        apart: ALIKE,
                    },
                ),
            ],
        },
        Scenario {
            name: "become-alike",
            restates: &["test_ident_conflict"],
            about: "Two that are in step are given one address: vdirsyncer stops with IdentConflict. In Riva each has its twin, \
                    whatever it is known by.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(MAIL, "Ben")], "Ann; Ben", "crm+2"),
                alike(
                    [Deed::Edit(MAIL, "Ann", "known-by=X"), Deed::Edit(MAIL, "Ben", "known-by=X")],
                    "Ann known-by=X; Ben known-by=X",
                    "crm~2",
                ),
                alike([Deed::Edit(CRM, "Ben", "note=x")], "Ann known-by=X; Ben known-by=X note=x", "mail~1"),
            ],
        },
        Scenario {
            name: "not-linked-by-hand",
            restates: &["test_ident_conflict"],
            about: "What waits as a possible duplicate is left alone where an administrator says so, and nothing else is.",
            kinds: &[Kind::Contact],
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                step(
                    [
                        Deed::Make(MAIL, "Ann note=x"),
                        Deed::Make(CRM, "Ann note=y"),
                        Deed::Make(CRM, "Ann note=z"),
                    ],
                    Then { mail: "Ann note=x", crm: "Ann note=y; Ann note=z", did: "", apart: ALIKE },
                ),
                step(
                    [Deed::Decide("Ann", Decision::Ignore)],
                    Then {
                        mail: "Ann note=x",
                        crm: "Ann note=y; Ann note=z",
                        did: "",
                        apart: "Ann detached; Ann possible-duplicate; Ann possible-duplicate",
                    },
                ),
            ],
        },
    ]
}
