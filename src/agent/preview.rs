//! Previews: what the next cycle of a member would do, and what an undo would. Both sides are read, nothing is written.

use crate::api::{Failed, refuse};
use crate::past::offer_what_is_free;
use crate::service::Service;
use crate::worker::Stop;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use riva_api::{HoldQuery, PreviewNewcomer, PreviewOf, PreviewUndo};
use riva_core::activity::{EventSink, SyncEvent};
use riva_core::documents::{Connection, Policy, Workspace};
use riva_core::fault::Fault;
use riva_core::history::{Preview, UndoLine, UndoSpan};
use riva_core::hold_details::HoldDetails;
use riva_core::holds::HoldRow;
use riva_core::ids::{ConnectionName, MemberId, PolicyName};
use riva_core::ports::{CrmSystem, CrmUser, DecisionStore as _, SilentWriter, StoreError, SyncStore as _};
use riva_core::queue::{MemberRow, MemberState};
use riva_sync::{CycleContext, CycleFault, RandomIds, Record};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// Of so many items of a hold it is told when they were last in step: more are not read one by one.
const MOST_TOLD: usize = 5_000;

/// Of so many deletions it is read what their sides show.
const MOST_READ: usize = 500;

/// Nobody has this number: the store gives positive ones.
const NOBODY_YET: MemberId = MemberId(-1);

/// Nobody watches a preview.
struct Silent;

impl EventSink for Silent {
    fn emit(&self, _: SyncEvent) {}
}

/// Why there is no preview.
enum Unseen {
    Member(MemberId),
    Policy(PolicyName),
    NotListed(PreviewNewcomer),
    Fault(Fault),
    Store(StoreError),
}

impl From<StoreError> for Unseen {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl From<Fault> for Unseen {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

impl From<CycleFault> for Unseen {
    fn from(fault: CycleFault) -> Self {
        match fault {
            CycleFault::Side { fault, .. } => Self::Fault(fault),
            CycleFault::Store(error) => Self::Store(error),
            CycleFault::Stopped => Self::Store(StoreError::Broken("the agent stops".into())),
        }
    }
}

impl From<Unseen> for Result<Response, Failed> {
    fn from(why: Unseen) -> Self {
        Ok(match why {
            Unseen::Store(error) => return Err(error.into()),
            Unseen::Member(id) => refuse(StatusCode::NOT_FOUND, format!("there is no {id}")),
            Unseen::Policy(policy) => refuse(
                StatusCode::NOT_FOUND,
                format!(
                    "the policy {policy} or one of its connections is missing or broken; `riva check` says what is \
                     wrong, and if it is new, restart the agent"
                ),
            ),
            Unseen::NotListed(who) => {
                refuse(StatusCode::NOT_FOUND, format!("{} is not in the policy {}", who.address, who.policy))
            }
            Unseen::Fault(fault) => refuse(StatusCode::BAD_GATEWAY, format!("{fault} {}", fault.remedy)),
        })
    }
}

/// What a preview works with.
struct Opened {
    member: MemberRow,
    policy: Arc<Policy>,
    mail: Arc<dyn SilentWriter>,
    crm: Arc<dyn SilentWriter>,
    system: Arc<dyn CrmSystem>,
    user: CrmUser,
    stop: Stop,
}

impl Opened {
    async fn of(service: &Service, id: MemberId) -> Result<Self, Unseen> {
        let member = service.member(id).await?.ok_or(Unseen::Member(id))?;
        let known: Option<(Arc<Policy>, Connection, Connection)> = service.policy(&member.policy);
        let Some((policy, mail, crm)) = known else { return Err(Unseen::Policy(member.policy)) };
        Self::with(service, member, policy, &mail, &crm).await
    }

    /// Of somebody who is in a policy's file, and not known to the store yet.
    async fn newcomer(service: &Service, who: PreviewNewcomer) -> Result<Self, Unseen> {
        let folder = service.workspace.clone();
        let loaded = tokio::task::spawn_blocking(move || Workspace::new(folder).load()).await;
        let Ok(Ok(loaded)) = loaded else { return Err(Unseen::Policy(who.policy)) };
        let sound = |policy: &&Policy| policy.name == who.policy && loaded.is_sound(policy);
        let Some(policy) = loaded.policies.iter().find(sound) else { return Err(Unseen::Policy(who.policy)) };
        if !policy.users.iter().any(|user| user.address == who.address) {
            return Err(Unseen::NotListed(who));
        }
        let connection = |name: &ConnectionName| loaded.connections.iter().find(|c| c.name == *name);
        let (Some(mail), Some(crm)) = (connection(&policy.mail), connection(&policy.crm)) else {
            return Err(Unseen::Policy(who.policy));
        };
        let member = MemberRow {
            id: NOBODY_YET,
            policy: who.policy,
            address: who.address,
            mail: mail.name.clone(),
            crm: crm.name.clone(),
            crm_user: None,
            enabled: policy.enabled,
            next_at: service.clock.now(),
            urgent: false,
            running: false,
            state: MemberState::default(),
        };
        Self::with(service, member, Arc::new(policy.clone()), mail, crm).await
    }

