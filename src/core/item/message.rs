//! What is special about messages: the folder in which one lies, and whom it is from and to.

use super::{Element, Field, Item, Value};
use crate::ids::{EmailAddress, RemoteId};
use std::collections::BTreeMap;

/// Where in a mailbox a message lies that may be logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MailFolder {
    /// The Inbox.
    Inbox,
    /// Sent Items.
    Sent,
    /// The drop folder: a user wants it logged.
    Drop,
    /// A sub-folder of `Assign To`: a user wants it logged against the [record](Item::assigned) that the folder is of.
    Assigned,
}

impl MailFolder {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Inbox, Self::Sent, Self::Drop, Self::Assigned];

    /// As a word in an item's field.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Inbox => "inbox",
            Self::Sent => "sent",
            Self::Drop => "drop",
            Self::Assigned => "assigned",
        }
    }
}

/// In which of a message's headers somebody stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Role {
    /// Who wrote it.
    From,
    /// To whom.
    To,
    /// Who got a copy.
    Cc,
    /// Who got a copy unseen by the others.
    Bcc,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::From, Self::To, Self::Cc, Self::Bcc];

    /// The field with the addresses of this header.
    pub fn field(self) -> Field {
        match self {
            Self::From => Field::From,
            Self::To => Field::To,
            Self::Cc => Field::Cc,
            Self::Bcc => Field::Bcc,
        }
    }
}

/// Somebody whom the CRM knows, and where in a message they stand.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Related {
    /// In which header.
    pub role: Role,
    /// Their record in the CRM.
    pub id: RemoteId,
    /// The address by which they were matched.
    pub address: EmailAddress,
}

/// The record against which a message is to be logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Assigned {
    /// The record in the CRM.
    pub record: RemoteId,
    /// The name of its folder, for people.
    pub name: String,
}

impl Item {
    /// The folder in which a message lies; `None` if its side does not tell.
    pub fn mail_folder(&self) -> Option<MailFolder> {
        let word = self.text(Field::MailFolder)?;
        MailFolder::ALL.into_iter().find(|folder| folder.as_str() == word)
    }

    /// The addresses of one of a message's headers, in lower case, with the names that stand with them.
    pub fn addresses(&self, role: Role) -> impl Iterator<Item = (EmailAddress, &str)> {
        let elements = self.set_elements(role.field()).into_iter().flatten();
        elements.map(|(_, e)| (EmailAddress::new(&e.value), e.label.as_str()))
    }

    /// Sets the addresses of one of a message's headers: address and name.
    pub fn set_addresses<'a>(&mut self, role: Role, all: impl IntoIterator<Item = (&'a str, &'a str)>) {
        let element = |(address, name): (&str, &str)| {
            let address = EmailAddress::new(address);
            let name = name.trim();
            let label = if name.eq_ignore_ascii_case(address.as_str()) { "" } else { name };
            (
                address.as_str().to_owned(),
                Element { label: label.to_owned(), ..Element::plain(address.as_str()) },
            )
        };
        let all: BTreeMap<String, Element> =
            all.into_iter().filter(|(address, _)| !address.trim().is_empty()).map(element).collect();
        self.set(role.field(), Value::set(all));
    }

    /// The people of the CRM whom a message is from and to.
    pub fn related(&self) -> Vec<Related> {
        let elements = self.set_elements(Field::People).into_iter().flatten();
        let of = |(key, element): (&String, &Element)| {
            let (header, id) = key.split_once(' ')?;
            let role = Role::ALL.into_iter().find(|role| role.field().as_str() == header)?;
            Some(Related { role, id: RemoteId::new(id), address: EmailAddress::new(&element.value) })
        };
        elements.filter_map(of).collect()
    }

    /// The record of the CRM against which a user has assigned a message to be logged.
    pub fn assigned(&self) -> Option<Assigned> {
        let (id, element) = self.set_elements(Field::Record)?.iter().next()?;
        Some(Assigned { record: RemoteId::new(id.as_str()), name: element.value.clone() })
    }

    /// Sets the record against which a message is to be logged.
    pub fn set_assigned(&mut self, to: &Assigned) {
        let element = (to.record.to_string(), Element::plain(to.name.as_str()));
        self.set(Field::Record, Value::set(BTreeMap::from([element])));
    }

    /// Sets the people of the CRM whom a message is from and to. Somebody with several addresses in one header stands there
    /// once.
    pub fn set_related(&mut self, people: impl IntoIterator<Item = Related>) {
        let key = |p: &Related| format!("{} {}", p.role.field(), p.id);
        let all = people.into_iter().map(|p| (key(&p), Element::plain(p.address.as_str()))).collect();
        self.set(Field::People, Value::set(all));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::item::Module;

    #[test]
    fn whom_a_message_concerns_survives_its_fields() {
        let mut item = Item::new(Module::Email);
        item.set_addresses(
            Role::To,
            [("Ann@Example.com", "Ann Lee"), ("bob@b.example", "bob@b.example"), (" ", "")],
        );
        let to: Vec<_> = item.addresses(Role::To).collect();
        assert_eq!(to, [("ann@example.com".into(), "Ann Lee"), ("bob@b.example".into(), "")]);
        let person = |role, id: &str| Related { role, id: id.into(), address: "ann@example.com".into() };
        let people = vec![person(Role::From, "003a"), person(Role::To, "003a"), person(Role::Cc, "00Q b")];
        item.set_related(people.clone());
        let mut back = item.related();
        back.sort();
        assert_eq!(back, people);
        assert_eq!(item.assigned(), None);
        let to = Assigned { record: "006a".into(), name: "500 seats".into() };
        item.set_assigned(&to);
        assert_eq!(item.assigned(), Some(to));
    }
}
