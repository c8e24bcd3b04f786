//! A fake system: its items, what happened to them, and the one thing that goes wrong.

use super::axes::{Op, System, Trouble};
use super::systems::{meddled, value};
use chrono::{DateTime, Duration, Utc};
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, Module, Value, When};
use riva_core::ports::{Capabilities, Change, ChangePage, Draft, Patch, RemoteRef, Removal, Written};
use std::collections::BTreeMap;

/// An item.
#[derive(Debug, Clone)]
pub struct Stored {
    pub item: Item,
    pub version: u64,
    pub marker: Option<Marker>,
    pub deleted: bool,
}

/// Writes of one call.
#[derive(Debug, Clone)]
pub enum Request {
    Create(Vec<Draft>),
    Update(Vec<Patch>),
    Delete(Vec<Removal>),
    Tag(Vec<(RemoteRef, Marker)>),
}

impl Request {
    pub fn op(&self) -> Op {
        match self {
            Self::Create(_) => Op::Create,
            Self::Update(_) => Op::Update,
            Self::Delete(_) => Op::Delete,
            Self::Tag(_) => Op::Tag,
        }
    }

    fn len(&self) -> usize {
        match self {
            Self::Create(all) => all.len(),
            Self::Update(all) => all.len(),
            Self::Delete(all) => all.len(),
            Self::Tag(all) => all.len(),
        }
    }

    /// The first item that it writes to.
    fn target(&self) -> Option<RemoteId> {
        match self {
            Self::Create(_) => None,
            Self::Update(all) => all.first().map(|patch| patch.id.clone()),
            Self::Delete(all) => all.first().map(|removal| removal.id.clone()),
            Self::Tag(all) => all.first().map(|(at, _)| at.id.clone()),
        }
    }
}

/// What becomes of one item of a write.
pub type Answer = Result<Option<Written>, ItemError>;

/// What goes wrong with writes of one kind.
#[derive(Debug, Clone, Copy)]
struct Trap {
    op: Op,
    trouble: Trouble,
    sprung: bool,
}

/// A fake system.
pub struct Server {
    pub system: System,
    pub caps: Capabilities,
    pub items: BTreeMap<RemoteId, Stored>,
    log: Vec<RemoteId>,
    stamp: u64,
    trap: Option<Trap>,
    late: Vec<(DateTime<Utc>, Request)>,
    /// Writes carried out.
    pub writes: u64,
    /// People mailed.
    pub mails: u64,
    /// It has asked to wait in this cycle.
    pub asked_to_wait: bool,
    /// Calls made all the same.
    pub importunate: u64,
}

impl Server {
    pub fn new(system: System) -> Self {
        Self {
            system,
            caps: system.capabilities(),
            items: BTreeMap::new(),
            log: Vec::new(),
            stamp: 0,
            trap: None,
            late: Vec::new(),
            writes: 0,
            mails: 0,
            asked_to_wait: false,
            importunate: 0,
        }
    }

    /// From now on this goes wrong with writes of this kind.
    pub fn trap(&mut self, op: Op, trouble: Trouble) {
        self.trap = Some(Trap { op, trouble, sprung: false });
    }

    /// Whether it has gone wrong.
    pub fn has_sprung(&self) -> bool {
        self.trap.is_some_and(|trap| trap.sprung)
    }

    // ---- Users.

    /// A user makes an item.
    pub fn user_create(&mut self, item: Item) -> RemoteId {
        let item = self.form(item);
        self.insert(item, None)
    }

    /// A user changes an item.
    pub fn user_edit(&mut self, id: &RemoteId, edit: impl FnOnce(&mut Item)) {
        let Some(mut item) = self.live(id).map(|s| s.item.clone()) else { return };
        edit(&mut item);
        let item = self.form(item);
        if let Some(stored) = self.items.get_mut(id) {
            stored.item = item;
        }
        self.touch(id);
    }

    /// A user deletes an item.
    pub fn user_delete(&mut self, id: &RemoteId) {
        if let Some(stored) = self.items.get_mut(id) {
            stored.deleted = true;
        }
        self.touch(id);
    }

