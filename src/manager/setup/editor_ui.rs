//! Draws the edit window of a connection.

use super::editor::{ConnectionEditor, Tab};
use super::form::{ConnectionForm, SignIn, options_of};
use super::{picklists_ui, test_ui};
use crate::age;
use crate::app::{Action, WindowId};
use crate::theme::{glyph, tokens};
use crate::widgets::{buttons, form, trouble};
use chrono::{DateTime, Utc};
use egui::{Context, RichText, ScrollArea, TextEdit, Ui};
use lucide_icons::Icon;
use riva_core::documents::{AccessMethod, Stamp, SystemKind};
use riva_core::ports::SecretKind;

/// What the window's buttons do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EditorAction {
    /// Save.
    Save,
    /// Close, asking first if something would be lost.
    Cancel,
    /// Run Test >>.
    RunTest,
    /// End the running test.
    CancelTest,
    /// Read the words of the organisation's lists.
    ReadLists,
    /// Test all users of the chosen policy.
    TestAll,
    /// End that.
    CancelAll,
}

/// The window.
pub fn window_ui(
    ctx: &Context,
    id: WindowId,
    editor: &mut ConnectionEditor,
    now: DateTime<Utc>,
    actions: &mut Vec<Action>,
) {
    let title = editor.title();
    crate::app::window(ctx, id, &title, [764.0, 640.0], actions, |ui, actions| {
        let mut act = |action| actions.push(Action::Connection(id, action));
        let usable = |tab| tab == Tab::General || editor.name.is_some();
        let tabs: Vec<_> = Tab::of(editor.system).map(|(tab, title)| (tab, title, usable(tab))).collect();
        crate::app::tabs(ui, &mut editor.tab, &tabs);
        let footer = 58.0;
        let height = (ui.available_height() - footer).max(120.0);
        ScrollArea::vertical().id_salt("page").max_height(height).auto_shrink(false).show(ui, |ui| {
            ui.set_min_height(height);
            match editor.tab {
                Tab::General => general_ui(ui, editor),
                Tab::Test => test_ui::page_ui(ui, editor, &mut act),
                Tab::Picklists => picklists_ui::page_ui(ui, editor, &mut act),
                Tab::About => about_ui(ui, editor, now),
            }
        });
        crate::app::footer(ui, |ui| {
            let busy = editor.saving.is_pending();
            if buttons::plain(ui, "Cancel", !busy).clicked() {
                act(EditorAction::Cancel);
            }
            if buttons::primary(ui, "Save", !busy && editor.form.is_some() && editor.is_dirty()).clicked() {
                act(EditorAction::Save);
            }
            if busy {
                ui.add(egui::Spinner::new().size(16.0));
            } else if editor.is_dirty() {
                ui.label(RichText::new("Not saved yet").color(tokens(ui).weak));
            }
        });
    });
}

fn general_ui(ui: &mut Ui, editor: &mut ConnectionEditor) {
    if let Some(error) = editor.loading.error() {
        trouble::trouble_ui(ui, error);
        return;
    }
    if let Some(error) = editor.saving.error() {
        trouble::trouble_ui(ui, error);
        ui.add_space(6.0);
    }
    let errors = &editor.errors;
    let error = |key: &str| errors.get(key).map(String::as_str);
    let Some(f) = &mut editor.form else {
        ui.add(egui::Spinner::new());
        return;
    };
    form::fact(ui, "System", f.system.title());
    if f.is_new() {
        let name = match f.system {
            SystemKind::ExchangeEws => "exchange",
            SystemKind::Caldav => "calendars",
            SystemKind::Salesforce => "salesforce",
            SystemKind::Odoo => "odoo",
        };
        form::text(ui, "Name", &mut f.name, name, error("name"));
    } else {
        form::fact(ui, "Name", &f.name);
    }
    form::text(ui, "Display Name", &mut f.display_name, "as shown in lists, optional", None);
    let hint = match f.system {
        SystemKind::ExchangeEws => "https://mail.example.com/EWS/Exchange.asmx",
        SystemKind::Caldav => "https://dav.example.com/",
        SystemKind::Salesforce => "https://login.salesforce.com/",
        SystemKind::Odoo => "https://odoo.example.com/",
    };
    form::text(ui, "Address", &mut f.address, hint, error("address"));
    ui.add_space(8.0);
    form::text(ui, "Account", &mut f.account, "login name of the connection account", error("account"));
    let sign_ins = f.sign_ins();
    if sign_ins.len() > 1 {
        form::choice(ui, "Security method", &mut f.sign_in, sign_ins, None);
    }
    if f.sign_in != SignIn::Password {
        form::text(ui, "Consumer key", &mut f.client_id, "of the connected app", error("client_id"));
    }
    if f.is_new() {
        f.ask_for_secrets();
    }
    secrets_ui(ui, f, &error);
    if f.system == SystemKind::ExchangeEws {
        let methods = [
            (AccessMethod::Impersonation, "EWS Impersonation (recommended)"),
            (AccessMethod::DelegateFullAccess, "Delegate Full Access"),
        ];
        form::choice(ui, "Impersonation method", &mut f.access, &methods, None);
    }
    ui.add_space(8.0);
    for option in options_of(f.system) {
        let value = f.options.entry(option.key).or_default();
        form::text(ui, option.label, value, option.hint, error(option.key));
    }
    let hint = "PEM file in the workspace, if the system's own is not trusted";
    form::text(ui, "Certificate authority", &mut f.ca_file, hint, error("ca_file"));
    if !f.is_new() {
        ui.add_space(8.0);
        form::text(ui, "Change Entry", &mut editor.why, "why it is changed, for the history", None);
    }
}

