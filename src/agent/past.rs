//! Holds, orders and explanations: what the control API answers from the rows.

use crate::api::{Failed, refuse};
use crate::service::Service;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use riva_api::{Decide, ExplainQuery, GiveOrder, HoldsQuery, OrderQuery, Selection};
use riva_core::history::Explanation;
use riva_core::holds::{Decided, HoldRow};
use riva_core::ports::{DecisionStore as _, SyncStore as _};
use riva_core::rows::Side;
use std::sync::Arc;

/// Pairs explained in one answer.
const MOST_PAIRS: usize = 20;

/// The holds of one member or of all.
pub(crate) async fn holds(
    State(service): State<Arc<Service>>,
    Query(query): Query<HoldsQuery>,
) -> Result<Json<Vec<HoldRow>>, Failed> {
    Ok(Json(service.store.holds(query.member, query.closed).await?))
}

/// Writes a decision down, and makes its member due at once.
pub(crate) async fn decide(
    State(service): State<Arc<Service>>,
    Json(what): Json<Decide>,
) -> Result<Response, Failed> {
    let Decide { number, decision, by } = what;
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