    /// A user moves an item: it has another id, and keeps what it carries.
    pub fn user_move(&mut self, id: &RemoteId) {
        let Some(Stored { item, marker, .. }) = self.live(id).cloned() else { return };
        self.user_delete(id);
        self.insert(item, marker);
    }

    // ---- Reading.

    pub fn live(&self, id: &RemoteId) -> Option<&Stored> {
        self.items.get(id).filter(|s| !s.deleted)
    }

    pub fn at(&self, id: &RemoteId) -> RemoteRef {
        let version = self.items.get(id).map(|s| s.version).unwrap_or_default();
        RemoteRef { id: id.clone(), version: Version::new(version.to_string()) }
    }

    /// What has changed since a cursor; without one, everything that is there.
    pub fn changes(&self, module: Module, cursor: Option<&Cursor>) -> ChangePage {
        let from: usize = cursor.and_then(|c| c.as_str().parse().ok()).unwrap_or(0);
        let news = self.log.get(from..).unwrap_or_default().iter().filter_map(|id| {
            let stored = self.items.get(id).filter(|s| s.item.module == module)?;
            if stored.deleted {
                let told = || self.log.get(..from).unwrap_or_default().contains(id);
                let tells = self.system.tombstones().after(cursor.is_some(), told);
                tells.then(|| Change::Deleted { id: id.clone() })
            } else {
                Some(Change::Seen { id: id.clone(), version: self.at(id).version })
            }
        });
        ChangePage { changes: news.collect(), cursor: self.end(), more: false }
    }

    /// Where the feed ends now.
    pub fn end(&self) -> Cursor {
        Cursor::new(self.log.len().to_string())
    }

    // ---- Writing.

    /// Requests that were on their way arrive.
    pub fn late_arrivals(&mut self, now: DateTime<Utc>) {
        let (due, rest) = std::mem::take(&mut self.late).into_iter().partition(|(at, _)| *at <= now);
        self.late = rest;
        let due: Vec<(DateTime<Utc>, Request)> = due;
        for (_, request) in due {
            self.carry_out(&request);
        }
    }

    /// Takes a request, and answers it; the second part is how long that takes.
    pub fn take(
        &mut self,
        request: Request,
        now: DateTime<Utc>,
    ) -> (Result<Vec<Answer>, CallError>, Duration) {
        let in_doubt = |why: &str| Err(CallError::InDoubt(why.to_owned()));
        let each = |error: ItemError| Ok(vec![Err(error); request.len()]);
        let answer = match self.sprung(request.op()) {
            Trouble::No => Ok(self.carry_out(&request)),
            Trouble::RequestLost => in_doubt("the connection was reset"),
            Trouble::AnswerLost => {
                self.carry_out(&request);
                in_doubt("the connection was reset")
            }
            Trouble::TimedOut => {
                self.carry_out(&request);
                return (in_doubt("timeout"), Duration::minutes(2));
            }
            Trouble::DoneLate => {
                self.late.push((now + Duration::minutes(3), request));
                in_doubt("timeout")
            }
            Trouble::Twice => {
                self.carry_out(&request);
                Ok(self.carry_out(&request))
            }
            Trouble::Throttled => {
                self.asked_to_wait = true;
                let wait = std::time::Duration::from_mins(1);
                Err(Fault::new(FaultKind::Throttled, "429").retry_after(wait).into())
            }
            Trouble::Unavailable => Err(Fault::new(FaultKind::SystemNotAvailable, "503").into()),
            Trouble::Precondition => match request.target() {
                None => each(ItemError::Exists),
                Some(id) => {
                    self.user_edit(&id, |item| {
                        let field = meddled(item.module);
                        item.set(field, value(field, 2));
                    });
                    Ok(self.carry_out(&request))
                }
            },
            Trouble::Forbidden | Trouble::ForbiddenForGood => {
                each(ItemError::Forbidden { reason: "insufficient access rights".into() })
            }
            Trouble::WouldNotify => each(ItemError::WouldNotify { people: 3 }),
        };
        (answer, Duration::zero())
    }

