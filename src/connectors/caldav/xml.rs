//! WebDAV's XML: request bodies, and what is taken from a multistatus (RFC 4918, sections 13 and 14).

use super::path;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A property as asked for, with its prefix of [`NAMESPACES`].
pub type Name = &'static str;

/// The prefixes that every request declares.
const NAMESPACES: &str = concat!(
    "xmlns:d=\"DAV:\" xmlns:c=\"urn:ietf:params:xml:ns:caldav\" ",
    "xmlns:r=\"urn:ietf:params:xml:ns:carddav\" xmlns:s=\"http://calendarserver.org/ns/\""
);

fn prefix_of(namespace: &str) -> &'static str {
    match namespace {
        "DAV:" => "d:",
        "urn:ietf:params:xml:ns:caldav" => "c:",
        "urn:ietf:params:xml:ns:carddav" => "r:",
        "http://calendarserver.org/ns/" => "s:",
        _ => "?:",
    }
}

/// A request body with this root and content.
pub fn document(root: &str, content: &str) -> String {
    format!("<?xml version=\"1.0\" encoding=\"utf-8\"?>\n<{root} {NAMESPACES}>{content}</{root}>")
}

/// `<d:prop>…</d:prop>`.
pub fn prop(names: &[Name]) -> String {
    let mut text = String::from("<d:prop>");
    for name in names {
        let _ = write!(text, "<{name}/>");
    }
    text.push_str("</d:prop>");
    text
}

/// An element with text.
pub fn element(name: &str, text: &str) -> String {
    format!("<{name}>{}</{name}>", escaped(text))
}

/// Text for XML. Characters that XML 1.0 has not are left out.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c if c.is_control() && !matches!(c, '\n' | '\r' | '\t') => {}
            c => out.push(c),
        }
    }
    out
}

/// A property's value, as far as any of ours needs it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prop {
    /// All text inside, trimmed.
    pub text: String,
    /// The names of all elements inside, with prefix.
    pub elements: Vec<String>,
    /// The text of each `href` inside.
    pub hrefs: Vec<String>,
    /// The `name` attribute of each `comp` inside.
    pub comps: Vec<String>,
}

impl Prop {
    /// Whether an element is inside.
    pub fn has(&self, name: &str) -> bool {
        self.elements.iter().any(|e| e == name)
    }
}

/// What a multistatus says of one resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Answer {
    /// Its path, in one spelling ([`path::canonical`]).
    pub path: String,
    /// Its own status, if it has one.
    pub status: Option<u16>,
    /// The properties that were found.
    pub props: BTreeMap<String, Prop>,
    /// The status of the properties that were not.
    pub missing: BTreeMap<String, u16>,
    /// The names of the elements of `error`.
    pub errors: Vec<String>,
}

impl Answer {
    /// A property that was found.
    pub fn prop(&self, name: &str) -> Option<&Prop> {
        self.props.get(name)
    }

    /// A property's text; `None` if it was not found or is empty.
    pub fn text(&self, name: &str) -> Option<&str> {
        self.prop(name).map(|p| p.text.as_str()).filter(|t| !t.is_empty())
    }

    /// The paths in a property.
    pub fn paths(&self, name: &str, base: &url::Url) -> Vec<String> {
        self.prop(name)
            .map(|p| p.hrefs.iter().map(|h| path::canonical(base, h)).collect())
            .unwrap_or_default()
    }

    /// Whether its resource type is this.
    pub fn is_a(&self, kind: &str) -> bool {
        self.prop("d:resourcetype").is_some_and(|p| p.has(kind))
    }
}

/// A multistatus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Multistatus {
    /// In the server's order.
    pub answers: Vec<Answer>,
    /// RFC 6578.
    pub sync_token: Option<String>,
}

/// Reads a multistatus. The error is for a person.
pub fn multistatus(text: &str, base: &url::Url) -> Result<Multistatus, String> {
    let document = roxmltree::Document::parse(text).map_err(|e| format!("no XML: {e}"))?;
    let root = document.root_element();
    if name(root) != "d:multistatus" {
        return Err(format!("a {} instead of a multistatus", root.tag_name().name()));
    }
    let mut found = Multistatus::default();
    for child in root.children().filter(roxmltree::Node::is_element) {
        match name(child).as_str() {
            "d:response" => found.answers.extend(answers(child, base)),
            "d:sync-token" => found.sync_token = Some(all_text(child)),
            _ => {}
        }
    }
    Ok(found)
}

