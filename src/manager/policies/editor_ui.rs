//! Draws *Edit CRM Synchronization Policy*.

use super::editor::{Page, PolicyEditor};
use super::{advanced_ui, attachments_ui, browser_ui, email_ui, first_sync_ui, general_ui};
use crate::age;
use crate::app::{Action, WindowId};
use crate::setup::editor_ui::revisions_ui;
use crate::theme::tokens;
use crate::widgets::{buttons, form, trouble};
use chrono::{DateTime, Utc};
use egui::{Align, Context, Layout, RichText, ScrollArea, Ui};
use lucide_icons::Icon;
use riva_core::documents::{
    BecamePrivate, CalendarPolicy, ConflictWinner, ContactsPolicy, DeletePolicy, Direction, Policy,
    PrivateItems, SafetyLimit, Stamp, SystemKind, TasksPolicy,
};
use std::collections::BTreeMap;

/// What the window's buttons do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PolicyAction {
    /// Save.
    Save,
    /// Close, asking first if something would be lost.
    Cancel,
    /// add >> on the General page.
    Browse,
    /// remove >> on the General page.
    Remove,
    /// check name >> in the browser.
    CheckName,
    /// Enter in the browser's field.
    EnterName,
    /// add >> in the browser.
    AddName,
    /// remove >> in the browser.
    RemoveName,
    /// Ok >> in the browser.
    Ok,
    /// Close the browser.
    CloseBrowser,
    /// What the next cycle of its users would do.
    Preview,
}

/// The connections that a policy can be put on.
#[derive(Debug, Clone, Default)]
pub struct Offers {
    /// Mail connections.
    pub mail: Vec<String>,
    /// CRM connections.
    pub crm: Vec<String>,
    /// What each connection leads to.
    pub systems: BTreeMap<String, SystemKind>,
}

/// The window, and the browser above it.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    editor: &mut PolicyEditor,
    offers: &Offers,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = editor.title();
    crate::app::window(ctx, id, &title, [760.0, 600.0], actions, |ui, actions| {
        let mut act = |action| actions.push(Action::Policy(id, action));
        if editor.browser.is_some() {
            ui.disable();
        }
        let pages = Page::ALL.map(|(page, title)| (page, title, page != Page::About || !editor.is_new()));
        crate::app::tabs(ui, &mut editor.page, &pages);
        let footer = 58.0;
        let height = (ui.available_height() - footer).max(120.0);
        ScrollArea::vertical().id_salt("page").max_height(height).auto_shrink(false).show(ui, |ui| {
            ui.set_min_height(height);
            page_ui(ui, editor, offers, now, &mut act);
        });
        crate::app::footer(ui, |ui| {
            let busy = editor.saving.is_pending();
            if buttons::plain(ui, "Cancel", !busy).clicked() {
                act(PolicyAction::Cancel);
            }
            if buttons::primary(ui, "Save", !busy && editor.is_dirty()).clicked() {
                act(PolicyAction::Save);
            }
            if busy {
                ui.add(egui::Spinner::new().size(16.0));
            } else {
                ui.label(RichText::new(editor.changes()).color(tokens(ui).weak));
            }
            ui.with_layout(Layout::left_to_right(Align::Center), |ui| {
                let saved = !busy && !editor.is_new() && !editor.is_dirty() && editor.policy.is_some();
                let preview = buttons::with_icon(ui, Icon::FileSearch, "Preview…", saved);
                let preview = preview.on_hover_text("What the next sync would do; nothing is written");
                if preview.on_disabled_hover_text("Save it first").clicked() {
                    act(PolicyAction::Preview);
                }
            });
        });
    });
    browser_ui::window_ui(ctx, id, editor, actions);
}

fn page_ui(
    ui: &mut Ui,
    editor: &mut PolicyEditor,
    offers: &Offers,
    now: DateTime<Utc>,
    act: &mut impl FnMut(PolicyAction),
) {
    if let Some(error) = editor.loading.error() {
        trouble::trouble_ui(ui, error);
        return;
    }
    if let Some(error) = editor.saving.error() {
        trouble::trouble_ui(ui, error);
        ui.add_space(6.0);
    }
    if editor.policy.is_none() {
        ui.add(egui::Spinner::new());
        return;
    }
    match editor.page {
        Page::General => general_ui::page_ui(ui, editor, offers, now, act),
        Page::About => about_ui(ui, editor, now),
        Page::Email => email_ui::page_ui(ui, editor, offers),
        page => {
            if let Some(policy) = &mut editor.policy {
                match page {
                    Page::Scheduling => scheduling_ui(ui, policy),
                    Page::Contacts => contacts_ui(ui, policy),
                    Page::Calendar => calendar_ui(ui, policy),
                    Page::Tasks => tasks_ui(ui, policy),
                    Page::Advanced => advanced_ui::page_ui(ui, policy),
                    _ => safety_ui(ui, policy),
                }
            }
        }
    }
}

