//! Items as replies show them: the wanted properties in schema order, those that the server keeps worked out.

use super::body;
use super::calendar;
use super::extended::{Extended, Key};
use super::ids::{self, Target};
use super::mailbox::Item;
use super::organisation::{Caller, Organisation};
use super::properties::{ADDRESS_KEYS, ADDRESS_PARTS, Class, Kind, Property};
use super::series::{self, Occurrence};
use super::shape::{BodyWanted, ItemShape, entry_key, index_uri};
use super::time;
use super::xml::Element;
use chrono::TimeDelta;
use std::borrow::Cow;
use std::fmt::Write as _;

/// FindItem cuts texts after this many characters.
const FIND_TEXT: usize = 255;

/// An item, or one occurrence of a series, about to be shown.
pub(super) struct View<'a> {
    pub(super) organisation: &'a Organisation,
    pub(super) mailbox: usize,
    pub(super) item: Cow<'a, Item>,
    /// Which occurrence of a series the item is, if it is one.
    pub(super) occurrence: Option<Occurrence>,
    /// In FindItem and SyncFolderItems: no bodies, no recipients, texts cut.
    pub(super) in_find: bool,
    pub(super) version: u32,
}

impl<'a> View<'a> {
    /// The item itself, as GetItem shows it.
    pub(super) fn of(
        organisation: &'a Organisation,
        mailbox: usize,
        item: &'a Item,
        caller: &Caller,
    ) -> Self {
        let item = Cow::Borrowed(item);
        Self { organisation, mailbox, item, occurrence: None, in_find: false, version: caller.version }
    }

    /// The same as one occurrence of the series that the item is.
    pub(super) fn showing(self, (occurrence, item): (Occurrence, Item)) -> Self {
        Self { item: Cow::Owned(item), occurrence: Some(occurrence), ..self }
    }

    /// The element of the item.
    pub(super) fn element(&self, shape: &ItemShape) -> Element {
        let mut element = Element::t(self.item.class.element());
        for property in self.item.class.properties() {
            if property.kind == Kind::Extended {
                element.children.extend(shape.extended().filter_map(|key| self.extended(key)));
                continue;
            }
            let whole = property.element == "ItemId" || shape.wants(property);
            if self.in_find && !property.in_find {
                continue;
            }
            match property.kind {
                Kind::Dictionary(keys) => {
                    let entries = keys.iter().filter(|key| {
                        whole || shape.wanted_entries(property).any(|(_, index)| index == **key)
                    });
                    let uri = index_uri(property).unwrap_or_default();
                    let entries: Vec<_> = entries
                        .filter_map(|k| self.item.properties.get(&entry_key(uri, k)).cloned())
                        .collect();
                    if !entries.is_empty() {
                        element.children.push(Element::t(property.element).with_all(entries));
                    }
                }
                Kind::Addresses => element.children.extend(self.addresses(property, whole, shape)),
                _ if whole => element.children.extend(self.value(property, shape.body)),
                _ => {}
            }
        }
        element
    }

    fn addresses(&self, property: &Property, whole: bool, shape: &ItemShape) -> Option<Element> {
        let mut all = Element::t(property.element);
        for key in ADDRESS_KEYS {
            let mut entry = Element::t("Entry").attr("Key", *key);
            for part in ADDRESS_PARTS {
                let uri = format!("contacts:PhysicalAddress:{part}");
                if whole || shape.wanted_entries(property).any(|(u, index)| u == uri && index == *key) {
                    entry.children.extend(self.item.properties.get(&entry_key(&uri, key)).cloned());
                }
            }
            if !entry.children.is_empty() {
                all.children.push(entry);
            }
        }
        (!all.children.is_empty()).then_some(all)
    }

    fn extended(&self, key: &Key) -> Option<Element> {
        let values = self.extended_values(key)?;
        Some(Extended { key: key.clone(), values }.element())
    }

    /// The values of an extended property: one that was set, or one that the server keeps.
    pub(super) fn extended_values(&self, key: &Key) -> Option<Vec<String>> {
        if key.is_global_object_id() && self.item.class == Class::CalendarItem {
            return calendar::global_object_id(&self.item).map(|id| vec![id]);
        }
        self.item.extended.iter().find(|e| e.key == *key).map(|e| e.values.clone())
    }

    /// A property's element, if it has a value.
    pub(super) fn value(&self, property: &Property, wanted: BodyWanted) -> Option<Element> {
        if self.version < 2010 && matches!(property.kind, Kind::TimeZone) {
            return None;
        }
        if let Some(element) = self.kept(property) {
            return Some(element);
        }
        let stored = self.item.properties.get(property.uri);
        if property.kind == Kind::Body {
            let stored = stored.or_else(|| self.item.properties.get("item:Body"))?;
            let wanted = if property.element == "TextBody" { BodyWanted::Text } else { wanted };
            return Some(body::show(stored, wanted, property.element));
        }
        if matches!(property.kind, Kind::Strings | Kind::Structure)
            && stored.is_some_and(|s| s.children.is_empty())
        {
            return None;
        }
        let mut element = stored.cloned().or_else(|| {
            let text = default(self.item.class, property.element)?;
            Some(Element::t(property.element).text(text))
        })?;
        if self.in_find && property.kind == Kind::Text && element.text.chars().count() > FIND_TEXT {
            element.text = element.text.chars().take(FIND_TEXT).collect();
        }
        Some(element)
    }

