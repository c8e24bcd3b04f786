//! Draws the E-mail page of the policy editor.

use super::attachments_ui;
use super::editor::{PolicyEditor, join_list, split_list};
use super::editor_ui::Offers;
use crate::theme::tokens;
use crate::widgets::form;
use egui::{RichText, Ui};
use riva_core::documents::EmailPolicy;

pub fn page_ui(ui: &mut Ui, editor: &mut PolicyEditor, offers: &Offers) {
    let obstacle = editor.no_email(&offers.systems);
    let Some(policy) = &mut editor.policy else { return };
    let mut on = policy.modules.email.is_some();
    // What is on can be switched off, whatever it is on for.
    let may = obstacle.is_none() || on;
    let tick = ui.add_enabled_ui(may, |ui| form::tick(ui, "Log e-mail in the CRM", &mut on)).inner;
    if tick.changed() {
        policy.modules.email = on.then(EmailPolicy::default);
    }
    if let Some(obstacle) = &obstacle {
        form::below(ui, obstacle, true);
    }
    ui.add_space(6.0);
    let Some(email) = &mut policy.modules.email else { return };
    let text = "Each message is logged once, with the people whom the CRM knows by its addresses. It is not changed \
                afterwards, and the mailbox is only read. Drafts, private messages, and messages among users of the CRM \
                alone are not logged.";
    ui.add(egui::Label::new(RichText::new(text).color(tokens(ui).weak)).wrap());
    ui.add_space(8.0);
    form::tick(ui, "Inbox", &mut email.inbox);
    form::tick(ui, "Sent Items", &mut email.sent);
    let unit = "days before a user's first sync; 0: from then on";
    form::number(ui, "Go back", &mut email.days_back, 0..=3650, unit, None);
    ui.add_space(6.0);
    form::tick(ui, "Drop folder", &mut email.drop_folders);
    if email.drop_folders {
        let hint =
            "\"- Create New Email\" in the master folder: what is dropped there is logged, however old.";
        form::below(ui, hint, false);
    }
    form::tick(ui, "Assign To", &mut email.assign_to);
    if email.assign_to {
        let hint = "A folder for each of the user's open opportunities and cases: what is dropped there is logged against \
                    that record.";
        form::below(ui, hint, false);
        let unit = "folders, for the records changed last";
        form::number(ui, "At most", &mut email.assign_to_limit, 1..=500, unit, None);
    }
    if email.drop_folders || email.assign_to {
        form::text(ui, "Master folder", &mut email.master_folder, "CRM", None);
    }
    ui.add_space(6.0);
    let hint = "Each comes after its message. Pictures inside a text and attached messages are left out.";
    attachments_ui::files_ui(ui, &mut email.attachments, &mut email.attachment_mib, hint);
    ui.add_space(6.0);
    form::tick(ui, "Match leads, where no contact has the address", &mut email.leads);
    let mut ignore = join_list(&email.ignore);
    if form::text(ui, "Never match", &mut ignore, "northwind.example, boss@elsewhere.example", None).changed()
    {
        email.ignore = split_list(&ignore);
    }
    form::below(ui, "Domains and addresses, with commas between: one's own company.", false);
}
