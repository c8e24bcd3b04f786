//! The ports of the fake systems, as one user's agent has them. Every call has two awaits: before it arrives, and before
//! its answer does. (That of a reading has the second one only where the world says so.)

use super::arena::Arena;
use super::leases::Store;
use super::server::{Answer, Request};
use super::turns::turn;
use async_trait::async_trait;
use chrono::Duration;
use riva_core::documents::NoPermission;
use riva_core::fault::{CallError, Fault, FaultKind, ItemError};
use riva_core::ids::{CrmUserId, Cursor, Marker, MemberId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{
    Capabilities, Change, ChangePage, CrmSystem, CrmUser, Draft, Endpoint, FeedChange, FeedPage, Fetched,
    ListPage, Listed, Patch, Reader, RemoteRef, Removal, Silence, SilentWriter, StepSink, Window, Written,
};
use riva_core::rows::Side;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// The outside world, as everybody who talks to it holds it.
#[derive(Clone)]
pub(super) struct Remote(Arc<Mutex<Arena>>);

impl Remote {
    pub fn new(arena: Arena) -> Self {
        Self(Arc::new(Mutex::new(arena)))
    }

    pub fn lock(&self) -> MutexGuard<'_, Arena> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One user's items in a fake system.
pub struct FakeSide {
    remote: Remote,
    side: Side,
    user: usize,
    caps: Arc<Capabilities>,
    /// Under which claim it is used.
    claim: Claim,
    /// The last answer was to slow down: whoever calls once more in this cycle has not listened.
    told_to_wait: AtomicBool,
}

/// A member that is claimed.
#[derive(Clone)]
pub(super) struct Claim {
    pub store: Arc<Store>,
    pub member: MemberId,
    pub fence: i64,
    /// What the policy said then of what a user may not do in the CRM.
    pub no_permission: NoPermission,
}

impl Claim {
    /// Somebody else has it by now.
    fn is_lost(&self) -> bool {
        !self.store.gate().is_latest(self.member, self.fence)
    }
}

impl FakeSide {
    pub(super) fn new(
        remote: &Remote,
        side: Side,
        user: usize,
        caps: &Arc<Capabilities>,
        claim: &Claim,
    ) -> Self {
        let (caps, claim) = (Arc::clone(caps), claim.clone());
        Self { remote: remote.clone(), side, user, caps, claim, told_to_wait: AtomicBool::new(false) }
    }

    /// The way of a call to the system. `items`: it reads or writes items.
    async fn enter(&self, op: &'static str, items: bool) -> Result<MutexGuard<'_, Arena>, CallError> {
        turn().await;
        let mut arena = self.remote.lock();
        arena.late_arrivals(false);
        if self.told_to_wait.load(Ordering::Relaxed) {
            let what = format!("I14 budget: {op} on the {} after it had asked to wait", self.side.title());
            arena.broken.push(what);
        }
        let now = arena.now;
        arena.trace.note((self.side, self.user, op));
        if arena.failing.contains(&self.user) {
            let why = format!("{}: this user is not known", self.side.title());
            return Err(Fault::new(FaultKind::GivenCredentials, why).into());
        }
        let server = arena.server(self.side);
        server.busy_calls += u64::from(items);
        let name = self.side.title();
        let down = server.down_until.filter(|(until, _)| now < *until);
        let faults = server.faults;
        let kind = match down {
            Some((_, true)) => Some(FaultKind::Throttled),
            Some((_, false)) => Some(FaultKind::SystemNotAvailable),
            None if server.random.percent(faults.throttled) => Some(FaultKind::Throttled),
            None if server.random.percent(faults.unavailable) => Some(FaultKind::SystemNotAvailable),
            None if server.random.percent(faults.expired) => Some(FaultKind::GivenCredentials),
            None => None,
        };
        match kind {
            None => Ok(arena),
            Some(FaultKind::Throttled) => {
                self.told_to_wait.store(true, Ordering::Relaxed);
                let wait = std::time::Duration::from_mins(1);
                Err(Fault::new(FaultKind::Throttled, format!("{name}: 429")).retry_after(wait).into())
            }
            Some(kind) => Err(Fault::new(kind, format!("{name}: no answer for us")).into()),
        }
    }

    /// The way of a reading's answer back.
    async fn told<T>(&self, answer: T) -> T {
        let slow = self.remote.lock().slow_reads;
        if slow {
            turn().await;
        }
        answer
    }

    /// Sends a write, and waits for its answer.
    async fn send(&self, op: &'static str, request: Request) -> Result<Vec<Answer>, CallError> {
        let (mut answers, told, lost) = {
            let mut arena = self.enter(op, true).await?;
            let now = arena.now;
            let server = arena.server(self.side);
            let faults = server.faults;
            if server.random.percent(faults.lost_request) {
                arena.in_doubt(self.side, self.user, &request);
                return Err(CallError::InDoubt("the connection was reset before the request arrived".into()));
            }
            if server.random.percent(faults.late) {
                let secs = i64::try_from(server.random.below(600)).unwrap_or(0);
                server.late.push((now + Duration::seconds(secs), self.user, request));
                return Err(CallError::InDoubt("timeout".into()));
            }
            let twice = server.random.percent(faults.twice);
            let lost = server.random.percent(faults.lost_answer);
            let cut = server.random.percent(faults.cut_answer);
            arena.told.clear();
            // What is sent after the claim was lost arrives late (engine design, section 2, P7).
            let late = self.claim.is_lost();
            if self.side == Side::Mail && matches!(request, Request::Delete(_)) {
                arena.before_deletions(&self.claim.store, self.claim.member, self.user);
            }
            let mut answers = arena.carry_out(self.side, self.user, &request, late);
            if twice {
                answers = arena.carry_out(self.side, self.user, &request, late);
            }
            if cut {
                answers.pop();
            }
            if !lost {
                arena.note_refusals(self.user, &request, &answers, self.claim.no_permission);
            }
            for answer in &answers {
                let id = answer.as_ref().ok().and_then(|w| Some(w.as_ref()?.at.id.clone()));
                arena.trace.note((answer.is_ok(), id));
            }
            (answers, std::mem::take(&mut arena.told), lost)
        };
        turn().await;
        if lost {
            return Err(CallError::InDoubt("the connection was reset".into()));
        }
        let mut arena = self.remote.lock();
        for token in told {
            arena.history.shown_to(token, self.user);
        }
        // Who lost its claim meanwhile cannot record what it is told.
        if !self.claim.is_lost() {
            for written in answers.iter().flatten().flatten() {
                arena.answered(self.side, self.user, &written.at.id);
            }
        }
        answers.shrink_to_fit();
        Ok(answers)
    }
}

/// The answers of a write that leaves something behind.
fn left_behind(answers: Vec<Answer>) -> Vec<Result<Written, ItemError>> {
    let written = |answer: Answer| answer.and_then(|w| w.ok_or(ItemError::Gone));
    answers.into_iter().map(written).collect()
}

#[async_trait]
impl Reader for FakeSide {
    fn capabilities(&self) -> &Capabilities {
        &self.caps
    }

    async fn changes(&self, module: Module, cursor: Option<&Cursor>) -> Result<ChangePage, CallError> {
        let page = {
            let mut arena = self.enter("changes", false).await?;
            let now = arena.now;
            let server = arena.server(self.side);
            let churn = server.faults.token_churn;
            if server.random.percent(churn) {
                server.churn(self.user, now);
            }
            let page = server.changes(self.user, module, cursor, now);
            if let Ok(page) = &page {
                arena.trace.note(page.cursor.as_str());
            }
            page
        };
        self.told(page).await
    }

    async fn list(
        &self,
        module: Module,
        _window: Option<Window>,
        after: Option<&Cursor>,
    ) -> Result<ListPage, CallError> {
        let page = {
            let arena = self.enter("list", false).await?;
            let (server, now) = (arena.its(self.side), arena.now);
            let mine = server.items.iter().filter(|(id, s)| {
                s.item.module == module
                    && s.live()
                    && s.is_of(self.user)
                    && after.is_none_or(|a| id.as_str() > a.as_str())
            });
            let items: Vec<Listed> = mine
                .take(5)
                .map(|(id, s)| Listed { id: id.clone(), version: server.version(s, now) })
                .collect();
            let next = (items.len() == 5).then(|| items.last().map(|l| Cursor::new(l.id.as_str()))).flatten();
            ListPage { items, next }
        };
        Ok(self.told(page).await)
    }

    async fn fetch(&self, _module: Module, ids: &[RemoteId]) -> Result<Vec<Fetched>, CallError> {
        let answer = {
            let mut arena = self.enter("fetch", true).await?;
            let now = arena.now;
            for id in ids {
                arena.shown(self.side, self.user, id, !self.claim.is_lost());
                arena.trace.note(id.as_str());
            }
            let server = arena.its(self.side);
            ids.iter()
                .map(|id| match server.items.get(id) {
                    Some(s) if s.live() && s.is_of(self.user) => Fetched::Present {
                        version: server.version(s, now),
                        marker: s.marker,
                        modified: server.modified(s),
                        item: Box::new(s.item.clone()),
                    },
                    Some(s) if s.live() => Fetched::OutOfScope,
                    _ => Fetched::Gone,
                })
                .collect()
        };
        Ok(self.told(answer).await)
    }

    async fn probe(&self, module: Module, markers: &[Marker]) -> Result<Vec<Vec<RemoteRef>>, CallError> {
        let found = {
            let arena = self.enter("probe", true).await?;
            let (server, now) = (arena.its(self.side), arena.now);
            let carrying = |marker: &Marker| {
                server
                    .items
                    .iter()
                    // Exchange finds what lies in Deleted Items as well.
                    .filter(|(_, s)| s.live() || (s.was_deleted && self.side == Side::Mail))
                    .filter(|(_, s)| s.item.module == module && s.marker == Some(*marker))
                    .map(|(id, _)| server.at(id, now))
                    .collect()
            };
            markers.iter().map(carrying).collect()
        };
        Ok(self.told(found).await)
    }
}

#[async_trait]
impl SilentWriter for FakeSide {
    fn silence(&self) -> Silence {
        Silence::ByNature
    }

    async fn create(
        &self,
        _module: Module,
        drafts: &[Draft],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(left_behind(self.send("create", Request::Create(drafts.to_vec())).await?))
    }

    async fn update(
        &self,
        _module: Module,
        patches: &[Patch],
    ) -> Result<Vec<Result<Written, ItemError>>, CallError> {
        Ok(left_behind(self.send("update", Request::Update(patches.to_vec())).await?))
    }

    async fn delete(
        &self,
        _module: Module,
        removals: &[Removal],
    ) -> Result<Vec<Result<(), ItemError>>, CallError> {
        let answers = self.send("delete", Request::Delete(removals.to_vec())).await?;
        Ok(answers.into_iter().map(|a| a.map(|_| ())).collect())
    }

    async fn tag(
        &self,
        _module: Module,
        tags: &[(RemoteRef, Marker)],
    ) -> Result<Vec<Result<RemoteRef, ItemError>>, CallError> {
        let answers = self.send("tag", Request::Tag(tags.to_vec())).await?;
        Ok(left_behind(answers).into_iter().map(|a| a.map(|w| w.at)).collect())
    }
}

/// The connection-wide face of the fake CRM.
pub(super) struct FakeCrm(pub FakeSide);

/// A user of the fake CRM.
pub(super) fn crm_user(user: usize) -> CrmUserId {
    CrmUserId::new(format!("u{user}"))
}

#[async_trait]
impl Endpoint for FakeCrm {
    async fn test(&self, _target: Option<&str>, _steps: &dyn StepSink) -> Result<(), Fault> {
        Ok(())
    }

    async fn fingerprint(&self) -> Result<String, CallError> {
        Ok("fake".into())
    }
}

#[async_trait]
impl CrmSystem for FakeCrm {
    async fn user(&self, address: &str) -> Result<CrmUser, Fault> {
        Ok(CrmUser {
            id: crm_user(self.0.user),
            name: address.to_owned(),
            user_name: address.to_owned(),
            address: address.into(),
        })
    }

    async fn feed(&self, module: Module, cursor: Option<&Cursor>) -> Result<FeedPage, CallError> {
        let mut arena = self.0.enter("feed", false).await?;
        let now = arena.now;
        let server = arena.server(Side::Crm);
        let Some(cursor) = cursor else {
            let cursor = server.end_of_log(0, module, now);
            return Ok(FeedPage { changes: Vec::new(), cursor, more: false });
        };
        let churn = server.faults.token_churn;
        if server.random.percent(churn) {
            server.churn(self.0.user, now);
        }
        let page = server.changes(0, module, Some(cursor), now)?;
        arena.trace.note(page.cursor.as_str());
        let server = arena.its(Side::Crm);
        let concerns = |change: &Change| match change {
            Change::Seen { id, .. } => {
                let users = server.items.get(id).map_or(0, |s| s.users);
                (0..32).filter(|user| users & (1 << user) != 0).map(crm_user).collect()
            }
            Change::Deleted { .. } => std::collections::BTreeSet::new(),
        };
        let changes = page.changes.into_iter();
        let changes = changes.map(|change| FeedChange { concerns: concerns(&change), change }).collect();
        Ok(FeedPage { changes, cursor: page.cursor, more: page.more })
    }

    async fn open(&self, _user: &CrmUser) -> Result<Arc<dyn SilentWriter>, Fault> {
        Ok(self.view())
    }

    async fn reader(&self, _user: &CrmUser) -> Result<Arc<dyn Reader>, Fault> {
        Ok(self.view())
    }
}

impl FakeCrm {
    fn view(&self) -> Arc<FakeSide> {
        Arc::new(FakeSide::new(&self.0.remote, Side::Crm, self.0.user, &self.0.caps, &self.0.claim))
    }
}
