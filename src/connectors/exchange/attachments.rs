//! The files that hang on an item: how its mailbox lists them, and what one of them holds.
//!
//! A file is known by its name and size, not by its attachment id: that one changes whenever the item is moved. Sizes,
//! and which files are shown inside the text, are told by Exchange 2010 and newer; no older one is spoken to.

use super::client::{item_of, messages};
use super::mailbox::Mailbox;
use super::request;
use super::shape::{child_is_true, child_text};
use super::xml::Read;
use crate::base64_text;
use async_trait::async_trait;
use riva_core::fault::{CallError, ItemError};
use riva_core::ids::RemoteId;
use riva_core::item::{FileListed, Module};
use riva_core::ports::{FileSource, ItemFile};

/// A file as `item:Attachments` lists it.
pub(super) struct Listed {
    /// Its attachment id; empty if Exchange gives none.
    id: String,
    /// Its name.
    pub(super) name: String,
    /// A little more than what it holds: Exchange counts its properties, too.
    pub(super) size: u64,
}

/// The files that hang on an item. Pictures inside its text, a contact's picture, items, and links to files elsewhere are none.
pub(super) fn listed<'a>(node: roxmltree::Node<'a, 'a>) -> impl Iterator<Item = Listed> + 'a {
    let all = node.one("Attachments").into_iter().flat_map(|list| list.elements());
    let is_shown =
        |a: roxmltree::Node<'a, 'a>| ["IsInline", "IsContactPhoto"].iter().any(|is| child_is_true(a, is));
    let files = all.filter(move |a| a.tag_name().name() == "FileAttachment" && !is_shown(*a));
    files.map(|file| Listed {
        id: file.one("AttachmentId").and_then(|id| id.attribute("Id")).unwrap_or_default().to_owned(),
        name: child_text(file, "Name"),
        size: child_text(file, "Size").parse().unwrap_or(0),
    })
}

/// Reads the file in an answer to `GetAttachment`.
pub(super) fn read<'a>(message: roxmltree::Node<'a, 'a>) -> Result<ItemFile, ItemError> {
    let invalid = |reason: &str| ItemError::Invalid { reason: reason.to_owned() };
    let file = message.one("Attachments").and_then(|all| all.one("FileAttachment"));
    let file = file.ok_or_else(|| invalid("Exchange's answer lacks the file"))?;
    // That of an empty file is there, and empty.
    let content = file.text_of("Content");
    let content = content.ok_or_else(|| invalid("Exchange does not tell what the file holds"))?;
    let content = base64_text::decode(&content)
        .ok_or_else(|| invalid("what Exchange says the file holds is no base64"))?;
    Ok(ItemFile { name: child_text(file, "Name"), media_type: child_text(file, "ContentType"), content })
}

impl Mailbox {
    /// The id that a file has just now.
    async fn attachment_id(
        &self,
        item: &RemoteId,
        key: &str,
    ) -> Result<Result<String, ItemError>, CallError> {
        let deleted = self.deleted_items().await?;
        let wanted = ["item:ParentFolderId", "item:Attachments"].map(request::field_uri).to_vec();
        let reply = self.call(request::get_item(std::slice::from_ref(item), wanted)).await?;
        let doc = reply.document()?;
        let node = match messages(&doc).into_iter().next() {
            Some(Ok(answer)) => item_of(answer).ok_or_else(Self::silent_answer)?,
            Some(Err(refusal)) => return Ok(Err(self.not_read(&refusal)?)),
            None => return Err(Self::silent_answer()),
        };
        let parent = node.one("ParentFolderId").and_then(|p| p.attribute("Id"));
        if deleted.is_some() && parent == deleted {
            return Ok(Err(ItemError::Gone));
        }
        let files: Vec<Listed> = listed(node).collect();
        let keys = FileListed::all(files.iter().map(|file| (file.name.clone(), file.size)));
        let found = files.into_iter().zip(keys).find(|(_, listed)| listed.key == key);
        Ok(found.map(|(file, _)| file.id).ok_or(ItemError::Gone))
    }
}

#[async_trait]
impl FileSource for Mailbox {
    async fn file(
        &self,
        _module: Module,
        item: &RemoteId,
        key: &str,
    ) -> Result<Result<ItemFile, ItemError>, CallError> {
        let id = match self.attachment_id(item, key).await? {
            Ok(id) => id,
            Err(why) => return Ok(Err(why)),
        };
        let reply = self.call(request::get_attachment(&id)).await?;
        let doc = reply.document()?;
        match messages(&doc).into_iter().next() {
            Some(Ok(answer)) => Ok(read(answer)),
            // It was taken off the item since we looked.
            Some(Err(refusal)) if refusal.code == "ErrorInvalidAttachmentId" => Ok(Err(ItemError::Gone)),
            Some(Err(refusal)) => Ok(Err(self.not_read(&refusal)?)),
            None => Err(Self::silent_answer()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What the answer to `GetAttachment` with these attachments is read as.
    fn answered(attachments: &str) -> Result<ItemFile, ItemError> {
        let text = format!("<message><Attachments>{attachments}</Attachments></message>");
        let doc = roxmltree::Document::parse(&text).unwrap();
        read(doc.root_element())
    }

    #[test]
    fn what_a_file_holds_is_read_however_its_lines_are_broken() {
        let file = answered(
            "<FileAttachment><Name> a b.txt</Name><ContentType>text/plain</ContentType>\
             <Content>\n  aGVs\r\n\tbG8 =\n</Content></FileAttachment>",
        );
        let wanted =
            ItemFile { name: "a b.txt".into(), media_type: "text/plain".into(), content: b"hello".to_vec() };
        assert_eq!(file, Ok(wanted));
        let empty = answered("<FileAttachment><Name>e</Name><Content/></FileAttachment>").unwrap();
        assert_eq!((empty.media_type.as_str(), empty.content.len()), ("", 0));
        for nothing in [
            "",
            "<ItemAttachment><Name>x</Name></ItemAttachment>",
            "<FileAttachment><Name>x</Name></FileAttachment>",
            "<FileAttachment><Name>x</Name><Content>?!</Content></FileAttachment>",
            "<FileAttachment><Name>x</Name><Content>aGVsbG8</Content></FileAttachment>",
        ] {
            let read = answered(nothing);
            assert!(matches!(read, Err(ItemError::Invalid { .. })), "{nothing}: {read:?}");
        }
    }

    #[test]
    fn files_alone_are_listed() {
        let text = "<Message><Attachments>\
            <FileAttachment><AttachmentId Id=\"1\"/><Name>a.txt</Name><Size>9</Size></FileAttachment>\
            <FileAttachment><Name>logo.png</Name><Size>9</Size><IsInline>true</IsInline></FileAttachment>\
            <FileAttachment><Name>ContactPicture.jpg</Name><IsContactPhoto>true</IsContactPhoto></FileAttachment>\
            <ItemAttachment><Name>Fwd</Name><Size>9</Size></ItemAttachment>\
            <ReferenceAttachment><Name>far.docx</Name><Size>9</Size></ReferenceAttachment>\
            <FileAttachment><Name>b.txt</Name><IsInline>false</IsInline></FileAttachment></Attachments></Message>";
        let doc = roxmltree::Document::parse(text).unwrap();
        let all: Vec<_> = listed(doc.root_element()).map(|f| (f.id, f.name, f.size)).collect();
        let wanted = [("1", "a.txt", 9), ("", "b.txt", 0)];
        assert_eq!(all, wanted.map(|(id, name, size)| (id.to_owned(), name.to_owned(), size)));
    }
}
