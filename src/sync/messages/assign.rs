//! `Assign To`: in the mailbox a folder for each active record of the CRM, against which what is dropped there is logged.
//!
//! Each folder carries its record's id, so that it stays the folder of that record whatever it is called. Folders are made
//! and renamed, and never deleted: something may lie in them, or come into them at any moment.

use super::can_assign;
use crate::context::{CycleContext, CycleFault};
use riva_core::activity::Level;
use riva_core::item::Module;
use riva_core::ports::{ASSIGN_TO, ActiveRecord, AssignTo, FolderTag, MessageSource, RecordFolder};
use riva_core::rows::Side;
use riva_core::{documents::EmailPolicy, ids::RemoteId};
use std::collections::{BTreeMap, BTreeSet};

/// What a folder's name ends with when its record is closed, or not the user's any more.
const INACTIVE: &str = " (inactive)";
/// The longest name that a folder is given for its record, in characters; what tells it from others comes after.
const LONGEST: usize = 100;

/// What is to be done with a folder.
#[derive(Debug, PartialEq, Eq)]
enum Deed {
    Make(FolderTag),
    Rename { folder: RemoteId, from: String, tag: FolderTag },
}

/// Makes the folders of records that have none yet, and renames those whose records were renamed or closed.
pub(super) async fn offer(
    ctx: &CycleContext<'_>,
    policy: &EmailPolicy,
    source: &dyn MessageSource,
) -> Result<(), CycleFault> {
    if !policy.assign_to {
        return Ok(());
    }
    let Some(log) = ctx.crm.message_log().filter(|_| can_assign(ctx)) else {
        let text = format!(
            "{ASSIGN_TO} is switched on, but e-mail cannot be logged against records there: \"{}\" does not offer any, or \
             \"{}\" keeps no folders for them. No folder is made",
            ctx.policy.crm, ctx.policy.mail
        );
        return say_once(ctx, &text).await;
    };
    let master = policy.master_folder.trim();
    // A user who deletes it is given it back with the drop folder.
    let Some(AssignTo { id, folders }) =
        source.assign_to(master).await.map_err(|e| CycleFault::of(Side::Mail, e))?
    else {
        return Ok(());
    };
    let known: BTreeSet<RemoteId> =
        folders.iter().filter_map(|f| f.tag.as_ref().map(|tag| tag.record.clone())).collect();
    let most = usize::try_from(policy.assign_to_limit).unwrap_or(usize::MAX);
    let active = log.active_records(most, &known).await.map_err(|e| CycleFault::of(Side::Crm, e))?;
    let text = if active.more {
        format!(
            "There are more than {most} active records: of those without a folder in {ASSIGN_TO}, only the {most} most \
             recently changed get one (assign_to_limit)"
        )
    } else {
        String::new()
    };
    say_once(ctx, &text).await?;
    let mut made = 0_u32;
    for deed in plan(&folders, &active.records) {
        if ctx.stop.stopped() {
            return Err(CycleFault::Stopped);
        }
        match deed {
            Deed::Make(tag) => {
                let done = source.make_record_folder(&id, &tag).await;
                made += u32::from(done.map_err(|e| CycleFault::of(Side::Mail, e))?);
            }
            Deed::Rename { folder, from, tag } => {
                let done = source.rename_record_folder(&folder, &tag).await;
                if done.map_err(|e| CycleFault::of(Side::Mail, e))? {
                    let text = format!("Renamed the folder \"{from}\" in {ASSIGN_TO} to \"{}\"", tag.given);
                    ctx.line(Level::Info, Some(Module::Email), text);
                }
            }
        }
    }
    if made > 0 {
        let folders = if made == 1 { "folder" } else { "folders" };
        let text = format!("Made {made} {folders} for active records in \"{master}/{ASSIGN_TO}\"");
        ctx.line(Level::Info, Some(Module::Email), text);
    }
    Ok(())
}