fn secrets_ui<'e>(ui: &mut Ui, f: &mut ConnectionForm, error: &impl Fn(&str) -> Option<&'e str>) {
    for (kind, label) in f.secret_kinds() {
        if let Some(typed) = f.secrets.get_mut(kind) {
            form::row(ui, label, error(kind.as_str()), |ui| {
                let width = ui.available_width().min(420.0);
                let field = if *kind == SecretKind::PrivateKey {
                    TextEdit::multiline(&mut **typed).desired_rows(3).hint_text("-----BEGIN PRIVATE KEY-----")
                } else {
                    TextEdit::singleline(&mut **typed)
                        .password(true)
                        .hint_text(if *kind == SecretKind::Password { "new password" } else { "new secret" })
                };
                ui.add(
                    field
                        .desired_width(width)
                        .margin(egui::Margin::symmetric(8, 5))
                        .align(egui::Align2::LEFT_CENTER),
                )
            });
        } else {
            let name = format!("Change {}", label.to_lowercase());
            let button = form::row(ui, label, None, |ui| ui.button(format!("{name}…")))
                .on_hover_text("What is stored is never shown");
            if button.accessible_name(name).clicked() {
                f.secrets.insert(*kind, zeroize::Zeroizing::default());
            }
        }
    }
}

fn about_ui(ui: &mut Ui, editor: &ConnectionEditor, now: DateTime<Utc>) {
    let stamp = |stamp: Option<&Stamp>| {
        stamp.map_or_else(
            || "not recorded".to_owned(),
            |s| format!("{} by {} ({})", age::ago(s.at, now), s.by, age::exact(s.at)),
        )
    };
    if let Some(document) = editor.form.as_ref().and_then(ConnectionForm::original) {
        form::fact(ui, "Created", &stamp(document.created.as_ref()));
        form::fact(ui, "Last modified", &stamp(document.modified.as_ref()));
    }
    let used: Vec<String> = editor.policies.iter().map(ToString::to_string).collect();
    form::fact(ui, "Used by", &if used.is_empty() { "no policy".to_owned() } else { used.join(", ") });
    ui.add_space(10.0);
    revisions_ui(ui, &editor.revisions, now);
}

/// The revisions of a document.
pub fn revisions_ui(
    ui: &mut Ui,
    revisions: &crate::requested::Requested<Vec<riva_core::admin::Revision>>,
    now: DateTime<Utc>,
) {
    let t = tokens(ui);
    ui.label(RichText::new("Revisions").family(crate::theme::strong_family()));
    if let Some(error) = revisions.error() {
        trouble::trouble_ui(ui, error);
    }
    let Some(list) = revisions.value() else { return };
    if list.is_empty() {
        ui.label(RichText::new("None yet: the first one is kept at the next Save.").color(t.weak));
    }
    for revision in list.iter().rev() {
        ui.horizontal(|ui| {
            glyph(ui, Icon::Clock, t.weak, 13.5);
            ui.label(format!("{}", revision.number));
            ui.label(age::ago(revision.at, now)).on_hover_text(age::exact(revision.at));
            ui.label(RichText::new(format!("by {}", revision.by)).color(t.weak));
            ui.add(egui::Label::new(&revision.why).truncate());
        });
    }
}