fn scheduling_ui(ui: &mut Ui, policy: &mut Policy) {
    let s = &mut policy.schedule;
    form::number(ui, "Full sync interval", &mut s.interval_minutes, 1..=1440, "minutes", None);
    form::number(ui, "Delete poll interval", &mut s.delete_poll_minutes, 5..=10080, "minutes", None);
    form::below(ui, "How often a system that does not report deletions is listed in full.", false);
    ui.add_space(6.0);
    form::number(ui, "Execution Threads", &mut s.execution_threads, 1..=100, "users at once", None);
    form::below(ui, "More threads finish sooner and ask more of both systems.", false);
}

const DIRECTIONS: [(Direction, &str); 3] = [
    (Direction::TwoWay, "Both ways"),
    (Direction::MailToCrm, "From the mailbox to the CRM"),
    (Direction::CrmToMail, "From the CRM to the mailbox"),
];
const CONFLICTS: [(ConflictWinner, &str); 4] = [
    (ConflictWinner::Crm, "The CRM wins"),
    (ConflictWinner::Mail, "The mailbox wins"),
    (ConflictWinner::Newest, "The later change wins"),
    (ConflictWinner::Hold, "Hold for an administrator"),
];
const PRIVATE: [(PrivateItems, &str); 3] = [
    (PrivateItems::Skip, "Skip if \"Private\""),
    (PrivateItems::BusyOnly, "Show \"Private appointment\" and when, nothing else"),
    (PrivateItems::Sync, "Sync like any other"),
];
const BECAME_PRIVATE: [(BecamePrivate, &str); 3] = [
    (BecamePrivate::Leave, "Leave the CRM's copy as it is"),
    (BecamePrivate::Blank, "Blank the CRM's copy: \"Private appointment\""),
    (BecamePrivate::Delete, "Delete the CRM's copy"),
];
const DELETIONS: [(DeletePolicy, &str); 3] = [
    (DeletePolicy::Propagate, "Delete on the other side too"),
    (DeletePolicy::Detach, "Keep on the other side, stop syncing it"),
    (DeletePolicy::Restore, "Make it again"),
];

fn conflicts_ui(ui: &mut Ui, winner: &mut ConflictWinner) {
    form::choice(ui, "Conflicts", winner, &CONFLICTS, None);
    let text = match winner {
        ConflictWinner::Newest => {
            "When the same field was changed on both sides. Each system says when an item was last changed: the item, \
             not the field. Where one does not say, or both say the same second, the CRM wins."
        }
        ConflictWinner::Crm | ConflictWinner::Mail | ConflictWinner::Hold => {
            "When the same field was changed on both sides."
        }
    };
    form::below(ui, text, false);
}

fn contacts_ui(ui: &mut Ui, policy: &mut Policy) {
    let mut on = policy.modules.contacts.is_some();
    if form::tick(ui, "Sync contacts", &mut on).changed() {
        policy.modules.contacts = on.then(ContactsPolicy::default);
    }
    ui.add_space(6.0);
    let Some(c) = &mut policy.modules.contacts else { return };
    form::tick(ui, "Sync leads too, with the category \"Lead\"", &mut c.leads);
    ui.add_space(6.0);
    form::choice(ui, "Direction", &mut c.direction, &DIRECTIONS, None);
    conflicts_ui(ui, &mut c.conflict);
    ui.add_space(6.0);
    form::choice(ui, "Deleted in the mailbox", &mut c.deleted_in_mail, &DELETIONS, None);
    form::choice(ui, "Deleted in the CRM", &mut c.deleted_in_crm, &DELETIONS, None);
    ui.add_space(6.0);
    let kinds = [BECAME_PRIVATE[0], BECAME_PRIVATE[2]];
    form::choice(ui, "Marked private", &mut c.became_private, &kinds, None);
    form::below(
        ui,
        "When a contact that is in the CRM is marked private. Others that are private are skipped.",
        false,
    );
    attachments_ui::of_items_ui(ui, c.direction, &mut c.attachments, &mut c.attachment_mib);
}

