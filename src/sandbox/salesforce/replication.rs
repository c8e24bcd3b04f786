//! Which records were deleted or updated between two instants, to the minute.

use super::Salesforce;
use super::api::ApiError;
use super::rows::{Answer, At};
use super::schema::Object;
use super::values::{instant, stamp};
use axum::Json;
use axum::extract::{Path, Query, State};
use axum::response::IntoResponse;
use chrono::{DateTime, DurationRound, TimeDelta, Utc};
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Deletions are kept so long.
const DELETED_KEPT: TimeDelta = TimeDelta::days(15);
/// Updates can be asked for so far back.
const UPDATED_KEPT: TimeDelta = TimeDelta::days(30);

type Params = Query<BTreeMap<String, String>>;

struct Span {
    object: Object,
    from: DateTime<Utc>,
    to: DateTime<Utc>,
    now: DateTime<Utc>,
}

fn span(
    salesforce: &Salesforce,
    object: &str,
    params: &BTreeMap<String, String>,
    kept: TimeDelta,
) -> Result<Span, ApiError> {
    let mut org = salesforce.org();
    let now = org.now();
    let object = org.schema.known(object)?;
    if !object.replicateable {
        return Err(ApiError::bad("INVALID_TYPE", format!("{} cannot be replicated", object.name)));
    }
    let at = |name: &str| -> Result<DateTime<Utc>, ApiError> {
        let text = params
            .get(name)
            .ok_or_else(|| ApiError::bad("MISSING_ARGUMENT", format!("the parameter {name} is missing")))?;
        // A plus sign that the client did not encode has become a blank.
        let time = instant(&text.replace(' ', "+")).ok_or_else(|| {
            ApiError::bad(
                "INVALID_REPLICATION_DATE",
                format!("{name}: {text} is not an ISO 8601 date and time"),
            )
        })?;
        Ok(time.duration_trunc(TimeDelta::minutes(1)).unwrap_or(time))
    };
    let (from, to) = (at("start")?, at("end")?);
    if from >= to {
        let message = "startDate must be at least one minute before endDate";
        return Err(ApiError::bad("INVALID_REPLICATION_DATE", message));
    }
    if from < now - kept {
        let message = format!("startDate cannot be more than {} days ago", kept.num_days());
        return Err(ApiError::bad("INVALID_REPLICATION_DATE", message));
    }
    Ok(Span { object, from, to, now })
}

/// `GET …/sobjects/X/deleted/?start=…&end=…`.
pub async fn deleted(
    State(salesforce): State<Salesforce>,
    Path((_, object)): At<(String, String)>,
    Query(params): Params,
) -> Answer {
    let Span { object, from, to, now } = span(&salesforce, &object, &params, DELETED_KEPT)?;
    let org = salesforce.org();
    let gone: Vec<Value> = org
        .rows(&object)
        .filter_map(|(id, record)| Some((id, record.deleted_at?)))
        .filter(|(_, at)| (from..to).contains(at))
        .map(|(id, at)| json!({"id": id, "deletedDate": stamp(at)}))
        .collect();
    let earliest = org.started().max(now - DELETED_KEPT);
    Ok(Json(json!({
        "deletedRecords": gone,
        "earliestDateAvailable": minute(earliest),
        "latestDateCovered": minute(to.min(now)),
    }))
    .into_response())
}

/// `GET …/sobjects/X/updated/?start=…&end=…`.
pub async fn updated(
    State(salesforce): State<Salesforce>,
    Path((_, object)): At<(String, String)>,
    Query(params): Params,
) -> Answer {
    let Span { object, from, to, now } = span(&salesforce, &object, &params, UPDATED_KEPT)?;
    let org = salesforce.org();
    let ids: Vec<&String> = org
        .rows(&object)
        .filter(|(_, record)| record.deleted_at.is_none())
        .filter(|(_, record)| {
            record.text("SystemModstamp").and_then(instant).is_some_and(|at| (from..to).contains(&at))
        })
        .map(|(id, _)| id)
        .collect();
    Ok(Json(json!({"ids": ids, "latestDateCovered": minute(to.min(now))})).into_response())
}

fn minute(at: DateTime<Utc>) -> String {
    stamp(at.duration_trunc(TimeDelta::minutes(1)).unwrap_or(at))
}
