//! Words, numbers, texts and signs of a query.

use super::super::api::ApiError;

/// A piece of a query.
#[derive(Debug, Clone, PartialEq)]
pub struct Token {
    /// What it is.
    pub kind: TokenKind,
    /// Characters before it.
    pub at: usize,
}

/// What a piece is.
#[derive(Debug, Clone, PartialEq)]
pub enum TokenKind {
    /// Name, keyword or date literal.
    Word(String),
    /// Number, day or instant: everything that begins with a digit or a sign.
    Number(String),
    /// Quoted text, escapes resolved.
    Text(String),
    /// One of `( ) , = != < <= > >= :`
    Sign(&'static str),
}

/// A query that is not SOQL.
pub fn malformed(message: impl Into<String>) -> ApiError {
    ApiError::bad("MALFORMED_QUERY", message)
}

/// Takes a query to pieces.
pub fn tokens(text: &str) -> Result<Vec<Token>, ApiError> {
    let chars: Vec<char> = text.chars().collect();
    let mut out = Vec::new();
    let mut at = 0;
    while let Some(&c) = chars.get(at) {
        let start = at;
        let take = |at: &mut usize, fits: fn(char) -> bool| {
            let from = *at;
            while chars.get(*at).is_some_and(|c| fits(*c)) {
                *at += 1;
            }
            chars[from..*at].iter().collect::<String>()
        };
        let kind = match c {
            c if c.is_whitespace() => {
                at += 1;
                continue;
            }
            c if c.is_ascii_alphabetic() => {
                TokenKind::Word(take(&mut at, |c| c.is_ascii_alphanumeric() || c == '_' || c == '.'))
            }
            c if c.is_ascii_digit() || c == '-' || c == '+' => {
                at += 1;
                let rest = take(&mut at, |c| c.is_ascii_alphanumeric() || "-+:.".contains(c));
                TokenKind::Number(format!("{c}{rest}"))
            }
            '\'' => {
                at += 1;
                TokenKind::Text(quoted(&chars, &mut at)?)
            }
            _ => {
                let two: String = chars[at..].iter().take(2).collect();
                let sign = ["!=", "<>", "<=", ">="].into_iter().find(|s| *s == two).or_else(|| {
                    ["(", ")", ",", "=", "<", ">", ":"].into_iter().find(|s| two.starts_with(*s))
                });
                let sign = sign.ok_or_else(|| malformed(format!("unexpected token: '{c}'")))?;
                at += sign.len();
                TokenKind::Sign(if sign == "<>" { "!=" } else { sign })
            }
        };
        out.push(Token { kind, at: start });
    }
    Ok(out)
}

/// The rest of a quoted text, behind the opening quote.
fn quoted(chars: &[char], at: &mut usize) -> Result<String, ApiError> {
    let mut out = String::new();
    while let Some(&c) = chars.get(*at) {
        *at += 1;
        match c {
            '\'' => return Ok(out),
            '\\' => {
                let escaped = chars.get(*at).copied();
                *at += 1;
                if let Some('%' | '_') = escaped {
                    // In a LIKE these stand for themselves; the pattern needs to know.
                    out.push('\\');
                }
                out.push(match escaped {
                    Some('n' | 'N') => '\n',
                    Some('r' | 'R') => '\r',
                    Some('t' | 'T') => '\t',
                    Some('b' | 'B') => '\u{8}',
                    Some('f' | 'F') => '\u{c}',
                    Some(c @ ('\'' | '"' | '\\' | '%' | '_')) => c,
                    Some('u') => {
                        let code: String = chars.iter().skip(*at).take(4).collect();
                        *at += 4;
                        u32::from_str_radix(&code, 16)
                            .ok()
                            .and_then(char::from_u32)
                            .ok_or_else(|| malformed(format!("Illegal unicode escape: \\u{code}")))?
                    }
                    _ => return Err(malformed("Invalid string literal: illegal escape sequence")),
                });
            }
            c => out.push(c),
        }
    }
    Err(malformed("line 1: unterminated string literal"))
}
