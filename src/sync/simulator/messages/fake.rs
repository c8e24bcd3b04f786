//! A CRM that logs messages and loses answers, and what it has in common with the mailbox.

mod mailbox;

pub use mailbox::FakeMailbox;

use super::super::fake::Killer;
use super::super::random::Random;
use crate::capable::capable;
use crate::memory::Gate as _;
use async_trait::async_trait;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId, Version};
use riva_core::item::{Field, Item, MailFolder, Module, Value};
use riva_core::ports::{
    ActiveRecord, ActiveRecords, Capabilities, ChangePage, Draft, Fetched, FileKept, FileOwner, ItemFile,
    ItemFiles, ListPage, MessageLog, ModuleCapabilities, Patch, Person, Precision, Reader, RemoteRef,
    Removal, SeriesSupport, Silence, SilentWriter, Window, Written,
};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// How badly both behave, in percent of calls.
#[derive(Debug, Clone, Copy, Default)]
pub struct Faults {
    /// A call fails before anything is done.
    pub unavailable: u32,
    /// A request to write is lost, and nobody knows that it was.
    pub lost_request: u32,
    /// The answer to a write is lost.
    pub lost_answer: u32,
    /// A single message is refused for now.
    pub not_now: u32,
    /// A message is refused as invalid.
    pub invalid: u32,
    /// A file is sent, nobody hears of it, and it arrives a little later.
    pub late: u32,
    /// A file is refused.
    pub refused: u32,
    /// The cursor is forgotten.
    pub cursor_lost: u32,
}

fn down() -> CallError {
    Fault::new(FaultKind::SystemNotAvailable, "it is down").into()
}

fn never<T>() -> Result<T, CallError> {
    Err(CallError::CursorLost("a log is not read so".into()))
}

fn capabilities(fields: &[Field]) -> Capabilities {
    let fields: BTreeSet<Field> = fields.iter().copied().collect();
    let email = ModuleCapabilities {
        reads: fields.clone(),
        writes: fields,
        required: BTreeSet::new(),
        max_len: BTreeMap::new(),
        set_keys: BTreeMap::new(),
        parts: BTreeMap::new(),
        precision: Precision::default(),
        versions_in_order: false,
        deletions_by_listing: false,
        cool_down_secs: 0,
        batch: 4,
        can_tag: false,
        can_probe: false,
        create_is_idempotent: false,
        series: SeriesSupport::None,
    };
    // Beside it is a calendar with series, as in any mailbox: its occurrences stand between the engine and this side.
    let calendar = capable([Field::Recurrence, Field::Overrides], SeriesSupport::Full);
    Capabilities { modules: [(Module::Email, email), (Module::Calendar, calendar)].into() }
}

/// One message in the CRM's log.
#[derive(Debug, Clone)]
pub struct Logged {
    pub id: RemoteId,
    pub message_id: String,
    pub item: Item,
    pub deleted: bool,
}

/// The files beside the log.
#[derive(Default)]
struct Files {
    /// Record, name, and what it holds.
    kept: Vec<(RemoteId, ItemFile)>,
    /// On their way.
    late: Vec<(RemoteId, ItemFile)>,
    /// Where other faults befall them than messages.
    faults: Option<Faults>,
}

/// A CRM that logs messages.
pub struct FakeLog {
    caps: Capabilities,
    people: Mutex<Vec<Person>>,
    active: Mutex<Vec<ActiveRecord>>,
    records: Mutex<Vec<Logged>>,
    files: Mutex<Files>,
    chance: Mutex<(Random, Faults)>,
    killer: Killer,
}

impl FakeLog {
    pub fn new(seed: u64, killer: Killer) -> Self {
        let fields = [
            Field::MailFolder,
            Field::From,
            Field::To,
            Field::Cc,
            Field::Bcc,
            Field::SentAt,
            Field::Summary,
            Field::People,
            Field::Record,
        ];
        Self {
            caps: capabilities(&fields),
            people: Mutex::default(),
            active: Mutex::default(),
            records: Mutex::default(),
            files: Mutex::default(),
            chance: Mutex::new((Random::new(seed), Faults::default())),
            killer,
        }
    }

    pub fn set_faults(&self, faults: Faults) {
        self.chance.lock().unwrap_or_else(PoisonError::into_inner).1 = faults;
    }

