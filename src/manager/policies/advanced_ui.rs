//! Draws the Advanced page of *Edit CRM Synchronization Policy*: what becomes of changes that a user may not make in the CRM.

use crate::theme::tokens;
use crate::widgets::form;
use egui::{Label, RichText, Ui};
use riva_core::documents::{MayNot, MayNotCreate, Policy};

const CREATE: [(MayNotCreate, &str); 2] =
    [(MayNotCreate::Retry, "Retry"), (MayNotCreate::Ignore, "Ignore: it stays in the mailbox alone")];
const MODIFY: [(MayNot, &str); 3] = [
    (MayNot::Retry, "Retry"),
    (MayNot::Rollback, "Rollback: the CRM's values return"),
    (MayNot::Ignore, "Ignore: each side keeps its own"),
];
const DELETE: [(MayNot, &str); 3] = [
    (MayNot::Retry, "Retry"),
    (MayNot::Rollback, "Rollback: made again in the mailbox"),
    (MayNot::Ignore, "Ignore: it stays in the CRM alone"),
];

pub(super) fn page_ui(ui: &mut Ui, policy: &mut Policy) {
    let text = "No permission in the CRM: what becomes of a contact, appointment or task when its user may not do there what \
                was done in the mailbox.";
    ui.add(Label::new(RichText::new(text).color(tokens(ui).weak)).wrap());
    ui.add_space(8.0);
    let p = &mut policy.no_permission;
    form::choice(ui, "Create", &mut p.create, &CREATE, None);
    form::choice(ui, "Modify", &mut p.modify, &MODIFY, None);
    if p.modify == MayNot::Rollback {
        form::below(ui, "What a user has changed in the mailbox is lost there.", false);
    }
    form::choice(ui, "Delete", &mut p.delete, &DELETE, None);
    let retried = p.create == MayNotCreate::Retry || p.modify == MayNot::Retry || p.delete == MayNot::Retry;
    if retried {
        ui.add_space(6.0);
        form::below(
            ui,
            "Retry: in the next three cycles, then every hour, at most 50 times; meanwhile it is listed as an error.",
            false,
        );
    }
}
