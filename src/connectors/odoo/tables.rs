//! The tables whose rows are items, and the ids that their rows go by.

use super::session::SignedIn;
use riva_core::fault::{CallError, Fault, FaultKind};
use riva_core::ids::RemoteId;
use riva_core::item::Module;

/// A table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Table {
    /// Contacts: `res.partner`.
    Partners,
    /// Leads, which are contacts too: `crm.lead`.
    Leads,
    /// Events: `crm.meeting` or `calendar.event`.
    Events,
    /// Tasks: `project.task`.
    Tasks,
    /// Logged messages: `mail.message`.
    Messages,
}

/// What the ids of leads begin with: they are numbered by themselves, and must not be taken for contacts.
const LEAD: &str = "lead-";

impl Table {
    /// The tables of a module on this server: first that which new items go into.
    pub fn of(known: &SignedIn, module: Module) -> Result<Vec<Self>, CallError> {
        match module {
            Module::Contacts => {
                Ok([Some(Self::Partners), known.leads.as_ref().map(|_| Self::Leads)].into_iter().flatten().collect())
            }
            Module::Calendar if known.events.is_some() => Ok(vec![Self::Events]),
            Module::Calendar => Err(Fault::new(
                FaultKind::MissingPermission,
                "the calendar is not installed in this Odoo database, or the connection account may not see it",
            )
            .remedy("Install the Calendar application in Odoo, or take the calendar out of the sync policy.")
            .into()),
            Module::Tasks if known.tasks.is_some() => Ok(vec![Self::Tasks]),
            Module::Tasks => Err(Fault::new(
                FaultKind::MissingPermission,
                "the Project application is not installed in this Odoo database, or the connection account may not see \
                 tasks: tasks cannot be synced",
            )
            .remedy("Install the Project application in Odoo, or take tasks out of the sync policy.")
            .into()),
            Module::Email if known.messages.is_some() => Ok(vec![Self::Messages]),
            Module::Email => Err(Fault::new(
                FaultKind::MissingPermission,
                "e-mail cannot be logged in this Odoo database: the application Discuss (mail) is not installed, or the \
                 connection account may not make messages",
            )
            .remedy("Install it, or any application that needs it; or take e-mail out of the sync policy.")
            .into()),
        }
    }

    /// The name of its model.
    pub fn model(self, known: &SignedIn) -> &'static str {
        match self {
            Self::Tasks => "project.task",
            Self::Messages => "mail.message",
            Self::Partners => "res.partner",
            Self::Leads => "crm.lead",
            Self::Events => known.events.as_ref().map_or("calendar.event", super::event::Shape::model),
        }
    }

    /// The id of a row.
    pub fn id(self, row: i64) -> RemoteId {
        match self {
            Self::Leads => RemoteId::new(format!("{LEAD}{row}")),
            _ => RemoteId::new(row.to_string()),
        }
    }

    /// The table and the row that an id of a module stands for. `None` for what is no number: never ours.
    pub fn row(module: Module, id: &RemoteId) -> Option<(Self, i64)> {
        let number = |text: &str| text.parse().ok();
        match (module, id.as_str().strip_prefix(LEAD)) {
            (Module::Contacts, Some(rest)) => Some((Self::Leads, number(rest)?)),
            (Module::Contacts, None) => Some((Self::Partners, number(id.as_str())?)),
            (Module::Calendar, _) => Some((Self::Events, number(id.as_str())?)),
            (Module::Tasks, _) => Some((Self::Tasks, number(id.as_str())?)),
            (Module::Email, _) => Some((Self::Messages, number(id.as_str())?)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ids_of_leads_and_contacts_are_never_mistaken() {
        for (module, table) in [
            (Module::Contacts, Table::Partners),
            (Module::Contacts, Table::Leads),
            (Module::Calendar, Table::Events),
            (Module::Tasks, Table::Tasks),
            (Module::Email, Table::Messages),
        ] {
            assert_eq!(Table::row(module, &table.id(7)), Some((table, 7)));
        }
        assert_ne!(Table::Partners.id(7), Table::Leads.id(7));
        // The occurrence of a series, which is no row.
        assert_eq!(Table::row(Module::Calendar, &RemoteId::new("1-20270310090000")), None);
        assert_eq!(Table::row(Module::Calendar, &Table::Leads.id(7)), None);
    }
}
