//! XML-RPC (the 1999 specification with the `nil` extension), as OpenERP and Odoo speak it.
//!
//! Tolerated beyond the specification: fault codes that are strings (OpenERP 7), `i8` and `nil`, control characters
//! that Python writes although XML 1.0 has none.

use std::collections::BTreeMap;
use std::fmt::Write as _;

/// A value.
#[derive(Debug, Clone, PartialEq)]
pub enum Value {
    /// None (`nil`).
    Nil,
    /// True or false. OpenERP says `False` for every empty field.
    Bool(bool),
    /// A whole number.
    Int(i64),
    /// A number.
    Double(f64),
    /// A text, or a date and time (`dateTime.iso8601`) or bytes (`base64`) as they were written.
    Text(String),
    /// A list.
    List(Vec<Value>),
    /// Named values.
    Map(BTreeMap<String, Value>),
}

impl Value {
    /// A map from pairs.
    pub fn map<K: Into<String>>(pairs: impl IntoIterator<Item = (K, Self)>) -> Self {
        Self::Map(pairs.into_iter().map(|(k, v)| (k.into(), v)).collect())
    }

    /// A list.
    pub fn list(values: impl IntoIterator<Item = impl Into<Self>>) -> Self {
        Self::List(values.into_iter().map(Into::into).collect())
    }

    /// A member of a map; `None` if there is none, or this is no map.
    pub fn get(&self, key: &str) -> Option<&Self> {
        match self {
            Self::Map(members) => members.get(key),
            _ => None,
        }
    }

    /// A text, and the empty one for everything that is not a text (empty fields are `False`).
    pub fn str(&self) -> &str {
        match self {
            Self::Text(text) => text,
            _ => "",
        }
    }

    /// A whole number, also when it was written as text (record ids).
    pub fn int(&self) -> Option<i64> {
        match self {
            Self::Int(n) => Some(*n),
            Self::Text(text) => text.parse().ok(),
            _ => None,
        }
    }

    /// Whether Python would take it for true.
    pub fn is_true(&self) -> bool {
        match self {
            Self::Nil => false,
            Self::Bool(b) => *b,
            Self::Int(n) => *n != 0,
            Self::Double(x) => *x != 0.0,
            Self::Text(text) => !text.is_empty(),
            Self::List(items) => !items.is_empty(),
            Self::Map(members) => !members.is_empty(),
        }
    }

    /// The items of a list; none for everything else.
    pub fn items(&self) -> &[Self] {
        match self {
            Self::List(items) => items,
            _ => &[],
        }
    }

