//! Components of content lines (RFC 5545, section 3.4; RFC 6350, section 3.3), with all that they hold.

use super::line::{Line, physical};
use chrono_tz::Tz;
use std::fmt::Write as _;

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

#[cfg(test)]
mod tests {
    use super::super::line::FOLD_AT;
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
        fn parameters_survive(text in "[^\\p{C}]{1,40}") {
            let mut c = Component::new("VEVENT");
            c.push(Line::new("ATTENDEE", "mailto:a@b.c").with("CN", text.trim()));
            let again = Component::read_all(&c.write(), "VEVENT").unwrap();
            proptest::prop_assert_eq!(again[0].first("ATTENDEE").unwrap().param("CN"), Some(text.trim()));
        }
    }
}
