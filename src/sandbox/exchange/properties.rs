//! The properties of items in the order of the EWS schema (types.xsd), with what may be done with each.

use super::xml::Element;

/// Kinds of items that the sandbox keeps.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Class {
    Message,
    Contact,
    CalendarItem,
    Task,
}

impl Class {
    /// Element name in requests and replies.
    pub(super) fn element(self) -> &'static str {
        match self {
            Self::Message => "Message",
            Self::Contact => "Contact",
            Self::CalendarItem => "CalendarItem",
            Self::Task => "Task",
        }
    }

    pub(super) fn from_element(name: &str) -> Option<Self> {
        [Self::Message, Self::Contact, Self::CalendarItem, Self::Task]
            .into_iter()
            .find(|c| c.element() == name)
    }

    /// PR_MESSAGE_CLASS.
    pub(super) fn item_class(self) -> &'static str {
        match self {
            Self::Message => "IPM.Note",
            Self::Contact => "IPM.Contact",
            Self::CalendarItem => "IPM.Appointment",
            Self::Task => "IPM.Task",
        }
    }

    /// The class's own properties, after those of all items.
    pub(super) fn own(self) -> &'static [Property] {
        match self {
            Self::Message => MESSAGE,
            Self::Contact => CONTACT,
            Self::CalendarItem => CALENDAR,
            Self::Task => TASK,
        }
    }

    /// All properties, in schema order.
    pub(super) fn properties(self) -> impl Iterator<Item = &'static Property> {
        ITEM.iter().chain(self.own())
    }

    /// The property with this FieldURI, if the class has it.
    pub(super) fn by_uri(self, uri: &str) -> Option<&'static Property> {
        self.properties().find(|p| p.uri == uri)
    }

    /// The property with this element name.
    pub(super) fn by_element(self, element: &str) -> Option<&'static Property> {
        self.properties().find(|p| p.element == element)
    }

    /// Where the element stands in the schema's sequence.
    pub(super) fn position(self, element: &str) -> Option<usize> {
        self.properties().position(|p| p.element == element)
    }
}

/// What a property holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Text,
    Bool,
    Int,
    Double,
    DateTime,
    /// One of these words.
    Word(&'static [&'static str]),
    /// `String` children.
    Strings,
    /// Text with a `BodyType`.
    Body,
    /// `Entry` children by `Key` with text; the keys.
    Dictionary(&'static [&'static str]),
    /// Postal addresses by key.
    Addresses,
    /// `Mailbox`, or `Attendee`s, or another structure that is kept as it came.
    Structure,
    Recurrence,
    TimeZone,
    /// `FileAttachment`s; kept apart.
    Attachments,
    /// Several `ExtendedProperty` elements; kept apart.
    Extended,
}

/// Who writes a property.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Access {
    /// Set on create and update.
    Write,
    /// Set on create only.
    Create,
    /// Kept by the server.
    Read,
}

/// When a property is in a reply without being asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Shape {
    /// In `Default` and `AllProperties`.
    Default,
    /// In `AllProperties`.
    All,
    /// Only if named in `AdditionalProperties`.
    Named,
}

/// One property of the schema.
#[derive(Debug)]
pub(super) struct Property {
    pub(super) uri: &'static str,
    pub(super) element: &'static str,
    pub(super) kind: Kind,
    pub(super) access: Access,
    pub(super) shape: Shape,
    /// Whether FindItem and SyncFolderItems can show it: they return no bodies, attachments and lists of
    /// recipients.
    pub(super) in_find: bool,
}

impl Property {
    /// `<t:FieldURI FieldURI="…"/>`
    pub(super) fn path(&self) -> Element {
        Element::t("FieldURI").attr("FieldURI", self.uri)
    }
}

const fn p(uri: &'static str, element: &'static str, kind: Kind, access: Access, shape: Shape) -> Property {
    Property { uri, element, kind, access, shape, in_find: true }
}

const fn get(uri: &'static str, element: &'static str, kind: Kind, access: Access, shape: Shape) -> Property {
    Property { uri, element, kind, access, shape, in_find: false }
}

use Access::{Create, Read, Write};
use Kind::{
    Addresses, Attachments, Body, Bool, DateTime, Dictionary, Double, Extended, Int, Recurrence, Strings,
    Structure, Text, TimeZone, Word,
};
use Shape::{All, Default, Named};

