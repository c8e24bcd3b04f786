//! What a case is made of: what comes into the mailbox, what people do, and what must stand on both sides after each sync.

use crate::things::Kind;
use serde_json::Value;

/// A case, played once on every pair of systems that can express it.
pub struct Case {
    /// `case_NN_…`, after the number in the engine design, section 1.9.
    pub name: &'static str,
    /// Which one it is in the list: its users are called after it.
    pub serial: usize,
    /// The sentence that decides, and where it stands.
    pub decides: &'static str,
    pub kind: Kind,
    /// Where the item comes from.
    pub from: From,
    /// So many users have it in their mailboxes, the first of whom organises it.
    pub people: usize,
    /// Whether the calendar says that it is one of Berlin (RFC 4791, section 5.2.2).
    pub in_berlin: bool,
    /// Why it is played on the sandbox alone, if it is.
    pub only_here: Option<&'static str>,
    pub steps: Vec<Step>,
}

/// A mailbox in which a case can come in at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum From {
    /// A resource that another program puts into a calendar by CalDAV.
    Caldav,
    /// An item of Exchange, read by EWS.
    Exchange,
}

/// Stands for the address of the first user.
pub const ORGANIZER: &str = "{organizer}";

/// What people do, a sync, and what must have come of it.
pub struct Step {
    pub deeds: Vec<Deed>,
    /// The CRM's records in order, with semicolons between: `2027-03-15 08:00-09:00 Subject` in UTC, `2027-03-15 Subject` of a whole day,
    /// `2027-03-15..2027-03-16 Subject` of two; ` (free)` behind it if that is how it is shown.
    pub crm: &'static str,
    /// A part of each reason why items are not in step.
    pub apart: &'static [&'static str],
    pub mail: Mail,
}

/// What the sync did to the mailbox.
#[derive(Debug, Clone, Copy)]
pub enum Mail {
    /// Nothing: each resource is as it was put, byte for byte, and each item shows what it showed.
    Untouched,
    /// It wrote: these lines stand in the mailbox now, and (behind a `-`) those do not.
    Has(&'static [&'static str]),
}

/// What somebody does.
#[derive(Debug, Clone)]
pub enum Deed {
    /// A program puts a resource into everybody's calendar: a name, and its components, each by its lines.
    Put(&'static str, Vec<String>),
    /// One of them deletes it from theirs.
    Remove(usize, &'static str),
    /// An item of Exchange is made.
    Item(Value),
    /// It is changed, the n-th occurrence alone if so said.
    Change(Option<u32>, Value),
    /// Its n-th occurrence is deleted.
    CancelOne(u32),
    /// In the CRM the record that starts then has another subject.
    Retitle(&'static str, &'static str),
    /// In the CRM the record that starts then is moved by so many minutes.
    Move(&'static str, i64),
    /// In the CRM the record that starts then is deleted.
    DeleteRecord(&'static str),
    /// A new tz database: what a resource's text meant before, the second text means by its rules. It is the same version.
    NewZoneRules(&'static str, &'static str, &'static str),
    /// The administrator approves what waits.
    Approve,
}

/// A case of one user's calendar.
pub fn case(name: &'static str, decides: &'static str, from: From, steps: Vec<Step>) -> Case {
    Case {
        name,
        serial: 0,
        decides,
        kind: Kind::Event,
        from,
        people: 1,
        in_berlin: false,
        only_here: None,
        steps,
    }
}

/// A case of one step.
pub fn one<const N: usize>(
    name: &'static str,
    decides: &'static str,
    from: From,
    deeds: [Deed; N],
    crm: &'static str,
) -> Case {
    case(name, decides, from, vec![step(deeds, crm)])
}

/// A step after which all is in step, and the mailbox as it was.
pub fn step<const N: usize>(deeds: [Deed; N], crm: &'static str) -> Step {
    Step { deeds: deeds.into(), crm, apart: &[], mail: Mail::Untouched }
}

impl Step {
    /// With items that are not in step.
    pub fn apart(self, apart: &'static [&'static str]) -> Self {
        Self { apart, ..self }
    }

    /// After which the mailbox has these lines.
    pub fn mail(self, lines: &'static [&'static str]) -> Self {
        Self { mail: Mail::Has(lines), ..self }
    }
}

/// The item of Exchange is changed, all of it.
pub fn change(fields: Value) -> Deed {
    Deed::Change(None, fields)
}

/// An event comes in, or comes once more.
pub fn put<const N: usize>(name: &'static str, components: [&str; N]) -> Deed {
    Deed::Put(name, components.map(|lines| format!("VEVENT\n{lines}")).into())
}