    /// Properties that the server keeps.
    fn kept(&self, property: &Property) -> Option<Element> {
        let item = &*self.item;
        let mailbox = &self.organisation.mailboxes[self.mailbox];
        let text = |text: String| Some(Element::t(property.element).text(text));
        match property.element {
            "ItemId" => {
                let mut id = mailbox.item_id(item);
                if let Some(occurrence) = self.occurrence {
                    let target = Target::Occurrence(item.number, occurrence.index);
                    id.attributes[0].1 = ids::encode(mailbox.guid, target);
                }
                Some(id)
            }
            "ParentFolderId" => {
                mailbox.folders.get(&item.folder).map(|f| mailbox.folder_id("ParentFolderId", f))
            }
            "ItemClass" if item.text("item:ItemClass").is_none() => text(item.class.item_class().to_owned()),
            "Subject" if item.class == Class::Contact && item.text("item:Subject").is_none() => {
                let shown = item.text("contacts:FileAs").or_else(|| item.text("contacts:DisplayName"))?;
                text(shown.to_owned())
            }
            "DateTimeReceived" | "DateTimeSent" | "DateTimeCreated" => text(time::format(item.created)),
            "LastModifiedTime" | "DateTimeStamp" => text(time::format(item.modified)),
            "LastModifiedName" => text(item.modified_by.clone()),
            "Size" => text(self.size().to_string()),
            "Attachments" => item.attachments.listed(mailbox.guid, item.number, self.version),
            "HasAttachments" => text(item.attachments.any_to_see().to_string()),
            "EffectiveRights" => Some(rights()),
            "DisplayTo" if item.class == Class::CalendarItem => {
                text(calendar::addresses(item, &["calendar:RequiredAttendees"]).join("; "))
            }
            "DisplayTo" => text(calendar::addresses(item, &["message:ToRecipients"]).join("; ")),
            "IsDraft" => text((item.class == Class::Message && !item.request_sent).to_string()),
            "CompleteName" => self.complete_name(),
            "ContactSource" => text("Store".to_owned()),
            "Owner" => text(mailbox.name.clone()),
            "IsComplete" => text((item.text("task:Status") == Some("Completed")).to_string()),
            "StatusDescription" => text(item.text("task:Status").unwrap_or("NotStarted").to_owned()),
            _ if item.class == Class::CalendarItem => self.event(property),
            "IsRecurring" => text(item.properties.contains_key("task:Recurrence").to_string()),
            _ => None,
        }
    }

    fn event(&self, property: &Property) -> Option<Element> {
        let item = &*self.item;
        let text = |text: String| Some(Element::t(property.element).text(text));
        let (start, end) =
            (calendar::instant(item, "calendar:Start")?, calendar::instant(item, "calendar:End")?);
        let meeting = !calendar::attendees(item).is_empty() || item.organizer.is_some();
        let series = series::is_series(item);
        match property.element {
            "Start" | "ReminderDueBy" => text(time::format(start)),
            "End" => text(time::format(end)),
            "RecurrenceId" | "OriginalStart" => self.occurrence.and_then(|o| text(time::format(o.original))),
            "IsMeeting" => text(meeting.to_string()),
            "IsRecurring" => text((series || self.occurrence.is_some()).to_string()),
            "MeetingRequestWasSent" => text(item.request_sent.to_string()),
            "CalendarItemType" => text(
                match (series, self.occurrence) {
                    (_, Some(occurrence)) if occurrence.differs => "Exception",
                    (_, Some(_)) => "Occurrence",
                    (true, None) => "RecurringMaster",
                    (false, None) => "Single",
                }
                .to_owned(),
            ),
            "MyResponseType" => text(
                match (&item.organizer, meeting) {
                    (Some(_), _) => "NoResponseReceived",
                    (None, true) => "Organizer",
                    (None, false) => "Unknown",
                }
                .to_owned(),
            ),
            "Organizer" => {
                let own = &self.organisation.mailboxes[self.mailbox].address;
                let address = item.organizer.as_ref().unwrap_or(own);
                Some(Element::t("Organizer").with(self.organisation.mailbox_element("Mailbox", address)))
            }
            "Duration" => text(duration(end - start)),
            "TimeZone" => item
                .properties
                .get("calendar:StartTimeZone")
                .and_then(|z| z.attribute("Name"))
                .and_then(|name| text(name.to_owned())),
            "AppointmentState" => {
                text((if item.organizer.is_some() { 3 } else { i32::from(meeting) }).to_string())
            }
            "FirstOccurrence" => Some(self.occurrence_info(property.element, &series::first(item)?)),
            "LastOccurrence" => Some(self.occurrence_info(property.element, &series::last(item)?)),
            "ModifiedOccurrences" => {
                let all = series::modified(item);
                let all = all.iter().map(|one| self.occurrence_info("Occurrence", one));
                Some(Element::t(property.element).with_all(all)).filter(|e| !e.children.is_empty())
            }
            "DeletedOccurrences" => {
                let start = |at| Element::t("Start").text(time::format(at));
                let all = series::deleted(item);
                let all = all.into_iter().map(|at| Element::t("DeletedOccurrence").with(start(at)));
                Some(Element::t(property.element).with_all(all)).filter(|e| !e.children.is_empty())
            }
            _ => None,
        }
    }

