//! Collections: up to 200 records in one request, each with a result of its own.

use super::Salesforce;
use super::api::ApiError;
use super::gate::Caller;
use super::ids;
use super::org::Org;
use super::rows::{self, Answer, At, Body, Upserted, fields_of, key_field, saved, upsert_one, writable};
use axum::Json;
use axum::extract::{Extension, Path, Query, State};
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// Most records in one request that writes.
const MOST: usize = 200;
/// Most records in one request that reads.
const MOST_READ: usize = 2000;

struct Batch {
    all_or_none: bool,
    records: Vec<Map<String, Value>>,
}

fn batch(body: Body) -> Result<Batch, ApiError> {
    let mut fields = fields_of(body)?;
    let all_or_none = fields.get("allOrNone").and_then(Value::as_bool).unwrap_or(false);
    let Some(Value::Array(records)) = fields.remove("records") else {
        return Err(ApiError::bad("INVALID_INPUT", "The records list is missing"));
    };
    limit(records.len(), MOST)?;
    let records = records
        .into_iter()
        .map(|r| match r {
            Value::Object(record) => Ok(record),
            other => {
                Err(ApiError::json(format!("Cannot deserialize instance of sobject from value {other}")))
            }
        })
        .collect::<Result<Vec<_>, _>>()?;
    Ok(Batch { all_or_none, records })
}

fn limit(count: usize, most: usize) -> Result<(), ApiError> {
    if count == 0 {
        return Err(ApiError::bad("INVALID_INPUT", "The request has no records"));
    }
    if count > most {
        let message = format!("record limit reached. cannot submit more than {most} records into this call");
        return Err(ApiError::bad("EXCEEDED_ID_LIMIT", message));
    }
    Ok(())
}

fn type_of(record: &Map<String, Value>) -> Result<&str, ApiError> {
    record.get("attributes").and_then(|a| a.get("type")).and_then(Value::as_str).ok_or_else(|| {
        ApiError::bad("INVALID_INPUT", "sObject type not specified in the record's attributes")
    })
}

/// Takes the id out of a record, whatever its case of letters.
fn take_id(record: &mut Map<String, Value>) -> Option<String> {
    let key = record.keys().find(|k| k.eq_ignore_ascii_case("id"))?.clone();
    record.remove(&key)?.as_str().map(str::to_owned)
}

/// Does `work` for every entry; with `all_or_none`, one refusal takes everything back.
fn each<T>(
    org: &mut Org,
    all_or_none: bool,
    entries: Vec<T>,
    mut work: impl FnMut(&mut Org, T) -> Result<Value, ApiError>,
) -> Value {
    let before = all_or_none.then(|| {
        let names: Vec<&'static str> =
            org.schema.objects().iter().filter(|o| o.writable).map(|o| o.name).collect();
        org.snapshot(&names)
    });
    let results: Vec<Result<Value, ApiError>> = entries.into_iter().map(|entry| work(org, entry)).collect();
    let rolled_back = before.is_some() && results.iter().any(Result::is_err);
    if let Some(before) = before
        && rolled_back
    {
        org.restore(before);
    }
    results
        .into_iter()
        .map(|result| match result {
            Ok(_) if rolled_back => {
                let message = "Record rolled back because not all records were valid and the request was using \
                               AllOrNone header";
                json!({"success": false, "errors": [
                    ApiError::bad("ALL_OR_NONE_OPERATION_ROLLED_BACK", message).as_entry()]})
            }
            Ok(value) => value,
            Err(error) => json!({"success": false, "errors": [error.as_entry()]}),
        })
        .collect()
}

/// `POST …/composite/sobjects`.
pub async fn create(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    let batch = batch(body)?;
    let mut org = salesforce.org();
    let results = each(&mut org, batch.all_or_none, batch.records, |org, record| {
        let object = writable(org, type_of(&record)?)?;
        org.create(&object, &record, &caller.user).map(|id| saved(&id))
    });
    Ok(Json(results).into_response())
}

/// `PATCH …/composite/sobjects`.
pub async fn update(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    body: Body,
) -> Answer {
    let batch = batch(body)?;
    let mut org = salesforce.org();
    let mut seen = BTreeSet::new();
    let results = each(&mut org, batch.all_or_none, batch.records, |org, mut record| {
        let missing =
            || ApiError::bad("MISSING_ARGUMENT", "Id not specified in an update call").about(["Id"]);
        let object = writable(org, type_of(&record)?)?;
        let id = take_id(&mut record).ok_or_else(missing)?;
        let id = ids::canonical(&id)
            .ok_or_else(|| ApiError::bad("MALFORMED_ID", format!("malformed id {id}")).about(["Id"]))?;
        if !seen.insert(id.clone()) {
            return Err(ApiError::bad("DUPLICATE_VALUE", "duplicate id in the list").about(["Id"]));
        }
        org.update(&object, &id, &record, &caller.user).map_err(|e| in_list(e, &id))?;
        Ok(saved(&id))
    });
    Ok(Json(results).into_response())
}

