//! Records one by one, and the addresses that describe the org.

use super::api::ApiError;
use super::gate::Caller;
use super::org::{Found, Org, Record};
use super::schema::{Field, Kind, Object};
use super::values::shown;
use super::{NEWEST, OLDEST, Salesforce, describe, files};
use axum::Json;
use axum::extract::rejection::JsonRejection;
use axum::extract::{Extension, Path, Query, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::collections::BTreeMap;

/// What a handler answers.
pub type Answer = Result<Response, ApiError>;
/// Addresses below the version: the version itself comes first.
pub type At<T> = Path<T>;
/// A JSON body that must be an object.
pub type Body = Result<Json<Value>, JsonRejection>;

/// The body's fields, or the answer that it is no object.
pub fn fields_of(body: Body) -> Result<Map<String, Value>, ApiError> {
    match body {
        Ok(Json(Value::Object(fields))) => Ok(fields),
        Ok(Json(other)) => {
            Err(ApiError::json(format!("Cannot deserialize instance of sobject from value {other}")))
        }
        Err(JsonRejection::MissingJsonContentType(_)) => Err(ApiError::new(
            StatusCode::UNSUPPORTED_MEDIA_TYPE,
            "UNSUPPORTED_MEDIA_TYPE",
            "Content type of the request is not supported",
        )),
        Err(rejection) => Err(ApiError::json(rejection.body_text())),
    }
}

/// `GET /services/data`: versions, for anybody.
pub async fn versions() -> Response {
    let all: Vec<Value> = (OLDEST..=NEWEST)
        .map(|v| {
            let season = match v % 3 {
                0 => "Spring",
                1 => "Summer",
                _ => "Winter",
            };
            // v60 was Spring '24; three releases a year, the winter one named after the year that follows.
            let year = (v + if v % 3 == 2 { 13 } else { 12 }) / 3;
            json!({"label": format!("{season} '{year:02}"), "url": format!("/services/data/v{v}.0"), "version": format!("{v}.0")})
        })
        .collect();
    Json(all).into_response()
}

/// `GET /services/data/vNN.0`: what there is.
pub async fn resources(Extension(caller): Extension<Caller>) -> Response {
    let names = ["sobjects", "query", "queryAll", "limits", "composite"];
    let all: Map<String, Value> =
        names.iter().map(|n| ((*n).to_owned(), format!("{}/{n}", caller.data).into())).collect();
    Json(all).into_response()
}

/// `GET …/limits`.
pub async fn limits(State(salesforce): State<Salesforce>) -> Response {
    let (used, limit) = {
        let faults = salesforce.faults();
        (faults.used, faults.limit)
    };
    let pair = |max: u64, remaining: u64| json!({"Max": max, "Remaining": remaining});
    Json(json!({
        "DailyApiRequests": pair(limit, limit.saturating_sub(used)),
        "DataStorageMB": pair(1024, 1000),
        "FileStorageMB": pair(1024, 1024),
        "SingleEmail": pair(5000, 5000),
        "MassEmail": pair(5000, 5000),
    }))
    .into_response()
}

/// `GET …/sobjects`.
pub async fn list(State(salesforce): State<Salesforce>, Extension(caller): Extension<Caller>) -> Response {
    let org = salesforce.org();
    let all: Vec<Value> = org.schema.objects().iter().map(|o| describe::summary(o, &caller.data)).collect();
    Json(json!({"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": all})).into_response()
}

/// `GET …/sobjects/X`.
pub async fn basics(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object)): At<(String, String)>,
) -> Answer {
    let object = salesforce.org().schema.known(&object)?;
    let body = json!({"objectDescribe": describe::summary(&object, &caller.data), "recentItems": []});
    Ok(Json(body).into_response())
}

/// `GET …/sobjects/X/describe`.
pub async fn describe(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object)): At<(String, String)>,
) -> Answer {
    let object = salesforce.org().schema.known(&object)?;
    Ok(Json(describe::full(&object, &caller.data)).into_response())
}

/// The answer to a create.
pub fn saved(id: &str) -> Value {
    json!({"id": id, "success": true, "errors": []})
}

/// An object that the API may write, or the answer that it may not.
pub fn writable(org: &Org, name: &str) -> Result<Object, ApiError> {
    let object = org.schema.known(name)?;
    if object.writable {
        return Ok(object);
    }
    let message = format!("entity type {} does not support create, update or delete here", object.name);
    Err(ApiError::bad("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", message))
}

