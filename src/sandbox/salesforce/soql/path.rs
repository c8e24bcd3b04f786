//! Fields reached over relations, and records shown with them.

use super::super::api::ApiError;
use super::super::org::{Org, Record};
use super::super::schema::{Field, Kind, Object};
use super::super::values::shown;
use super::ast::Name;
use serde_json::{Map, Value, json};

/// A field reached over relations: `Owner.Name` is one step and a field.
pub struct Path {
    /// Reference fields to follow, with the relation's name.
    steps: Vec<(&'static Field, &'static str)>,
    /// What is wanted at the end.
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Field(&'static Field),
    /// The name of the object that the last reference points at (`Who.Type`).
    Type,
}

impl Path {
    /// Finds the field that a name in a query means.
    pub fn resolve(org: &Org, from: &Object, name: &Name, soql: &str) -> Result<Self, ApiError> {
        let parts: Vec<&str> = name.text.split('.').collect();
        let (last, before) = parts.split_last().unwrap_or((&"", &[]));
        let before = match before {
            // The object's own name (or an alias equal to it) may stand in front.
            [first, rest @ ..] if first.eq_ignore_ascii_case(from.name) && from.relation(first).is_none() => {
                rest
            }
            all => all,
        };
        let mut at = *from;
        let mut polymorphic = false;
        let mut steps = Vec::new();
        for part in before {
            let (field, relation) = at.relation(part).ok_or_else(|| {
                let message = format!(
                    "{}\nDidn't understand relationship '{part}' in field path. If you are attempting to use a \
                     custom relationship, be sure to append the '__r' after the custom relationship name. Please \
                     reference your WSDL or the describe call for the appropriate names.",
                    position(soql, name)
                );
                ApiError::bad("INVALID_FIELD", message)
            })?;
            steps.push((field, relation.name));
            polymorphic = relation.to.len() > 1;
            at = org.schema.object(relation.to[0]).unwrap_or(at);
        }
        let is_type = last.eq_ignore_ascii_case("Type")
            && !steps.is_empty()
            && (polymorphic || at.field("Type").is_none());
        let end = if is_type {
            End::Type
        } else {
            End::Field(at.field(last).ok_or_else(|| {
                let message = format!(
                    "{}\nNo such column '{last}' on entity '{}'. If you are attempting to use a custom field, be \
                     sure to append the '__c' after the custom field name. Please reference your WSDL or the \
                     describe call for the appropriate names.",
                    position(soql, name),
                    at.name
                );
                ApiError::bad("INVALID_FIELD", message)
            })?)
        };
        Ok(Self { steps, end })
    }

    /// The same for conditions and orders: not every field can be used there.
    pub fn filterable(org: &Org, from: &Object, name: &Name, soql: &str) -> Result<Self, ApiError> {
        let path = Self::resolve(org, from, name, soql)?;
        match path.end {
            End::Field(field) if !field.filterable() => {
                let message = format!(
                    "{}\nfield '{}' can not be filtered in a query call",
                    position(soql, name),
                    field.name
                );
                Err(ApiError::bad("INVALID_FIELD", message))
            }
            _ => Ok(path),
        }
    }

    /// The type of what it leads to.
    pub fn kind(&self) -> Kind {
        match self.end {
            End::Field(field) => field.kind,
            End::Type => Kind::Text(255),
        }
    }

    /// It leads to text, which is compared without regard to case.
    pub fn is_text(&self) -> bool {
        is_text(self.kind())
    }

    /// The value for a record; null where a relation is empty.
    pub fn value(&self, org: &Org, record: &Record) -> Value {
        let mut record = record;
        let mut object = None;
        for (field, _) in &self.steps {
            let Some(id) = record.text(field.name) else { return Value::Null };
            object = org.schema.of_id(id);
            match object.as_ref().and_then(|o| org.any(o, id)) {
                Some(next) => record = next,
                None => return Value::Null,
            }
        }
        match self.end {
            End::Type => object.map_or(Value::Null, |o| o.name.into()),
            End::Field(field) => record.get(field.name).clone(),
        }
    }
}

/// Where in the query something is wrong, as the vendor draws it.
pub fn position(soql: &str, name: &Name) -> String {
    let from = name.at.saturating_sub(20);
    let excerpt: String = soql.chars().skip(from).take(60).collect::<String>().replace('\n', " ");
    format!("\n{excerpt}\n{}^\nERROR at Row:1:Column:{}", " ".repeat(name.at - from), name.at + 1)
}
/// A record with the wanted fields; relations become objects inside it.
pub fn show(org: &Org, object: &Object, record: &Record, paths: &[Path], data: &str) -> Value {
    let mut out = Map::new();
    out.insert("attributes".to_owned(), attributes(object.name, record, data));
    for path in paths {
        place(org, &mut out, (object, record), &path.steps, path, data);
    }
    Value::Object(out)
}

/// Puts a path's value into a shown record.
fn place(
    org: &Org,
    out: &mut Map<String, Value>,
    (object, record): (&Object, &Record),
    steps: &[(&'static Field, &'static str)],
    path: &Path,
    data: &str,
) {
    let Some(((field, relation), rest)) = steps.split_first() else {
        if let End::Field(field) = path.end {
            out.insert(field.name.to_owned(), shown(object, record, field, data));
        }
        return;
    };
    let id = record.text(field.name);
    let object = id.and_then(|id| org.schema.of_id(id));
    let target = id.zip(object).and_then(|(id, object)| Some((object, org.any(&object, id)?)));
    let Some((object, target)) = target else {
        out.insert((*relation).to_owned(), Value::Null);
        return;
    };
    let entry = out
        .entry((*relation).to_owned())
        .or_insert_with(|| json!({"attributes": attributes(object.name, target, data)}));
    if let Value::Object(inner) = entry {
        if rest.is_empty() && matches!(path.end, End::Type) {
            inner.insert("Type".to_owned(), object.name.into());
        } else {
            place(org, inner, (&object, target), rest, path, data);
        }
    }
}

/// The `attributes` of a shown record: its type and address.
fn attributes(object: &str, record: &Record, data: &str) -> Value {
    let id = record.text("Id").unwrap_or_default();
    json!({"type": object, "url": format!("{data}/sobjects/{object}/{id}")})
}

/// Types that are text to a query.
pub fn is_text(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text(_) | Kind::TextArea(_) | Kind::Email | Kind::Phone | Kind::Url | Kind::Picklist { .. }
    )
}
