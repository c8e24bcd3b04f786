//! Plain text from HTML notes and back. Only words matter to the comparison; lines are kept for the reader.

/// The words of an HTML fragment, with a line feed for each block and line break.
pub fn html_to_text(html: &str) -> String {
    let mut out = String::new();
    let mut rest = html;
    while let Some(at) = rest.find(['<', '&']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if rest.starts_with('<') {
            let end = rest.find('>').map_or(rest.len(), |e| e + 1);
            let tag = rest[1..end].trim_end_matches('>').trim_start_matches('/').to_lowercase();
            let name = tag.split(|c: char| !c.is_ascii_alphanumeric()).next().unwrap_or_default();
            if matches!(
                name,
                "p" | "br" | "div" | "li" | "tr" | "ul" | "ol" | "table" | "h1" | "h2" | "h3" | "h4"
            ) && !out.is_empty()
                && !out.ends_with('\n')
            {
                out.push('\n');
            }
            rest = &rest[end..];
        } else if let Some((length, c)) = entity(rest) {
            out.push(c);
            rest = &rest[length..];
        } else {
            out.push('&');
            rest = &rest[1..];
        }
    }
    out.push_str(rest);
    out.trim().to_owned()
}

/// The character reference that a text begins with, and how long it is.
fn entity(text: &str) -> Option<(usize, char)> {
    let end = text.bytes().take(12).position(|b| b == b';')?;
    let name = &text[1..end];
    let c = match name {
        "amp" => '&',
        "lt" => '<',
        "gt" => '>',
        "quot" => '"',
        "apos" => '\'',
        "nbsp" => ' ',
        _ => {
            let number = name.strip_prefix('#')?;
            let code = match number.strip_prefix(['x', 'X']) {
                Some(hex) => u32::from_str_radix(hex, 16).ok()?,
                None => number.parse().ok()?,
            };
            char::from_u32(code)?
        }
    };
    Some((end + 1, c))
}

/// A text as HTML: one paragraph for each line.
pub fn text_to_html(text: &str) -> String {
    let escaped = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    let mut html = String::new();
    for line in escaped.lines() {
        html.push_str("<p>");
        html.push_str(if line.trim().is_empty() { "<br>" } else { line });
        html.push_str("</p>");
    }
    html
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn blocks_become_lines_and_references_characters() {
        assert_eq!(html_to_text("<p>a &amp; b</p><p>c&#8364;<br/>d</p>"), "a & b\nc€\nd");
        assert_eq!(html_to_text("R&D & more"), "R&D & more");
    }

    proptest! {
        #[test]
        fn words_survive(text in "[a-z<>&; \n]{0,40}") {
            let words = |t: &str| t.split_whitespace().map(str::to_owned).collect::<Vec<_>>();
            prop_assert_eq!(words(&html_to_text(&text_to_html(&text))), words(&text));
        }

        #[test]
        fn no_html_makes_it_panic(html in "\\PC{0,60}") {
            let _ = html_to_text(&html);
        }
    }
}