fn calendar_ui(ui: &mut Ui, policy: &mut Policy) {
    let mut on = policy.modules.calendar.is_some();
    if form::tick(ui, "Sync the calendar", &mut on).changed() {
        policy.modules.calendar = on.then(CalendarPolicy::default);
    }
    ui.add_space(6.0);
    let Some(c) = &mut policy.modules.calendar else { return };
    form::number(ui, "Window back", &mut c.days_back, 0..=3650, "days", None);
    form::number(ui, "Window ahead", &mut c.days_ahead, 1..=3650, "days", None);
    form::below(ui, "Appointments outside of the window are left alone.", false);
    ui.add_space(6.0);
    form::choice(ui, "Private appointments", &mut c.private, &PRIVATE, None);
    if c.private == PrivateItems::Skip {
        form::choice(ui, "Marked private later", &mut c.became_private, &BECAME_PRIVATE, None);
        form::below(ui, "When an appointment that is in the CRM already is marked private.", false);
    }
    ui.add_space(6.0);
    form::choice(ui, "Direction", &mut c.direction, &DIRECTIONS, None);
    conflicts_ui(ui, &mut c.conflict);
    ui.add_space(6.0);
    form::choice(ui, "Deleted in the mailbox", &mut c.deleted_in_mail, &DELETIONS, None);
    form::choice(ui, "Deleted in the CRM", &mut c.deleted_in_crm, &DELETIONS, None);
    attachments_ui::of_items_ui(ui, c.direction, &mut c.attachments, &mut c.attachment_mib);
}

fn tasks_ui(ui: &mut Ui, policy: &mut Policy) {
    let mut on = policy.modules.tasks.is_some();
    if form::tick(ui, "Sync tasks", &mut on).changed() {
        policy.modules.tasks = on.then(TasksPolicy::default);
    }
    ui.add_space(6.0);
    let Some(t) = &mut policy.modules.tasks else { return };
    form::choice(ui, "Private tasks", &mut t.private, &[PRIVATE[0], PRIVATE[2]], None);
    if t.private == PrivateItems::Skip {
        let kinds = [BECAME_PRIVATE[0], BECAME_PRIVATE[2]];
        form::choice(ui, "Marked private later", &mut t.became_private, &kinds, None);
        form::below(ui, "When a task that is in the CRM already is marked private.", false);
    }
    ui.add_space(6.0);
    form::choice(ui, "Direction", &mut t.direction, &DIRECTIONS, None);
    conflicts_ui(ui, &mut t.conflict);
    let done = match t.conflict {
        ConflictWinner::Newest => {
            "A task that is done on one side is done, unless it was taken up again later on the other."
        }
        ConflictWinner::Crm | ConflictWinner::Mail | ConflictWinner::Hold => {
            "A task that is done on one side is done."
        }
    };
    form::below(ui, done, false);
    ui.add_space(6.0);
    form::choice(ui, "Deleted in the mailbox", &mut t.deleted_in_mail, &DELETIONS, None);
    form::choice(ui, "Deleted in the CRM", &mut t.deleted_in_crm, &DELETIONS, None);
    attachments_ui::of_items_ui(ui, t.direction, &mut t.attachments, &mut t.attachment_mib);
}

fn safety_ui(ui: &mut Ui, policy: &mut Policy) {
    let weak = tokens(ui).weak;
    let text = "Delete Safety: more deletions of a user in one sync cycle than this are held until an administrator \
                has approved them. Whichever limit is reached first counts, the percentage from eleven deletions on. What \
                would leave nothing of three items or more is always held.";
    ui.add(egui::Label::new(RichText::new(text).color(weak)).wrap());
    ui.add_space(8.0);
    let s = &mut policy.safety;
    let mut limits = |title: &str, limit: &mut SafetyLimit| {
        form::number(
            ui,
            &format!("{title}, at most"),
            &mut limit.items,
            1..=100_000,
            "deletions in one cycle",
            None,
        );
        let unit = "% of the items in step";
        form::number(ui, &format!("{title}, or"), &mut limit.percent, 1..=100, unit, None);
        ui.add_space(8.0);
    };
    limits("Contacts", &mut s.contacts);
    limits("Calendar", &mut s.calendar);
    limits("Tasks", &mut s.tasks);
    first_sync_ui::section_ui(ui, policy);
}

fn about_ui(ui: &mut Ui, editor: &PolicyEditor, now: DateTime<Utc>) {
    let stamp = |stamp: Option<&Stamp>| {
        stamp.map_or_else(
            || "not recorded".to_owned(),
            |s| format!("{} by {} ({})", age::ago(s.at, now), s.by, age::exact(s.at)),
        )
    };
    if let Some(policy) = &editor.original {
        form::fact(ui, "Created", &stamp(policy.created.as_ref()));
        form::fact(ui, "Last modified", &stamp(policy.modified.as_ref()));
    }
    ui.add_space(10.0);
    revisions_ui(ui, &editor.revisions, now);
}