/// In a list a missing record is an invalid reference, not an address that does not exist.
fn in_list(error: ApiError, id: &str) -> ApiError {
    match error.code {
        "NOT_FOUND" => {
            ApiError::bad("INVALID_CROSS_REFERENCE_KEY", format!("invalid cross reference id {id}"))
        }
        _ => error,
    }
}

/// `DELETE …/composite/sobjects?ids=A,B&allOrNone=false`.
pub async fn delete(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Query(params): Query<BTreeMap<String, String>>,
) -> Answer {
    let list: Vec<String> = split(params.get("ids"));
    limit(list.len(), MOST)?;
    let all_or_none = params.get("allOrNone").is_some_and(|v| v == "true");
    let mut org = salesforce.org();
    let results = each(&mut org, all_or_none, list, |org, id| {
        let malformed = || ApiError::bad("MALFORMED_ID", format!("malformed id {id}"));
        let whole = ids::canonical(&id).ok_or_else(malformed)?;
        let object = org.schema.of_id(&whole).ok_or_else(malformed)?;
        let object = writable(org, object.name)?;
        org.delete(&object, &whole, &caller.user).map_err(|e| in_list(e, &whole))?;
        Ok(saved(&whole))
    });
    Ok(Json(results).into_response())
}

fn split(list: Option<&String>) -> Vec<String> {
    list.map(String::as_str)
        .unwrap_or_default()
        .split(',')
        .map(str::trim)
        .filter(|s| !s.is_empty())
        .map(str::to_owned)
        .collect()
}

/// `PATCH …/composite/sobjects/X/FIELD`: makes or changes records by a field's value.
pub async fn upsert(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object, field)): At<(String, String, String)>,
    body: Body,
) -> Answer {
    let batch = batch(body)?;
    let mut org = salesforce.org();
    let object = writable(&org, &object)?;
    let field = key_field(&object, &field)?;
    let results = each(&mut org, batch.all_or_none, batch.records, |org, mut record| {
        let key = record.keys().find(|k| k.eq_ignore_ascii_case(field.name)).cloned();
        let value = key.and_then(|k| record.remove(&k));
        let value = value.as_ref().and_then(Value::as_str).map(str::trim).filter(|v| !v.is_empty());
        let missing = || {
            let message = format!("{} not specified", field.name);
            ApiError::bad("MISSING_ARGUMENT", message).about([field.name])
        };
        let value = value.ok_or_else(missing)?;
        match upsert_one(org, &object, field, value, record, &caller.user)? {
            Upserted::Created(id) => Ok(json!({"id": id, "success": true, "created": true, "errors": []})),
            Upserted::Updated(id) => Ok(json!({"id": id, "success": true, "created": false, "errors": []})),
            Upserted::Several(_) => {
                let message =
                    format!("{}: more than one record found for external id field: [{value}]", field.name);
                Err(ApiError::bad("DUPLICATE_EXTERNAL_ID", message).about([field.name]))
            }
        }
    });
    Ok(Json(results).into_response())
}

/// `GET …/composite/sobjects/X?ids=…&fields=…`.
pub async fn retrieve(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object)): At<(String, String)>,
    Query(params): Query<BTreeMap<String, String>>,
) -> Answer {
    rows_of(&salesforce, &caller, &object, &split(params.get("ids")), &split(params.get("fields")))
}

/// `POST …/composite/sobjects/X` with `ids` and `fields`: the same for long lists.
pub async fn retrieve_posted(
    State(salesforce): State<Salesforce>,
    Extension(caller): Extension<Caller>,
    Path((_, object)): At<(String, String)>,
    body: Body,
) -> Answer {
    let fields = fields_of(body)?;
    let list = |name: &str| -> Vec<String> {
        let entries = fields.get(name).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        entries.iter().filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    rows_of(&salesforce, &caller, &object, &list("ids"), &list("fields"))
}

fn rows_of(
    salesforce: &Salesforce,
    caller: &Caller,
    object: &str,
    ids: &[String],
    fields: &[String],
) -> Answer {
    limit(ids.len(), MOST_READ)?;
    if fields.is_empty() {
        return Err(ApiError::bad("MISSING_ARGUMENT", "The fields list is missing").about(["fields"]));
    }
    let org = salesforce.org();
    let object = org.schema.known(object)?;
    let wanted = rows::wanted(&object, Some(&fields.join(",")))?;
    let shown: Vec<Value> = ids
        .iter()
        .map(|id| match org.live(&object, id) {
            Ok((_, record)) => rows::row(&object, record, &caller.data, wanted.as_deref()),
            Err(_) => Value::Null,
        })
        .collect();
    Ok(Json(shown).into_response())
}