/// Says a warning, unless it was the last one that was said of this here.
async fn say_once(ctx: &CycleContext<'_>, text: &str) -> Result<(), CycleFault> {
    let fact = format!("assign-to-said/{}", ctx.member.id.0);
    if ctx.store.fact(&fact).await?.unwrap_or_default() == text {
        return Ok(());
    }
    if !text.is_empty() {
        ctx.line(Level::Warning, Some(Module::Email), text.to_owned());
    }
    ctx.store.set_fact(&fact, text).await?;
    Ok(())
}

/// What is to be done so that each active record has a folder that is called like it.
fn plan(folders: &[RecordFolder], active: &[ActiveRecord]) -> Vec<Deed> {
    // Exchange tells no names apart by their case.
    let mut taken: BTreeSet<String> = folders.iter().map(|folder| folder.name.to_lowercase()).collect();
    let names: BTreeMap<&RemoteId, String> = active.iter().map(|r| (&r.id, name_of(&r.name))).collect();
    let mut deeds = Vec::new();
    let tagged = folders.iter().filter_map(|folder| Some((folder, folder.tag.as_ref()?)));
    for (folder, tag) in tagged.clone() {
        let wanted = match names.get(&tag.record) {
            Some(name) if is_called(&tag.given, name) => continue,
            Some(name) => name.clone(),
            None if tag.given.ends_with(INACTIVE) => continue,
            None => format!("{}{INACTIVE}", cut(&folder.name)),
        };
        taken.remove(&folder.name.to_lowercase());
        let given = free(&wanted, &mut taken);
        let (folder, from) = (folder.id.clone(), folder.name.clone());
        deeds.push(Deed::Rename { folder, from, tag: FolderTag { record: tag.record.clone(), given } });
    }
    let mut have: BTreeSet<&RemoteId> = tagged.map(|(_, tag)| &tag.record).collect();
    for record in active {
        if let Some(name) = names.get(&record.id).filter(|_| have.insert(&record.id)) {
            let given = free(name, &mut taken);
            deeds.push(Deed::Make(FolderTag { record: record.id.clone(), given }));
        }
    }
    deeds
}

/// A record's name as one that a folder can have.
fn name_of(record: &str) -> String {
    // The separators of paths, in one client or another.
    let fit = |c: char| if matches!(c, '/' | '\\') { '-' } else { c };
    let text: String = record.chars().map(|c| if c.is_control() { ' ' } else { fit(c) }).collect();
    let text = text.split_whitespace().collect::<Vec<_>>().join(" ");
    if text.is_empty() { "(no name)".to_owned() } else { cut(&text) }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST).collect::<String>().trim_end().to_owned()
}

/// Whether a folder was called by this name, or by this name and a number.
fn is_called(given: &str, name: &str) -> bool {
    let number = given.strip_prefix(name).map(|rest| {
        rest.is_empty()
            || rest
                .strip_prefix(" (")
                .and_then(|rest| rest.strip_suffix(')'))
                .is_some_and(|number| number.parse::<u32>().is_ok())
    });
    number.unwrap_or(false)
}

