//! XML as trees: requests are built as [`Node`]s and written by one writer; replies are read with roxmltree.

use quick_xml::Writer;
use quick_xml::events::{BytesEnd, BytesStart, BytesText, Event};
use std::borrow::Cow;

/// An element of a request: a prefixed name (`t:Subject`), attributes, and text or children.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Node {
    pub(super) name: &'static str,
    pub(super) attributes: Vec<(&'static str, String)>,
    pub(super) text: Option<String>,
    pub(super) children: Vec<Node>,
}

impl Node {
    pub(super) fn new(name: &'static str) -> Self {
        Self { name, attributes: Vec::new(), text: None, children: Vec::new() }
    }

    /// An element with text.
    pub(super) fn text(name: &'static str, text: impl Into<String>) -> Self {
        Self { text: Some(text.into()), ..Self::new(name) }
    }

    #[must_use]
    pub(super) fn with(mut self, attribute: &'static str, value: impl Into<String>) -> Self {
        self.attributes.push((attribute, value.into()));
        self
    }

    #[must_use]
    pub(super) fn child(mut self, child: Node) -> Self {
        self.children.push(child);
        self
    }

    #[must_use]
    pub(super) fn children(mut self, children: impl IntoIterator<Item = Node>) -> Self {
        self.children.extend(children);
        self
    }

    /// The element as a document.
    pub(super) fn write(&self) -> Vec<u8> {
        let mut writer = Writer::new(br#"<?xml version="1.0" encoding="utf-8"?>"#.to_vec());
        self.write_to(&mut writer);
        writer.into_inner()
    }

    fn write_to(&self, writer: &mut Writer<Vec<u8>>) {
        let mut start = BytesStart::new(self.name);
        for (name, value) in &self.attributes {
            start.push_attribute((*name, &*legal(value)));
        }
        // A Vec takes everything that is written to it, so none of these can fail.
        let mut event = |event: Event<'_>| writer.write_event(event).expect("a Vec refuses nothing");
        if self.text.is_none() && self.children.is_empty() {
            event(Event::Empty(start));
            return;
        }
        event(Event::Start(start));
        if let Some(text) = &self.text {
            event(Event::Text(BytesText::new(&legal(text))));
        }
        for child in &self.children {
            child.write_to(writer);
        }
        writer.write_event(Event::End(BytesEnd::new(self.name))).expect("a Vec refuses nothing");
    }
}

/// Without the characters that XML 1.0 cannot hold (section 2.2): one of them would make the server refuse the whole
/// request.
fn legal(text: &str) -> Cow<'_, str> {
    let bad = |c: char| matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}');
    if text.contains(bad) { Cow::Owned(text.replace(bad, "")) } else { Cow::Borrowed(text) }
}

/// Reading of elements by their local names, wherever their prefix comes from.
pub(super) trait Read<'a> {
    /// The first child element with a name.
    fn one(&self, name: &str) -> Option<roxmltree::Node<'a, 'a>>;
    /// The children that are elements.
    fn elements(&self) -> Box<dyn Iterator<Item = roxmltree::Node<'a, 'a>> + 'a>;
    /// The first descendant element with a name.
    fn deep(&self, name: &str) -> Option<roxmltree::Node<'a, 'a>>;
    /// The whole text of the first child element with a name.
    fn text_of(&self, name: &str) -> Option<String>;
    /// All text inside.
    fn all_text(&self) -> String;
}

impl<'a> Read<'a> for roxmltree::Node<'a, 'a> {
    fn one(&self, name: &str) -> Option<roxmltree::Node<'a, 'a>> {
        self.children().find(|n| n.is_element() && n.tag_name().name() == name)
    }

    fn elements(&self) -> Box<dyn Iterator<Item = roxmltree::Node<'a, 'a>> + 'a> {
        Box::new(self.children().filter(roxmltree::Node::is_element))
    }

    fn deep(&self, name: &str) -> Option<roxmltree::Node<'a, 'a>> {
        self.descendants().find(|n| n.is_element() && n.tag_name().name() == name)
    }

    fn text_of(&self, name: &str) -> Option<String> {
        self.one(name).map(|n| n.all_text())
    }

    fn all_text(&self) -> String {
        self.descendants().filter(roxmltree::Node::is_text).filter_map(|n| n.text()).collect()
    }
}

/// Exchange puts characters into replies that XML 1.0 forbids (as `&#x1;` or raw): reading would stop there.
pub(super) fn readable(body: &[u8]) -> String {
    let text = String::from_utf8_lossy(body);
    let text = text.strip_prefix('\u{feff}').unwrap_or(&text);
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find("&#") {
        out.push_str(&legal(&rest[..at]));
        rest = &rest[at..];
        let Some(end) = rest.find(';').filter(|end| *end <= 10) else {
            out.push_str("&#");
            rest = &rest[2..];
            continue;
        };
        let digits = &rest[2..end];
        let code = digits
            .strip_prefix(['x', 'X'])
            .map_or_else(|| digits.parse::<u32>().ok(), |hex| u32::from_str_radix(hex, 16).ok());
        let fits = code
            .and_then(char::from_u32)
            .is_some_and(|c| legal(c.encode_utf8(&mut [0; 4])).len() == c.len_utf8());
        if fits {
            out.push_str(&rest[..=end]);
        }
        rest = &rest[end + 1..];
    }
    out.push_str(&legal(rest));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_attributes_are_escaped_and_kept_legal() {
        let node =
            Node::new("t:Entry").with("Key", "a\"<&").child(Node::text("t:Street", "1 < 2 & \u{1}3\n4"));
        let xml = String::from_utf8(node.write()).unwrap();
        let full = xml.replacen("<t:Entry", "<t:Entry xmlns:t=\"urn:t\"", 1);
        let doc = roxmltree::Document::parse(&full).unwrap();
        assert_eq!(doc.root_element().attribute("Key"), Some("a\"<&"));
        assert_eq!(doc.root_element().text_of("Street").unwrap(), "1 < 2 & 3\n4");
    }

    #[test]
    fn forbidden_characters_in_replies_are_dropped() {
        let xml = readable("<a>x&#x1;y&#10;z&#xFFFF;\u{2}&#65; & # &#;</a>".as_bytes());
        assert_eq!(xml, "<a>xy&#10;z&#65; & # </a>");
    }
}
