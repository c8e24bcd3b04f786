//! Content lines (RFC 5545, section 3.1; RFC 6350, section 3.2): the form that iCalendar and vCard share.
//!
//! What somebody else wrote is kept to the byte: a line that we do not change is written back exactly as it was read,
//! folding, escapes and mistakes included. So nothing that Riva does not understand is lost or tidied up.

use super::escape::{escape, unescape};
use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest physical line that we write, in octets, without its line break.
pub(super) const FOLD_AT: usize = 75;

/// A parameter of a content line, its values decoded (RFC 6868).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Param {
    /// In upper case.
    pub name: String,
    /// Its comma-separated values, without quotes.
    pub values: Vec<String>,
}

/// One content line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line {
    /// vCard's group (`item1` in `item1.TEL`).
    pub group: Option<String>,
    /// In upper case; empty for a line that is none.
    pub name: String,
    /// In order.
    pub params: Vec<Param>,
    /// Unfolded, still escaped as the format wants it.
    pub(super) value: String,
    /// As it was read, without the last line break; `None` once changed.
    raw: Option<String>,
}

impl Line {
    /// A new line with a value that is already escaped.
    pub fn new(name: &str, value: impl Into<String>) -> Self {
        Self { name: name.to_owned(), value: value.into(), ..Self::default() }
    }

    /// A new line with a text value.
    pub fn text(name: &str, text: &str) -> Self {
        Self::new(name, escape(text))
    }

    /// The same with a parameter.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<String>) -> Self {
        self.set_param(name, value);
        self
    }

    /// A parameter's first value.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.params.iter().find(|p| p.name == name)?.values.first().map(String::as_str)
    }

    /// All words of a parameter, in lower case. vCard's `TYPE` may be there several times, or as one quoted list.
    pub fn param_words(&self, name: &str) -> Vec<String> {
        let values = self.params.iter().filter(|p| p.name == name).flat_map(|p| &p.values);
        values.flat_map(|v| v.split(',')).map(|v| v.trim().to_lowercase()).collect()
    }

    /// Sets a parameter to one value.
    pub fn set_param(&mut self, name: &str, value: impl Into<String>) {
        let value = value.into();
        if self.params.iter().any(|p| p.name == name && p.values == [value.as_str()]) {
            return;
        }
        self.params.retain(|p| p.name != name);
        self.params.push(Param { name: name.to_owned(), values: vec![value] });
        self.raw = None;
    }

    /// Takes a parameter away.
    pub fn drop_param(&mut self, name: &str) {
        if self.params.iter().any(|p| p.name == name) {
            self.params.retain(|p| p.name != name);
            self.raw = None;
        }
    }

    /// The value as it stands in the file, unfolded, with vCard 2.1's quoted-printable and base64 texts decoded.
    pub fn value(&self) -> Cow<'_, str> {
        match self.param("ENCODING").map(str::to_ascii_uppercase).as_deref() {
            Some("QUOTED-PRINTABLE") => Cow::Owned(self.quoted_printable_decoded()),
            _ => Cow::Borrowed(&self.value),
        }
    }

    /// The value as text, escapes undone.
    pub fn text_value(&self) -> String {
        unescape(&self.value())
    }

    /// Replaces the value (already escaped). An encoding of the old value goes.
    pub fn set_value(&mut self, value: impl Into<String>) {
        let value = value.into();
        if self.value == value && self.param("ENCODING").is_none() {
            return;
        }
        self.value = value;
        self.drop_param("ENCODING");
        self.drop_param("CHARSET");
        self.raw = None;
    }

    fn quoted_printable_decoded(&self) -> String {
        let source = self.value.as_bytes();
        let mut bytes = Vec::with_capacity(source.len());
        let mut at = 0;
        while let Some(byte) = source.get(at) {
            let code = source.get(at + 1..at + 3).and_then(|two| std::str::from_utf8(two).ok());
            let decoded = code.filter(|_| *byte == b'=').and_then(|two| u8::from_str_radix(two, 16).ok());
            bytes.push(decoded.unwrap_or(*byte));
            at += if decoded.is_some() { 3 } else { 1 };
        }
        let latin = self.param("CHARSET").is_some_and(|c| {
            let c = c.to_ascii_lowercase();
            c.starts_with("iso-8859-1") || c == "windows-1252"
        });
        if latin {
            return bytes.into_iter().map(char::from).collect();
        }
        String::from_utf8(bytes).unwrap_or_else(|e| e.into_bytes().into_iter().map(char::from).collect())
    }

    /// Reads one unfolded line.
    fn read(unfolded: &str, raw: &str) -> Self {
        let broken = || Self { raw: Some(raw.to_owned()), value: unfolded.to_owned(), ..Self::default() };
        let Some(colon) = outside_quotes(unfolded, ':').or_else(|| unfolded.find(':')) else {
            return broken();
        };
        let (head, value) = (&unfolded[..colon], &unfolded[colon + 1..]);
        let mut parts = split_outside_quotes(head, ';').into_iter();
        let name = parts.next().unwrap_or_default().trim();
        let (group, name) = match name.rsplit_once('.') {
            Some((group, name)) => (Some(group.to_owned()), name),
            None => (None, name),
        };
        if name.is_empty() || !name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-' || c == '_') {
            return broken();
        }
        Self {
            group,
            name: name.to_ascii_uppercase(),
            params: parts.filter(|p| !p.trim().is_empty()).map(read_param).collect(),
            value: value.to_owned(),
            raw: Some(raw.to_owned()),
        }
    }

    pub(super) fn write(&self, out: &mut String) {
        if let Some(raw) = &self.raw {
            out.push_str(raw);
            out.push_str("\r\n");
            return;
        }
        let mut line = String::new();
        if let Some(group) = &self.group {
            let _ = write!(line, "{group}.");
        }
        line.push_str(&self.name);
        for param in &self.params {
            let _ = write!(line, ";{}=", writable_name(&param.name));
            for (n, value) in param.values.iter().enumerate() {
                if n > 0 {
                    line.push(',');
                }
                write_param_value(&mut line, value);
            }
        }
        line.push(':');
        line.push_str(&self.value);
        fold(&line, out);
    }
}

