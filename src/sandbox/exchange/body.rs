//! Bodies: kept as they came, shown as text or as the HTML that Exchange makes of text.

use super::shape::BodyWanted;
use super::xml::Element;
use std::fmt::Write as _;

/// The body element to show for a stored one.
pub(super) fn show(stored: &Element, wanted: BodyWanted, name: &'static str) -> Element {
    let html = stored.attribute("BodyType") == Some("HTML");
    let (kind, text) = match (html, wanted) {
        (true, BodyWanted::Text) => ("Text", text_of(&stored.text)),
        (true, _) => ("HTML", stored.text.clone()),
        (false, BodyWanted::Html) => ("HTML", html_of(&stored.text)),
        (false, _) => ("Text", stored.text.clone()),
    };
    Element::t(name).attr("BodyType", kind).attr("IsTruncated", "false").text(text)
}

/// Lines end with CR LF, as in every mailbox.
pub(super) fn lines(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").replace('\n', "\r\n")
}

/// HTML as Exchange keeps what a client sent: a whole document that names its character set.
pub(super) fn rewritten(html: &str) -> String {
    const META: &str = "<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">";
    let lower = html.to_ascii_lowercase();
    if lower.contains("http-equiv=\"content-type\"") {
        return html.to_owned();
    }
    let after = |tag: &str| {
        let at = lower.find(tag)?;
        lower[at..].find('>').map(|end| at + end + 1)
    };
    if let Some(at) = after("<head") {
        return format!("{}\r\n{META}{}", &html[..at], &html[at..]);
    }
    let head = format!("<head>\r\n{META}\r\n</head>\r\n");
    if let Some(at) = after("<html") {
        return format!("{}\r\n{head}{}", &html[..at], &html[at..]);
    }
    if lower.contains("<body") {
        return format!("<html>\r\n{head}{html}\r\n</html>\r\n");
    }
    format!("<html>\r\n{head}<body>\r\n{html}\r\n</body>\r\n</html>\r\n")
}

/// HTML around plain text, in the manner of Exchange's converter.
pub(super) fn html_of(text: &str) -> String {
    let mut out = String::from(
        "<html>\r\n<head>\r\n<meta http-equiv=\"Content-Type\" content=\"text/html; charset=utf-8\">\r\n\
         <meta name=\"Generator\" content=\"Microsoft Exchange Server\">\r\n<!-- converted from text -->\r\n\
         <style><!-- .EmailQuote { margin-left: 1pt; padding-left: 4pt; border-left: #800000 2px solid; } --></style>\
         </head>\r\n<body>\r\n<font size=\"2\"><span style=\"font-size:11pt;\"><div class=\"PlainText\">",
    );
    let mut lines = text.split("\r\n").peekable();
    while let Some(line) = lines.next() {
        for c in line.chars() {
            match c {
                '<' => out.push_str("&lt;"),
                '>' => out.push_str("&gt;"),
                '&' => out.push_str("&amp;"),
                '"' => out.push_str("&quot;"),
                '\u{A0}' => out.push_str("&nbsp;"),
                c => out.push(c),
            }
        }
        if lines.peek().is_some() {
            out.push_str("<br>\r\n");
        }
    }
    out.push_str("</div></span></font>\r\n</body>\r\n</html>\r\n");
    out
}

/// The text of HTML: tags away, breaks and paragraphs as line ends, common entities as characters.
pub(super) fn text_of(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    let mut hidden: Option<&str> = None;
    while let Some(at) = rest.find('<') {
        if hidden.is_none() {
            out.push_str(&collapse(&rest[..at]));
        }
        let tag_and_rest = &rest[at..];
        if let Some(comment) = tag_and_rest.strip_prefix("<!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let Some(end) = tag_and_rest.find('>') else {
            rest = "";
            break;
        };
        let tag = tag_and_rest[1..end].trim().to_ascii_lowercase();
        let name =
            tag.trim_start_matches('/').split(|c: char| !c.is_alphanumeric()).next().unwrap_or_default();
        match (name, tag.starts_with('/')) {
            ("style", false) => hidden = Some("style"),
            ("script", false) => hidden = Some("script"),
            ("title", false) => hidden = Some("title"),
            (name, true) if hidden == Some(name) => hidden = None,
            ("br", _) => out.push_str("\r\n"),
            ("p" | "div" | "li" | "tr" | "h1" | "h2" | "h3", true)
                if !out.is_empty() && !out.ends_with('\n') =>
            {
                out.push_str("\r\n");
            }
            _ => {}
        }
        rest = &tag_and_rest[end + 1..];
    }
    if hidden.is_none() {
        out.push_str(&collapse(rest));
    }
    entities(out.trim_matches(['\r', '\n', ' ']))
}

/// White space as HTML sees it.
fn collapse(text: &str) -> String {
    let mut out = String::new();
    let mut space = false;
    for c in text.chars() {
        if matches!(c, ' ' | '\r' | '\n' | '\t') {
            space = true;
        } else {
            if space {
                out.push(' ');
                space = false;
            }
            out.push(c);
        }
    }
    if space && !out.is_empty() {
        out.push(' ');
    }
    out
}

fn entities(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('&') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (name, after) = match rest[1..].split_once(';') {
            Some((name, after)) if name.len() <= 8 => (name, after),
            _ => {
                out.push('&');
                rest = &rest[1..];
                continue;
            }
        };
        let number = name.strip_prefix('#').and_then(|n| match n.strip_prefix(['x', 'X']) {
            Some(hex) => u32::from_str_radix(hex, 16).ok(),
            None => n.parse().ok(),
        });
        match (name, number.and_then(char::from_u32)) {
            (_, Some(c)) => out.push(c),
            ("amp", _) => out.push('&'),
            ("lt", _) => out.push('<'),
            ("gt", _) => out.push('>'),
            ("quot", _) => out.push('"'),
            ("apos", _) => out.push('\''),
            ("nbsp", _) => out.push('\u{A0}'),
            // Writing to a String cannot fail.
            _ => drop(write!(out, "&{name};")),
        }
        rest = after;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn html_becomes_text() {
        let html = "<html><head><style>p{}</style></head><body><p>Hello&nbsp;<b>you</b></p><p>a &lt; b<br>c</p></body></html>";
        assert_eq!(text_of(html), "Hello\u{A0}you\r\na < b\r\nc");
    }

    #[test]
    fn html_is_made_a_document_once() {
        let first = rewritten("<p>a</p>");
        assert!(first.starts_with("<html>") && first.contains("charset=utf-8"));
        assert_eq!(rewritten(&first), first);
        assert!(rewritten("<HTML><Head></Head><body>x</body></HTML>").contains("<Head>\r\n<meta"));
        assert_eq!(text_of(&first), "a");
    }

    proptest! {
        #[test]
        fn rewriting_twice_is_rewriting_once(html in ".*") {
            let once = rewritten(&html);
            prop_assert_eq!(rewritten(&once), once.clone());
        }

        #[test]
        fn words_survive_the_way_to_html_and_back(words in proptest::collection::vec("[a-zA-Zäöü<>&\"]{1,9}", 1..20)) {
            let text = words.join(" ");
            prop_assert_eq!(text_of(&html_of(&text)), text);
        }

        #[test]
        fn any_html_is_read(html in ".*") {
            let _ = text_of(&html);
        }
    }
}