/// `POST …/sobjects/X`.
pub async fn create(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object)): At<(String, String)>,
    body: Body,
) -> Answer {
    let given = fields_of(body)?;
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    let id = org.create(&object, &given, &caller.user)?;
    let location = format!("{}/sobjects/{}/{id}", caller.data, object.name);
    Ok((StatusCode::CREATED, [(header::LOCATION, location)], Json(saved(&id))).into_response())
}

/// A record as a row: all fields, or those of the list.
pub fn row(object: &Object, record: &Record, data: &str, wanted: Option<&[&'static Field]>) -> Value {
    let mut out = Map::new();
    let id = record.text("Id").unwrap_or_default();
    out.insert(
        "attributes".to_owned(),
        json!({"type": object.name, "url": format!("{data}/sobjects/{}/{id}", object.name)}),
    );
    let all: Vec<&'static Field>;
    let fields = if let Some(fields) = wanted {
        fields
    } else {
        all = object.fields().collect();
        &all
    };
    for field in fields {
        out.insert(field.name.to_owned(), shown(object, record, field, data));
    }
    if wanted.is_some() && !out.contains_key("Id") {
        out.insert("Id".to_owned(), id.into());
    }
    Value::Object(out)
}

/// The fields named in a `fields=A,B` list.
pub fn wanted(object: &Object, list: Option<&str>) -> Result<Option<Vec<&'static Field>>, ApiError> {
    let Some(list) = list else { return Ok(None) };
    let fields = list
        .split(',')
        .map(|name| {
            object.field(name.trim()).ok_or_else(|| {
                ApiError::bad(
                    "INVALID_FIELD",
                    format!("No such column '{}' on entity '{}'", name.trim(), object.name),
                )
            })
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Some(fields))
}

/// `If-Modified-Since` and `If-Unmodified-Since` against a record's last change, to the second.
fn condition(headers: &HeaderMap, record: &Record) -> Option<StatusCode> {
    let changed = super::values::instant(record.text("LastModifiedDate")?)?;
    let at = |name: header::HeaderName| -> Option<DateTime<Utc>> {
        let text = headers.get(name)?.to_str().ok()?;
        DateTime::parse_from_rfc2822(text).ok().map(|t| t.to_utc())
    };
    if at(header::IF_UNMODIFIED_SINCE).is_some_and(|t| changed > t) {
        return Some(StatusCode::PRECONDITION_FAILED);
    }
    if at(header::IF_MODIFIED_SINCE).is_some_and(|t| changed <= t) {
        return Some(StatusCode::NOT_MODIFIED);
    }
    None
}

/// `GET …/sobjects/X/ID`.
pub async fn read(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, id)): At<(String, String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let org = salesforce.org();
    let object = org.schema.known(&object)?;
    let (_, record) = org.live(&object, &id)?;
    show(&object, record, &caller, &query, &headers)
}

fn show(
    object: &Object,
    record: &Record,
    caller: &Caller,
    query: &BTreeMap<String, String>,
    headers: &HeaderMap,
) -> Answer {
    if let Some(status) = condition(headers, record) {
        return Ok(status.into_response());
    }
    let fields = wanted(object, query.get("fields").map(String::as_str))?;
    let changed = record.text("LastModifiedDate").and_then(super::values::instant).unwrap_or_default();
    let modified = changed.format("%a, %d %b %Y %H:%M:%S GMT").to_string();
    Ok(([(header::LAST_MODIFIED, modified)], Json(row(object, record, &caller.data, fields.as_deref())))
        .into_response())
}

/// `PATCH …/sobjects/X/ID`.
pub async fn update(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, id)): At<(String, String, String)>,
    headers: HeaderMap,
    body: Body,
) -> Answer {
    let given = fields_of(body)?;
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    let (_, record) = org.live(&object, &id)?;
    if let Some(status) = condition(&headers, record) {
        return Ok(status.into_response());
    }
    org.update(&object, &id, &given, &caller.user)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `DELETE …/sobjects/X/ID`: to the recycle bin. No precondition is looked at, as at the vendor.
pub async fn delete(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, id)): At<(String, String, String)>,
) -> Answer {
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    org.delete(&object, &id, &caller.user)?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// A field by which records can be addressed.
pub fn key_field(object: &Object, name: &str) -> Result<&'static Field, ApiError> {
    object.field(name).filter(|f| f.id_lookup).ok_or_else(|| {
        let message = format!("Provided external ID field does not exist or is not accessible: {name}");
        ApiError::new(StatusCode::NOT_FOUND, "NOT_FOUND", message)
    })
}

