//! Values of fields: what is accepted from a client, and how it is kept.
//!
//! Kept values have the form in which they are shown: instants as `2026-11-23T06:00:00.000+0000`, days as
//! `2026-11-23`. Both sort as text as they sort in time.

use super::api::ApiError;
use super::describe::label;
use super::ids;
use super::org::Record;
use super::schema::{Field, Kind, Object};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use chrono::{DateTime, NaiveDate, NaiveDateTime, SubsecRound, Utc};
use serde_json::Value;

/// An instant as the API shows it: UTC, to the second, with milliseconds that are always zero.
pub fn stamp(instant: DateTime<Utc>) -> String {
    instant.trunc_subsecs(0).format("%Y-%m-%dT%H:%M:%S.000+0000").to_string()
}

/// A day as the API shows it.
pub fn day(date: NaiveDate) -> String {
    date.format("%Y-%m-%d").to_string()
}

/// Reads an instant: `2026-11-23T06:00:00Z`, with or without fraction, with `Z`, `+0100` or `+01:00`.
pub fn instant(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(instant) = DateTime::parse_from_rfc3339(text) {
        return Some(instant.to_utc());
    }
    ["%Y-%m-%dT%H:%M:%S%.f%z", "%Y-%m-%dT%H:%M%z"]
        .iter()
        .find_map(|form| DateTime::parse_from_str(text, form).ok())
        .map(|instant| instant.to_utc())
        // Without a zone the server takes UTC.
        .or_else(|| Some(NaiveDateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f").ok()?.and_utc()))
}

/// Reads a day; a time behind it is dropped, as the server does.
pub fn date(text: &str) -> Option<NaiveDate> {
    NaiveDate::parse_from_str(text.get(..10)?, "%Y-%m-%d").ok()
}

/// A record's value as it is shown: what a file holds is read at an address of its own.
pub fn shown(object: &Object, record: &Record, field: &Field, data: &str) -> Value {
    let value = record.get(field.name);
    match (field.kind, record.text("Id")) {
        (Kind::Base64, Some(id)) if !value.is_null() => {
            format!("{data}/sobjects/{}/{id}/{}", object.name, field.name).into()
        }
        _ => value.clone(),
    }
}

/// Checks a value for a field and brings it into the kept form. Empty text is null; text is trimmed.
/// Whether a reference points at something is checked by the org.
pub fn accept(field: &Field, value: &Value) -> Result<Value, ApiError> {
    let wrong_type = |what: &str| {
        ApiError::json(format!(
            "Cannot deserialize instance of {what} from value {value} for field {}",
            field.name
        ))
    };
    if value.is_null() {
        return Ok(if field.kind == Kind::Boolean { Value::Bool(false) } else { Value::Null });
    }
    let text = || value.as_str().map(str::trim);
    let accepted = match field.kind {
        Kind::Boolean => match value {
            Value::Bool(_) => value.clone(),
            Value::String(s) if s == "true" || s == "false" => Value::Bool(s == "true"),
            _ => return Err(wrong_type("boolean")),
        },
        Kind::Int => match value {
            Value::Number(n) if n.is_i64() => value.clone(),
            Value::String(s) => s.parse::<i64>().map(Value::from).map_err(|_| wrong_type("int"))?,
            _ => return Err(wrong_type("int")),
        },
        Kind::Date => {
            let text = text().ok_or_else(|| wrong_type("date"))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            day(date(text).ok_or_else(|| wrong_type("date"))?).into()
        }
        Kind::DateTime => {
            let text = text().ok_or_else(|| wrong_type("datetime"))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            stamp(instant(text).ok_or_else(|| wrong_type("datetime"))?).into()
        }
        Kind::Base64 => {
            let text = text().ok_or_else(|| wrong_type("base64Binary"))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            STANDARD.decode(text).map_err(|_| wrong_type("base64Binary"))?;
            text.into()
        }
        Kind::Id | Kind::Reference(_) => {
            let text = text().ok_or_else(|| wrong_type("reference"))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            let wrong = || {
                ApiError::bad(
                    "MALFORMED_ID",
                    format!("{}: id value of incorrect type: {text}", label(field.name)),
                )
                .about([field.name])
            };
            ids::canonical(text).ok_or_else(wrong)?.into()
        }
        Kind::Text(_) | Kind::TextArea(_) | Kind::Email | Kind::Phone | Kind::Url | Kind::Picklist { .. } => {
            let text = text().ok_or_else(|| wrong_type("string"))?;
            if text.is_empty() {
                return Ok(Value::Null);
            }
            check_text(field, text)?;
            text.into()
        }
    };
    Ok(accepted)
}

fn check_text(field: &Field, text: &str) -> Result<(), ApiError> {
    if text.chars().count() > field.length() {
        let what =
            format!("{}: data value too large: {text} (max length={})", label(field.name), field.length());
        return Err(ApiError::bad("STRING_TOO_LONG", what).about([field.name]));
    }
    match field.kind {
        Kind::Email if !is_address(text) => {
            let what = format!("{}: invalid email address: {text}", label(field.name));
            Err(ApiError::bad("INVALID_EMAIL_ADDRESS", what).about([field.name]))
        }
        Kind::Picklist { values, strict: true } if !values.is_empty() && !values.contains(&text) => {
            let what = format!("{}: bad value for restricted picklist field: {text}", label(field.name));
            Err(ApiError::bad("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", what).about([field.name]))
        }
        _ => Ok(()),
    }
}

/// The vendor's rough rule: something, one `@`, a domain with a dot, no blanks.
fn is_address(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && domain.contains('.')
        && !domain.starts_with('.')
        && !domain.ends_with('.')
        && !text.contains(char::is_whitespace)
        && !domain.contains('@')
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn instants_are_kept_in_utc_to_the_second() {
        let field = Field::new("StartDateTime", Kind::DateTime);
        for text in ["2026-11-23T07:00:00+01:00", "2026-11-23T06:00:00.789Z", "2026-11-23T06:00:00.000+0000"]
        {
            assert_eq!(accept(&field, &json!(text)).unwrap(), json!("2026-11-23T06:00:00.000+0000"));
        }
        assert!(accept(&field, &json!("tomorrow")).is_err());
    }

    #[test]
    fn text_is_trimmed_and_never_cut() {
        let field = Field::new("FirstName", Kind::Text(5));
        assert_eq!(accept(&field, &json!("  Zoë ")).unwrap(), json!("Zoë"));
        assert_eq!(accept(&field, &json!(" ")).unwrap(), Value::Null);
        assert_eq!(accept(&field, &json!("ÄÖÜäö")).unwrap(), json!("ÄÖÜäö"));
        assert_eq!(accept(&field, &json!("abcdef")).unwrap_err().code, "STRING_TOO_LONG");
        assert!(accept(&field, &json!(5)).is_err());
    }

    #[test]
    fn addresses_need_a_domain() {
        let field = Field::new("Email", Kind::Email);
        assert!(accept(&field, &json!("a@b.example")).is_ok());
        for text in ["a", "a@b", "@b.example", "a b@c.example", "a@b@c.example"] {
            assert_eq!(accept(&field, &json!(text)).unwrap_err().code, "INVALID_EMAIL_ADDRESS", "{text}");
        }
    }
}