const SENSITIVITY: &[&str] = &["Normal", "Personal", "Private", "Confidential"];
const IMPORTANCE: &[&str] = &["Low", "Normal", "High"];
const FREE_BUSY: &[&str] = &["Free", "Tentative", "Busy", "OOF", "WorkingElsewhere", "NoData"];
const STATUS: &[&str] = &["NotStarted", "InProgress", "Completed", "WaitingOnOthers", "Deferred"];
/// EmailAddressKeyType.
pub(super) const EMAIL_KEYS: &[&str] = &["EmailAddress1", "EmailAddress2", "EmailAddress3"];
/// ImAddressKeyType.
pub(super) const IM_KEYS: &[&str] = &["ImAddress1", "ImAddress2", "ImAddress3"];
/// PhysicalAddressKeyType.
pub(super) const ADDRESS_KEYS: &[&str] = &["Home", "Business", "Other"];
/// The parts of a postal address, in schema order.
pub(super) const ADDRESS_PARTS: &[&str] = &["Street", "City", "State", "CountryOrRegion", "PostalCode"];
/// PhoneNumberKeyType, as far as Exchange 2010 to 2016 keep them.
pub(super) const PHONE_KEYS: &[&str] = &[
    "AssistantPhone",
    "BusinessFax",
    "BusinessPhone",
    "BusinessPhone2",
    "Callback",
    "CarPhone",
    "CompanyMainPhone",
    "HomeFax",
    "HomePhone",
    "HomePhone2",
    "Isdn",
    "MobilePhone",
    "OtherFax",
    "OtherTelephone",
    "Pager",
    "PrimaryPhone",
    "RadioPhone",
    "Telex",
    "TtyTddPhone",
];
const FILE_AS: &[&str] = &[
    "None",
    "LastCommaFirst",
    "FirstSpaceLast",
    "Company",
    "LastCommaFirstCompany",
    "CompanyLastFirst",
    "LastFirst",
    "LastFirstCompany",
    "CompanyLastCommaFirst",
    "LastFirstSuffix",
    "LastSpaceFirstCompany",
    "CompanyLastSpaceFirst",
    "LastSpaceFirst",
    "DisplayName",
    "FirstName",
    "LastFirstMiddleSuffix",
    "LastName",
    "Empty",
];

/// ItemType.
const ITEM: &[Property] = &[
    get("item:MimeContent", "MimeContent", Text, Read, Named),
    p("item:ItemId", "ItemId", Structure, Read, Default),
    p("item:ParentFolderId", "ParentFolderId", Structure, Read, All),
    p("item:ItemClass", "ItemClass", Text, Write, All),
    p("item:Subject", "Subject", Text, Write, Default),
    p("item:Sensitivity", "Sensitivity", Word(SENSITIVITY), Write, All),
    get("item:Body", "Body", Body, Write, Default),
    // Set with a new item; later by the operations for attachments alone.
    get("item:Attachments", "Attachments", Attachments, Create, All),
    p("item:DateTimeReceived", "DateTimeReceived", DateTime, Read, All),
    p("item:Size", "Size", Int, Read, All),
    p("item:Categories", "Categories", Strings, Write, All),
    p("item:Importance", "Importance", Word(IMPORTANCE), Write, All),
    p("item:InReplyTo", "InReplyTo", Text, Write, All),
    p("item:IsSubmitted", "IsSubmitted", Bool, Read, All),
    p("item:IsDraft", "IsDraft", Bool, Read, All),
    p("item:IsFromMe", "IsFromMe", Bool, Read, All),
    p("item:IsResend", "IsResend", Bool, Read, All),
    p("item:IsUnmodified", "IsUnmodified", Bool, Read, All),
    p("item:DateTimeSent", "DateTimeSent", DateTime, Read, All),
    p("item:DateTimeCreated", "DateTimeCreated", DateTime, Read, All),
    p("item:ReminderDueBy", "ReminderDueBy", DateTime, Write, All),
    p("item:ReminderIsSet", "ReminderIsSet", Bool, Write, All),
    p("item:ReminderMinutesBeforeStart", "ReminderMinutesBeforeStart", Int, Write, All),
    p("item:DisplayCc", "DisplayCc", Text, Read, All),
    p("item:DisplayTo", "DisplayTo", Text, Read, All),
    p("item:HasAttachments", "HasAttachments", Bool, Read, Default),
    p("item:ExtendedProperty", "ExtendedProperty", Extended, Write, Named),
    p("item:Culture", "Culture", Text, Write, All),
    p("item:EffectiveRights", "EffectiveRights", Structure, Read, All),
    p("item:LastModifiedName", "LastModifiedName", Text, Read, All),
    p("item:LastModifiedTime", "LastModifiedTime", DateTime, Read, All),
    p("item:IsAssociated", "IsAssociated", Bool, Read, All),
    get("item:TextBody", "TextBody", Body, Read, Named),
];

