//! What Exchange answers, for the fuzz target.

use super::attachments;
use super::client::messages;
use super::event::EventStyle;
use super::kind::Kind;
use super::record_folders;
use super::series;
use super::series::Occurrence;
use super::shape::read_marker;
use super::soap::ServerVersion;
use super::xml::{Node, Read, readable};
use riva_core::ids::{Marker, PairId};
use riva_core::item::{FileListed, Item, Module};
use std::collections::BTreeSet;

/// Reads a reply and its items.
///
/// # Panics
/// If an item that was read and can be written is not readable then, or a file of a message could not be asked for.
pub fn reply(body: &[u8]) {
    let text = readable(body);
    let Ok(doc) = roxmltree::Document::parse(&text) else { return };
    let marker = Marker { pair: PairId(uuid::Uuid::nil()), generation: 1 };
    let style = EventStyle { version: ServerVersion::Exchange2013, all_day_zone: chrono_tz::Europe::Berlin };
    for message in messages(&doc).into_iter().flatten() {
        let _ = attachments::read(message);
        for node in message.one("Items").iter().flat_map(Read::elements) {
            let _ = (read_marker(node), Occurrence::read(node));
            // Messages are never written; but their files must be found again.
            if let Ok(item) = Kind::Message.read(node) {
                found(&item, node);
            }
            for module in [Module::Contacts, Module::Calendar, Module::Tasks] {
                let kind = Kind::of(module);
                let Ok(mut item) = kind.read(node) else { continue };
                item.fields.retain(|field, value| kind.changes(*field, value, None, style).is_some());
                let Ok(written) = kind.new_item(&item, marker, style) else { continue };
                shown(&written, |node| {
                    assert_eq!(read_marker(node), Some(marker));
                    let again = kind.read(node);
                    assert!(again.is_ok(), "{again:?} of {item:?}");
                });
            }
        }
    }
}

/// Reads what we keep in items and folders, and somebody may have changed: the tag of a record's folder, and the days of a series
/// that are still to be written.
///
/// # Panics
/// If what is written of it does not mean the same.
pub fn kept(text: &str) {
    if let Some(tag) = record_folders::read_tag(text) {
        assert_eq!(record_folders::read_tag(&record_folders::text_of(&tag)), Some(tag));
    }
    if let Some(overrides) = series::from_text(text) {
        assert_eq!(series::from_text(&series::to_text(&overrides)), Some(overrides));
    }
}

/// The files of a message have the same keys in its item and in its mailbox.
fn found<'a>(item: &Item, node: roxmltree::Node<'a, 'a>) {
    let keys = |files: Vec<FileListed>| files.into_iter().map(|f| f.key).collect::<BTreeSet<_>>();
    let listed = FileListed::all(attachments::listed(node).map(|file| (file.name, file.size)));
    assert_eq!(keys(item.files.clone()), keys(listed));
}

/// As a server would show it: what is written, in its namespaces.
fn shown(node: &Node, look: impl FnOnce(roxmltree::Node<'_, '_>)) {
    let wrapped = Node::new("t:Items")
        .with("xmlns:t", "http://schemas.microsoft.com/exchange/services/2006/types")
        .child(node.clone());
    let text = readable(&wrapped.write());
    match roxmltree::Document::parse(&text) {
        Ok(doc) => look(doc.root_element().first_element_child().unwrap_or(doc.root_element())),
        Err(error) => panic!("what is written is no XML: {error}\n{text}"),
    }
}
