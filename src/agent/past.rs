//! Holds, orders and explanations: what the control API answers from the rows.

use crate::api::{Failed, refuse};
use crate::service::Service;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use riva_api::{Decide, ExplainQuery, GiveOrder, HoldsQuery, OrderQuery, Selection};
use riva_core::history::Explanation;
use riva_core::holds::{Decided, Decision, HoldRow};
use riva_core::ids::{MemberId, RemoteId};
use riva_core::item::Module;
use riva_core::ports::{DecisionStore as _, StoreError, SyncStore as _};
use riva_core::rows::{PairState, Side};
use riva_store::SqlStore;
use std::sync::Arc;

/// Pairs explained in one answer.
const MOST_PAIRS: usize = 20;

/// The holds of one member or of all.
pub(crate) async fn holds(
    State(service): State<Arc<Service>>,
    Query(query): Query<HoldsQuery>,
) -> Result<Json<Vec<HoldRow>>, Failed> {
    let mut holds = service.store.holds(query.member, query.closed).await?;
    offer_what_is_free(service.store.as_ref(), &mut holds).await?;
    Ok(Json(holds))
}

/// Takes out of holds that nobody has decided yet what their items can be linked to no more: what is linked to another item by now.
pub(crate) async fn offer_what_is_free(store: &SqlStore, holds: &mut [HoldRow]) -> Result<(), StoreError> {
    let waits = |hold: &&mut HoldRow| hold.closed.is_none() && hold.decided.is_none();
    for hold in holds.iter_mut().filter(waits) {
        for item in &mut hold.items {
            let Some(side) = item.side else { continue };
            let mut free = Vec::new();
            for twin in std::mem::take(&mut item.twins) {
                if !is_taken(store, hold.member, hold.module, side.other(), &twin.id).await? {
                    free.push(twin);
                }
            }
            item.twins = free;
        }
    }
    Ok(())
}

/// Whether an item is linked to one of the other side. (The engine asks the same before it carries a decision out.)
async fn is_taken(
    store: &SqlStore,
    member: MemberId,
    module: Module,
    side: Side,
    id: &RemoteId,
) -> Result<bool, StoreError> {
    let known = store.pair_of(member, module, side, id).await?;
    Ok(known.is_some_and(|p| p.mail.is_some() && p.crm.is_some() && p.state != PairState::Tombstoned))
}

/// Why a hold cannot be decided by a link to this item, if it is linked to another one by now.
async fn not_free(store: &SqlStore, number: i64, decision: &Decision) -> Result<Option<String>, StoreError> {
    let Decision::Link { to } = decision else { return Ok(None) };
    let open = store.holds(None, false).await?;
    let Some(hold) = open.into_iter().find(|hold| hold.number == number) else { return Ok(None) };
    let sides: Vec<Side> = hold.items.iter().filter_map(|item| Some(item.side?.other())).collect();
    for side in sides {
        if is_taken(store, hold.member, hold.module, side, to).await? {
            return Ok(Some(format!(
                "{to} is linked to another item by now; `riva holds show {number}` shows what is left to decide"
            )));
        }
    }
    Ok(None)
}

/// Writes a decision down, and makes its member due at once.
pub(crate) async fn decide(
    State(service): State<Arc<Service>>,
    Json(what): Json<Decide>,
) -> Result<Response, Failed> {
    let Decide { number, decision, by } = what;
    if let Some(why) = not_free(service.store.as_ref(), number, &decision).await? {
        return Ok(refuse(StatusCode::CONFLICT, why));
    }
    let decided = Decided { decision, by, at: service.clock.now() };
    Ok(match service.store.decide(number, &decided).await? {
        Some(Ok(hold)) => {
            tracing::info!("hold {number}: {} by {}", decided.decision.choice().title(), decided.by);
            service.sync_now(&Selection::Member(hold.member)).await?;
            Json(hold).into_response()
        }
        Some(Err(why)) => refuse(StatusCode::CONFLICT, why.to_string()),
        None => refuse(StatusCode::NOT_FOUND, format!("there is no hold {number}; `riva holds` lists them")),
    })
}

/// Writes an order down, and makes its member due at once.
pub(crate) async fn give_order(
    State(service): State<Arc<Service>>,
    Json(what): Json<GiveOrder>,
) -> Result<Response, Failed> {
    if service.member(what.member).await?.is_none() {
        return Ok(refuse(StatusCode::NOT_FOUND, format!("there is no {}", what.member)));
    }
    let order = service.store.order(what.member, &what.order, &what.by, service.clock.now()).await?;
    tracing::info!("{}: {:?} by {}", what.member, what.order, what.by);
    service.sync_now(&Selection::Member(what.member)).await?;
    Ok(Json(order).into_response())
}

/// How an order stands.
pub(crate) async fn order(
    State(service): State<Arc<Service>>,
    Query(query): Query<OrderQuery>,
) -> Result<Response, Failed> {
    Ok(match service.store.order_of(query.number).await? {
        Some(order) => Json(order).into_response(),
        None => refuse(StatusCode::NOT_FOUND, format!("there is no order {}", query.number)),
    })
}

/// The story of the pairs that somebody may mean.
pub(crate) async fn explain(
    State(service): State<Arc<Service>>,
    Query(query): Query<ExplainQuery>,
) -> Result<Json<Vec<Explanation>>, Failed> {
    let mut stories = Vec::new();
    for pair in service.store.find_pairs(query.member, query.item.trim(), MOST_PAIRS).await? {
        let mut items = Vec::new();
        for side in [Side::Mail, Side::Crm] {
            if let Some(at) = pair.side(side) {
                items.extend(service.store.item(pair.member, pair.module, side, &at.id).await?);
            }
        }
        stories.push(Explanation::of(&pair, &items, service.store.journal(pair.id).await?));
    }
    Ok(Json(stories))
}