    async fn with(
        service: &Service,
        member: MemberRow,
        policy: Arc<Policy>,
        mail: &Connection,
        crm: &Connection,
    ) -> Result<Self, Unseen> {
        let mail = service.systems.mail(mail).await?.open(&member.address).await?;
        let system = service.systems.crm(crm).await?;
        let user = system.user(member.address.as_str()).await?;
        let crm = system.open(&user).await?;
        let stop = Stop { shutdown: service.shutdown.clone(), lost: CancellationToken::new() };
        Ok(Self { member, policy, mail, crm, system, user, stop })
    }

    fn context<'a>(&'a self, service: &'a Service) -> CycleContext<'a> {
        CycleContext {
            member: &self.member,
            // Nothing is written: no claim is needed.
            fence: 0,
            policy: &self.policy,
            mail: Arc::clone(&self.mail),
            crm: Arc::clone(&self.crm),
            store: service.store.as_ref(),
            clock: service.clock.as_ref(),
            ids: &RandomIds,
            events: &Silent,
            stop: &self.stop,
            record: Record::default(),
        }
    }
}

async fn preview(service: &Service, opened: &Opened) -> Result<Preview, Unseen> {
    Ok(riva_sync::preview(&opened.context(service), opened.system.as_ref(), &opened.user.id).await?)
}

async fn preview_undo(service: &Service, id: MemberId, span: UndoSpan) -> Result<Vec<UndoLine>, Unseen> {
    let opened = Opened::of(service, id).await?;
    let context = opened.context(service);
    Ok(riva_sync::preview_undo(&context, span).await?)
}

/// What a hold is decided by. Of deletions: since when each item has been as it is; else what both sides show. `read`: what
/// they show of deletions, too, as far as there are not too many.
async fn details(service: &Service, hold: &HoldRow, read: bool) -> Result<HoldDetails, StoreError> {
    let mut details = HoldDetails::default();
    for item in hold.items.iter().take(MOST_TOLD) {
        let journal = service.store.journal(item.pair).await?;
        let before = journal.iter().rev().find(|line| line.deed != "held");
        details.last_done.extend(before.map(|line| (item.pair, line.at)));
    }
    if hold.kind.is_a_list() && !read {
        return Ok(details);
    }
    let mut some = hold.clone();
    if hold.kind.is_a_list() {
        some.items.truncate(MOST_READ);
    }
    let shown = async {
        let opened = Opened::of(service, hold.member).await?;
        Ok::<_, Unseen>(riva_sync::shown_items(&opened.context(service), &some).await?)
    };
    match shown.await {
        Ok(shown) => details.shown = shown,
        Err(Unseen::Store(error)) => return Err(error),
        Err(Unseen::Fault(fault)) => details.unseen = Some(format!("{fault} {}", fault.remedy)),
        Err(Unseen::Member(id)) => details.unseen = Some(format!("There is no {id} any more.")),
        Err(Unseen::Policy(policy) | Unseen::NotListed(PreviewNewcomer { policy, .. })) => {
            details.unseen =
                Some(format!("The policy {policy} or one of its connections is missing or broken."));
        }
    }
    Ok(details)
}

/// What a hold is decided by, beyond its names.
pub(crate) async fn hold_details(
    State(service): State<Arc<Service>>,
    Query(query): Query<HoldQuery>,
) -> Result<Response, Failed> {
    let number = query.number;
    let mut holds = service.store.holds(None, true).await?;
    holds.retain(|hold| hold.number == number);
    offer_what_is_free(service.store.as_ref(), &mut holds).await?;
    Ok(match holds.first() {
        Some(hold) => Json(details(&service, hold, query.read).await?).into_response(),
        None => refuse(StatusCode::NOT_FOUND, format!("there is no hold {number}; `riva holds` lists them")),
    })
}

/// What the next cycle of a member would do.
pub(crate) async fn next_cycle(
    State(service): State<Arc<Service>>,
    Json(of): Json<PreviewOf>,
) -> Result<Response, Failed> {
    let seen = async { preview(&service, &Opened::of(&service, of.member).await?).await };
    answer(seen.await)
}

/// What the first cycle would do of somebody who is in a policy's file alone.
pub(crate) async fn newcomer(
    State(service): State<Arc<Service>>,
    Json(who): Json<PreviewNewcomer>,
) -> Result<Response, Failed> {
    let seen = async { preview(&service, &Opened::newcomer(&service, who).await?).await };
    answer(seen.await)
}

fn answer(seen: Result<Preview, Unseen>) -> Result<Response, Failed> {
    match seen {
        Ok(seen) => Ok(Json(seen).into_response()),
        Err(why) => why.into(),
    }
}

/// What an undo would do.
pub(crate) async fn undo(
    State(service): State<Arc<Service>>,
    Json(of): Json<PreviewUndo>,
) -> Result<Response, Failed> {
    match preview_undo(&service, of.member, of.span).await {
        Ok(lines) => Ok(Json(lines).into_response()),
        Err(why) => why.into(),
    }
}