/// MessageType.
const MESSAGE: &[Property] = &[
    p("message:Sender", "Sender", Structure, Write, All),
    get("message:ToRecipients", "ToRecipients", Structure, Write, Default),
    get("message:CcRecipients", "CcRecipients", Structure, Write, Default),
    get("message:BccRecipients", "BccRecipients", Structure, Write, Default),
    p("message:IsReadReceiptRequested", "IsReadReceiptRequested", Bool, Write, All),
    p("message:IsDeliveryReceiptRequested", "IsDeliveryReceiptRequested", Bool, Write, All),
    p("message:From", "From", Structure, Write, Default),
    p("message:InternetMessageId", "InternetMessageId", Text, Create, All),
    p("message:IsRead", "IsRead", Bool, Write, Default),
    p("message:IsResponseRequested", "IsResponseRequested", Bool, Write, All),
    p("message:References", "References", Text, Create, All),
    get("message:ReplyTo", "ReplyTo", Structure, Write, All),
];

/// ContactItemType.
const CONTACT: &[Property] = &[
    p("contacts:FileAs", "FileAs", Text, Write, Default),
    p("contacts:FileAsMapping", "FileAsMapping", Word(FILE_AS), Write, All),
    p("contacts:DisplayName", "DisplayName", Text, Write, Default),
    p("contacts:GivenName", "GivenName", Text, Write, All),
    p("contacts:Initials", "Initials", Text, Write, All),
    p("contacts:MiddleName", "MiddleName", Text, Write, All),
    p("contacts:Nickname", "Nickname", Text, Write, All),
    p("contacts:CompleteName", "CompleteName", Structure, Read, Default),
    p("contacts:CompanyName", "CompanyName", Text, Write, Default),
    p("contacts:EmailAddresses", "EmailAddresses", Dictionary(EMAIL_KEYS), Write, Default),
    p("contacts:PhysicalAddresses", "PhysicalAddresses", Addresses, Write, Default),
    p("contacts:PhoneNumbers", "PhoneNumbers", Dictionary(PHONE_KEYS), Write, Default),
    p("contacts:AssistantName", "AssistantName", Text, Write, All),
    p("contacts:Birthday", "Birthday", DateTime, Write, All),
    p("contacts:BusinessHomePage", "BusinessHomePage", Text, Write, All),
    p("contacts:Children", "Children", Strings, Write, All),
    p("contacts:Companies", "Companies", Strings, Write, All),
    p("contacts:ContactSource", "ContactSource", Text, Read, Named),
    p("contacts:Department", "Department", Text, Write, All),
    p("contacts:Generation", "Generation", Text, Write, All),
    p("contacts:ImAddresses", "ImAddresses", Dictionary(IM_KEYS), Write, Default),
    p("contacts:JobTitle", "JobTitle", Text, Write, Default),
    p("contacts:Manager", "Manager", Text, Write, All),
    p("contacts:Mileage", "Mileage", Text, Write, All),
    p("contacts:OfficeLocation", "OfficeLocation", Text, Write, All),
    p(
        "contacts:PostalAddressIndex",
        "PostalAddressIndex",
        Word(&["None", "Business", "Home", "Other"]),
        Write,
        All,
    ),
    p("contacts:Profession", "Profession", Text, Write, All),
    p("contacts:SpouseName", "SpouseName", Text, Write, All),
    p("contacts:Surname", "Surname", Text, Write, All),
    p("contacts:WeddingAnniversary", "WeddingAnniversary", DateTime, Write, All),
    p("contacts:HasPicture", "HasPicture", Bool, Read, All),
];

