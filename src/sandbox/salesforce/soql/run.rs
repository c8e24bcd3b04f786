//! Runs a query against the org.

use super::super::api::ApiError;
use super::super::org::{Org, Record};
use super::super::schema::{Field, Kind, Object};
use super::ast::{Filter, Name, Operator, Query, Select};
use super::lexer::malformed;
use super::literal::Literal;
use axum::http::StatusCode;
use chrono::{DateTime, Utc};
use serde_json::{Map, Value, json};
use std::cmp::Ordering;

/// What a query answers.
pub struct Answer {
    /// How many records fit (after LIMIT and OFFSET).
    pub total: usize,
    /// The records, shown with the wanted fields.
    pub records: Vec<Value>,
}

/// Most records that OFFSET may skip.
const MOST_SKIPPED: u64 = 2000;

/// A field reached over relations: `Owner.Name` is one step and a field.
struct Path {
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
    fn resolve(org: &Org, from: &Object, name: &Name, soql: &str) -> Result<Self, ApiError> {
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
    fn filterable(org: &Org, from: &Object, name: &Name, soql: &str) -> Result<Self, ApiError> {
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

    fn kind(&self) -> Kind {
        match self.end {
            End::Field(field) => field.kind,
            End::Type => Kind::Text(255),
        }
    }

    fn is_text(&self) -> bool {
        is_text(self.kind())
    }

    fn value(&self, org: &Org, record: &Record) -> Value {
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
fn position(soql: &str, name: &Name) -> String {
    let from = name.at.saturating_sub(20);
    let excerpt: String = soql.chars().skip(from).take(60).collect::<String>().replace('\n', " ");
    format!("\n{excerpt}\n{}^\nERROR at Row:1:Column:{}", " ".repeat(name.at - from), name.at + 1)
}

/// Runs a query. `data` is the address of the data API (`/services/data/v60.0`), `deleted` includes the recycle bin.
pub fn run(org: &Org, query: &Query, soql: &str, data: &str, deleted: bool) -> Result<Answer, ApiError> {
    let object = org.schema.object(&query.from.text).ok_or_else(|| {
        let message = format!(
            "{}\nsObject type '{}' is not supported. If you are attempting to use a custom object, be sure to append \
             the '__c' after the entity name. Please reference your WSDL or the describe call for the appropriate \
             names.",
            position(soql, &query.from),
            query.from.text
        );
        ApiError::bad("INVALID_TYPE", message)
    })?;
    if query.offset > MOST_SKIPPED {
        let message = "Maximum SOQL offset allowed is 2000";
        return Err(ApiError::new(StatusCode::BAD_REQUEST, "NUMBER_OUTSIDE_VALID_RANGE", message));
    }
    let context = Context { org, from: &object, soql, now: Utc::now() };
    let test = query.filter.as_ref().map(|f| context.compile(f)).transpose()?;
    let order = query
        .order
        .iter()
        .map(|o| Ok((Path::filterable(org, &object, &o.field, soql)?, o.descending, o.nulls_last)))
        .collect::<Result<Vec<_>, ApiError>>()?;
    let shown = match &query.select {
        Select::Fields(names) => {
            names.iter().map(|n| Path::resolve(org, &object, n, soql)).collect::<Result<Vec<_>, _>>()?
        }
        Select::CountOf(name, _) => vec![Path::filterable(org, &object, name, soql)?],
        Select::Count => Vec::new(),
    };

    let fits = |record: &Record| test.as_ref().is_none_or(|test| test(record));
    let mut found: Vec<&Record> = org
        .rows(&object)
        .map(|(_, record)| record)
        .filter(|r| deleted || r.deleted_at.is_none())
        .filter(|r| fits(r))
        .collect();
    if !order.is_empty() {
        let mut keyed: Vec<(Vec<Value>, &Record)> =
            found.into_iter().map(|r| (order.iter().map(|(p, ..)| p.value(org, r)).collect(), r)).collect();
        keyed.sort_by(|(a, _), (b, _)| {
            a.iter().zip(b).zip(&order).fold(
                Ordering::Equal,
                |so_far, ((a, b), (path, descending, nulls_last))| {
                    so_far.then_with(|| compare_keys(a, b, path.is_text(), *descending, *nulls_last))
                },
            )
        });
        found = keyed.into_iter().map(|(_, r)| r).collect();
    }
    let skip = usize::try_from(query.offset).unwrap_or(usize::MAX);
    let limit = query.limit.map_or(usize::MAX, |n| usize::try_from(n).unwrap_or(usize::MAX));
    match &query.select {
        Select::Count => Ok(Answer { total: found.len().min(limit), records: Vec::new() }),
        Select::CountOf(_, alias) => {
            let count = found.iter().filter(|r| !shown[0].value(org, r).is_null()).count();
            let alias = alias.as_deref().unwrap_or("expr0");
            Ok(Answer {
                total: 1,
                records: vec![json!({"attributes": {"type": "AggregateResult"}, alias: count})],
            })
        }
        Select::Fields(_) => {
            let records: Vec<Value> = found
                .into_iter()
                .skip(skip)
                .take(limit)
                .map(|r| show(org, &object, r, &shown, data))
                .collect();
            Ok(Answer { total: records.len(), records })
        }
    }
}

/// Nulls come first unless asked otherwise, whatever the direction. Text is compared without regard to case, ids with.
fn compare_keys(a: &Value, b: &Value, fold: bool, descending: bool, nulls_last: bool) -> Ordering {
    match (a.is_null(), b.is_null()) {
        (true, true) => Ordering::Equal,
        (true, false) => {
            if nulls_last {
                Ordering::Greater
            } else {
                Ordering::Less
            }
        }
        (false, true) => {
            if nulls_last {
                Ordering::Less
            } else {
                Ordering::Greater
            }
        }
        (false, false) => {
            let order = match (a, b) {
                (Value::String(a), Value::String(b)) if fold => a.to_lowercase().cmp(&b.to_lowercase()),
                (Value::String(a), Value::String(b)) => a.cmp(b),
                (Value::Bool(a), Value::Bool(b)) => a.cmp(b),
                (a, b) => a.as_f64().partial_cmp(&b.as_f64()).unwrap_or(Ordering::Equal),
            };
            if descending { order.reverse() } else { order }
        }
    }
}

/// A record with the wanted fields; relations become objects inside it.
fn show(org: &Org, object: &Object, record: &Record, paths: &[Path], data: &str) -> Value {
    let mut out = Map::new();
    out.insert("attributes".to_owned(), attributes(object.name, record, data));
    for path in paths {
        place(org, &mut out, record, &path.steps, path, data);
    }
    Value::Object(out)
}

fn place(
    org: &Org,
    out: &mut Map<String, Value>,
    record: &Record,
    steps: &[(&'static Field, &'static str)],
    path: &Path,
    data: &str,
) {
    let Some(((field, relation), rest)) = steps.split_first() else {
        if let End::Field(field) = path.end {
            out.insert(field.name.to_owned(), record.get(field.name).clone());
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
            place(org, inner, target, rest, path, data);
        }
    }
}

/// The `attributes` of a shown record: its type and address.
fn attributes(object: &str, record: &Record, data: &str) -> Value {
    let id = record.text("Id").unwrap_or_default();
    json!({"type": object, "url": format!("{data}/sobjects/{object}/{id}")})
}

type Test<'a> = Box<dyn Fn(&Record) -> bool + 'a>;
type ValueTest = Box<dyn Fn(&Value) -> bool>;

struct Context<'a> {
    org: &'a Org,
    from: &'a Object,
    soql: &'a str,
    now: DateTime<Utc>,
}

impl<'a> Context<'a> {
    fn compile(&self, filter: &Filter) -> Result<Test<'a>, ApiError> {
        let org = self.org;
        Ok(match filter {
            Filter::All(parts) => {
                let parts = parts.iter().map(|p| self.compile(p)).collect::<Result<Vec<_>, _>>()?;
                Box::new(move |r| parts.iter().all(|p| p(r)))
            }
            Filter::Any(parts) => {
                let parts = parts.iter().map(|p| self.compile(p)).collect::<Result<Vec<_>, _>>()?;
                Box::new(move |r| parts.iter().any(|p| p(r)))
            }
            Filter::Not(inner) => {
                let inner = self.compile(inner)?;
                Box::new(move |r| !inner(r))
            }
            Filter::Compare(name, operator, literal) => {
                let path = Path::filterable(org, self.from, name, self.soql)?;
                let test = self.comparison(name, &path, *operator, literal)?;
                Box::new(move |r| test(&path.value(org, r)))
            }
            Filter::OneOf(name, negated, literals) => {
                let path = Path::filterable(org, self.from, name, self.soql)?;
                let tests = literals
                    .iter()
                    .map(|l| self.comparison(name, &path, Operator::Equal, l))
                    .collect::<Result<Vec<_>, _>>()?;
                let negated = *negated;
                Box::new(move |r| {
                    let value = path.value(org, r);
                    tests.iter().any(|t| t(&value)) != negated
                })
            }
        })
    }

    fn comparison(
        &self,
        name: &Name,
        path: &Path,
        operator: Operator,
        literal: &Literal,
    ) -> Result<ValueTest, ApiError> {
        let kind = path.kind();
        let wrong = |what: &str| {
            let message = format!(
                "{}\nvalue of filter criterion for field '{}' must be of type {what}",
                position(self.soql, name),
                name.text
            );
            Err(ApiError::bad("INVALID_FIELD", message))
        };
        if operator == Operator::Like && !is_text(kind) {
            return Err(ApiError::bad(
                "INVALID_QUERY_FILTER_OPERATOR",
                format!(
                    "{}\nField type is not compatible with LIKE: {}",
                    position(self.soql, name),
                    name.text
                ),
            ));
        }
        let wanted: Value = match (kind, literal) {
            (_, Literal::Null) => Value::Null,
            (Kind::Boolean, Literal::Boolean(b)) => (*b).into(),
            (Kind::Boolean, _) => return wrong("boolean and should not be enclosed in quotes"),
            (Kind::Int, Literal::Number(n)) => json!(n),
            (Kind::Int, _) => return wrong("integer and should not be enclosed in quotes"),
            (Kind::Date, Literal::Date(d)) => d.clone().into(),
            (Kind::DateTime, Literal::DateTime(t)) => t.clone().into(),
            (Kind::Date | Kind::DateTime, Literal::Span(span)) => {
                let span = span.bounds(self.now, kind == Kind::DateTime);
                return Ok(Box::new(move |value| {
                    let Some(value) = value.as_str() else { return operator == Operator::NotEqual };
                    let (before, behind) = (value < span.start.as_str(), value >= span.end.as_str());
                    match operator {
                        Operator::Equal => !before && !behind,
                        Operator::NotEqual => before || behind,
                        Operator::Less => before,
                        Operator::LessOrEqual => !behind,
                        Operator::Greater => behind,
                        Operator::GreaterOrEqual => !before,
                        Operator::Like => false,
                    }
                }));
            }
            (Kind::Date, _) => return wrong("date and should not be enclosed in quotes"),
            (Kind::DateTime, _) => return wrong("dateTime and should not be enclosed in quotes"),
            (Kind::Id | Kind::Reference(_), Literal::Text(id)) => {
                if id.is_empty() {
                    Value::Null
                } else if let Some(id) = super::super::ids::canonical(id) {
                    id.into()
                } else {
                    let message = format!("{}\ninvalid ID field: {id}", position(self.soql, name));
                    return Err(ApiError::bad("INVALID_QUERY_FILTER_OPERATOR", message));
                }
            }
            (_, Literal::Text(text)) if operator == Operator::Like => {
                let pattern: Vec<char> = text.to_lowercase().chars().collect();
                return Ok(Box::new(move |value| {
                    value
                        .as_str()
                        .is_some_and(|v| like(&v.to_lowercase().chars().collect::<Vec<_>>(), &pattern))
                }));
            }
            (_, Literal::Text(text)) if text.is_empty() => Value::Null,
            (_, Literal::Text(text)) => text.to_lowercase().into(),
            _ => return wrong("string and should be enclosed in quotes"),
        };
        let fold = is_text(kind);
        if wanted.is_null() && !matches!(operator, Operator::Equal | Operator::NotEqual) {
            return Err(malformed(format!(
                "{}\nnull is only compared with = and !=",
                position(self.soql, name)
            )));
        }
        Ok(Box::new(move |value| {
            let order = match (value, &wanted) {
                (Value::Null, Value::Null) => Some(Ordering::Equal),
                (Value::Null, _) | (_, Value::Null) => None,
                (Value::String(a), Value::String(b)) if fold => Some(a.to_lowercase().as_str().cmp(b)),
                (Value::String(a), Value::String(b)) => Some(a.cmp(b)),
                (Value::Bool(a), Value::Bool(b)) => Some(a.cmp(b)),
                (a, b) => a.as_f64().partial_cmp(&b.as_f64()),
            };
            match operator {
                Operator::Equal => order == Some(Ordering::Equal),
                Operator::NotEqual => order != Some(Ordering::Equal),
                Operator::Less => order == Some(Ordering::Less),
                Operator::LessOrEqual => matches!(order, Some(Ordering::Less | Ordering::Equal)),
                Operator::Greater => order == Some(Ordering::Greater),
                Operator::GreaterOrEqual => matches!(order, Some(Ordering::Greater | Ordering::Equal)),
                Operator::Like => false,
            }
        }))
    }
}

fn is_text(kind: Kind) -> bool {
    matches!(
        kind,
        Kind::Text(_) | Kind::TextArea(_) | Kind::Email | Kind::Phone | Kind::Url | Kind::Picklist { .. }
    )
}

/// `%` stands for anything, `_` for one character, a backslash takes the meaning from the next.
/// Goes back only to the last `%`, so that no pattern takes long.
fn like(text: &[char], pattern: &[char]) -> bool {
    let (mut t, mut p) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    loop {
        let (literal, width) = match pattern.get(p) {
            Some('\\') if matches!(pattern.get(p + 1), Some('%' | '_')) => (pattern.get(p + 1), 2),
            other => (other, 1),
        };
        let wild = width == 1;
        match (literal, text.get(t)) {
            (Some('%'), _) if wild => {
                back = Some((p + 1, t));
                p += 1;
                continue;
            }
            (None, None) => return true,
            (Some('_'), Some(_)) if wild => {
                (t, p) = (t + 1, p + 1);
                continue;
            }
            (Some(l), Some(c)) if l == c => {
                (t, p) = (t + 1, p + width);
                continue;
            }
            _ => {}
        }
        match back {
            Some((behind, at)) if at < text.len() => {
                back = Some((behind, at + 1));
                (p, t) = (behind, at + 1);
            }
            _ => return false,
        }
    }
}

#[cfg(test)]
mod like_tests {
    use super::like;

    fn check(text: &str, pattern: &str) -> bool {
        like(&text.chars().collect::<Vec<_>>(), &pattern.chars().collect::<Vec<_>>())
    }

    #[test]
    fn wildcards_match_as_written() {
        assert!(check("anderson", "and%"));
        assert!(check("anderson", "%son"));
        assert!(check("anderson", "%der%"));
        assert!(check("anderson", "_nderso_"));
        assert!(check("", "%"));
        assert!(!check("anderson", "and"));
        assert!(!check("anderson", "son%"));
        assert!(check("50% off", "50\\% %"));
        assert!(!check("500 off", "50\\% %"));
        assert!(check("aab", "%ab"));
    }
}