/// A name that no other folder has; it is taken from now on.
fn free(name: &str, taken: &mut BTreeSet<String>) -> String {
    let numbered = (2_u32..).map(|number| format!("{name} ({number})"));
    let mut all = std::iter::once(name.to_owned()).chain(numbered);
    all.find(|name| taken.insert(name.to_lowercase())).unwrap_or_else(|| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(id: &str, name: &str) -> ActiveRecord {
        ActiveRecord { id: id.into(), name: name.into() }
    }

    fn tag(record: &str, given: &str) -> FolderTag {
        FolderTag { record: record.into(), given: given.into() }
    }

    fn folder(name: &str, tag: Option<FolderTag>) -> RecordFolder {
        RecordFolder { id: format!("folder {name}").as_str().into(), name: name.into(), tag }
    }

    /// What the folders are called when all is done, by record; in the end nothing more is to be done.
    fn settled(mut folders: Vec<RecordFolder>, active: &[ActiveRecord]) -> Vec<(String, String)> {
        for deed in plan(&folders, active) {
            match deed {
                Deed::Make(tag) => folders.push(folder(&tag.given.clone(), Some(tag))),
                Deed::Rename { folder, tag, .. } => {
                    let of = folders.iter_mut().find(|f| f.id == folder).expect("it is there");
                    (of.name, of.tag) = (tag.given.clone(), Some(tag));
                }
            }
        }
        assert_eq!(plan(&folders, active), []);
        let lower: BTreeSet<String> = folders.iter().map(|f| f.name.to_lowercase()).collect();
        assert_eq!(lower.len(), folders.len(), "no two of one name: {folders:?}");
        let of = |f: RecordFolder| (f.tag.map(|t| t.record.to_string()).unwrap_or_default(), f.name);
        folders.into_iter().map(of).collect()
    }

    fn said(all: &[(&str, &str)]) -> Vec<(String, String)> {
        all.iter().map(|(record, name)| ((*record).to_owned(), (*name).to_owned())).collect()
    }

    #[test]
    fn two_records_of_one_name_have_folders_that_can_be_told_apart_and_keep_them() {
        let (one, two) = (record("1", "500 seats"), record("2", "500 SEATS"));
        let made = settled(vec![folder("500 seats (2)", None)], &[one.clone(), two.clone()]);
        assert_eq!(made, said(&[("", "500 seats (2)"), ("1", "500 seats"), ("2", "500 SEATS (3)")]));
        // In the other order they keep their names.
        let there = vec![
            folder("500 seats", Some(tag("1", "500 seats"))),
            folder("500 SEATS (3)", Some(tag("2", "500 SEATS (3)"))),
        ];
        assert_eq!(plan(&there, &[two, one]), []);
    }

    #[test]
    fn a_folder_is_called_like_its_record_and_no_more_offered_when_that_is_closed() {
        let there = vec![
            folder("Old name", Some(tag("1", "Old name"))),
            folder("Closed", Some(tag("2", "Closed"))),
            folder("Open again (inactive)", Some(tag("3", "Open again (inactive)"))),
            folder("Long closed (inactive)", Some(tag("4", "Long closed (inactive)"))),
            folder("acme", Some(tag("5", "acme"))),
        ];
        let now = settled(there, &[record("1", "New name"), record("3", "Open again"), record("5", "Acme")]);
        let wanted = [
            ("1", "New name"),
            ("2", "Closed (inactive)"),
            ("3", "Open again"),
            ("4", "Long closed (inactive)"),
            ("5", "Acme"),
        ];
        assert_eq!(now, said(&wanted));
    }

    #[test]
    fn a_folder_that_its_user_has_renamed_keeps_that_name_until_the_record_is_renamed_or_closed() {
        let there = || vec![folder("My deal", Some(tag("1", "500 seats")))];
        assert_eq!(plan(&there(), &[record("1", "500 seats")]), []);
        assert_eq!(settled(there(), &[record("1", "600 seats")]), said(&[("1", "600 seats")]));
        assert_eq!(settled(there(), &[]), said(&[("1", "My deal (inactive)")]));
    }

    #[test]
    fn names_are_made_into_ones_that_a_folder_can_have() {
        assert_eq!(name_of(" A/B\\C\n\u{1}D  E "), "A-B-C D E");
        assert_eq!(name_of(" \t"), "(no name)");
        let long = "é".repeat(300);
        assert_eq!(name_of(&long).chars().count(), LONGEST);
        let two = settled(Vec::new(), &[record("1", &long), record("2", &long)]);
        assert!(two.iter().all(|(_, name)| name.chars().count() < 255), "{two:?}");
        // A name that only begins like another one is another name.
        assert!(!is_called("500 seats (urgent)", "500 seats") && !is_called("500 seats more", "500 seats"));
    }
}
