//! Conditions of a query, turned into tests on records.

use super::super::api::ApiError;
use super::super::ids;
use super::super::org::{Org, Record};
use super::super::schema::{Kind, Object};
use super::ast::{Filter, Name, Operator};
use super::lexer::malformed;
use super::literal::Literal;
use super::path::{Path, is_text, position};
use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use std::cmp::Ordering;

/// Whether a record fits.
pub type Test<'a> = Box<dyn Fn(&Record) -> bool + 'a>;
/// Whether a value fits.
type ValueTest = Box<dyn Fn(&Value) -> bool>;

/// What conditions are read against.
pub struct Context<'a> {
    /// The org.
    pub org: &'a Org,
    /// The object that is asked.
    pub from: &'a Object,
    /// The query's text, for messages.
    pub soql: &'a str,
    /// What TODAY means.
    pub now: DateTime<Utc>,
}

impl<'a> Context<'a> {
    /// Turns a condition into a test.
    pub fn compile(&self, filter: &Filter) -> Result<Test<'a>, ApiError> {
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
                } else if let Some(id) = ids::canonical(id) {
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
mod tests {
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
