//! Search filters.

use super::super::extended::Key;
use super::super::fault::{Fault, Refusal};
use super::super::mailbox::Folder;
use super::super::properties::Kind;
use super::super::shape::{BodyWanted, Path, entry_key, indexed_property};
use super::super::show::View;
use super::super::time;
use super::super::xml::Element;
use std::cmp::Ordering;

/// A search filter.
#[derive(Debug)]
pub(super) enum Restriction {
    And(Vec<Restriction>),
    Or(Vec<Restriction>),
    Not(Box<Restriction>),
    Exists(Path),
    /// Bits that must not all be set.
    Excludes(Path, i64),
    Compare(Path, Comparison, Operand),
    Contains(Path, Containment, String, bool),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Comparison {
    Equal,
    NotEqual,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
}

#[derive(Debug)]
pub(super) enum Operand {
    Constant(String),
    Property(Path),
}

#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Containment {
    Full,
    Prefixed,
    Substring,
    PrefixOnWords,
    ExactPhrase,
}

impl Restriction {
    /// From `Restriction`.
    pub(super) fn parse(element: &Element) -> Result<Self, Fault> {
        let inside =
            element.children.first().ok_or_else(|| Fault::schema("The element 'Restriction' is empty."))?;
        Self::expression(inside)
    }

    fn expression(element: &Element) -> Result<Self, Fault> {
        let all = || element.children.iter().map(Self::expression).collect::<Result<Vec<_>, _>>();
        let path = || {
            let path = element.children.iter().find(|c| Path::is_path(c));
            Path::parse(path.ok_or_else(|| Fault::schema(format!("'{}' has no path.", element.name)))?)
        };
        let compare = |comparison| Ok(Self::Compare(path()?, comparison, operand(element)?));
        match &*element.name {
            "And" => Ok(Self::And(all()?)),
            "Or" => Ok(Self::Or(all()?)),
            "Not" => Ok(Self::Not(Box::new(Self::parse(element)?))),
            "Exists" => Ok(Self::Exists(path()?)),
            "Excludes" => {
                let mask = element.child("Bitmask").and_then(|b| b.attribute("Value")).unwrap_or_default();
                let number = match mask.strip_prefix("0x") {
                    Some(hex) => i64::from_str_radix(hex, 16),
                    None => mask.parse(),
                };
                Ok(Self::Excludes(
                    path()?,
                    number.map_err(|_| Fault::schema("The 'Bitmask' element is invalid."))?,
                ))
            }
            "IsEqualTo" => compare(Comparison::Equal),
            "IsNotEqualTo" => compare(Comparison::NotEqual),
            "IsGreaterThan" => compare(Comparison::Greater),
            "IsGreaterThanOrEqualTo" => compare(Comparison::GreaterOrEqual),
            "IsLessThan" => compare(Comparison::Less),
            "IsLessThanOrEqualTo" => compare(Comparison::LessOrEqual),
            "Contains" => {
                let mode = match element.attribute("ContainmentMode") {
                    Some("Prefixed") => Containment::Prefixed,
                    Some("Substring") => Containment::Substring,
                    Some("PrefixOnWords") => Containment::PrefixOnWords,
                    Some("ExactPhrase") => Containment::ExactPhrase,
                    _ => Containment::Full,
                };
                let exact = matches!(element.attribute("ContainmentComparison"), None | Some("Exact"));
                let value = element.child("Constant").and_then(|c| c.attribute("Value")).unwrap_or_default();
                Ok(Self::Contains(path()?, mode, value.to_owned(), exact))
            }
            other => Err(Fault::schema(format!("The element '{other}' is not a search expression."))),
        }
    }

    /// Whether an item passes.
    pub(super) fn takes(&self, view: &View<'_>) -> Result<bool, Refusal> {
        Ok(match self {
            Self::And(all) => {
                for one in all {
                    if !one.takes(view)? {
                        return Ok(false);
                    }
                }
                true
            }
            Self::Or(all) => {
                for one in all {
                    if one.takes(view)? {
                        return Ok(true);
                    }
                }
                false
            }
            Self::Not(one) => !one.takes(view)?,
            leaf => leaf.leaf(|path| values(view, path))?,
        })
    }

    /// Whether a folder passes.
    pub(super) fn takes_folder(&self, folder: &Folder) -> bool {
        match self {
            Self::And(all) => all.iter().all(|r| r.takes_folder(folder)),
            Self::Or(all) => all.iter().any(|r| r.takes_folder(folder)),
            Self::Not(one) => !one.takes_folder(folder),
            leaf => {
                let value = |path: &Path| {
                    Ok(match path {
                        Path::Field(uri) if uri == "folder:DisplayName" => vec![folder.name.clone()],
                        Path::Field(uri) if uri == "folder:FolderClass" => vec![folder.class.clone()],
                        _ => Vec::new(),
                    })
                };
                leaf.leaf(value).unwrap_or(false)
            }
        }
    }

