//! Draws what becomes of the files that hang on items: the same for every module.

use crate::widgets::form;
use egui::Ui;
use riva_core::documents::Direction;

/// Whether files go with their items, and how large they may be. Files go to the CRM alone.
pub(super) fn of_items_ui(ui: &mut Ui, direction: Direction, attachments: &mut bool, mib: &mut u32) {
    if direction == Direction::CrmToMail {
        return;
    }
    ui.add_space(6.0);
    let hint =
        "What hangs on an item in the mailbox is added to its record in the CRM, and never taken away there.";
    files_ui(ui, attachments, mib, hint);
}

/// Whether files go with their items, and how large they may be.
pub(super) fn files_ui(ui: &mut Ui, attachments: &mut bool, mib: &mut u32, hint: &str) {
    form::tick(ui, "Attachments", attachments);
    if *attachments {
        form::number(ui, "Largest", mib, 1..=25, "MiB; larger files are left out", None);
        form::below(ui, hint, false);
    }
}
