//! Files of the org: what their records do by themselves (Object Reference: `ContentVersion`, `ContentDocument`,
//! `ContentDocumentLink`). Whoever follows the record that a file is hung on is told nothing.

use super::api::ApiError;
use super::event_time::Values;
use super::org::{Org, Record};
use super::schema::{Field, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

/// What a file holds.
pub(super) fn content(record: &Record, field: &Field) -> Vec<u8> {
    // It was checked when it came in.
    record.text(field.name).and_then(|text| STANDARD.decode(text).ok()).unwrap_or_default()
}

/// A file's name on the client's machine, without folders: what comes before and behind its last dot.
fn parts(path: &str) -> (&str, Option<&str>) {
    let name = path.rsplit(['/', '\\']).next().unwrap_or(path);
    match name.rsplit_once('.') {
        Some((title, extension)) if !extension.is_empty() => (title, Some(extension)),
        _ => (name, None),
    }
}

impl Org {
    /// Makes a file of its first version: the version, the document, and where it hangs.
    pub(super) fn file_uploaded(
        &mut self,
        versions: &Object,
        mut values: Values,
        by: &str,
    ) -> Result<String, ApiError> {
        self.may_link(&values, "FirstPublishLocationId")?;
        let text = |values: &Values, name: &str| {
            values.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
        };
        let size = STANDARD.decode(text(&values, "VersionData")).map_or(0, |bytes| bytes.len() as u64);
        if self.file_storage.is_some_and(|most| self.files_size(versions) + size > most) {
            return Err(ApiError::bad("STORAGE_LIMIT_EXCEEDED", "storage limit exceeded"));
        }
        let path = text(&values, "PathOnClient");
        let (title, extension) = parts(&path);
        let most = versions.field("FileExtension").map_or(0, Field::length);
        if extension.is_some_and(|extension| extension.chars().count() > most) {
            let message = format!("File Extension: data value too large: {path} (max length={most})");
            return Err(ApiError::bad("STRING_TOO_LONG", message).about(["FileExtension"]));
        }
        if text(&values, "Title").is_empty() {
            let title = if title.is_empty() { path.as_str() } else { title };
            values.insert("Title", title.chars().take(255).collect::<String>().into());
        }
        let documents = self.schema.known("ContentDocument")?;
        let links = self.schema.known("ContentDocumentLink")?;
        let of_file = Values::from([
            ("FileExtension", extension.map_or(Value::Null, Value::from)),
            ("ContentSize", size.into()),
        ]);
        values.extend(of_file.clone());
        let get = |name: &str| values.get(name).cloned().unwrap_or(Value::Null);
        let (title, owner, place) = (get("Title"), get("OwnerId"), get("FirstPublishLocationId"));
        let mut document = Values::from([("Title", title), ("OwnerId", owner.clone())]);
        document.extend(of_file);
        let document = self.insert(&documents, document, by);
        values.insert("ContentDocumentId", document.as_str().into());
        values.insert("IsLatest", true.into());
        values.insert("VersionNumber", "1".into());
        let version = self.insert(versions, values, by);
        self.put("ContentDocument", &document, "LatestPublishedVersionId", version.as_str().into());
        // Its owner has it by another kind of share.
        for (at, share) in [(owner, "I"), (place, "V")] {
            if !at.is_null() {
                let link = Values::from([
                    ("LinkedEntityId", at),
                    ("ContentDocumentId", document.as_str().into()),
                    ("ShareType", share.into()),
                ]);
                self.insert(&links, link, by);
            }
        }
        Ok(version)
    }

    /// On a message that is no draft, files are hung by a client alone that has said at its creation to look after it.
    pub(super) fn may_link(&self, values: &Values, field: &'static str) -> Result<(), ApiError> {
        let id = values.get(field).and_then(Value::as_str).unwrap_or_default();
        let messages = self.schema.object("EmailMessage");
        let message = messages.and_then(|messages| self.any(&messages, id));
        if message.is_none_or(|m| m.text("Status") == Some(super::email::DRAFT) || m.is("IsClientManaged")) {
            return Ok(());
        }
        let message = "Linked Entity ID: files can be linked to an email message only while it is a draft, or if it is \
                       client managed";
        Err(ApiError::bad("FIELD_INTEGRITY_EXCEPTION", message).about([field]))
    }

    /// The links with this id in this field.
    pub(super) fn links(&self, field: &str, id: &str) -> Vec<(Object, String)> {
        let Some(links) = self.schema.object("ContentDocumentLink") else { return Vec::new() };
        let of = |r: &Record| r.deleted_at.is_none() && r.text(field) == Some(id);
        self.rows(&links).filter(|(_, r)| of(r)).map(|(id, _)| (links, id.clone())).collect()
    }

    /// With a document go its versions and links.
    pub(super) fn file_gone(&mut self, document: &str, by: &str) -> Result<(), ApiError> {
        let mut gone = self.links("ContentDocumentId", document);
        if let Some(versions) = self.schema.object("ContentVersion") {
            let of = |r: &Record| r.deleted_at.is_none() && r.text("ContentDocumentId") == Some(document);
            gone.extend(self.rows(&versions).filter(|(_, r)| of(r)).map(|(id, _)| (versions, id.clone())));
        }
        for (object, id) in gone {
            self.delete(&object, &id, by)?;
        }
        Ok(())
    }

    fn files_size(&self, versions: &Object) -> u64 {
        let live = self.rows(versions).filter(|(_, r)| r.deleted_at.is_none());
        live.filter_map(|(_, r)| r.get("ContentSize").as_u64()).sum()
    }
}