    /// The id of a many2one field, which is shown as `[id, name]` or `False`.
    pub fn many2one(&self) -> Option<i64> {
        match self {
            Self::List(items) => items.first()?.int(),
            Self::Int(n) => Some(*n),
            _ => None,
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl From<i64> for Value {
    fn from(n: i64) -> Self {
        Self::Int(n)
    }
}

impl From<bool> for Value {
    fn from(b: bool) -> Self {
        Self::Bool(b)
    }
}

/// What a call brought back.
#[derive(Debug, Clone, PartialEq)]
pub enum Answer {
    /// Its result.
    Result(Value),
    /// The server's refusal.
    Fault {
        /// A number (Odoo 8 and later) or a text (OpenERP 7).
        code: String,
        /// In words, often with a Python traceback.
        text: String,
    },
}

/// The answer is not XML-RPC.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("not an XML-RPC answer: {0}")]
pub struct NotXmlRpc(String);

/// Writes a call.
pub fn write_call(method: &str, params: &[Value]) -> String {
    let mut out = String::with_capacity(512);
    out.push_str("<?xml version=\"1.0\"?><methodCall><methodName>");
    escape(method, &mut out);
    out.push_str("</methodName><params>");
    for param in params {
        out.push_str("<param>");
        write_value(param, &mut out);
        out.push_str("</param>");
    }
    out.push_str("</params></methodCall>");
    out
}

fn write_value(value: &Value, out: &mut String) {
    out.push_str("<value>");
    // Writing to a String cannot fail.
    let _ = match value {
        Value::Nil => write!(out, "<nil/>"),
        Value::Bool(b) => write!(out, "<boolean>{}</boolean>", u8::from(*b)),
        Value::Int(n) if i32::try_from(*n).is_ok() => write!(out, "<int>{n}</int>"),
        Value::Int(n) => write!(out, "<i8>{n}</i8>"),
        Value::Double(x) => write!(out, "<double>{x}</double>"),
        Value::Text(text) => {
            out.push_str("<string>");
            escape(text, out);
            write!(out, "</string>")
        }
        Value::List(items) => {
            out.push_str("<array><data>");
            for item in items {
                write_value(item, out);
            }
            write!(out, "</data></array>")
        }
        Value::Map(members) => {
            out.push_str("<struct>");
            for (name, member) in members {
                out.push_str("<member><name>");
                escape(name, out);
                out.push_str("</name>");
                write_value(member, out);
                out.push_str("</member>");
            }
            write!(out, "</struct>")
        }
    };
    out.push_str("</value>");
}

/// Whether XML 1.0 can hold the character (section 2.2, Char).
fn is_xml(c: char) -> bool {
    !matches!(c, '\0'..='\u{8}' | '\u{b}' | '\u{c}' | '\u{e}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}')
}

fn escape(text: &str, out: &mut String) {
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            // A bare one would arrive as a line feed (XML 1.0, section 2.11).
            '\r' => out.push_str("&#13;"),
            c if is_xml(c) => out.push(c),
            _ => {}
        }
    }
}

/// Reads an answer.
pub fn read_answer(body: &str) -> Result<Answer, NotXmlRpc> {
    let clean: std::borrow::Cow<'_, str> = if body.chars().all(is_xml) {
        body.into()
    } else {
        body.chars().filter(|c| is_xml(*c)).collect::<String>().into()
    };
    let document = roxmltree::Document::parse(&clean).map_err(|e| NotXmlRpc(e.to_string()))?;
    let root = document.root_element();
    if root.tag_name().name() != "methodResponse" {
        return Err(NotXmlRpc(format!("it begins with <{}>", root.tag_name().name())));
    }
    let value = root
        .descendants()
        .find(|n| n.has_tag_name("value"))
        .ok_or_else(|| NotXmlRpc("it holds no value".into()))
        .and_then(|n| read_value(n, 0))?;
    if root.first_element_child().is_some_and(|n| n.has_tag_name("fault")) {
        let part = |name| match value.get(name) {
            Some(Value::Int(n)) => n.to_string(),
            Some(other) => other.str().to_owned(),
            None => String::new(),
        };
        return Ok(Answer::Fault { code: part("faultCode"), text: part("faultString") });
    }
    Ok(Answer::Result(value))
}

/// Deeper nesting than any answer has: a server must not be able to overflow our stack.
const DEEPEST: usize = 64;

