//! Content lines (RFC 5545, section 3.1; RFC 6350, section 3.2): the form that iCalendar and vCard share.
//!
//! What somebody else wrote is kept to the byte: a line that we do not change is written back exactly as it was read,
//! folding, escapes and mistakes included. So nothing that Riva does not understand is lost or tidied up.

use chrono_tz::Tz;
use std::borrow::Cow;
use std::fmt::Write as _;

/// The longest physical line that we write, in octets, without its line break.
const FOLD_AT: usize = 75;

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
    value: String,
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

    fn write(&self, out: &mut String) {
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

/// A component (`BEGIN:…` to `END:…`) with what it holds, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Component {
    /// In upper case.
    pub name: String,
    /// Lines and components.
    pub parts: Vec<Part>,
    /// In which zone a calendar's floating times are, if whoever keeps it says so. It is not of its text.
    pub floating: Option<Tz>,
}

/// What a component holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A content line.
    Line(Line),
    /// A component inside.
    Component(Component),
}

/// Why a text cannot be taken as components.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// There is no `BEGIN:`.
    #[error("there is no BEGIN:{0} in it")]
    NoBegin(&'static str),
    /// An `END:` is missing, or of another component.
    #[error("component {0} is not closed")]
    NotClosed(String),
    /// Components in components in components: no program writes that, and reading it would overflow the stack.
    #[error("components are nested more than {DEEPEST} deep")]
    TooDeep,
}

/// How deep components may be nested. A calendar has three levels.
const DEEPEST: usize = 32;

impl Component {
    /// An empty one.
    pub fn new(name: &str) -> Self {
        Self { name: name.to_owned(), ..Self::default() }
    }

    /// Its lines.
    pub fn lines(&self) -> impl Iterator<Item = &Line> {
        self.parts.iter().filter_map(|p| match p {
            Part::Line(line) => Some(line),
            Part::Component(_) => None,
        })
    }

    /// Its lines, to be changed.
    pub fn lines_mut(&mut self) -> impl Iterator<Item = &mut Line> {
        self.parts.iter_mut().filter_map(|p| match p {
            Part::Line(line) => Some(line),
            Part::Component(_) => None,
        })
    }

    /// The components in it.
    pub fn components(&self) -> impl Iterator<Item = &Self> {
        self.parts.iter().filter_map(|p| match p {
            Part::Component(component) => Some(component),
            Part::Line(_) => None,
        })
    }

    /// The components in it, to be changed.
    pub fn components_mut(&mut self) -> impl Iterator<Item = &mut Self> {
        self.parts.iter_mut().filter_map(|p| match p {
            Part::Component(component) => Some(component),
            Part::Line(_) => None,
        })
    }

    /// Lines of a name.
    pub fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a Line> {
        self.lines().filter(move |l| l.name == name)
    }

    /// The first line of a name.
    pub fn first(&self, name: &str) -> Option<&Line> {
        self.lines().find(|l| l.name == name)
    }

    /// The text of the first line of a name; `None` if there is none or it is empty.
    pub fn text_of(&self, name: &str) -> Option<String> {
        let text = self.first(name)?.text_value();
        if text.trim().is_empty() { None } else { Some(text) }
    }

    /// Puts a line after the last line (before the components inside).
    pub fn push(&mut self, line: Line) {
        let at = self.parts.iter().rposition(|p| matches!(p, Part::Line(_))).map_or(0, |at| at + 1);
        self.parts.insert(at, Part::Line(line));
    }

    /// Takes lines away.
    pub fn remove_lines(&mut self, mut which: impl FnMut(&Line) -> bool) {
        self.parts.retain(|p| !matches!(p, Part::Line(line) if which(line)));
    }

    /// Puts a line in the place of all lines of its name; with `None` only takes them away. A first line that is equal
    /// stays as it is.
    pub fn replace(&mut self, name: &str, line: Option<Line>) {
        let Some(line) = line else { return self.remove_lines(|l| l.name == name) };
        let mut new = Some(line);
        self.parts.retain_mut(|p| match p {
            Part::Line(old) if old.name == name => match new.take() {
                Some(line) => {
                    if old.params != line.params || old.value != line.value {
                        *old = line;
                    }
                    true
                }
                None => false,
            },
            _ => true,
        });
        if let Some(line) = new {
            self.push(line);
        }
    }

