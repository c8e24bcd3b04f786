//! The files beside records (logged e-mail, events, tasks, contacts, leads): each is a `ContentVersion` that is published at its
//! record. Document and link are made with it, and the file belongs to the connection account.
//!
//! Salesforce has a file's name in two parts: the title, and an extension that it takes from the name on the client's
//! machine (`PathOnClient`) and nobody can set. Where the two would not make the same name again, the title is the whole
//! name.

use super::email::CLIENT_MANAGED;
use super::layout::Layout;
use super::soql;
use super::user::User;
use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::Method;
use riva_core::fault::{CallError, ItemError};
use riva_core::ports::{FileKept, FileOwner, ItemFile, ItemFiles};
use serde_json::{Value as Json, json};

/// What is written of a file.
const NEEDED: [&str; 4] = ["Title", "PathOnClient", "VersionData", "FirstPublishLocationId"];
/// Most characters of a title where the org does not say.
const TITLE: usize = 255;
/// Most characters of an extension; longer ones are refused.
const EXTENSION: usize = 40;

/// Whether files can be hung on logged messages that look like this.
pub fn hang_on_messages(message: &Layout) -> bool {
    message.creates(CLIENT_MANAGED)
}

/// Whether files can be kept beside records in an org whose objects look like this.
pub fn can_keep(version: &Layout, link: &Layout) -> bool {
    version.createable
        && NEEDED.iter().all(|field| version.creates(field))
        && link.queryable
        && ["LinkedEntityId", "ContentDocumentId"].iter().all(|field| link.has(field))
}

/// A link with its document, as a file.
pub fn kept(link: &Json) -> Option<FileKept> {
    let document = link.get("ContentDocument")?;
    let text = |column: &str| document.get(column).and_then(Json::as_str);
    let name = whole(text("Title")?, text("FileExtension").unwrap_or_default());
    Some(FileKept { name, size: document.get("ContentSize").and_then(Json::as_u64).unwrap_or(0) })
}

/// The name that a title and an extension make.
fn whole(title: &str, extension: &str) -> String {
    let has = title.rsplit_once('.').is_some_and(|(_, end)| end.eq_ignore_ascii_case(extension));
    if has || extension.is_empty() { title.to_owned() } else { format!("{title}.{extension}") }
}

/// What comes before and behind the last dot of a name, where the latter is an extension beyond doubt.
fn split(name: &str) -> Option<(&str, &str)> {
    let (start, end) = name.rsplit_once('.')?;
    let simple = !end.is_empty() && end.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-'));
    (simple && end.chars().count() <= EXTENSION).then_some((start, end))
}

/// A name that is cut to so many characters before its extension.
fn cut(name: &str, most: usize) -> String {
    if name.chars().count() <= most {
        return name.to_owned();
    }
    let (start, end) = split(name).map_or((name, String::new()), |(start, end)| (start, format!(".{end}")));
    let room = most.saturating_sub(end.chars().count());
    let start: String = start.chars().take(room).collect();
    format!("{}{end}", start.trim_end())
}

/// A name as a title has room for it.
fn fitting(name: &str, layout: &Layout) -> String {
    cut(name.trim(), layout.length("Title").unwrap_or(TITLE))
}

/// The title that a name gets, and the name on the client's machine.
fn named(name: &str) -> (&str, String) {
    let Some((start, end)) = split(name) else {
        // Salesforce is to see no extension either.
        return (name, name.replace(['.', '/', '\\'], "_"));
    };
    // Blanks at the ends of a title are lost.
    let same = !start.is_empty() && start == start.trim() && whole(start, end) == name;
    (if same { start } else { name }, name.replace(['/', '\\'], "_"))
}

/// The version that hangs a file on a record.
fn record(owner: &FileOwner, file: &ItemFile, layout: &Layout) -> Result<Json, ItemError> {
    let invalid = |reason: &str| ItemError::Invalid { reason: reason.to_owned() };
    if !soql::is_id(owner.id.as_str()) {
        return Err(ItemError::Gone);
    }
    if file.content.is_empty() {
        return Err(invalid("the file is empty: Salesforce keeps no empty files"));
    }
    let name = fitting(&file.name, layout);
    if name.is_empty() {
        return Err(invalid("the file has no name"));
    }
    let (title, path) = named(&name);
    Ok(json!({
        "attributes": {"type": "ContentVersion"},
        "Title": title,
        "PathOnClient": path,
        "VersionData": STANDARD.encode(&file.content),
        "FirstPublishLocationId": owner.id.as_str(),
    }))
}

#[async_trait]
impl ItemFiles for User {
    fn name_of(&self, name: &str) -> String {
        self.layouts.files.as_ref().map_or_else(|| name.to_owned(), |layout| fitting(name, layout))
    }

    async fn files(&self, owner: &FileOwner) -> Result<Vec<FileKept>, CallError> {
        let query = format!(
            "SELECT ContentDocument.Title,ContentDocument.FileExtension,ContentDocument.ContentSize \
             FROM ContentDocumentLink WHERE LinkedEntityId = {}",
            soql::text(owner.id.as_str())
        );
        Ok(self.api.query(&query, false).await?.iter().filter_map(kept).collect())
    }