fn read_value(value: roxmltree::Node<'_, '_>, depth: usize) -> Result<Value, NotXmlRpc> {
    if depth > DEEPEST {
        return Err(NotXmlRpc("values are nested too deeply".into()));
    }
    // A value without a type is a string.
    let Some(typed) = value.first_element_child() else { return Ok(Value::Text(text_of(value))) };
    let text = || text_of(typed);
    let bad = |what: &str| NotXmlRpc(format!("a bad {what}: {}", text_of(typed)));
    Ok(match typed.tag_name().name() {
        "nil" => Value::Nil,
        "boolean" => match text().trim() {
            "1" | "true" => Value::Bool(true),
            "0" | "false" => Value::Bool(false),
            _ => return Err(bad("boolean")),
        },
        "int" | "i4" | "i8" => Value::Int(text().trim().parse().map_err(|_| bad("number"))?),
        "double" => Value::Double(text().trim().parse().map_err(|_| bad("number"))?),
        "string" | "dateTime.iso8601" | "base64" => Value::Text(text()),
        "array" => Value::List(
            typed
                .children()
                .filter(|n| n.has_tag_name("data"))
                .flat_map(|data| data.children())
                .filter(|n| n.has_tag_name("value"))
                .map(|n| read_value(n, depth + 1))
                .collect::<Result<_, _>>()?,
        ),
        "struct" => {
            let mut members = BTreeMap::new();
            for member in typed.children().filter(|n| n.has_tag_name("member")) {
                let name = member.children().find(|n| n.has_tag_name("name")).map(text_of);
                let value = member.children().find(|n| n.has_tag_name("value"));
                let (Some(name), Some(value)) = (name, value) else { return Err(bad("struct member")) };
                members.insert(name, read_value(value, depth + 1)?);
            }
            Value::Map(members)
        }
        other => return Err(NotXmlRpc(format!("an unknown type <{other}>"))),
    })
}

fn text_of(node: roxmltree::Node<'_, '_>) -> String {
    node.children().filter_map(|n| n.text()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn any_value() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Nil),
            any::<bool>().prop_map(Value::Bool),
            any::<i64>().prop_map(Value::Int),
            (-1e9..1e9f64).prop_map(Value::Double),
            "[^\u{0}-\u{8}\u{b}\u{c}\u{e}-\u{1f}\u{fffe}\u{ffff}]{0,20}".prop_map(Value::Text),
        ];
        leaf.prop_recursive(3, 24, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::List),
                prop::collection::btree_map("[a-z_&<]{1,8}", inner, 0..4).prop_map(Value::Map),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(value in any_value()) {
            let mut xml = "<methodResponse><params><param>".to_owned();
            write_value(&value, &mut xml);
            xml.push_str("</param></params></methodResponse>");
            prop_assert_eq!(read_answer(&xml), Ok(Answer::Result(value)));
        }

        #[test]
        fn no_text_breaks_a_call(text in any::<String>()) {
            let xml = write_call("execute", &[Value::Text(text)]);
            prop_assert!(roxmltree::Document::parse(&xml).is_ok());
        }

        #[test]
        fn no_answer_makes_the_reader_panic(text in "\\PC*") {
            let _ = read_answer(&text);
        }
    }

    #[test]
    fn a_fault_of_openerp_7_has_a_text_as_code() {
        let xml = "<?xml version='1.0'?><methodResponse><fault><value><struct>\
            <member><name>faultCode</name><value><string>warning -- Access Denied\n\nNo.</string></value></member>\
            <member><name>faultString</name><value><string></string></value></member>\
            </struct></value></fault></methodResponse>";
        assert_eq!(
            read_answer(xml),
            Ok(Answer::Fault { code: "warning -- Access Denied\n\nNo.".into(), text: String::new() })
        );
    }

    #[test]
    fn a_fault_of_odoo_has_a_number_as_code() {
        let xml = "<methodResponse><fault><value><struct>\
            <member><name>faultCode</name><value><int>2</int></value></member>\
            <member><name>faultString</name><value>gone</value></member></struct></value></fault></methodResponse>";
        assert_eq!(read_answer(xml), Ok(Answer::Fault { code: "2".into(), text: "gone".into() }));
    }

    #[test]
    fn control_characters_that_python_lets_through_are_dropped() {
        let xml = "<methodResponse><params><param><value><string>a\u{b}b</string></value></param></params></methodResponse>";
        assert_eq!(read_answer(xml), Ok(Answer::Result("ab".into())));
    }

    #[test]
    fn a_web_page_is_not_an_answer() {
        assert!(read_answer("<html><body>Bad Gateway</body></html>").is_err());
        assert!(read_answer("nothing").is_err());
    }
}
