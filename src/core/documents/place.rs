//! Where in a TOML text a key stands, so that every finding can name its line.

use toml_edit::{Document, Item, TableLike};

/// A step on the way to a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Step<'a> {
    /// A key of a table.
    Key(&'a str),
    /// An element of an array.
    At(usize),
}

/// The line (counted from 1) on which a byte lies.
pub(crate) fn line_at(text: &str, byte: usize) -> usize {
    1 + text.as_bytes().iter().take(byte).filter(|b| **b == b'\n').count()
}

/// The line of a key: of the last step of the path that exists.
pub(crate) fn line_of(text: &str, path: &[Step<'_>]) -> Option<usize> {
    let document = Document::parse(text).ok()?;
    let mut item = document.as_item();
    let mut line = None;
    for step in path {
        let (span, next) = match step {
            Step::Key(key) => {
                let Some((name, next)) = item.as_table_like().and_then(|t| t.get_key_value(key)) else {
                    break;
                };
                (name.span().or_else(|| next.span()), next)
            }
            Step::At(index) => {
                let Some(next) = item.get(*index) else { break };
                (next.span(), next)
            }
        };
        if let Some(span) = span {
            line = Some(line_at(text, span.start));
        }
        item = next;
    }
    line
}

/// The dotted key at a byte: the innermost one whose name or value covers it.
pub(crate) fn key_at(text: &str, byte: usize) -> Option<String> {
    let document = Document::parse(text).ok()?;
    let mut path = Vec::new();
    if let Some(table) = document.as_item().as_table_like() {
        descend(table, byte, &mut path);
    }
    (!path.is_empty()).then(|| path.join("."))
}

fn descend(table: &dyn TableLike, byte: usize, path: &mut Vec<String>) -> bool {
    let covers = |span: Option<std::ops::Range<usize>>| span.is_some_and(|s| s.start <= byte && byte < s.end);
    for (name, item) in table.iter() {
        let on_key = covers(table.key(name).and_then(toml_edit::Key::span));
        path.push(name.to_owned());
        let inside = match item {
            Item::ArrayOfTables(tables) => tables.iter().any(|t| descend(t, byte, path) || covers(t.span())),
            other => other.as_table_like().is_some_and(|t| descend(t, byte, path)),
        };
        if inside || on_key || covers(item.span()) {
            return true;
        }
        path.pop();
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "enabled = true\n\n[modules.calendar]\ndays_back = 45\n\n[[user]]\naddress = \"a@b.c\"\n\n[[user]]\naddress = \"d@e.f\"\n";

    #[test]
    fn keys_and_lines_are_found() {
        let byte = TEXT.find("45").unwrap();
        assert_eq!(key_at(TEXT, byte).as_deref(), Some("modules.calendar.days_back"));
        assert_eq!(line_at(TEXT, byte), 4);
        let path = [Step::Key("user"), Step::At(1), Step::Key("address")];
        assert_eq!(line_of(TEXT, &path), Some(10));
        assert_eq!(line_of(TEXT, &[Step::Key("modules"), Step::Key("calendar")]), Some(3));
        assert_eq!(line_of(TEXT, &[Step::Key("nothing")]), None);
        assert_eq!(key_at(TEXT, TEXT.find("d@e").unwrap()).as_deref(), Some("user.address"));
    }
}
