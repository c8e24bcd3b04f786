//! Which items are the same thing: ids that change, and UIDs that are no help.

use super::{ALL, WITH_EXTRA};
use crate::story::{CRM, Deed, MAIL, Need, Scenario, TWO_WAY, alike};

pub fn scenarios() -> Vec<Scenario> {
    vec![
        Scenario {
            name: "moved",
            restates: &["test_moved_href"],
            about: "An item that has another id now is the same item: nothing is deleted, made or written, and it stays in step.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x"), Deed::Make(MAIL, "Ben")], "Ann note=x; Ben", "crm+2"),
                alike([Deed::MoveInMail("Ann")], "Ann note=x; Ben", ""),
                alike([Deed::Edit(CRM, "Ann", "note=y")], "Ann note=y; Ben", "mail~1"),
                alike([Deed::Edit(MAIL, "Ann", "note=z")], "Ann note=z; Ben", "crm~1"),
                alike([Deed::Delete(MAIL, "Ann")], "Ben", "crm-1"),
            ],
        },
        Scenario {
            name: "moved-and-edited",
            restates: &[],
            about: "One that is edited as well takes the edit along; so does one that is edited in the CRM meanwhile.",
            kinds: WITH_EXTRA,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann note=x"), Deed::Make(MAIL, "Ben")], "Ann note=x; Ben", "crm+2"),
                alike(
                    [
                        Deed::MoveInMail("Ann"),
                        Deed::Edit(MAIL, "Ann", "note=y"),
                        Deed::Edit(CRM, "Ann", "extra=e"),
                    ],
                    "Ann extra=e note=y; Ben",
                    "mail~1 crm~1",
                ),
            ],
        },
        Scenario {
            name: "unicode",
            restates: &["test_unicode_hrefs"],
            about: "Names (and where there are such things, addresses and UIDs) with letters beyond ASCII.",
            kinds: ALL,
            needs: &[],
            rules: TWO_WAY,
            steps: vec![
                alike(
                    [Deed::Make(MAIL, "Äåñ note=日本語"), Deed::Make(CRM, "Ωμέγα known-by=W note=🎉")],
                    "Äåñ note=日本語; Ωμέγα known-by=W note=🎉",
                    "mail+1 crm+1",
                ),
                alike(
                    [Deed::Edit(CRM, "Äåñ", "note=Grüße"), Deed::Edit(MAIL, "Ωμέγα", "note=née")],
                    "Äåñ note=Grüße; Ωμέγα known-by=W note=née",
                    "mail~1 crm~1",
                ),
                alike([Deed::Delete(CRM, "Äåñ")], "Ωμέγα known-by=W note=née", "mail-1"),
            ],
        },
        Scenario {
            name: "changed-uid",
            restates: &["test_changed_uids"],
            about: "An item with another UID, at the same address, is the same item.",
            kinds: ALL,
            needs: &[Need::OtherUid],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann"), Deed::Make(CRM, "Ben")], "Ann; Ben", "mail+1 crm+1"),
                alike([Deed::OtherUid("Ann")], "Ann; Ben", ""),
                alike([Deed::Edit(MAIL, "Ann", "note=x")], "Ann note=x; Ben", "crm~1"),
            ],
        },
        Scenario {
            name: "one-uid-twice",
            restates: &["test_ident_conflict", "test_duplicate_hrefs"],
            about: "Two items with one UID that are not the same thing are two things.",
            kinds: ALL,
            needs: &[Need::TwoOfOneUid],
            rules: TWO_WAY,
            steps: vec![
                alike([Deed::Make(MAIL, "Ann")], "Ann", "crm+1"),
                alike([Deed::MakeWithUidOf("Ben", "Ann")], "Ann; Ben", "crm+1"),
            ],
        },
    ]
}