    /// What befalls files alone.
    pub fn set_file_faults(&self, faults: Faults) {
        self.files().faults = Some(faults);
    }

    /// The CRM gets to know somebody.
    pub fn knows(&self, person: Person) {
        self.people.lock().unwrap_or_else(PoisonError::into_inner).push(person);
    }

    /// These are all records that are worked at from now on, for every user, the most recently changed first.
    pub fn works_at(&self, records: Vec<ActiveRecord>) {
        *self.active.lock().unwrap_or_else(PoisonError::into_inner) = records;
    }

    /// Somebody is deleted in the CRM.
    pub fn forgets(&self, address: &str) {
        let mut people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        people.retain(|person| person.address != address.into());
    }

    /// Everything that was ever logged.
    pub fn records(&self) -> Vec<Logged> {
        self.records.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn files(&self) -> MutexGuard<'_, Files> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The files of a record.
    pub fn files_of(&self, id: &RemoteId) -> Vec<ItemFile> {
        let files = self.files();
        files.kept.iter().filter(|(of, _)| of == id).map(|(_, file)| file.clone()).collect()
    }

    /// A user of the CRM hangs a file on a record.
    pub fn hang(&self, id: &RemoteId, name: &str, content: &[u8]) {
        let (name, media_type) = (name.to_owned(), "text/plain".to_owned());
        self.files().kept.push((id.clone(), ItemFile { name, media_type, content: content.to_vec() }));
    }

    /// A minute has passed: what was on its way is there.
    pub fn arrive(&self) {
        let files = &mut *self.files();
        files.kept.append(&mut files.late);
    }

    /// A user deletes a logged message.
    pub fn delete(&self, id: &RemoteId) {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        records.iter_mut().filter(|r| r.id == *id).for_each(|r| r.deleted = true);
    }

    /// Somebody else logs a message.
    pub fn put(&self, message_id: &str, item: Item) -> RemoteId {
        let mut records = self.records.lock().unwrap_or_else(PoisonError::into_inner);
        let id = RemoteId::new(format!("log-{:05}", records.len()));
        records.push(Logged { id: id.clone(), message_id: message_id.to_owned(), item, deleted: false });
        id
    }

    fn falls(&self, chance: impl Fn(Faults) -> u32) -> bool {
        let state = &mut *self.chance.lock().unwrap_or_else(PoisonError::into_inner);
        state.0.percent(chance(state.1))
    }

    /// Nothing is drawn for it where it does not happen.
    fn is_invalid(&self) -> bool {
        let never = self.chance.lock().unwrap_or_else(PoisonError::into_inner).1.invalid == 0;
        !never && self.falls(|f| f.invalid)
    }

    fn befalls_file(&self, chance: impl Fn(Faults) -> u32) -> bool {
        let faults = self.files().faults;
        self.falls(|general| chance(faults.unwrap_or(general)))
    }

    async fn enter(&self) -> Result<(), CallError> {
        self.killer.step().await;
        if self.falls(|f| f.unavailable) { Err(down()) } else { Ok(()) }
    }

    fn at(id: &RemoteId) -> RemoteRef {
        RemoteRef { id: id.clone(), version: Version::new("1") }
    }
}

#[async_trait]
impl MessageLog for FakeLog {
    async fn people(&self, addresses: &BTreeSet<EmailAddress>) -> Result<Vec<Person>, CallError> {
        self.enter().await?;
        let people = self.people.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(people.iter().filter(|p| addresses.contains(&p.address)).cloned().collect())
    }

    async fn logged(&self, message_ids: &[String]) -> Result<BTreeMap<String, RemoteRef>, CallError> {
        self.enter().await?;
        let known = self.records().into_iter().filter(|r| message_ids.contains(&r.message_id));
        Ok(known.map(|r| (r.message_id.clone(), Self::at(&r.id))).collect())
    }

    async fn active_records(
        &self,
        most: usize,
        known: &BTreeSet<RemoteId>,
    ) -> Result<ActiveRecords, CallError> {
        self.enter().await?;
        let active = self.active.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let more = active.len() > most;
        let offered = active.into_iter().enumerate();
        let offered = offered.filter(|(n, record)| *n < most || known.contains(&record.id));
        Ok(ActiveRecords { records: offered.map(|(_, record)| record).collect(), more })
    }
}

#[async_trait]
impl Reader for FakeLog {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, _module: Module, _cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        never()
    }

