//! Objects that may only be asked about certain records.

use super::super::api::ApiError;
use super::super::schema::Object;
use super::ast::{Filter, Operator};

/// Links of files are asked for by what they hang on, or by the file.
pub fn check(object: &Object, filter: Option<&Filter>) -> Result<(), ApiError> {
    let keys = ["ContentDocumentId", "LinkedEntityId"];
    if object.name != "ContentDocumentLink" || filter.is_some_and(|filter| names(filter, &keys)) {
        return Ok(());
    }
    let message = "Implementation restriction: ContentDocumentLink requires a filter by a single Id on \
                   ContentDocumentId or LinkedEntityId using the equals operator or multiple Id's using the IN operator.";
    Err(ApiError::bad("MALFORMED_QUERY", message))
}

/// Whether only records with given values in one of these fields fit.
fn names(filter: &Filter, keys: &[&str]) -> bool {
    let key = |text: &str| keys.iter().any(|key| key.eq_ignore_ascii_case(text));
    match filter {
        Filter::All(parts) => parts.iter().any(|part| names(part, keys)),
        Filter::Compare(name, Operator::Equal, _) => key(&name.text),
        Filter::OneOf(name, negated, _) => !negated && key(&name.text),
        Filter::Any(_) | Filter::Not(_) | Filter::Compare(..) => false,
    }
}