    fn occurrence_info(&self, name: &'static str, (which, item): &(Occurrence, Item)) -> Element {
        let mailbox = &self.organisation.mailboxes[self.mailbox];
        let mut id = mailbox.item_id(item);
        id.attributes[0].1 = ids::encode(mailbox.guid, Target::Occurrence(item.number, which.index));
        let own = |name: &'static str, uri| Element::t(name).text(item.text(uri).unwrap_or_default());
        Element::t(name)
            .with(id)
            .with(own("Start", "calendar:Start"))
            .with(own("End", "calendar:End"))
            .with(Element::t("OriginalStart").text(time::format(which.original)))
    }

    fn complete_name(&self) -> Option<Element> {
        let part = |name: &'static str, uri: &str| {
            let text = self.item.text(uri).filter(|t| !t.is_empty())?;
            Some(Element::t(name).text(text))
        };
        let parts = [
            part("FirstName", "contacts:GivenName"),
            part("MiddleName", "contacts:MiddleName"),
            part("LastName", "contacts:Surname"),
            part("Suffix", "contacts:Generation"),
            part("Initials", "contacts:Initials"),
            part("FullName", "contacts:DisplayName"),
            part("Nickname", "contacts:Nickname"),
        ];
        let name = Element::t("CompleteName").with_all(parts.into_iter().flatten());
        (!name.children.is_empty()).then_some(name)
    }

    fn size(&self) -> usize {
        let own: usize = self.item.properties.values().map(|e| e.text.len() + 16).sum();
        512 + own + self.item.attachments.size()
    }
}

/// What the server shows for a property that nobody has set.
fn default(class: Class, element: &str) -> Option<&'static str> {
    Some(match (class, element) {
        (_, "Sensitivity" | "Importance") => "Normal",
        // Events made through EWS remind a quarter of an hour before.
        (Class::CalendarItem, "ReminderIsSet" | "IsResponseRequested" | "AllowNewTimeProposal") => "true",
        (Class::CalendarItem, "ReminderMinutesBeforeStart") => "15",
        (
            _,
            "ReminderIsSet"
            | "IsResponseRequested"
            | "IsSubmitted"
            | "IsFromMe"
            | "IsResend"
            | "IsUnmodified"
            | "IsAssociated"
            | "HasPicture"
            | "IsTeamTask"
            | "IsCancelled"
            | "IsAllDayEvent"
            | "IsOnlineMeeting"
            | "IsReadReceiptRequested"
            | "IsDeliveryReceiptRequested"
            | "IsRead",
        ) => "false",
        (_, "Culture") => "en-US",
        (
            _,
            "ReminderMinutesBeforeStart" | "ConferenceType" | "AppointmentSequenceNumber" | "PercentComplete",
        ) => "0",
        (_, "LegacyFreeBusyStatus") => "Busy",
        (_, "FileAsMapping" | "PostalAddressIndex") => "None",
        (_, "Status") => "NotStarted",
        (_, "ChangeCount") => "1",
        (_, "DelegationState") => "NoMatch",
        _ => return None,
    })
}

/// Full rights, in schema order.
pub(super) fn rights() -> Element {
    let all = [
        "CreateAssociated",
        "CreateContents",
        "CreateHierarchy",
        "Delete",
        "Modify",
        "Read",
        "ViewPrivateItems",
    ];
    Element::t("EffectiveRights").with_all(all.map(|right| Element::t(right).text("true")))
}

/// `xs:duration` as Exchange writes it: `PT30M`, `PT1H30M`, `P1D`.
fn duration(length: TimeDelta) -> String {
    let minutes = length.num_minutes();
    let (days, hours, minutes) = (minutes / 1440, minutes / 60 % 24, minutes % 60);
    // Writing to a String cannot fail.
    let mut out = String::from("P");
    if days > 0 {
        let _ = write!(out, "{days}D");
    }
    if hours > 0 || minutes > 0 || days == 0 {
        out.push('T');
        if hours > 0 {
            let _ = write!(out, "{hours}H");
        }
        if minutes > 0 || hours == 0 {
            let _ = write!(out, "{minutes}M");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration(TimeDelta::minutes(30)), "PT30M");
        assert_eq!(duration(TimeDelta::minutes(90)), "PT1H30M");
        assert_eq!(duration(TimeDelta::days(1)), "P1D");
        assert_eq!(duration(TimeDelta::zero()), "PT0M");
    }
}