    /// Reads every component of a name at the top of a text. What stands outside of them is not kept.
    pub fn read_all(text: &str, name: &'static str) -> Result<Vec<Self>, Malformed> {
        let mut found = Vec::new();
        let mut open: Vec<Self> = Vec::new();
        for line in physical(text) {
            match (line.name.as_str(), open.is_empty()) {
                ("BEGIN", top) => {
                    let begun = line.value.trim().to_ascii_uppercase();
                    if open.len() >= DEEPEST {
                        return Err(Malformed::TooDeep);
                    }
                    if !top || begun == name {
                        open.push(Self::new(&begun));
                    }
                }
                ("END", false) => {
                    let ended = line.value.trim().to_ascii_uppercase();
                    let Some(done) = open.pop() else { continue };
                    if done.name != ended {
                        return Err(Malformed::NotClosed(done.name));
                    }
                    match open.last_mut() {
                        Some(parent) => parent.parts.push(Part::Component(done)),
                        None => found.push(done),
                    }
                }
                (_, false) => {
                    if let Some(parent) = open.last_mut() {
                        parent.parts.push(Part::Line(line));
                    }
                }
                (_, true) => {}
            }
        }
        match open.pop() {
            Some(left) => Err(Malformed::NotClosed(left.name)),
            None if found.is_empty() => Err(Malformed::NoBegin(name)),
            None => Ok(found),
        }
    }

    /// Writes it, with CR LF line breaks.
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.write_to(&mut out);
        out
    }

    fn write_to(&self, out: &mut String) {
        let _ = write!(out, "BEGIN:{}\r\n", self.name);
        for part in &self.parts {
            match part {
                Part::Line(line) => line.write(out),
                Part::Component(component) => component.write_to(out),
            }
        }
        let _ = write!(out, "END:{}\r\n", self.name);
    }
}

/// Unfolds a text into lines. Empty lines are not content.
fn physical(text: &str) -> Vec<Line> {
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

/// Escapes a text value (RFC 5545, section 3.3.11). Control characters other than tab and line break cannot be
/// written.
pub fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\\' | ';' | ',' => {
                out.push('\\');
                out.push(c);
            }
            '\n' => out.push_str("\\n"),
            c if c.is_control() && c != '\t' => {}
            c => out.push(c),
        }
    }
    out
}

/// Undoes [`escape`]; line breaks become `\n`, other control characters are dropped.
pub fn unescape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('n' | 'N') => out.push('\n'),
            Some(next @ ('\\' | ';' | ',' | ':' | '"')) => out.push(next),
            Some(next) => {
                out.push('\\');
                out.push(next);
            }
            None => out.push('\\'),
        }
    }
    if out.contains(char::is_control) {
        out = out.replace("\r\n", "\n").replace('\r', "\n");
        out.retain(|c| !c.is_control() || c == '\n' || c == '\t');
    }
    out
}

