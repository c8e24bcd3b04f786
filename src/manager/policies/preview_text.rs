//! A preview as text: to copy, to save, to send to whoever must agree.

use super::preview::{PolicyPreview, UserPreview};
use crate::age;
use crate::words::{because, count, deed_title, field_title};
use chrono::{DateTime, Utc};
use riva_core::history::{Deed, DeedKind, FieldChange, shown};
use std::fmt::Write as _;
use std::path::PathBuf;

/// The whole of it, whatever is filtered.
pub fn text(preview: &PolicyPreview, now: DateTime<Utc>) -> String {
    let mut text =
        format!("Preview of policy {}, {}\n{}\n", preview.policy, age::exact(now), preview.summary());
    text.extend(preview.note.iter().map(|note| format!("{note}\n")));
    for (_, title, n) in preview.totals() {
        // Writing to a text cannot fail.
        let _ = writeln!(text, "{n:>6}  {title}");
    }
    for user in &preview.users {
        user_text(&mut text, user);
    }
    text
}

fn user_text(text: &mut String, user: &UserPreview) {
    let things = count(user.deeds.len(), "thing to do", "things to do");
    let _ = writeln!(text, "\n{}: {things}", user.address);
    let mut deeds: Vec<&Deed> = user.deeds.iter().collect();
    deeds.sort_by(|a, b| (a.module, &a.title).cmp(&(b.module, &b.title)));
    for deed in deeds {
        let _ = writeln!(
            text,
            "  {}: {}: {} (because {})",
            deed.module,
            deed_title(deed.kind),
            deed.title,
            because(&deed.rule)
        );
        if !deed.reason.is_empty() {
            let _ = writeln!(text, "      {}", deed.reason);
        }
        for change in &deed.fields {
            let _ = writeln!(text, "      {}", change_words(deed.kind, change));
        }
    }
    if let Some(why) = &user.ended {
        let _ = writeln!(text, "  The list ends here: {why}");
    }
}

/// A field: its new value, and of an update the old one too.
fn change_words(kind: DeedKind, change: &FieldChange) -> String {
    let (field, new) = (field_title(change.field), shown(&change.new));
    if matches!(kind, DeedKind::Create { .. }) {
        return format!("{field}: {new}");
    }
    format!("{field}: {} → {new}", old_words(change))
}

/// The value that is overwritten.
pub fn old_words(change: &FieldChange) -> String {
    change.old.as_ref().map_or_else(|| "(not shown)".into(), shown)
}

/// What a row of the table says beyond kind and item.
pub fn details(deed: &Deed) -> String {
    match deed.kind {
        DeedKind::Update { .. } => {
            deed.fields.iter().map(|c| change_words(deed.kind, c)).collect::<Vec<_>>().join("; ")
        }
        DeedKind::Create { .. } => {
            let fields: Vec<String> =
                deed.fields.iter().map(|c| field_title(c.field).to_lowercase()).collect();
            fields.join(", ")
        }
        _ => deed.reason.clone(),
    }
}

/// Where it is saved, if nothing else is typed: in the home folder.
pub fn usual_path(preview: &PolicyPreview, now: DateTime<Utc>) -> String {
    let folder = std::env::home_dir().unwrap_or_else(|| PathBuf::from("."));
    let plain = |c: char| if c.is_alphanumeric() || c == '-' { c } else { '-' };
    let policy: String = preview.policy.as_str().chars().map(plain).collect();
    let name = format!("preview-{policy}-{}.txt", now.format("%Y-%m-%d-%H%M"));
    folder.join(name).display().to_string()
}
