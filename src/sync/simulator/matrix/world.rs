//! One member between two fake systems: a bystander that is in step, and an item that a user does something with.

use super::axes::{Cell, Kind, Op};
use super::killer::{Killer, Moment};
use super::ports::{Connection, FakeSystem, user};
use super::server::Server;
use super::systems::{value, written};
use crate::memory::Memory;
use crate::simulator::world::{Log, NoStop, SeededIds, VirtualClock, run_until_killed};
use crate::{CycleContext, CycleOutcome, FeedContext, Record, run_cycle, run_feed};
use chrono::{Duration, NaiveDate};
use riva_core::documents::{
    CalendarPolicy, ContactsPolicy, DeletePolicy, EmailPolicy, FirstSync, NoPermission, Policy,
    PolicyModules, Safety, SafetyLimit, Schedule, TasksPolicy,
};
use riva_core::ids::{Marker, MemberId, RemoteId};
use riva_core::item::{
    Element, Ends, Field, Frequency, Item, MailFolder, Module, Name, Override, Recurrence, RecurrenceId,
    Role, Rule, Value, When,
};
use riva_core::ports::{Clock as _, SilentWriter, Window};
use riva_core::queue::{MemberRow, MemberState};
use riva_core::rows::Side;
use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, PoisonError};

/// The member.
const ANN: &str = "ann@example.com";
/// The series takes place so often.
pub const TIMES: u32 = 3;

/// Minutes between the cycles after the one in which things went wrong: the first one comes before what is late arrives.
const LATER: [i64; 12] = [1, 10, 15, 61, 61, 61, 61, 61, 61, 61, 61, 61];

/// One member between two fake systems.
pub struct World {
    pub mail: Arc<FakeSystem>,
    pub crm: Arc<FakeSystem>,
    pub store: Memory<Killer>,
    pub cell: Cell,
    /// The bystander's ids.
    pub bystander: BTreeMap<Side, RemoteId>,
    killer: Killer,
    clock: Arc<VirtualClock>,
    ids: SeededIds,
    log: Log,
    pub(super) policy: Policy,
}

impl World {
    /// A world in which the bystander is in step, and the item too if it is to be changed.
    ///
    /// # Errors
    /// It does not come into step.
    pub fn new(cell: Cell) -> Result<Self, String> {
        let mut world = Self::empty(cell);
        world.mail.server().user_create(new_item(cell.kind, 1, false));
        world.in_step()?;
        for side in [Side::Mail, Side::Crm] {
            let id = world.side(side).server().items.keys().next().cloned();
            world.bystander.insert(side, id.ok_or("the bystander was not made")?);
        }
        if matches!(cell.op, Op::Update | Op::Delete) {
            // What recurs is in the mailbox from the beginning, whoever changes it.
            let from = if cell.kind == Kind::Occurrence { Side::Mail } else { cell.side.other() };
            world.side(from).server().user_create(world.subject());
            world.in_step()?;
        }
        Ok(world)
    }

    /// A world in which nothing is yet.
    pub fn empty(cell: Cell) -> Self {
        let killer = Killer::default();
        let start = "2026-11-24T08:00:00Z".parse().unwrap_or_default();
        let clock = Arc::new(VirtualClock(Mutex::new(start)));
        let side =
            |system| Arc::new(FakeSystem::new(Server::new(system), killer.clone(), Arc::clone(&clock)));
        Self {
            mail: side(cell.mail),
            crm: side(cell.crm),
            store: Memory::new(killer.clone()),
            cell,
            bystander: BTreeMap::new(),
            killer,
            clock,
            ids: SeededIds(AtomicU64::new(1)),
            log: Log::default(),
            policy: policy(cell.kind.module()),
        }
    }

    pub fn side(&self, side: Side) -> &Arc<FakeSystem> {
        match side {
            Side::Mail => &self.mail,
            Side::Crm => &self.crm,
        }
    }

