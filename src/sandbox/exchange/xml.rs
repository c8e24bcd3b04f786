//! Elements of requests and replies: read with roxmltree, kept and written as a small tree of our own.

use std::borrow::Cow;
use std::fmt::Write as _;

/// Namespace of SOAP 1.1 envelopes.
pub(super) const SOAP: &str = "http://schemas.xmlsoap.org/soap/envelope/";
/// Namespace of EWS operations.
pub(super) const MESSAGES: &str = "http://schemas.microsoft.com/exchange/services/2006/messages";
/// Namespace of EWS types.
pub(super) const TYPES: &str = "http://schemas.microsoft.com/exchange/services/2006/types";
/// Namespace of the details of a SOAP fault.
pub(super) const ERRORS: &str = "http://schemas.microsoft.com/exchange/services/2006/errors";

/// Which namespace an element is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Space {
    Types,
    Messages,
    /// Anything else; written without a namespace.
    None,
}

/// An element: either text or children (EWS has no mixed content).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Element {
    pub(super) space: Space,
    pub(super) name: Cow<'static, str>,
    pub(super) attributes: Vec<(Cow<'static, str>, String)>,
    pub(super) children: Vec<Element>,
    pub(super) text: String,
}

impl Element {
    fn new(space: Space, name: impl Into<Cow<'static, str>>) -> Self {
        Self { space, name: name.into(), attributes: Vec::new(), children: Vec::new(), text: String::new() }
    }

    /// An element of the types namespace.
    pub(super) fn t(name: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Space::Types, name)
    }

    /// An element of the messages namespace.
    pub(super) fn m(name: impl Into<Cow<'static, str>>) -> Self {
        Self::new(Space::Messages, name)
    }

    pub(super) fn attr(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.attributes.push((name.into(), value.into()));
        self
    }

    pub(super) fn text(mut self, text: impl Into<String>) -> Self {
        self.text = text.into();
        self
    }

    pub(super) fn with(mut self, child: Self) -> Self {
        self.children.push(child);
        self
    }

    pub(super) fn with_all(mut self, children: impl IntoIterator<Item = Self>) -> Self {
        self.children.extend(children);
        self
    }

    /// The first child of this name.
    pub(super) fn child(&self, name: &str) -> Option<&Self> {
        self.children.iter().find(|c| c.name == name)
    }

    /// The text of the first child of this name.
    pub(super) fn child_text(&self, name: &str) -> Option<&str> {
        self.child(name).map(|c| c.text.as_str())
    }

    /// An attribute's value.
    pub(super) fn attribute(&self, name: &str) -> Option<&str> {
        self.attributes.iter().find(|(n, _)| n == name).map(|(_, v)| v.as_str())
    }

    /// From a parsed document.
    pub(super) fn from_node(node: roxmltree::Node<'_, '_>) -> Self {
        let space = match node.tag_name().namespace() {
            Some(TYPES) => Space::Types,
            Some(MESSAGES) => Space::Messages,
            _ => Space::None,
        };
        let children: Vec<_> =
            node.children().filter(roxmltree::Node::is_element).map(Self::from_node).collect();
        let text = if children.is_empty() {
            node.children().filter_map(|n| if n.is_text() { n.text() } else { None }).collect()
        } else {
            String::new()
        };
        Self {
            space,
            name: node.tag_name().name().to_owned().into(),
            attributes: node
                .attributes()
                .map(|a| (a.name().to_owned().into(), a.value().to_owned()))
                .collect(),
            children,
            text,
        }
    }

    /// Writes the element with the prefixes `t` and `m`, which the envelope declares.
    pub(super) fn write(&self, out: &mut String) {
        let prefix = match self.space {
            Space::Types => "t:",
            Space::Messages => "m:",
            Space::None => "",
        };
        // Writing to a String cannot fail.
        let _ = write!(out, "<{prefix}{}", self.name);
        for (name, value) in &self.attributes {
            let _ = write!(out, " {name}=\"");
            escape(value, out);
            out.push('"');
        }
        if self.children.is_empty() && self.text.is_empty() {
            out.push_str("/>");
            return;
        }
        out.push('>');
        escape(&self.text, out);
        for child in &self.children {
            child.write(out);
        }
        let _ = write!(out, "</{prefix}{}>", self.name);
    }
}

/// Escapes text for content and attributes. A carriage return must be a reference, or the reader's end-of-line
/// handling eats it (XML 1.0, section 2.11); characters that XML 1.0 cannot carry are dropped.
pub(super) fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#xD;"),
            '\n' | '\t' => out.push(c),
            c if (c as u32) < 0x20 || c == '\u{FFFE}' || c == '\u{FFFF}' => {}
            c => out.push(c),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let element = Element::t("Subject").attr("a", "\"<&").text("a\r\nb < c & d\u{1}");
        let mut text = String::new();
        Element::m("Body").attr("xmlns:t", TYPES).attr("xmlns:m", MESSAGES).with(element).write(&mut text);
        let document = roxmltree::Document::parse(&text).unwrap();
        let back = Element::from_node(document.root_element());
        let subject = back.child("Subject").unwrap();
        assert_eq!(subject.text, "a\r\nb < c & d");
        assert_eq!(subject.attribute("a"), Some("\"<&"));
        assert_eq!(subject.space, Space::Types);
    }
}
