//! Base64 as XML and iCalendar have it: with white space anywhere.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

/// What such a text holds; `None` if it is no base64.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let solid: Vec<u8> = text.bytes().filter(|b| !b.is_ascii_whitespace()).collect();
    STANDARD.decode(solid).ok()
}
