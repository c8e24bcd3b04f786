//! Pieces of SOQL: values as literals, so that nothing a user typed can become part of a query.

use chrono::{DateTime, NaiveDate, SecondsFormat, Utc};
use riva_core::item::is_in_calendar;

/// A text as a literal.
pub fn text(value: &str) -> String {
    let mut out = String::with_capacity(value.len() + 2);
    out.push('\'');
    for c in value.chars() {
        match c {
            '\'' | '\\' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

/// Texts as a list: `('a','b')`.
pub fn list<'a>(values: impl IntoIterator<Item = &'a str>) -> String {
    format!("({})", values.into_iter().map(text).collect::<Vec<_>>().join(","))
}

/// An instant as a literal (never quoted), to the millisecond as Salesforce keeps it.
pub fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Millis, true)
}

/// A day as a literal (never quoted).
pub fn day(day: NaiveDate) -> String {
    day.to_string()
}

/// An instant as Salesforce writes it (`2026-11-23T10:00:00.000+0000`), or as we do (RFC 3339).
pub fn read_instant(text: &str) -> Option<DateTime<Utc>> {
    let read = DateTime::parse_from_str(text, "%Y-%m-%dT%H:%M:%S%.f%z")
        .or_else(|_| DateTime::parse_from_rfc3339(text));
    read.ok().map(|t| t.with_timezone(&Utc)).filter(is_in_calendar)
}

/// A day as Salesforce writes it.
pub fn read_day(text: &str) -> Option<NaiveDate> {
    text.parse().ok().filter(is_in_calendar)
}

/// Whether a text has the form of a record id: 15 or 18 letters and digits.
pub fn is_id(text: &str) -> bool {
    matches!(text.len(), 15 | 18) && text.bytes().all(|b| b.is_ascii_alphanumeric())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn literals() {
        assert_eq!(text(r"O'Brien \ Sons"), r"'O\'Brien \\ Sons'");
        assert_eq!(list(["a", "b'"]), r"('a','b\'')");
        let at = read_instant("2026-11-23T10:00:00.120+0000").expect("an instant");
        assert_eq!(instant(at), "2026-11-23T10:00:00.120Z");
        assert_eq!(read_instant("2026-11-23T10:00:00Z"), read_instant("2026-11-23T11:00:00.000+0100"));
        assert!(is_id("003A000001abcDE") && !is_id("003A'00001abcDE"));
    }

    proptest! {
        #[test]
        fn no_text_ends_its_literal_early(value in any::<String>()) {
            let literal = text(&value);
            let inner = &literal[1..literal.len() - 1];
            let mut escaped = false;
            for c in inner.chars() {
                prop_assert!(escaped || c != '\'');
                escaped = !escaped && c == '\\';
            }
            prop_assert!(!escaped);
        }
    }
}