/// Splits an escaped value at a separator that is not escaped; the pieces stay escaped.
pub fn split_escaped(value: &str, at: char) -> Vec<&str> {
    let mut escaped = false;
    value
        .split(|c| {
            let here = c == at && !escaped;
            escaped = c == '\\' && !escaped;
            here
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const CARD: &str = "BEGIN:VCARD\r\nVERSION:3.0\r\nitem1.TEL;type=CELL;x-a=\"a;b:c\":+1 (2)\r\nX-ODD;;P=1:a;b,c\\x\r\nbroken line\r\nNOTE:long\r\n  text\r\nEND:VCARD\r\n";

    #[test]
    fn a_line_is_a_line_for_every_program() {
        let text = "BEGIN:VEVENT\r\nSUMMARY:a\rATTENDEE:mailto:b@x.test\u{b}c\r\nEND:VEVENT\r\n";
        let event = Component::read_all(text, "VEVENT").unwrap().remove(0);
        assert_eq!(event.text_of("SUMMARY").as_deref(), Some("a"));
        assert_eq!(event.first("ATTENDEE").unwrap().value(), "mailto:b@x.testc");
        let written = event.write();
        assert!(written.lines().all(|line| !line.contains(|c: char| c.is_control())), "{written:?}");
    }

    #[test]
    fn components_in_components_do_not_overflow_the_stack() {
        let nested = |deep: usize| {
            let (begin, end) = ("BEGIN:VCALENDAR\r\n".repeat(deep), "END:VCALENDAR\r\n".repeat(deep));
            Component::read_all(&format!("{begin}{end}"), "VCALENDAR").map(|found| found.len())
        };
        assert_eq!(nested(DEEPEST), Ok(1));
        assert_eq!(nested(DEEPEST + 1), Err(Malformed::TooDeep));
        assert_eq!(nested(5_000), Err(Malformed::TooDeep));
    }

    #[test]
    fn a_quote_in_the_name_of_a_parameter_hides_nothing() {
        let text =
            "BEGIN:VEVENT\r\nATTENDEE;X\"Y=z\";\"SCHEDULE-AGENT\"=CLIENT:mailto:a@x.test\r\nEND:VEVENT\r\n";
        let mut event = Component::read_all(text, "VEVENT").unwrap().remove(0);
        assert_eq!(event.write(), text);
        event.lines_mut().for_each(|line| line.set_param("SCHEDULE-AGENT", "NONE"));
        let written = event.write();
        let line = written.lines().nth(1).unwrap();
        assert_eq!(line.matches('"').count() % 2, 0, "{line}");
        let again = Component::read_all(&written, "VEVENT").unwrap().remove(0);
        let attendee = again.first("ATTENDEE").unwrap();
        assert_eq!(attendee.param("SCHEDULE-AGENT"), Some("NONE"), "{line}");
        assert_eq!(attendee.value(), "mailto:a@x.test");
    }

    #[test]
    fn what_is_not_changed_is_written_as_it_was() {
        let read = Component::read_all(CARD, "VCARD").unwrap();
        assert_eq!(read[0].write(), CARD);
        let line = read[0].first("TEL").unwrap();
        assert_eq!((line.group.as_deref(), line.param("X-A")), (Some("item1"), Some("a;b:c")));
        assert_eq!(read[0].text_of("NOTE").as_deref(), Some("long text"));
    }

    #[test]
    fn quoted_printable_of_vcard_2_1_is_read() {
        let text = "BEGIN:VCARD\nVERSION:2.1\nN;CHARSET=UTF-8;ENCODING=QUOTED-PRINTABLE:M=C3=BC=\nller;J=3D\nTEL;WORK;FAX:1\nEND:VCARD";
        let card = &Component::read_all(text, "VCARD").unwrap()[0];
        assert_eq!(card.first("N").unwrap().value(), "Müller;J=");
        assert_eq!(card.first("TEL").unwrap().param_words("TYPE"), ["work", "fax"]);
    }

    #[test]
    fn folding_never_cuts_a_character() {
        let mut card = Component::new("VCARD");
        card.push(Line::text("NOTE", &"ü€𝄞x".repeat(60)));
        let text = card.write();
        assert!(text.split("\r\n").all(|l| l.len() <= FOLD_AT));
        let again = &Component::read_all(&text, "VCARD").unwrap()[0];
        assert_eq!(again.text_of("NOTE").unwrap(), "ü€𝄞x".repeat(60));
    }

    #[test]
    fn an_open_component_is_refused() {
        assert_eq!(
            Component::read_all("BEGIN:VCARD\nFN:x\n", "VCARD"),
            Err(Malformed::NotClosed("VCARD".into()))
        );
        assert_eq!(Component::read_all("hello", "VCARD"), Err(Malformed::NoBegin("VCARD")));
    }

    proptest::proptest! {
        #[test]
        fn texts_survive_escaping(text in "[^\\p{C}]{0,40}") {
            proptest::prop_assert_eq!(unescape(&escape(&text)), text);
        }

        #[test]
        fn parameters_survive(text in "[^\\p{C}]{1,40}") {
            let mut c = Component::new("VEVENT");
            c.push(Line::new("ATTENDEE", "mailto:a@b.c").with("CN", text.trim()));
            let again = Component::read_all(&c.write(), "VEVENT").unwrap();
            proptest::prop_assert_eq!(again[0].first("ATTENDEE").unwrap().param("CN"), Some(text.trim()));
        }
    }
}