    fn leaf(&self, values: impl Fn(&Path) -> Result<Vec<String>, Refusal>) -> Result<bool, Refusal> {
        Ok(match self {
            Self::Exists(path) => !values(path)?.is_empty(),
            Self::Excludes(path, mask) => {
                values(path)?.iter().all(|v| v.parse::<i64>().is_ok_and(|n| n & mask == 0))
            }
            Self::Compare(path, comparison, operand) => {
                let left = values(path)?;
                let right = match operand {
                    Operand::Constant(value) => vec![value.clone()],
                    Operand::Property(other) => values(other)?,
                };
                // A property that is not there equals nothing; it is unequal to everything.
                if *comparison == Comparison::NotEqual {
                    !left.iter().any(|l| right.iter().any(|r| order(l, r) == Ordering::Equal))
                } else {
                    left.iter().any(|l| right.iter().any(|r| comparison.holds(order(l, r))))
                }
            }
            Self::Contains(path, mode, wanted, exact) => {
                let fold = |text: &str| if *exact { text.to_owned() } else { text.to_lowercase() };
                let wanted = fold(wanted);
                values(path)?.iter().map(|v| fold(v)).any(|v| match mode {
                    Containment::Full => v == wanted,
                    Containment::Prefixed => v.starts_with(&wanted),
                    Containment::Substring | Containment::ExactPhrase => v.contains(&wanted),
                    Containment::PrefixOnWords => v.split_whitespace().any(|w| w.starts_with(&wanted)),
                })
            }
            Self::And(_) | Self::Or(_) | Self::Not(_) => false,
        })
    }
}

impl Comparison {
    fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order == Ordering::Equal,
            Self::NotEqual => order != Ordering::Equal,
            Self::Greater => order == Ordering::Greater,
            Self::GreaterOrEqual => order != Ordering::Less,
            Self::Less => order == Ordering::Less,
            Self::LessOrEqual => order != Ordering::Greater,
        }
    }
}

fn operand(element: &Element) -> Result<Operand, Fault> {
    let inside = element.child("FieldURIOrConstant").and_then(|o| o.children.first());
    let inside = inside.ok_or_else(|| Fault::schema("'FieldURIOrConstant' is expected."))?;
    if inside.name == "Constant" {
        return Ok(Operand::Constant(inside.attribute("Value").unwrap_or_default().to_owned()));
    }
    Ok(Operand::Property(Path::parse(inside)?))
}

/// Compares as the store does: instants as instants, numbers as numbers, texts without regard to case.
pub(super) fn order(left: &str, right: &str) -> Ordering {
    if let (Ok(left), Ok(right)) = (left.parse::<f64>(), right.parse::<f64>()) {
        return left.total_cmp(&right);
    }
    let instant = |text: &str| if text.contains('-') { time::parse(text, chrono_tz::UTC) } else { None };
    if let (Some(left), Some(right)) = (instant(left), instant(right)) {
        return left.cmp(&right);
    }
    left.to_lowercase().cmp(&right.to_lowercase())
}

/// The values of a property for searching and sorting.
pub(super) fn values(view: &View<'_>, path: &Path) -> Result<Vec<String>, Refusal> {
    Ok(match path {
        Path::Extended(key) => extended(view, key),
        Path::Indexed(uri, index) => match indexed_property(view.item.class, uri) {
            Some(_) => {
                view.item.properties.get(&entry_key(uri, index)).map(|e| e.text.clone()).into_iter().collect()
            }
            None => Vec::new(),
        },
        Path::Field(uri) => {
            let Some(property) = view.item.class.by_uri(uri) else {
                return Ok(Vec::new());
            };
            match property.kind {
                Kind::Extended
                | Kind::Dictionary(_)
                | Kind::Addresses
                | Kind::Recurrence
                | Kind::TimeZone => {
                    return Err(Refusal::new(
                        "ErrorUnsupportedPathForQuery",
                        "The specified path can't be used in a search filter.",
                    )
                    .at(path.element()));
                }
                _ => view.value(property, BodyWanted::Text).map(|e| texts(&e)).unwrap_or_default(),
            }
        }
    })
}

fn extended(view: &View<'_>, key: &Key) -> Vec<String> {
    view.extended_values(key).unwrap_or_default()
}

fn texts(element: &Element) -> Vec<String> {
    if element.children.is_empty() {
        return vec![element.text.clone()];
    }
    element.children.iter().flat_map(texts).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_numbers_and_texts_are_ordered_each_in_their_way() {
        assert_eq!(order("9", "10"), Ordering::Less);
        assert_eq!(order("2026-01-01T00:00:00Z", "2026-01-01T01:00:00+01:00"), Ordering::Equal);
        assert_eq!(order("abc", "ABC"), Ordering::Equal);
    }
}