    /// A name that is too long for a title is cut.
    async fn attach(&self, owner: &FileOwner, file: &ItemFile) -> Result<Result<(), ItemError>, CallError> {
        let Some(layout) = &self.layouts.files else {
            return Ok(Err(ItemError::Forbidden {
                reason: "this org keeps no files beside its records".into(),
            }));
        };
        let record = match record(owner, file, layout) {
            Ok(record) => record,
            Err(error) => return Ok(Err(error)),
        };
        // A collection of one: its answer tells a refusal of the file from a fault of the system.
        let done = self.send(Method::POST, "composite/sobjects", vec![record]).await?;
        Ok(done.into_iter().try_for_each(|one| one.map(drop)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LAYOUT: [(&str, usize); 4] =
        [("Title", 255), ("PathOnClient", 500), ("VersionData", 0), ("FirstPublishLocationId", 18)];

    fn written(name: &str) -> Result<Json, ItemError> {
        let message = FileOwner::message("02s000000000001AAA".into(), "<1@x>");
        let file = ItemFile { name: name.to_owned(), media_type: String::new(), content: vec![1] };
        record(&message, &file, &Layout::for_tests(&LAYOUT))
    }

    /// As Salesforce takes it from the name on the client's machine.
    fn extension(record: &Json) -> String {
        let path = record["PathOnClient"].as_str().expect("a text");
        let name = path.rsplit(['/', '\\']).next().expect("a part");
        name.rsplit_once('.').map(|(_, end)| end.to_owned()).unwrap_or_default()
    }

    fn again(record: &Json) -> String {
        let title = record["Title"].as_str().expect("a text");
        whole(title.trim(), &extension(record))
    }

    #[test]
    fn the_title_is_what_comes_before_the_extension_where_that_makes_the_name_again() {
        let long = format!("a.{}", "b".repeat(41));
        for (name, title, end) in [
            ("offer.PDF", "offer", "PDF"),
            ("x.tar.gz", "x.tar", "gz"),
            ("a", "a", ""),
            ("a.", "a.", ""),
            (".hidden", ".hidden", "hidden"),
            ("offer.pdf.PDF", "offer.pdf.PDF", "PDF"),
            ("offer .pdf", "offer .pdf", "pdf"),
            ("Version 1. Final", "Version 1. Final", ""),
            ("1/2.txt", "1/2", "txt"),
            ("a.b\\c", "a.b\\c", ""),
            (&long, &long, ""),
        ] {
            let record = written(name).expect("fits");
            assert_eq!(
                (record["Title"].as_str(), extension(&record)),
                (Some(title), end.to_owned()),
                "{name}"
            );
            assert_eq!(again(&record), name);
        }
    }

    #[test]
    fn a_long_name_is_cut_before_its_extension() {
        let start = "ä".repeat(300);
        let shown = again(&written(&format!("{start}.docx")).expect("fits"));
        assert_eq!(shown, format!("{}.docx", "ä".repeat(250)));
        assert_eq!(again(&written(&start).expect("fits")), "ä".repeat(255));
        let blank = format!("{} {}.txt", "x".repeat(250), "y".repeat(50));
        assert_eq!(again(&written(&blank).expect("fits")), format!("{}.txt", "x".repeat(250)));
    }

    #[test]
    fn what_cannot_be_kept_is_told_before_it_is_sent() {
        assert!(matches!(written(" "), Err(ItemError::Invalid { reason }) if reason.contains("no name")));
    }

    #[test]
    fn all_rights_are_needed() {
        let message = Layout::for_tests(&[(CLIENT_MANAGED, 0)]);
        let version = Layout::for_tests(&LAYOUT);
        let link = Layout::for_tests(&[("LinkedEntityId", 18), ("ContentDocumentId", 18)]);
        assert!(hang_on_messages(&message) && !hang_on_messages(&Layout::for_tests(&[])));
        assert!(can_keep(&version, &link));
        assert!(!can_keep(&Layout { createable: false, ..version.clone() }, &link));
        assert!(!can_keep(&version, &Layout { queryable: false, ..link.clone() }));
        assert!(!can_keep(&version, &Layout::for_tests(&[("LinkedEntityId", 18)])));
        for field in NEEDED {
            let mut less = version.clone();
            less.fields.remove(field);
            assert!(!can_keep(&less, &link), "{field}");
        }
    }

    #[test]
    fn a_link_without_its_document_is_no_file() {
        assert_eq!(kept(&json!({"ContentDocument": null})), None);
        let link = json!({"ContentDocument": {"Title": "Offer", "FileExtension": null, "ContentSize": 7}});
        assert_eq!(kept(&link), Some(FileKept { name: "Offer".into(), size: 7 }));
    }

    proptest! {
        #[test]
        fn every_name_that_fits_comes_back(name in "[a-cA-C./\\\\ _ä-]{1,20}") {
            let name = name.trim();
            prop_assume!(!name.is_empty());
            prop_assert_eq!(again(&written(name).expect("fits")), name);
        }
    }
}
