//! What every side must do, whatever system is behind it: one suite for all connectors, run against sandboxes and real
//! servers.
//!
//! [`run`] needs a mailbox (or a CRM user's records) in which it may write; what it makes, it takes away again. Every
//! check runs, and every failure is told, by name.

mod checks;
mod samples;
mod series;

use riva_core::fault::{CallError, ItemError};
use riva_core::ids::{Cursor, Marker, PairId, RemoteId};
use riva_core::item::{Item, Module};
use riva_core::ports::{Change, Draft, Fetched, ModuleCapabilities, Removal, SilentWriter, Written};
use std::sync::Mutex;

/// The side under test, in one module.
pub struct Subject<'a> {
    /// The side.
    pub side: &'a dyn SilentWriter,
    /// The module.
    pub module: Module,
    /// Whether it has a change feed of its own (mail systems; a CRM has one for all its users).
    pub has_feed: bool,
    made: Mutex<Vec<RemoteId>>,
}

/// A check's outcome; the error says what was expected.
pub type Checked = Result<(), String>;

/// Turns anything into a failure's text.
pub fn wrong<T: std::fmt::Debug>(what: &str) -> impl FnOnce(T) -> String {
    let what = what.to_owned();
    move |got| format!("{what}: {got:?}")
}

impl<'a> Subject<'a> {
    /// A side in one module.
    pub fn new(side: &'a dyn SilentWriter, module: Module, has_feed: bool) -> Self {
        Self { side, module, has_feed, made: Mutex::default() }
    }

    /// What it can do.
    pub fn can(&self) -> &ModuleCapabilities {
        self.side.capabilities().module(self.module).expect("the module is there")
    }

    /// An item cut down to what the side can be told.
    pub fn fit(&self, mut item: Item) -> Item {
        item.fields.retain(|field, _| self.can().writes.contains(field));
        item
    }

    /// A marker that nobody has.
    pub fn marker() -> Marker {
        Marker { pair: PairId(uuid::Uuid::new_v4()), generation: 1 }
    }

    /// Creates items, and remembers them for the clean-up.
    pub async fn create(&self, drafts: &[Draft]) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        let answers = self.side.create(self.module, drafts).await?;
        let mut made = self.made.lock().expect("no check panics while it holds this");
        made.extend(answers.iter().flatten().map(|w| w.at.id.clone()));
        Ok(answers)
    }

    /// Creates one item that must be taken.
    pub async fn create_one(&self, item: &Item) -> Result<(Marker, Written), String> {
        let draft = Draft { marker: Self::marker(), item: self.fit(item.clone()) };
        let mut answers = self.create(std::slice::from_ref(&draft)).await.map_err(wrong("create"))?;
        let written = answers.remove(0).map_err(wrong("create"))?;
        Ok((draft.marker, written))
    }

    /// Reads one item.
    pub async fn fetch(&self, id: &RemoteId) -> Result<Fetched, String> {
        let mut found =
            self.side.fetch(self.module, std::slice::from_ref(id)).await.map_err(wrong("fetch"))?;
        if found.len() == 1 {
            Ok(found.remove(0))
        } else {
            Err(format!("{} answers for one id", found.len()))
        }
    }

    /// All changes since a cursor, and the cursor after them.
    pub async fn changes(&self, since: Option<&Cursor>) -> Result<(Vec<Change>, Cursor), String> {
        let (mut all, mut cursor) = (Vec::new(), since.cloned());
        for _ in 0..1000 {
            let page = self.side.changes(self.module, cursor.as_ref()).await.map_err(wrong("changes"))?;
            all.extend(page.changes);
            if !page.more {
                return Ok((all, page.cursor));
            }
            cursor = Some(page.cursor);
        }
        Err("the feed never ends".to_owned())
    }

    async fn clean_up(&self) -> Checked {
        let ids = std::mem::take(&mut *self.made.lock().expect("no check panics while it holds this"));
        for id in ids {
            if let Fetched::Present { version, .. } = self.fetch(&id).await? {
                let removal = Removal { id, version };
                let gone = self.side.delete(self.module, &[removal]).await.map_err(wrong("clean-up"))?;
                if let Some(Err(error)) = gone.into_iter().next()
                    && error != ItemError::Gone
                {
                    return Err(format!("clean-up: {error}"));
                }
            }
        }
        Ok(())
    }
}

/// Runs the suite in every module that the side has. Returns how many checks passed; the failures are told by name.
pub async fn run(side: &dyn SilentWriter, has_feed: bool) -> Result<usize, Vec<String>> {
    let (mut passed, mut failed) = (0, Vec::new());
    for module in [Module::Contacts, Module::Calendar, Module::Tasks] {
        if side.capabilities().module(module).is_none() {
            println!("not run: {module}, which this side has not");
            continue;
        }
        let subject = Subject::new(side, module, has_feed);
        let mut outcomes = checks::all(&subject).await;
        outcomes.extend(series::all(&subject).await);
        for (name, outcome) in outcomes.into_iter().chain([("clean_up", subject.clean_up().await)]) {
            match outcome {
                Ok(()) => passed += 1,
                Err(why) => failed.push(format!("{module}/{name}: {why}")),
            }
        }
    }
    if failed.is_empty() { Ok(passed) } else { Err(failed) }
}
