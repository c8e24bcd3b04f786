//! Policies with one direction: what vdirsyncer calls a read-only storage.

use super::ALL;
use crate::story::{CRM, Deed, MAIL, Rules, Scenario, TWO_WAY, Then, alike, step};
use riva_core::documents::{DeletePolicy, Direction};

const TO_CRM: Rules = Rules { direction: Direction::MailToCrm, ..TWO_WAY };
const TO_MAIL: Rules = Rules { direction: Direction::CrmToMail, ..TWO_WAY };

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "one-way-new-items",
            restates: &["test_read_only_and_prefetch", "test_partial_sync_error", "test_partial_sync_ignore"],
            about: "What people make on the side that is not read stays there, and is listed. vdirsyncer's default deletes it \
                    again (`revert`); Riva never deletes what nobody deleted.",
            kinds: ALL,
            needs: &[],
            rules: TO_MAIL,
            steps: vec![
                step(
                    [Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")],
                    Then { mail: "Ann; Ben", crm: "Ben", did: "mail+1", apart: "Ann left-alone" },
                ),
                step([], Then { mail: "Ann; Ben", crm: "Ben", did: "", apart: "Ann left-alone" }),
            ],
        },
        Scenario {
            name: "one-way-to-crm-new-items",
            restates: &["test_partial_sync_ignore", "test_partial_sync_revert"],
            about: "The same the other way.",
            kinds: ALL,
            needs: &[],
            rules: TO_CRM,
            steps: vec![
                step(
                    [Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")],
                    Then { mail: "Ann", crm: "Ann; Ben", did: "crm+1", apart: "Ben left-alone" },
                ),
                step([], Then { mail: "Ann", crm: "Ann; Ben", did: "", apart: "Ben left-alone" }),
            ],
        },
        Scenario {
            name: "one-way-edits",
            restates: &["test_partial_sync_ignore", "test_partial_sync_revert"],
            about: "An edit on the side that is written to does not cross, and stands until the other side edits the same \
                    field.",
            kinds: ALL,
            needs: &[],
            rules: TO_CRM,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                step(
                    [Deed::Edit(CRM, "Ann", "note=theirs")],
                    Then { mail: "Ann", crm: "Ann note=theirs", did: "", apart: "" },
                ),
                alike([Deed::Edit(MAIL, "Ann", "note=ours")], "Ann note=ours", "crm~1"),
            ],
        },
        Scenario {
            name: "one-way-deletions-are-reverted",
            restates: &["test_partial_sync_revert"],
            about: "What is deleted on the side that is written to is made again.",
            kinds: ALL,
            needs: &[],
            rules: TO_CRM,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x")], "Ann note=x", "crm+1"),
                alike([Deed::Delete(CRM, "Ann")], "Ann note=x", "crm+1"),
                alike([Deed::Delete(MAIL, "Ann")], "", "crm-1"),
            ],
        },
        Scenario {
            name: "one-way-deletions-are-ignored",
            restates: &["test_partial_sync_ignore2"],
            about: "Or, where the policy lets go, is not. vdirsyncer makes it again when it is edited; in Riva what a user \
                    deleted does not come back.",
            kinds: ALL,
            needs: &[],
            rules: Rules { deleted_in_crm: DeletePolicy::Detach, ..TO_CRM },
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                step(
                    [Deed::Delete(CRM, "Ann")],
                    Then { mail: "Ann", crm: "", did: "", apart: "Ann detached" },
                ),
                step(
                    [Deed::Edit(MAIL, "Ann", "note=updated")],
                    Then { mail: "Ann note=updated", crm: "", did: "", apart: "Ann detached" },
                ),
            ],
        },
    ]
}
