//! What differs between contacts, events, tasks and messages when a mailbox reads and writes them.

use super::event::EventStyle;
use super::shape::Change;
use super::xml::Node;
use super::{contact, event, message, task};
use riva_core::fault::ItemError;
use riva_core::ids::Marker;
use riva_core::item::{Field, Item, Module, Value};

/// A kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Contact,
    Event,
    Task,
    /// Read alone.
    Message,
}

impl Kind {
    pub(super) fn of(module: Module) -> Self {
        match module {
            Module::Contacts => Self::Contact,
            Module::Calendar => Self::Event,
            Module::Tasks => Self::Task,
            Module::Email => Self::Message,
        }
    }

    /// Its default folder (`DistinguishedFolderIdNameType`).
    pub(super) fn folder(self) -> &'static str {
        match self {
            Self::Contact => "contacts",
            Self::Event => "calendar",
            Self::Task => "tasks",
            Self::Message => "inbox",
        }
    }

    /// How the class of its folders begins.
    pub(super) fn folder_class(self) -> &'static str {
        match self {
            Self::Contact => "IPF.Contact",
            Self::Event => "IPF.Appointment",
            Self::Task => "IPF.Task",
            Self::Message => "IPF.Note",
        }
    }

    pub(super) fn element(self) -> &'static str {
        match self {
            Self::Contact => "t:Contact",
            Self::Event => "t:CalendarItem",
            Self::Task => "t:Task",
            Self::Message => "t:Message",
        }
    }

    /// The element's name in answers.
    pub(super) fn name(self) -> &'static str {
        self.element().trim_start_matches("t:")
    }

    /// The properties that are asked for.
    pub(super) fn properties(self) -> Vec<Node> {
        match self {
            Self::Contact => contact::properties(),
            Self::Event => event::properties(),
            Self::Task => task::properties(),
            Self::Message => message::properties(),
        }
    }

    /// Reads an element that was asked for with [`Kind::properties`]; else says what is wrong with it.
    pub(super) fn read(self, node: roxmltree::Node<'_, '_>) -> Result<Item, String> {
        match self {
            Self::Contact => Ok(contact::read(node)),
            Self::Event => event::read(node),
            Self::Task => Ok(task::read(node)),
            Self::Message => Ok(message::read(node)),
        }
    }

    /// A new item.
    pub(super) fn new_item(self, item: &Item, marker: Marker, style: EventStyle) -> Result<Node, ItemError> {
        match self {
            Self::Contact => contact::new(item, marker),
            Self::Event => event::new(item, marker, style),
            Self::Task => task::new(item, marker),
            Self::Message => Err(ItemError::Invalid { reason: "messages are never written".to_owned() }),
        }
    }

    /// A field as changes; `base` is the value that stands there now. `None` if it cannot be written.
    pub(super) fn changes(
        self,
        field: Field,
        value: &Value,
        base: Option<&Value>,
        style: EventStyle,
    ) -> Option<Vec<Change>> {
        match self {
            Self::Contact => contact::changes(field, value, base),
            Self::Event => event::changes(field, value, style),
            Self::Task => task::changes(field, value),
            Self::Message => None,
        }
    }
}
