//! The text of a resource, as event, task or contact.

use crate::icalendar::{
    Component, EventResource, NotATask, NotAnEvent, Refused, TaskResource, change_event, change_task,
    file_of, marker_of, new_event, new_task, read_event, read_task,
};
use crate::vcard::{CardResource, NotAContact, change_card, new_card, read_card};
use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use riva_core::ids::Marker;
use riva_core::item::{Field, Item, Module, Value};
use riva_core::ports::ItemFile;
use std::collections::BTreeMap;

/// A resource that was understood.
#[derive(Debug, Clone, PartialEq)]
pub enum Resource {
    /// A calendar object with an event.
    Event(EventResource),
    /// A calendar object with a to-do.
    Task(TaskResource),
    /// An address object.
    Card(CardResource),
}

/// Why a resource is none of ours.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotOurs {
    /// Of another kind: a task, a distribution list.
    OtherKind,
    /// Broken.
    Unreadable(String),
}

impl Resource {
    /// Reads a resource.
    pub fn read(module: Module, text: &str) -> Result<Self, NotOurs> {
        match module {
            Module::Calendar => EventResource::read(text).map(Self::Event).map_err(|e| match e {
                NotAnEvent::OtherKind(_) => NotOurs::OtherKind,
                NotAnEvent::Unreadable(why) => NotOurs::Unreadable(why),
            }),
            Module::Tasks => TaskResource::read(text).map(Self::Task).map_err(|e| match e {
                NotATask::OtherKind => NotOurs::OtherKind,
                NotATask::Unreadable(why) => NotOurs::Unreadable(why),
            }),
            Module::Contacts | Module::Email => {
                CardResource::read(text).map(Self::Card).map_err(|e| match e {
                    NotAContact::Group => NotOurs::OtherKind,
                    NotAContact::Unreadable(why) => NotOurs::Unreadable(why),
                })
            }
        }
    }

    /// Its floating times are in this zone.
    #[must_use]
    pub fn floating_in(mut self, zone: Option<Tz>) -> Self {
        if let Self::Event(event) = &mut self {
            event.float_in(zone);
        }
        self
    }

    /// A new resource.
    pub fn make(item: &Item, uid: &str, marker: &Marker, now: DateTime<Utc>) -> Result<Self, Refused> {
        match item.module {
            Module::Calendar => new_event(item, uid, marker, now).map(Self::Event),
            Module::Tasks => new_task(item, uid, marker, now).map(Self::Task),
            Module::Contacts | Module::Email => new_card(item, uid, marker, now).map(Self::Card),
        }
    }

    /// The item that it shows.
    pub fn item(&self) -> Result<Item, String> {
        match self {
            Self::Event(event) => read_event(event).map_err(|e| e.to_string()),
            Self::Task(task) => Ok(read_task(task)),
            Self::Card(card) => Ok(read_card(card)),
        }
    }

    /// What a file holds that hangs on it, by its key.
    pub fn file(&self, key: &str) -> Option<ItemFile> {
        match self {
            Self::Event(event) => file_of(event.event(), key),
            Self::Task(task) => file_of(task.task(), key),
            Self::Card(_) => None,
        }
    }

    /// Our marker, if it carries one of its own.
    pub fn marker(&self) -> Option<Marker> {
        match self {
            Self::Event(event) => marker_of(event.event()),
            Self::Task(task) => marker_of(task.task()),
            Self::Card(card) => marker_of(&card.card),
        }
    }

    /// Sets fields.
    pub fn change(
        &mut self,
        set: &BTreeMap<Field, Value>,
        marker: &Marker,
        now: DateTime<Utc>,
    ) -> Result<(), Refused> {
        match self {
            Self::Event(event) => change_event(event, set, marker, now),
            Self::Task(task) => change_task(task, set, marker, now),
            Self::Card(card) => change_card(card, set, marker, now),
        }
    }

    /// The whole, to be written.
    pub fn root(&self) -> &Component {
        match self {
            Self::Event(event) => &event.calendar,
            Self::Task(task) => &task.calendar,
            Self::Card(card) => &card.card,
        }
    }

    /// The whole, to be quietened.
    pub fn root_mut(&mut self) -> &mut Component {
        match self {
            Self::Event(event) => &mut event.calendar,
            Self::Task(task) => &mut task.calendar,
            Self::Card(card) => &mut card.card,
        }
    }
}

/// The content type of a module's resources.
pub fn content_type(module: Module) -> &'static str {
    if module == Module::Contacts { "text/vcard; charset=utf-8" } else { "text/calendar; charset=utf-8" }
}
