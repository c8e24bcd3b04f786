//! Draws what becomes of what another sync has left, on the Safety page of *Edit CRM Synchronization Policy*.

use crate::theme::tokens;
use crate::widgets::form;
use egui::{Label, RichText, Ui};
use riva_core::documents::{LostAndFound, Policy};

pub(super) fn section_ui(ui: &mut Ui, policy: &mut Policy) {
    let text = "Lost & Found: when a user is first synced, items of the mailbox with this category were left there by another \
                sync. Those with a twin in the CRM are linked with it; this is about the others.";
    ui.add(Label::new(RichText::new(text).color(tokens(ui).weak)).wrap());
    ui.add_space(8.0);
    let p = &mut policy.first_sync;
    form::text(ui, "Category", &mut p.category, "Empty: nothing is looked for", None);
    if p.category.trim().is_empty() {
        return;
    }
    form::choice(
        ui,
        "Without a twin",
        &mut p.lost_and_found,
        &LostAndFound::ALL.map(|one| (one, one.title())),
        None,
    );
    let (means, bad) = match p.lost_and_found {
        LostAndFound::Move => (
            "To a folder of that name in the mailbox, which is not synced. Where a mailbox has none: Hold.",
            false,
        ),
        LostAndFound::Delete => ("To Deleted Items, once you have approved the list of them.", false),
        LostAndFound::SyncToCrm => ("They go to the CRM as any other: duplicates are likely.", true),
        LostAndFound::Hold => ("Nothing of them goes to the CRM until you decide.", false),
    };
    form::below(ui, means, bad);
}