/// Unfolds a text into lines. Empty lines are not content.
pub(super) fn physical(text: &str) -> Vec<Line> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // Some programs break lines at a lone CR, at VT or FF too: what is one line for us must be one for them, or somebody
    // could be invited by a line that we do not see.
    let forbidden = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
    let text = if text.contains(forbidden) { Cow::Owned(text.replace(forbidden, "")) } else { text.into() };
    let mut lines = Vec::new();
    let mut rows = text.split(['\n', '\r']).filter(|row| !row.is_empty()).peekable();
    while let Some(row) = rows.next() {
        let (mut unfolded, mut raw) = (row.to_owned(), row.to_owned());
        loop {
            if let Some(more) = rows.next_if(|next| next.starts_with([' ', '\t'])) {
                unfolded.push_str(&more[1..]);
                let _ = write!(raw, "\r\n{more}");
            } else if unfolded.ends_with('=') && is_quoted_printable(&unfolded) {
                // vCard 2.1: a soft line break of quoted-printable.
                let Some(more) = rows.next() else { break };
                unfolded.pop();
                unfolded.push_str(more);
                let _ = write!(raw, "\r\n{more}");
            } else {
                break;
            }
        }
        lines.push(Line::read(&unfolded, &raw));
    }
    lines
}

fn is_quoted_printable(line: &str) -> bool {
    line.split(':').next().is_some_and(|head| head.to_ascii_uppercase().contains("QUOTED-PRINTABLE"))
}

fn read_param(text: &str) -> Param {
    let Some((name, values)) = text.split_once('=') else {
        // vCard 2.1 writes types and encodings without a name.
        let word = text.trim();
        let name = match word.to_ascii_uppercase().as_str() {
            "QUOTED-PRINTABLE" | "BASE64" | "8BIT" | "7BIT" => "ENCODING",
            _ => "TYPE",
        };
        return Param { name: name.to_owned(), values: vec![word.to_owned()] };
    };
    Param {
        name: name.trim().to_ascii_uppercase(),
        values: split_outside_quotes(values, ',')
            .into_iter()
            .map(|v| decode_caret(v.trim().trim_matches('"')))
            .collect(),
    }
}

/// RFC 6868.
fn decode_caret(text: &str) -> String {
    if !text.contains('^') {
        return text.to_owned();
    }
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        let next = if c == '^' { chars.peek().copied() } else { None };
        match next {
            Some('n') => out.push('\n'),
            Some('^') => out.push('^'),
            Some('\'') => out.push('"'),
            _ => {
                out.push(c);
                continue;
            }
        }
        chars.next();
    }
    out
}

/// Quotes in a parameter's name would hide what comes after it from whoever pairs them otherwise, our own parameters too. No
/// known name has an underscore, so that none comes to be one by this.
fn writable_name(name: &str) -> Cow<'_, str> {
    let misread = ['"', ':', ';', ','];
    if name.contains(misread) { Cow::Owned(name.replace(misread, "_")) } else { name.into() }
}

fn write_param_value(out: &mut String, value: &str) {
    let quoted = value.contains([',', ':', ';', ' ', '=']);
    if quoted {
        out.push('"');
    }
    for c in value.chars() {
        match c {
            '\n' => out.push_str("^n"),
            '^' => out.push_str("^^"),
            '"' => out.push_str("^'"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    if quoted {
        out.push('"');
    }
}

fn fold(line: &str, out: &mut String) {
    let mut width = 0;
    for c in line.chars() {
        if width + c.len_utf8() > FOLD_AT {
            out.push_str("\r\n ");
            width = 1;
        }
        out.push(c);
        width += c.len_utf8();
    }
    out.push_str("\r\n");
}

fn outside_quotes(text: &str, wanted: char) -> Option<usize> {
    let mut quoted = false;
    text.char_indices().find_map(|(at, c)| {
        if c == '"' {
            quoted = !quoted;
        }
        (c == wanted && !quoted).then_some(at)
    })
}

fn split_outside_quotes(text: &str, at: char) -> Vec<&str> {
    let mut quoted = false;
    text.split(|c| {
        if c == '"' {
            quoted = !quoted;
        }
        c == at && !quoted
    })
    .collect()
}