    async fn list(&self, _: Module, _: Option<Window>, _: Option<&Cursor>) -> Result<ListPage, CallError> {
        never()
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.enter().await?;
        let records = self.records();
        let one = |id: &RemoteId| match records.iter().find(|r| r.id == *id && !r.deleted) {
            Some(record) => Fetched::Present {
                version: Version::new("1"),
                marker: None,
                modified: None,
                item: Box::new(record.item.clone()),
            },
            None => Fetched::Gone,
        };
        Ok(ids.iter().map(one).collect())
    }

    async fn probe(&self, _: Module, _: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        never()
    }

    fn message_log(&self) -> Option<&dyn MessageLog> {
        Some(self)
    }
}

#[async_trait]
impl ItemFiles for FakeLog {
    async fn files(&self, message: &FileOwner) -> Result<Vec<FileKept>, CallError> {
        self.enter().await?;
        let kept = |file: ItemFile| FileKept { name: file.name, size: file.content.len() as u64 };
        Ok(self.files_of(&message.id).into_iter().map(kept).collect())
    }

    async fn attach(&self, message: &FileOwner, file: &ItemFile) -> Result<Result<(), ItemError>, CallError> {
        self.enter().await?;
        let is_there = |r: &Logged| {
            r.id == message.id && message.message_id.as_ref() == Some(&r.message_id) && !r.deleted
        };
        if !self.records().iter().any(is_there) {
            return Ok(Err(ItemError::Gone));
        }
        for (chance, refusal) in [
            (self.befalls_file(|f| f.not_now), ItemError::NotNow("busy".into())),
            (self.befalls_file(|f| f.refused), ItemError::Forbidden { reason: "storage is full".into() }),
        ] {
            if chance {
                return Ok(Err(refusal));
            }
        }
        let in_doubt = || Err(CallError::InDoubt("the connection was reset".into()));
        if self.befalls_file(|f| f.lost_request) {
            return in_doubt();
        }
        let file = (message.id.clone(), file.clone());
        if self.befalls_file(|f| f.late) {
            self.files().late.push(file);
            return in_doubt();
        }
        self.files().kept.push(file);
        self.killer.step().await;
        if self.befalls_file(|f| f.lost_answer) { in_doubt() } else { Ok(Ok(())) }
    }
}

#[async_trait]
impl SilentWriter for FakeLog {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        self.enter().await?;
        if self.falls(|f| f.lost_request) {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        let mut answers = Vec::new();
        for draft in drafts {
            if self.falls(|f| f.not_now) {
                answers.push(Err(ItemError::NotNow("busy".into())));
                continue;
            }
            if self.is_invalid() {
                answers.push(Err(ItemError::Invalid { reason: "a rule of the CRM".into() }));
                continue;
            }
            let id = self.put(draft.item.uid.as_deref().unwrap_or_default(), draft.item.clone());
            answers.push(Ok(Written { at: Self::at(&id), item: None }));
        }
        self.killer.step().await;
        if self.falls(|f| f.lost_answer) {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        Ok(answers)
    }

    async fn update(&self, _: Module, _: &[Patch]) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        never()
    }

    async fn delete(&self, _: Module, _: &[Removal]) -> Result<Vec<Result<(), ItemError>>, CallError> {
        never()
    }

    async fn tag(
        &self,
        _: Module,
        _: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        never()
    }

    fn item_files(&self, _module: Module) -> Option<&dyn ItemFiles> {
        Some(self)
    }
}

/// A message from one address to others, in a folder.
pub fn message(serial: u64, folder: MailFolder, from: &str, to: &[&str], sent_at: i64) -> Item {
    use riva_core::item::Role;
    let mut item = Item::new(Module::Email);
    item.uid = Some(format!("<{serial}@sim.example>"));
    item.set_text(Field::MailFolder, folder.as_str());
    item.set_text(Field::Summary, format!("Subject {serial}"));
    item.set(Field::SentAt, Value::Number(sent_at));
    item.set_addresses(Role::From, [(from, "")]);
    item.set_addresses(Role::To, to.iter().map(|to| (*to, "")));
    item.set_addresses(Role::Cc, []);
    item
}