/// CalendarItemType.
const CALENDAR: &[Property] = &[
    p("calendar:UID", "UID", Text, Create, All),
    p("calendar:RecurrenceId", "RecurrenceId", DateTime, Read, All),
    p("calendar:DateTimeStamp", "DateTimeStamp", DateTime, Read, All),
    p("calendar:Start", "Start", DateTime, Write, Default),
    p("calendar:End", "End", DateTime, Write, Default),
    p("calendar:OriginalStart", "OriginalStart", DateTime, Read, All),
    p("calendar:IsAllDayEvent", "IsAllDayEvent", Bool, Write, All),
    p("calendar:LegacyFreeBusyStatus", "LegacyFreeBusyStatus", Word(FREE_BUSY), Write, Default),
    p("calendar:Location", "Location", Text, Write, Default),
    p("calendar:When", "When", Text, Write, All),
    p("calendar:IsMeeting", "IsMeeting", Bool, Read, All),
    p("calendar:IsCancelled", "IsCancelled", Bool, Read, All),
    p("calendar:IsRecurring", "IsRecurring", Bool, Read, All),
    p("calendar:MeetingRequestWasSent", "MeetingRequestWasSent", Bool, Read, All),
    p("calendar:IsResponseRequested", "IsResponseRequested", Bool, Write, All),
    p("calendar:CalendarItemType", "CalendarItemType", Text, Read, Default),
    p("calendar:MyResponseType", "MyResponseType", Text, Read, Default),
    p("calendar:Organizer", "Organizer", Structure, Read, Default),
    get("calendar:RequiredAttendees", "RequiredAttendees", Structure, Write, Default),
    get("calendar:OptionalAttendees", "OptionalAttendees", Structure, Write, Default),
    get("calendar:Resources", "Resources", Structure, Write, Default),
    p("calendar:Duration", "Duration", Text, Read, All),
    p("calendar:TimeZone", "TimeZone", Text, Read, All),
    p("calendar:AppointmentReplyTime", "AppointmentReplyTime", DateTime, Read, All),
    p("calendar:AppointmentSequenceNumber", "AppointmentSequenceNumber", Int, Read, All),
    p("calendar:AppointmentState", "AppointmentState", Int, Read, All),
    get("calendar:Recurrence", "Recurrence", Recurrence, Write, Default),
    get("calendar:FirstOccurrence", "FirstOccurrence", Structure, Read, Default),
    get("calendar:LastOccurrence", "LastOccurrence", Structure, Read, Default),
    get("calendar:ModifiedOccurrences", "ModifiedOccurrences", Structure, Read, All),
    get("calendar:DeletedOccurrences", "DeletedOccurrences", Structure, Read, All),
    p("calendar:StartTimeZone", "StartTimeZone", TimeZone, Write, All),
    p("calendar:EndTimeZone", "EndTimeZone", TimeZone, Write, All),
    p("calendar:ConferenceType", "ConferenceType", Int, Write, All),
    p("calendar:AllowNewTimeProposal", "AllowNewTimeProposal", Bool, Write, All),
    p("calendar:IsOnlineMeeting", "IsOnlineMeeting", Bool, Write, All),
    p("calendar:MeetingWorkspaceUrl", "MeetingWorkspaceUrl", Text, Write, All),
    p("calendar:NetShowUrl", "NetShowUrl", Text, Write, All),
];

/// TaskType.
const TASK: &[Property] = &[
    p("task:ActualWork", "ActualWork", Int, Write, All),
    p("task:AssignedTime", "AssignedTime", DateTime, Read, All),
    p("task:BillingInformation", "BillingInformation", Text, Write, All),
    p("task:ChangeCount", "ChangeCount", Int, Read, All),
    p("task:Companies", "Companies", Strings, Write, All),
    p("task:CompleteDate", "CompleteDate", DateTime, Write, All),
    p("task:Contacts", "Contacts", Strings, Write, All),
    p("task:DelegationState", "DelegationState", Text, Read, All),
    p("task:Delegator", "Delegator", Text, Read, All),
    p("task:DueDate", "DueDate", DateTime, Write, Default),
    p("task:IsComplete", "IsComplete", Bool, Read, All),
    p("task:IsRecurring", "IsRecurring", Bool, Read, All),
    p("task:IsTeamTask", "IsTeamTask", Bool, Read, All),
    p("task:Mileage", "Mileage", Text, Write, All),
    p("task:Owner", "Owner", Text, Read, All),
    p("task:PercentComplete", "PercentComplete", Double, Write, Default),
    get("task:Recurrence", "Recurrence", Recurrence, Write, All),
    p("task:StartDate", "StartDate", DateTime, Write, Default),
    p("task:Status", "Status", Word(STATUS), Write, Default),
    p("task:StatusDescription", "StatusDescription", Text, Read, All),
    p("task:TotalWork", "TotalWork", Int, Write, All),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_within_a_class() {
        for class in [Class::Message, Class::Contact, Class::CalendarItem, Class::Task] {
            let mut elements: Vec<_> = class.properties().map(|p| p.element).collect();
            elements.sort_unstable();
            let before = elements.len();
            elements.dedup();
            assert_eq!(before, elements.len(), "{class:?}");
        }
    }
}