/// The names of the elements in an error body (`<d:error>`, RFC 4918, section 14.5).
pub fn conditions(text: &str) -> Vec<String> {
    let Ok(document) = roxmltree::Document::parse(text) else { return Vec::new() };
    document.root_element().descendants().filter(roxmltree::Node::is_element).map(name).collect()
}

fn name(node: roxmltree::Node<'_, '_>) -> String {
    format!("{}{}", prefix_of(node.tag_name().namespace().unwrap_or_default()), node.tag_name().name())
}

fn all_text(node: roxmltree::Node<'_, '_>) -> String {
    node.descendants()
        .filter(roxmltree::Node::is_text)
        .filter_map(|n| n.text())
        .collect::<String>()
        .trim()
        .to_owned()
}

/// `HTTP/1.1 404 Not Found`.
fn status(node: roxmltree::Node<'_, '_>) -> Option<u16> {
    all_text(node).split_whitespace().nth(1)?.parse().ok()
}

fn children<'a>(
    node: roxmltree::Node<'a, 'a>,
    wanted: &'static str,
) -> impl Iterator<Item = roxmltree::Node<'a, 'a>> {
    node.children().filter(move |c| c.is_element() && name(*c) == wanted)
}

/// One for each href: a response may name several (RFC 4918, section 14.24).
fn answers(response: roxmltree::Node<'_, '_>, base: &url::Url) -> Vec<Answer> {
    let mut answer =
        Answer { status: children(response, "d:status").next().and_then(status), ..Answer::default() };
    answer.errors = children(response, "d:error")
        .flat_map(|e| e.descendants().skip(1))
        .filter(roxmltree::Node::is_element)
        .map(name)
        .collect();
    for stat in children(response, "d:propstat") {
        let status = children(stat, "d:status").next().and_then(status).unwrap_or(200);
        for found in children(stat, "d:prop").flat_map(|p| p.children()).filter(roxmltree::Node::is_element) {
            if (200..300).contains(&status) {
                answer.props.insert(name(found), read_prop(found));
            } else {
                answer.missing.insert(name(found), status);
            }
        }
    }
    children(response, "d:href")
        .map(|href| Answer { path: path::canonical(base, &all_text(href)), ..answer.clone() })
        .collect()
}

fn read_prop(node: roxmltree::Node<'_, '_>) -> Prop {
    let inside = || node.descendants().skip(1).filter(roxmltree::Node::is_element);
    let text: String = node.descendants().filter(roxmltree::Node::is_text).filter_map(|n| n.text()).collect();
    Prop {
        text: text.trim().to_owned(),
        elements: inside().map(name).collect(),
        hrefs: inside().filter(|n| name(*n) == "d:href").map(all_text).collect(),
        comps: inside()
            .filter(|n| name(*n) == "c:comp")
            .filter_map(|n| n.attribute("name"))
            .map(str::to_owned)
            .collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sync_report_is_read() {
        let base: url::Url = "https://dav.test/x/".parse().unwrap();
        let text = concat!(
            "<?xml version='1.0'?><D:multistatus xmlns:D='DAV:' xmlns:C='urn:ietf:params:xml:ns:caldav'>",
            "<D:response><D:href>https://dav.test/x/a%20b.ics</D:href><D:propstat><D:prop><D:getetag>\"1\"</D:getetag></D:prop>",
            "<D:status>HTTP/1.1 200 OK</D:status></D:propstat><D:propstat><D:prop><C:calendar-data/></D:prop>",
            "<D:status>HTTP/1.1 404 Not Found</D:status></D:propstat></D:response>",
            "<D:response><D:href>/x/c.ics</D:href><D:status>HTTP/1.1 404 Not Found</D:status></D:response>",
            "<D:response><D:href>/x/</D:href><D:status>HTTP/1.1 507 Full</D:status><D:error>",
            "<D:number-of-matches-within-limits/></D:error></D:response>",
            "<D:sync-token>t7</D:sync-token></D:multistatus>"
        );
        let read = multistatus(text, &base).unwrap();
        assert_eq!(read.sync_token.as_deref(), Some("t7"));
        assert_eq!(read.answers[0].path, "/x/a%20b.ics");
        assert_eq!(read.answers[0].text("d:getetag"), Some("\"1\""));
        assert_eq!(read.answers[0].missing["c:calendar-data"], 404);
        assert_eq!(read.answers[1].status, Some(404));
        assert_eq!(read.answers[2].errors, ["d:number-of-matches-within-limits"]);
        assert!(multistatus("<html/>", &base).is_err());
    }
}
