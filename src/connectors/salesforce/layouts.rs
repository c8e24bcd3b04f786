//! The objects that are synced: which one a module's items are records of, and their columns.

use super::layout::Layout;
use super::words::Words;
use super::{contact, email, event, lead, task};
use riva_core::fault::{Fault, FaultKind};
use riva_core::item::Module;

/// The objects that are synced, as the connection account sees them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layouts {
    /// Contact.
    pub contact: Layout,
    /// Event.
    pub event: Layout,
    /// Task; `None` where the connection account may not see tasks.
    pub task: Option<Layout>,
    /// Lead; `None` where the connection account may not see leads.
    pub lead: Option<Layout>,
    /// `EmailMessage`; `None` where messages cannot be logged.
    pub email: Option<Layout>,
    /// Opportunity; `None` where e-mail cannot be logged against one.
    pub opportunity: Option<Layout>,
    /// Case; `None` where e-mail cannot be logged against one.
    pub case: Option<Layout>,
    /// `ContentVersion`; `None` where no files can be kept beside messages.
    pub files: Option<Layout>,
    /// The external id field for markers, if the org has one.
    pub sync_key: Option<String>,
    /// What the words of the org's lists mean.
    pub words: Words,
}

impl Layouts {
    /// The object of a module.
    pub fn of(&self, module: Module) -> Result<(&'static str, &Layout), Fault> {
        match module {
            Module::Contacts => Ok(("Contact", &self.contact)),
            Module::Calendar => Ok(("Event", &self.event)),
            Module::Tasks => self.task.as_ref().map(|task| ("Task", task)).ok_or_else(|| {
                Fault::new(
                    FaultKind::MissingPermission,
                    "the connection account may not see tasks in Salesforce",
                )
                .remedy("Give its profile access to the object Task, or take tasks out of the sync policy.")
            }),
            Module::Email => self.email.as_ref().map(|email| ("EmailMessage", email)).ok_or_else(|| {
                Fault::new(FaultKind::MissingPermission, "e-mail cannot be logged in this org of Salesforce")
                    .remedy(
                        "Switch Enhanced Email on, and let the connection account's profile create EmailMessage; or take \
                         e-mail out of the sync policy.",
                    )
            }),
        }
    }

    /// The objects that a module's items are records of: leads are contacts too.
    pub fn all_of(&self, module: Module) -> Result<Vec<(&'static str, &Layout)>, Fault> {
        let leads = self.lead.as_ref().filter(|_| module == Module::Contacts).map(|lead| ("Lead", lead));
        Ok([self.of(module)?].into_iter().chain(leads).collect())
    }

    /// The object of a record.
    pub fn of_record(&self, module: Module, id: &str) -> Result<(&'static str, &Layout), Fault> {
        let lead = self.lead.as_ref().filter(|_| module == Module::Contacts && id.starts_with(lead::PREFIX));
        lead.map_or_else(|| self.of(module), |lead| Ok(("Lead", lead)))
    }
}

/// The columns of an object's records.
pub fn columns(object: &str, layout: &Layout) -> Vec<&'static str> {
    match object {
        "Contact" => contact::columns(layout),
        "Lead" => lead::columns(layout),
        "Task" => task::columns(layout),
        "EmailMessage" => email::columns(),
        _ => event::columns(layout),
    }
}