/// Several records share the value: 300 with the address of each.
fn several(object: &Object, ids: &[String], data: &str) -> Response {
    let urls: Vec<String> = ids.iter().map(|id| format!("{data}/sobjects/{}/{id}", object.name)).collect();
    (StatusCode::MULTIPLE_CHOICES, Json(urls)).into_response()
}

/// `GET …/sobjects/X/FIELD/VALUE`.
pub async fn read_by(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, field, value)): At<(String, String, String, String)>,
    Query(query): Query<BTreeMap<String, String>>,
    headers: HeaderMap,
) -> Answer {
    let org = salesforce.org();
    let object = org.schema.known(&object)?;
    // `…/sobjects/X/ID/FIELD`: what a file holds.
    if let Some(content) = object.field(&value).filter(|f| f.kind == Kind::Base64) {
        let (_, record) = org.live(&object, &field)?;
        return Ok(files::content(record, content).into_response());
    }
    match org.find(&object, key_field(&object, &field)?, &value) {
        Found::None => Err(ApiError::not_found()),
        Found::Many(ids) => Ok(several(&object, &ids, &caller.data)),
        Found::One(id) => {
            let (_, record) = org.live(&object, &id)?;
            show(&object, record, &caller, &query, &headers)
        }
    }
}

/// What an upsert did.
pub enum Upserted {
    /// Made this record.
    Created(String),
    /// Changed this one.
    Updated(String),
    /// Nothing: several fit.
    Several(Vec<String>),
}

/// Makes or changes the record with this value in this field.
pub fn upsert_one(
    org: &mut Org,
    object: &Object,
    field: &'static Field,
    value: &str,
    mut given: Map<String, Value>,
    by: &str,
) -> Result<Upserted, ApiError> {
    if given.keys().any(|k| k.eq_ignore_ascii_case(field.name)) {
        let message = format!("The {} field should not be specified in the sobject data.", field.name);
        return Err(ApiError::bad("INVALID_FIELD", message).about([field.name]));
    }
    match org.find(object, field, value) {
        Found::Many(ids) => Ok(Upserted::Several(ids)),
        Found::One(id) => org.update(object, &id, &given, by).map(|()| Upserted::Updated(id)),
        // An unknown id cannot be made to exist.
        Found::None if field.name == "Id" => Err(ApiError::not_found()),
        Found::None => {
            given.insert(field.name.to_owned(), value.into());
            org.create(object, &given, by).map(Upserted::Created)
        }
    }
}

/// `PATCH …/sobjects/X/FIELD/VALUE`: makes the record or changes it.
pub async fn upsert(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, field, value)): At<(String, String, String, String)>,
    body: Body,
) -> Answer {
    let given = fields_of(body)?;
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    let field = key_field(&object, &field)?;
    let (status, id, created) = match upsert_one(&mut org, &object, field, &value, given, &caller.user)? {
        Upserted::Several(ids) => return Ok(several(&object, &ids, &caller.data)),
        Upserted::Created(id) => (StatusCode::CREATED, id, true),
        Upserted::Updated(id) => (StatusCode::OK, id, false),
    };
    Ok((status, Json(json!({"id": id, "success": true, "errors": [], "created": created}))).into_response())
}

/// `DELETE …/sobjects/X/FIELD/VALUE`.
pub async fn delete_by(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, field, value)): At<(String, String, String, String)>,
) -> Answer {
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    match org.find(&object, key_field(&object, &field)?, &value) {
        Found::None => Err(ApiError::not_found()),
        Found::Many(ids) => Ok(several(&object, &ids, &caller.data)),
        Found::One(id) => {
            org.delete(&object, &id, &caller.user)?;
            Ok(StatusCode::NO_CONTENT.into_response())
        }
    }
}

/// Any other address.
pub async fn nowhere() -> ApiError {
    ApiError::not_found()
}