    pub fn log(&self) -> Vec<String> {
        self.log.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    pub(super) fn subject(&self) -> Item {
        new_item(self.cell.kind, 2, self.cell.kind == Kind::Occurrence)
    }

    /// The item's ids on a side, without the bystander's.
    pub fn subjects(&self, side: Side) -> Vec<(RemoteId, Item)> {
        let server = self.side(side).server();
        let live = server.items.iter().filter(|(id, s)| !s.deleted && self.bystander.get(&side) != Some(id));
        live.map(|(id, s)| (id.clone(), s.item.clone())).collect()
    }

    /// The marker that an item carries.
    pub fn marker(&self, side: Side, id: &RemoteId) -> Option<Marker> {
        self.side(side).server().live(id).and_then(|stored| stored.marker)
    }

    /// A user does what makes the engine write.
    pub(super) fn act(&self) {
        let Cell { kind, side, op, .. } = self.cell;
        // What is made on the other side gets its origin marked here.
        let from = if op == Op::Tag { side } else { side.other() };
        let field = written(kind);
        let (id, text) = (self.subjects(from).into_iter().nth(self.which(from)), value(field, 1));
        let mut server = self.side(from).server();
        match (op, id) {
            (Op::Create | Op::Tag, _) => {
                let mut item = self.subject();
                item.set(field, text);
                server.user_create(item);
            }
            (Op::Update, Some((id, item))) if item.is_recurring() => {
                let change = Override::Changed([(field, text)].into());
                server.user_edit(&id, |item| set_override(item, change));
            }
            (Op::Delete, Some((id, item))) if item.is_recurring() => {
                server.user_edit(&id, |item| set_override(item, Override::Cancelled));
            }
            (Op::Update, Some((id, _))) => server.user_edit(&id, |item| item.set(field, text)),
            (Op::Delete, Some((id, _))) => server.user_delete(&id),
            (Op::Update | Op::Delete, None) => {}
        }
    }

    /// Of several records of a series, the second one is the one that is changed.
    fn which(&self, side: Side) -> usize {
        usize::from(self.cell.kind == Kind::Occurrence && side == Side::Crm)
    }

    /// How the write shows on the side that is written to: what is done to an occurrence is done to its series.
    pub fn call(&self) -> Moment {
        let of_series = self.cell.kind == Kind::Occurrence && self.cell.side == Side::Mail;
        Moment::Call(self.cell.side, if of_series { Op::Update } else { self.cell.op })
    }

    /// The cycle in which it goes wrong, and the process dies. Answers the moments of that cycle.
    pub fn goes_wrong(&self, dies_at: Option<usize>) -> Vec<Moment> {
        // Where deletions show by absence alone, lists are compared by now.
        self.pass(21);
        self.act();
        if let Moment::Call(side, op) = self.call() {
            self.side(side).server().trap(op, self.cell.trouble);
        }
        self.dies(dies_at)
    }

    /// A cycle in which the process dies at a moment. Answers what came to pass before; if it died, the last of it did not.
    pub fn dies(&self, at: Option<usize>) -> Vec<Moment> {
        self.killer.arm(at);
        self.cycle();
        let past = self.killer.past();
        self.killer.arm(None);
        past
    }

    /// Cycles until nothing more happens.
    ///
    /// # Errors
    /// They do not end.
    pub fn goes_on(&self) -> Result<(), String> {
        let mut quiet = 0;
        for minutes in LATER {
            self.pass(minutes);
            let before = self.mail.server().writes + self.crm.server().writes;
            let outcome = self.cycle().ok_or("killed")?;
            let wrote = self.mail.server().writes + self.crm.server().writes > before || outcome.writes > 0;
            let more = outcome.fault.is_some() || outcome.more_work || outcome.again_at.is_some();
            quiet = if wrote || more { 0 } else { quiet + 1 };
        }
        if quiet < 3 { Err(format!("not quiet after {} cycles", LATER.len())) } else { Ok(()) }
    }

    fn in_step(&self) -> Result<(), String> {
        for _ in 0..4 {
            self.pass(61);
            let outcome = self.cycle().ok_or("killed")?;
            if let Some(fault) = outcome.fault {
                return Err(format!("the beginning fails: {fault}"));
            }
        }
        Ok(())
    }

    pub(super) fn pass(&self, minutes: i64) {
        *self.clock.0.lock().unwrap_or_else(PoisonError::into_inner) += Duration::minutes(minutes);
    }

    /// The occurrences of what recurs in the mailbox, and what does not.
    pub fn window(&self) -> Window {
        let now = self.clock.now();
        Window { from: now - Duration::days(45), to: now + Duration::days(400) }
    }

    /// One feed and one cycle. `None`: the process died.
    fn cycle(&self) -> Option<CycleOutcome> {
        for side in [&self.mail, &self.crm] {
            let mut server = side.server();
            server.asked_to_wait = false;
            server.late_arrivals(self.clock.now());
        }
        let row = MemberRow {
            id: MemberId(1),
            policy: "matrix".into(),
            address: ANN.into(),
            mail: "mail".into(),
            crm: "crm".into(),
            crm_user: Some(user()),
            enabled: true,
            next_at: self.clock.now(),
            urgent: false,
            running: true,
            state: MemberState::default(),
        };
        let members = [(row.id, user())];
        let crm = Connection(Arc::clone(&self.crm));
        let feed = FeedContext {
            connection: &row.crm,
            crm: &crm,
            members: &members,
            modules: &[self.cell.kind.module()],
            store: &self.store,
            stop: &NoStop,
        };
        let ctx = CycleContext {
            member: &row,
            fence: 1,
            policy: &self.policy,
            mail: Arc::clone(&self.mail) as Arc<dyn SilentWriter>,
            crm: Arc::clone(&self.crm) as Arc<dyn SilentWriter>,
            store: &self.store,
            clock: self.clock.as_ref(),
            ids: &self.ids,
            events: &self.log,
            stop: &NoStop,
            record: Record::default(),
        };
        run_until_killed(async {
            if let Err(fault) = run_feed(&feed).await {
                return CycleOutcome { fault: Some(fault), ..CycleOutcome::default() };
            }
            run_cycle(&ctx).await
        })
    }
}

fn policy(module: Module) -> Policy {
    // The guard has tests of its own: here it would hide what deletions do.
    let wide = SafetyLimit { items: 10_000, percent: 100 };
    let gone = DeletePolicy::Propagate;
    let (deleted_in_mail, deleted_in_crm) = (gone, gone);
    let modules = PolicyModules {
        contacts: (module == Module::Contacts).then(|| ContactsPolicy {
            deleted_in_mail,
            deleted_in_crm,
            ..ContactsPolicy::default()
        }),
        calendar: (module == Module::Calendar).then(|| CalendarPolicy {
            deleted_in_mail,
            deleted_in_crm,
            ..CalendarPolicy::default()
        }),
        tasks: (module == Module::Tasks).then(|| TasksPolicy {
            deleted_in_mail,
            deleted_in_crm,
            ..TasksPolicy::default()
        }),
        email: (module == Module::Email).then(EmailPolicy::default),
    };
    Policy {
        name: "matrix".into(),
        enabled: true,
        mail: "mail".into(),
        crm: "crm".into(),
        schedule: Schedule { delete_poll_minutes: 20, ..Schedule::default() },
        modules,
        safety: Safety { contacts: wide, calendar: wide, tasks: wide, ..Safety::default() },
        first_sync: FirstSync::default(),
        no_permission: NoPermission::default(),
        created: None,
        modified: None,
        users: Vec::new(),
    }
}

/// The second occurrence of the series.
pub fn second() -> RecurrenceId {
    let day = first_day(2) + Duration::days(1);
    RecurrenceId::Wall(day.and_hms_opt(9, 0, 0).unwrap_or_default())
}

fn first_day(n: u32) -> NaiveDate {
    NaiveDate::from_ymd_opt(2026, 12, n).unwrap_or_default()
}

fn set_override(item: &mut Item, change: Override) {
    let mut all = item.overrides().cloned().unwrap_or_default();
    all.insert(second(), change);
    item.set(Field::Overrides, Value::Overrides(all));
}

/// An item that no other one can be taken for.
pub(super) fn new_item(kind: Kind, n: u32, series: bool) -> Item {
    let mut item = Item::new(kind.module());
    match kind {
        Kind::Contact => {
            let name = Name { given: "Ann".into(), family: format!("Lee {n}"), ..Name::default() };
            item.set(Field::Name, Value::Name(name));
            let email = Element::plain(format!("p{n}@example.com"));
            item.set(Field::Emails, Value::set([("1".to_owned(), email)].into()));
        }
        Kind::Event | Kind::Occurrence => {
            item.uid = Some(format!("uid-{n}@example.com"));
            item.set_text(Field::Summary, format!("Visit {n}"));
            item.set_text(Field::Organizer, ANN);
            let start = first_day(n).and_hms_opt(9, 0, 0).unwrap_or_default();
            let zone = chrono_tz::Europe::Berlin;
            item.set(Field::When, Value::When(When::Timed { start, end: start + Duration::hours(1), zone }));
            if series {
                let rule = Rule { ends: Ends::After(TIMES), ..Rule::every(1, Frequency::Daily) };
                let rules = vec![rule];
                item.set(Field::Recurrence, Value::Recurrence(Recurrence { rules, ..Recurrence::default() }));
            }
        }
        Kind::Task => {
            item.uid = Some(format!("task-{n}@example.com"));
            item.set_text(Field::Summary, format!("Call {n}"));
            item.set(Field::DueDate, Value::Date(first_day(n)));
        }
        Kind::Message => {
            item.uid = Some(format!("<{n}@example.com>"));
            item.set_text(Field::MailFolder, MailFolder::Inbox.as_str());
            item.set_text(Field::Summary, format!("Subject {n}"));
            item.set(Field::SentAt, Value::Number(1_795_600_000));
            item.set_addresses(Role::From, [("far@example.org", "")]);
            item.set_addresses(Role::To, [(ANN, "")]);
            item.set_addresses(Role::Cc, []);
        }
    }
    item
}
