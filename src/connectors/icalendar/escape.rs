//! What texts are written as (RFC 5545, section 3.3.11; RFC 6350, section 3.4).

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

    proptest::proptest! {
        #[test]
        fn texts_survive_escaping(text in "[^\\p{C}]{0,40}") {
            proptest::prop_assert_eq!(unescape(&escape(&text)), text);
        }
    }
}
