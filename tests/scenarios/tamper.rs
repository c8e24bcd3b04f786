//! Systems that can be made to refuse every write, or to name every change three times, whatever they are.

use async_trait::async_trait;
use riva_core::documents::Connection;
use riva_core::fault::{CallError, Fault, ItemError};
use riva_core::ids::{Cursor, EmailAddress, Marker, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{
    Capabilities, ChangePage, CrmSystem, CrmUser, Directory, Draft, Endpoint, FeedPage, Fetched, FileSource,
    ItemFiles, ListPage, LostAndFound, MailSystem, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter,
    StepSink, Systems, Window, Written,
};
use riva_core::rows::Side;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What is done to the systems of a workspace now.
#[derive(Default)]
pub struct Tampering {
    refuses_mail: AtomicBool,
    refuses_crm: AtomicBool,
    stutters: AtomicBool,
}

impl Tampering {
    pub fn refuse(&self, side: Side, refuses: bool) {
        self.refuses(side).store(refuses, Ordering::SeqCst);
    }

    pub fn stutter(&self, stutters: bool) {
        self.stutters.store(stutters, Ordering::SeqCst);
    }

    fn refuses(&self, side: Side) -> &AtomicBool {
        match side {
            Side::Mail => &self.refuses_mail,
            Side::Crm => &self.refuses_crm,
        }
    }

    fn told<T: Clone>(&self, once: Vec<T>) -> Vec<T> {
        let times = if self.stutters.load(Ordering::SeqCst) { 3 } else { 1 };
        once.into_iter().flat_map(|told| vec![told; times]).collect()
    }
}

/// Real systems, tampered with.
pub struct Tampered {
    pub inner: Arc<dyn Systems>,
    pub how: Arc<Tampering>,
}

impl Systems for Tampered {
    fn mail(&self, connection: &Connection) -> Result<Arc<dyn MailSystem>, Fault> {
        Ok(Arc::new(System { inner: self.inner.mail(connection)?, how: Arc::clone(&self.how) }))
    }

    fn crm(&self, connection: &Connection) -> Result<Arc<dyn CrmSystem>, Fault> {
        Ok(Arc::new(System { inner: self.inner.crm(connection)?, how: Arc::clone(&self.how) }))
    }
}

struct System<S: ?Sized> {
    inner: Arc<S>,
    how: Arc<Tampering>,
}

impl<S: ?Sized> System<S> {
    fn writer(&self, inner: Arc<dyn SilentWriter>, side: Side) -> Arc<dyn SilentWriter> {
        Arc::new(Writer { inner, side, how: Arc::clone(&self.how) })
    }
}

#[async_trait]
impl<S: Endpoint + ?Sized> Endpoint for System<S> {
    async fn test(&self, target: Option<&str>, steps: &dyn StepSink) -> Result<(), Fault> {
        self.inner.test(target, steps).await
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        self.inner.fingerprint().await
    }
}

#[async_trait]
impl MailSystem for System<dyn MailSystem> {
    fn directory(&self) -> &dyn Directory {
        self.inner.directory()
    }

    async fn open(&self, user: &EmailAddress) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(self.writer(self.inner.open(user).await?, Side::Mail))
    }
}

#[async_trait]
impl CrmSystem for System<dyn CrmSystem> {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        self.inner.user(address).await
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let page = self.inner.feed(module, cursor).await?;
        Ok(FeedPage { changes: self.how.told(page.changes), ..page })
    }

    async fn open(&self, user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(self.writer(self.inner.open(user).await?, Side::Crm))
    }

    async fn reader(&self, user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        self.inner.reader(user).await
    }
}

struct Writer {
    inner: Arc<dyn SilentWriter>,
    side: Side,
    how: Arc<Tampering>,
}

impl Writer {
    /// An answer for each of so many items, if they are refused.
    fn refused<T>(&self, items: usize) -> Option<Vec<Result<T, ItemError>>> {
        let no = || Err(ItemError::Invalid { reason: "nothing is taken now".into() });
        let refuses = self.how.refuses(self.side).load(Ordering::SeqCst);
        refuses.then(|| (0..items).map(|_| no()).collect())
    }
}

#[async_trait]
impl Reader for Writer {
    fn capabilities(&self) -> &Capabilities {
        self.inner.capabilities()
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let page = self.inner.changes(module, cursor).await?;
        Ok(ChangePage { changes: self.how.told(page.changes), ..page })
    }

    async fn list(
        &self,
        module: Module,
        window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let page = self.inner.list(module, window, after).await?;
        Ok(ListPage { items: self.how.told(page.items), ..page })
    }

    async fn fetch(&self, module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        self.inner.fetch(module, ids).await
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        self.inner.probe(module, markers).await
    }

    fn remarks(&self, module: Module) -> Vec<String> {
        self.inner.remarks(module)
    }

    fn file_source(&self) -> Option<&dyn FileSource> {
        self.inner.file_source()
    }
}

#[async_trait]
impl SilentWriter for Writer {
    fn silence(&self) -> Silence {
        self.inner.silence()
    }

    async fn create(
        &self,
        module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        match self.refused(drafts.len()) {
            Some(refused) => Ok(refused),
            None => self.inner.create(module, drafts).await,
        }
    }

    async fn update(
        &self,
        module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        match self.refused(patches.len()) {
            Some(refused) => Ok(refused),
            None => self.inner.update(module, patches).await,
        }
    }

    async fn delete(
        &self,
        module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        match self.refused(removals.len()) {
            Some(refused) => Ok(refused),
            None => self.inner.delete(module, removals).await,
        }
    }

    async fn tag(
        &self,
        module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        match self.refused(tags.len()) {
            Some(refused) => Ok(refused),
            None => self.inner.tag(module, tags).await,
        }
    }

    fn item_files(&self, module: Module) -> Option<&dyn ItemFiles> {
        self.inner.item_files(module)
    }

    fn lost_and_found(&self, module: Module) -> Option<&dyn LostAndFound> {
        self.inner.lost_and_found(module)
    }
}
