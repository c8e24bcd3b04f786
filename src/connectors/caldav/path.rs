//! Paths of resources in one spelling: servers differ in which characters they percent-encode.

use std::fmt::Write as _;
use url::Url;

/// The path of an href (absolute, or below `base`), each segment decoded and encoded again our way.
pub fn canonical(base: &Url, href: &str) -> String {
    let path = base.join(href.trim()).map_or_else(|_| href.trim().to_owned(), |u| u.path().to_owned());
    path.split('/').map(|segment| encode(&decode(segment))).collect::<Vec<_>>().join("/")
}

/// One segment, percent-encoded.
pub fn encode(segment: &[u8]) -> String {
    let mut out = String::with_capacity(segment.len());
    for byte in segment {
        if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_' | b'~' | b'@') {
            out.push(char::from(*byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

/// One segment's bytes.
pub fn decode(segment: &str) -> Vec<u8> {
    let bytes = segment.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let code = segment.get(at + 1..at + 3).filter(|_| *byte == b'%');
        if let Some(decoded) = code.and_then(|c| u8::from_str_radix(c, 16).ok()) {
            out.push(decoded);
            at += 3;
        } else {
            out.push(*byte);
            at += 1;
        }
    }
    out
}

/// The last segment, decoded, of a path with or without a slash at its end.
pub fn last(path: &str) -> String {
    let segment = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    String::from_utf8_lossy(&decode(segment)).into_owned()
}

/// With a slash at its end, as collections have.
pub fn collection(path: &str) -> String {
    if path.ends_with('/') { path.to_owned() } else { format!("{path}/") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_resource_has_one_spelling() {
        let base: Url = "https://dav.test/dav/".parse().unwrap();
        let expected = "/dav/ann%40x/a%2Fb%20c.ics".replace("%40", "@");
        for href in [
            "/dav/ann@x/a%2Fb c.ics",
            "/dav/ann%40x/a%2fb%20c.ics",
            "https://dav.test/dav/ann%40x/a%2Fb%20c.ics",
        ] {
            assert_eq!(canonical(&base, href), expected, "{href}");
        }
        assert_eq!(last("/dav/ann%40x/M%C3%BC/"), "Mü");
    }
}
