//! The fields of all modules and how each is merged.

use serde::{Deserialize, Serialize};
use std::fmt;

macro_rules! fields {
    ($($(#[$doc:meta])* $name:ident $word:literal $class:ident,)*) => {
        /// A field of an item.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        pub enum Field {
            $($(#[$doc])* #[serde(rename = $word)] $name,)*
        }

        impl Field {
            /// Every field, in order.
            pub const ALL: &'static [Self] = &[$(Self::$name,)*];

            /// The field's name in documents, journal and database.
            pub fn as_str(self) -> &'static str {
                match self { $(Self::$name => $word,)* }
            }

            /// How changes of this field are merged.
            pub fn class(self) -> FieldClass {
                match self { $(Self::$name => FieldClass::$class,)* }
            }
        }
    };
}

/// How changes of a field on both sides are merged (engine design, section 1.5).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FieldClass {
    /// One value: taken as a whole.
    Scalar,
    /// Several values with one change flag: never half from one side and half from the other.
    Group,
    /// Elements with keys: added and removed one by one.
    Set,
    /// Long text: compared by its words, not its mark-up.
    Body,
}

fields! {
    /// The structured name of a contact.
    Name "name" Group,
    /// The name as shown (vCard FN).
    DisplayName "displayName" Scalar,
    /// Nickname.
    Nickname "nickname" Scalar,
    /// Company, department and job title.
    Organization "organization" Group,
    /// E-mail addresses by slot `1`, `2`, `3`.
    Emails "emails" Set,
    /// Phone numbers by label: `work`, `work2`, `home`, `home2`, `mobile`, `workFax`, `homeFax`, `other`, `pager`.
    Phones "phones" Set,
    /// Business address.
    WorkAddress "workAddress" Group,
    /// Home address.
    HomeAddress "homeAddress" Group,
    /// Another address.
    OtherAddress "otherAddress" Group,
    /// Web pages by slot.
    Urls "urls" Set,
    /// Birthday (a date).
    Birthday "birthday" Scalar,
    /// Wedding anniversary (a date).
    Anniversary "anniversary" Scalar,
    /// Notes on a contact.
    Notes "notes" Body,
    /// Categories by name.
    Categories "categories" Set,
    /// The manager's name.
    Manager "manager" Scalar,
    /// The assistant's name.
    Assistant "assistant" Scalar,
    /// The spouse's name.
    Spouse "spouse" Scalar,
    /// Subject of an event, task or message.
    Summary "summary" Scalar,
    /// Text of an event, task or message.
    Body "body" Body,
    /// Place of an event.
    Location "location" Scalar,
    /// Start, end, zone, all-day.
    When "when" Group,
    /// Free, tentative, busy, out of office, elsewhere.
    ShowAs "showAs" Scalar,
    /// Who invites (read-only where a meeting is not ours).
    Organizer "organizer" Scalar,
    /// Who is invited, by address in lower case.
    Attendees "attendees" Set,
    /// When to remind. Of an event: minutes before the start. Of a task, which has days and no times: the instant, in whole
    /// minutes since 1970-01-01T00:00Z; left out (not blank) where a side tells of a reminder but not of its instant.
    Reminder "reminder" Scalar,
    /// Public, private, confidential.
    Sensitivity "sensitivity" Scalar,
    /// Low, normal, high.
    Importance "importance" Scalar,
    /// The rule of a series ([`Value::Recurrence`](super::Value::Recurrence)); blank for a single event. A text says why the
    /// side cannot tell the series in full: it is held. Of a task it is always a text or blank: recurring tasks are held.
    Recurrence "recurrence" Group,
    /// Cancelled or confirmed, as iCalendar STATUS.
    Status "status" Scalar,
    /// What single occurrences of a series do otherwise, by occurrence.
    Overrides "overrides" Set,
    /// The day on which a task is to be begun ([`Value::Date`](super::Value::Date)). No zone ever shifts it.
    StartDate "startDate" Scalar,
    /// The day by which a task is to be done ([`Value::Date`](super::Value::Date)). No zone ever shifts it: where a system
    /// keeps a time with it, or writes it as an instant (EWS and To Do: midnight in UTC), the day is the one that is written
    /// there, and a new day keeps that time.
    DueDate "dueDate" Scalar,
    /// Whether a task is done, since when, and how far it is ([`Value::Completion`](super::Value::Completion)): never blank.
    /// Where both sides changed it, or are first seen together, the one that is done wins.
    Completion "completion" Group,
    /// Of a message: the [`MailFolder`](super::MailFolder) in which it lies. A mailbox's alone.
    MailFolder "mailFolder" Scalar,
    /// Who wrote a message, by address in lower case: one element, whose label is the name.
    From "from" Set,
    /// To whom a message was written.
    To "to" Set,
    /// Who got a copy of a message.
    Cc "cc" Set,
    /// Who got a copy of a message unseen by the others: only its writer's mailbox shows them.
    Bcc "bcc" Set,
    /// When a message was sent, or received: an instant in whole seconds since 1970-01-01T00:00Z.
    SentAt "sentAt" Scalar,
    /// The people of a CRM whom a message is from and to ([`Related`](super::Related)). A CRM's alone.
    People "people" Set,
    /// The record of a CRM against which a user has assigned a message to be logged ([`Assigned`](super::Assigned)).
    Record "record" Set,
}

impl Field {
    /// The reverse of [`Field::as_str`].
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|f| f.as_str() == word)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_field_is_found_by_its_word() {
        for field in Field::ALL {
            assert_eq!(Field::from_word(field.as_str()), Some(*field));
        }
    }
}