    /// What goes wrong with this write.
    fn sprung(&mut self, op: Op) -> Trouble {
        let Some(trap) = self.trap.as_mut().filter(|trap| trap.op == op) else { return Trouble::No };
        let always = matches!(trap.trouble, Trouble::ForbiddenForGood | Trouble::WouldNotify);
        if std::mem::replace(&mut trap.sprung, true) && !always {
            return Trouble::No;
        }
        trap.trouble
    }

    fn carry_out(&mut self, request: &Request) -> Vec<Answer> {
        // It has said that it mails people: whoever writes otherwise, instead, has them mailed.
        if self.trap.is_some_and(|trap| trap.trouble == Trouble::WouldNotify && trap.sprung) {
            self.mails += 3;
        }
        match request {
            Request::Create(drafts) => drafts.iter().map(|draft| self.create(draft)).collect(),
            Request::Update(patches) => patches.iter().map(|patch| self.update(patch)).collect(),
            Request::Delete(removals) => removals
                .iter()
                .map(|removal| {
                    self.admit(&removal.id, &removal.version)?;
                    self.user_delete(&removal.id);
                    self.writes += 1;
                    Ok(None)
                })
                .collect(),
            Request::Tag(tags) => tags
                .iter()
                .map(|(at, marker)| {
                    self.admit(&at.id, &at.version)?;
                    if let Some(stored) = self.items.get_mut(&at.id) {
                        stored.marker = Some(*marker);
                    }
                    self.touch(&at.id);
                    Ok(Some(Written { at: self.at(&at.id), item: None }))
                })
                .collect(),
        }
    }

    fn create(&mut self, draft: &Draft) -> Answer {
        let log = draft.item.module.is_log();
        let marker = Some(draft.marker).filter(|_| self.system.keeps_markers() && !log);
        let taken = |s: &Stored| !s.deleted && s.marker == marker;
        if self.system.unique_markers() && marker.is_some() && self.items.values().any(taken) {
            return Err(ItemError::Exists);
        }
        let item = self.form(draft.item.clone());
        self.writes += 1;
        let id = self.insert(item, marker);
        Ok(Some(self.written(&id)))
    }

    fn update(&mut self, patch: &Patch) -> Answer {
        self.admit(&patch.id, &patch.version)?;
        self.user_edit(&patch.id, |item| {
            item.fields.extend(patch.set.iter().map(|(field, value)| (*field, value.clone())));
        });
        self.writes += 1;
        Ok(Some(self.written(&patch.id)))
    }

    fn written(&self, id: &RemoteId) -> Written {
        let at = self.at(id);
        let version = if self.system.no_version() { Version::default() } else { at.version.clone() };
        let item = self.items.get(id).map(|s| Box::new(s.item.clone()));
        Written { at: RemoteRef { version, ..at }, item: item.filter(|_| !self.system.bare_answers()) }
    }

    fn admit(&self, id: &RemoteId, version: &Version) -> Result<(), ItemError> {
        match self.live(id) {
            None => Err(ItemError::Gone),
            Some(s) if s.version.to_string() != version.as_str() => Err(ItemError::VersionMoved),
            Some(_) => Ok(()),
        }
    }

    fn insert(&mut self, item: Item, marker: Option<Marker>) -> RemoteId {
        let id = RemoteId::new(format!("{}-{:03}", self.system.side().as_str(), self.items.len()));
        self.items.insert(id.clone(), Stored { item, version: 0, marker, deleted: false });
        self.touch(&id);
        id
    }

    fn touch(&mut self, id: &RemoteId) {
        self.stamp += 1;
        if let Some(stored) = self.items.get_mut(id) {
            stored.version = self.stamp;
            self.log.push(id.clone());
        }
    }

    /// What the system makes of what it is given.
    fn form(&self, mut item: Item) -> Item {
        let Some(caps) = self.caps.module(item.module).filter(|_| !item.module.is_log()) else { return item };
        item.fields.retain(|field, _| caps.reads.contains(field));
        for field in &caps.reads {
            item.fields.entry(*field).or_insert(Value::Blank);
        }
        if let Some(when) = item.when().filter(|when| caps.precision.utc_only && !when.is_all_day()).cloned()
        {
            let (start, end) = when.utc();
            item.set(Field::When, Value::When(When::timed(start, end, chrono_tz::UTC)));
        }
        item
    }
}
