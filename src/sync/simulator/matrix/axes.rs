//! The axes of the matrix: what is written, where the process dies, what goes wrong, and between which systems.

use riva_core::item::Module;
use riva_core::rows::Side;

/// What kind of item.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A contact.
    Contact,
    /// A single appointment.
    Event,
    /// One occurrence of a series in the mailbox; a record of its own in the CRM.
    Occurrence,
    /// A task.
    Task,
    /// A message, logged in the CRM.
    Message,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 5] = [Self::Contact, Self::Event, Self::Occurrence, Self::Task, Self::Message];

    /// The module that syncs it.
    pub fn module(self) -> Module {
        match self {
            Self::Contact => Module::Contacts,
            Self::Event | Self::Occurrence => Module::Calendar,
            Self::Task => Module::Tasks,
            Self::Message => Module::Email,
        }
    }
}

/// A write of one kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Op {
    /// An item is made.
    Create,
    /// Fields are set.
    Update,
    /// An item is taken away.
    Delete,
    /// The origin of an item that was made gets the pair's marker: the link of both.
    Tag,
}

impl Op {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Create, Self::Update, Self::Delete, Self::Tag];
}

/// Where the process dies in the cycle that makes the write.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Crash {
    /// Nowhere.
    No,
    /// Before the intent is stored.
    BeforeIntent,
    /// The intent is stored, the call is not made.
    BeforeCall,
    /// The call is answered, and nothing of that is recorded.
    BeforeRecord,
    /// What became of the write is recorded, and nothing else is done.
    AfterRecord,
}

impl Crash {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::No, Self::BeforeIntent, Self::BeforeCall, Self::BeforeRecord, Self::AfterRecord];
}

/// What goes wrong with the write, the first time that it is made; the last two go wrong each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Trouble {
    /// Nothing.
    No,
    /// The request is lost on its way.
    RequestLost,
    /// It is carried out, and the answer is lost.
    AnswerLost,
    /// It is carried out, and nothing is heard of it for two minutes.
    TimedOut,
    /// Nothing is heard of it, and it is carried out after the next cycle has looked for it.
    DoneLate,
    /// It is delivered, and carried out, twice.
    Twice,
    /// The system asks to wait (429).
    Throttled,
    /// The system is down (503).
    Unavailable,
    /// A user was at the item since it was read (412); a create finds its key in use.
    Precondition,
    /// Refused for want of a right, once.
    Forbidden,
    /// Refused for want of a right, always.
    ForbiddenForGood,
    /// It would mail people, and the system cannot be kept from it.
    WouldNotify,
}

impl Trouble {
    /// All of them.
    pub const ALL: [Self; 12] = [
        Self::No,
        Self::RequestLost,
        Self::AnswerLost,
        Self::TimedOut,
        Self::DoneLate,
        Self::Twice,
        Self::Throttled,
        Self::Unavailable,
        Self::Precondition,
        Self::Forbidden,
        Self::ForbiddenForGood,
        Self::WouldNotify,
    ];
}

/// A system, as far as the engine can tell it from others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum System {
    /// A mailbox: markers, a search that lags, series, ids that a search finds in Deleted Items too.
    Exchange,
    /// A mailbox: resources named by the marker, bare answers, single appointments alone.
    CalDav,
    /// A CRM with the external id field: upserts, whole seconds.
    Salesforce,
    /// A CRM in which no field may be added: nothing can be looked for.
    SalesforceNoKey,
    /// A CRM with external ids whose deletions show by absence alone.
    Odoo,
}

impl System {
    /// The mailboxes.
    pub const MAIL: [Self; 2] = [Self::Exchange, Self::CalDav];
    /// The CRMs.
    pub const CRM: [Self; 3] = [Self::Salesforce, Self::SalesforceNoKey, Self::Odoo];

    /// Whether it is a mailbox or a CRM.
    pub fn side(self) -> Side {
        if Self::MAIL.contains(&self) { Side::Mail } else { Side::Crm }
    }

    /// Whether its items can carry our marker.
    pub fn keeps_markers(self) -> bool {
        self != Self::SalesforceNoKey
    }

    /// Whether a second create with the same marker is refused.
    pub fn unique_markers(self) -> bool {
        matches!(self, Self::CalDav | Self::Salesforce | Self::Odoo)
    }

    /// Whether an item that was there before us can get our marker.
    pub fn can_tag(self) -> bool {
        matches!(self, Self::Exchange | Self::Salesforce | Self::Odoo)
    }

    /// Whether it has items of a kind, or can stand at the other end of them.
    pub fn has(self, kind: Kind) -> bool {
        match kind {
            Kind::Contact | Kind::Event | Kind::Task => true,
            Kind::Occurrence | Kind::Message => self != Self::CalDav,
        }
    }
}

/// One cell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cell {
    pub mail: System,
    pub crm: System,
    pub kind: Kind,
    /// Where the write is made.
    pub side: Side,
    pub op: Op,
    pub trouble: Trouble,
    pub crash: Crash,
}

impl Cell {
    /// Every cell there is.
    pub fn all() -> Vec<Self> {
        let mut all = Vec::new();
        for (mail, crm) in System::MAIL.into_iter().flat_map(|m| System::CRM.map(|c| (m, c))) {
            for kind in Kind::ALL {
                for (side, op) in [Side::Crm, Side::Mail].into_iter().flat_map(|s| Op::ALL.map(|o| (s, o))) {
                    for trouble in Trouble::ALL {
                        let cell = |crash| Self { mail, crm, kind, side, op, trouble, crash };
                        all.extend(Crash::ALL.map(cell));
                    }
                }
            }
        }
        all
    }

    /// The system that is written to.
    pub fn target(self) -> System {
        match self.side {
            Side::Mail => self.mail,
            Side::Crm => self.crm,
        }
    }

    /// Why there is no such write, or no such trouble with it.
    pub fn not_there(self) -> Option<&'static str> {
        if !self.mail.has(self.kind) || !self.crm.has(self.kind) {
            return Some("one of the systems has no such items");
        }
        match (self.kind, self.side, self.op) {
            (Kind::Message, Side::Mail, _) | (Kind::Message, _, Op::Update | Op::Delete | Op::Tag) => {
                return Some("messages are logged once, and never touched again");
            }
            (Kind::Occurrence, Side::Mail, Op::Create) => return Some("no CRM here makes a series"),
            (Kind::Occurrence, _, Op::Tag) => {
                return Some("the marker of an occurrence follows from its series");
            }
            (_, _, Op::Tag) if !self.target().can_tag() => {
                return Some("items that were there before us get no marker there");
            }
            _ => {}
        }
        let once = self.target().unique_markers();
        match self.trouble {
            Trouble::WouldNotify if self.kind != Kind::Event && self.kind != Kind::Occurrence => {
                Some("nobody is invited to it")
            }
            Trouble::WouldNotify if self.op == Op::Tag => Some("a marker mails nobody"),
            Trouble::Precondition if self.op == Op::Create && (!once || self.kind == Kind::Message) => {
                Some("its creates have no condition")
            }
            // One request that is carried out twice makes two records where nothing tells them apart: no client can help
            // that.
            Trouble::Twice if self.op == Op::Create && !self.target().keeps_markers() => {
                Some("two records of one request cannot be told apart")
            }
            Trouble::Twice | Trouble::DoneLate if self.kind == Kind::Message => {
                Some("two log entries of one request cannot be told apart")
            }
            _ => None,
        }
    }
}
