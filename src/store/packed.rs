//! Ids and versions of remote systems in few bytes: they are long, many, and written in few letters.
//!
//! ```text
//! packed = '=' text                      as it is
//!        | 'b' bytes                     base64 with its padding: Exchange ids and change keys
//!        | 'd' | 'D' nibbles             digits and what stands in dates (even, odd number of characters)
//!        | 'h' bytes | 'q' bytes         lower-case hexadecimal; the same in quotation marks: etags
//!        | '0'..='3' sixes               letters and digits, six bits each; the number says how many bits are filling:
//!                                        twice as many as this
//! ```
//!
//! A tag once given is never given to another layout: databases hold them.

use crate::base::broken;
use riva_core::ports::StoreError;

const RAW: u8 = b'=';
const BASE64: u8 = b'b';
const DATE: u8 = b'd';
const ODD_DATE: u8 = b'D';
const HEX: u8 = b'h';
const QUOTED_HEX: u8 = b'q';
const SIXES: [u8; 4] = *b"0123";

const BASE64_LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const DATE_LETTERS: &[u8; 16] = b"0123456789-:.+TZ";
const HEX_LETTERS: &[u8; 16] = b"0123456789abcdef";
const SIX_LETTERS: &[u8; 64] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_";

/// Where each letter stands in an alphabet; 255 for those that are not in it.
const fn places<const N: usize>(alphabet: &[u8; N]) -> [u8; 256] {
    let mut places = [255; 256];
    let mut at = 0;
    while at < N {
        #[expect(clippy::cast_possible_truncation, reason = "an alphabet has 64 letters at most")]
        {
            places[alphabet[at] as usize] = at as u8;
        }
        at += 1;
    }
    places
}

static BASE64_PLACES: [u8; 256] = places(BASE64_LETTERS);
static DATE_PLACES: [u8; 256] = places(DATE_LETTERS);
static HEX_PLACES: [u8; 256] = places(HEX_LETTERS);
static SIX_PLACES: [u8; 256] = places(SIX_LETTERS);

/// A text as few bytes: the first layout that can hold it, the denser ones first. The same text is always the same
/// bytes, so that they can be compared, and keys be made of them.
pub(crate) fn pack(text: &str) -> Vec<u8> {
    let bytes = text.as_bytes();
    let inside = bytes.strip_prefix(b"\"").and_then(|rest| rest.strip_suffix(b"\""));
    let even = |text: &[u8]| text.len().is_multiple_of(2);
    match inside {
        _ if bytes.len() < 3 => {}
        Some(hex) if even(hex) && all_in(&HEX_PLACES, hex) => return join(QUOTED_HEX, &HEX_PLACES, 4, hex),
        Some(_) => {}
        None if all_in(&DATE_PLACES, bytes) => {
            return join(if even(bytes) { DATE } else { ODD_DATE }, &DATE_PLACES, 4, bytes);
        }
        None if even(bytes) && all_in(&HEX_PLACES, bytes) => return join(HEX, &HEX_PLACES, 4, bytes),
        None if all_in(&SIX_PLACES, bytes) => {
            let filling = (8 - bytes.len() * 6 % 8) % 8;
            return join(SIXES[filling / 2], &SIX_PLACES, 6, bytes);
        }
        None => {
            if let Some(packed) = base64(bytes) {
                return packed;
            }
        }
    }
    let mut out = Vec::with_capacity(1 + bytes.len());
    out.push(RAW);
    out.extend_from_slice(bytes);
    out
}

/// The reverse of [`pack`].
pub(crate) fn unpack(packed: &[u8]) -> Result<String, StoreError> {
    let (tag, rest) = packed.split_first().ok_or_else(damaged)?;
    let text = match *tag {
        RAW => rest.to_vec(),
        BASE64 => base64_text(rest),
        DATE => nibbles_text(DATE_LETTERS, rest),
        ODD_DATE => {
            let mut text = nibbles_text(DATE_LETTERS, rest);
            text.pop();
            text
        }
        HEX => nibbles_text(HEX_LETTERS, rest),
        QUOTED_HEX => [b"\"".as_slice(), &nibbles_text(HEX_LETTERS, rest), b"\""].concat(),
        tag => {
            let filling = SIXES.iter().position(|t| *t == tag).ok_or_else(damaged)?;
            let letters = (rest.len() * 8).checked_sub(2 * filling).ok_or_else(damaged)? / 6;
            bits(rest, 6).take(letters).map(|at| SIX_LETTERS[usize::from(at)]).collect()
        }
    };
    String::from_utf8(text).map_err(broken)
}

fn damaged() -> StoreError {
    broken("an id is cut off or damaged")
}

fn all_in(places: &[u8; 256], text: &[u8]) -> bool {
    text.iter().all(|letter| places[usize::from(*letter)] != 255)
}

/// Base64 whose filling bits are none, so that it comes back as it was.
fn base64(text: &[u8]) -> Option<Vec<u8>> {
    let letters = match text {
        [rest @ .., b'=', b'='] | [rest @ .., b'='] => rest,
        all => all,
    };
    if !text.len().is_multiple_of(4) || letters.len() % 4 == 1 || !all_in(&BASE64_PLACES, letters) {
        return None;
    }
    let mut packed = join(BASE64, &BASE64_PLACES, 6, letters);
    let whole = 1 + letters.len() * 6 / 8;
    let plain = packed[whole..].iter().all(|b| *b == 0);
    packed.truncate(whole);
    plain.then_some(packed)
}

fn base64_text(packed: &[u8]) -> Vec<u8> {
    let letters = (packed.len() * 8).div_ceil(6);
    let padded: Vec<u8> = packed.iter().copied().chain([0]).collect();
    let mut text: Vec<u8> =
        bits(&padded, 6).take(letters).map(|at| BASE64_LETTERS[usize::from(at)]).collect();
    text.resize(text.len().next_multiple_of(4), b'=');
    text
}

fn nibbles_text(alphabet: &[u8; 16], packed: &[u8]) -> Vec<u8> {
    bits(packed, 4).map(|at| alphabet[usize::from(at)]).collect()
}

/// The tag, then the letters' places in so many bits each; zeros fill the last byte.
fn join(tag: u8, places: &[u8; 256], width: usize, text: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(1 + (text.len() * width).div_ceil(8));
    out.push(tag);
    let (mut waiting, mut held) = (0_u32, 0_u32);
    for letter in text {
        waiting = waiting << width | u32::from(places[usize::from(*letter)]);
        held += u32::try_from(width).unwrap_or(0);
        if held >= 8 {
            held -= 8;
            out.push((waiting >> held).to_le_bytes()[0]);
        }
    }
    if held > 0 {
        out.push((waiting << (8 - held)).to_le_bytes()[0]);
    }
    out
}

/// The reverse of [`join`]: as many numbers as fit.
fn bits(packed: &[u8], width: usize) -> impl Iterator<Item = u8> {
    (0..packed.len() * 8 / width).map(move |n| {
        let at = n * width;
        let pair = [packed[at / 8], packed.get(at / 8 + 1).copied().unwrap_or(0)];
        let shifted = u16::from_be_bytes(pair) >> (16 - width - at % 8);
        shifted.to_le_bytes()[0] & ((1 << width) - 1)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_text_survives(text in ".{0,40}", plain in "[A-Za-z0-9+/=_:.-]{0,60}", hex in "\"?[0-9a-f]{0,40}\"?") {
            for text in [text, plain, hex] {
                let packed = pack(&text);
                prop_assert!(packed.len() <= text.len() + 1);
                prop_assert_eq!(unpack(&packed).unwrap(), text);
            }
        }

        #[test]
        fn bytes_as_base64_survive(text in "[A-Za-z0-9+/]{0,15}", end in "|=|==") {
            for text in [format!("{text}{end}"), format!("{text}A{end}"), format!("{text}Q{end}"), format!("{text}gw{end}")] {
                prop_assert_eq!(unpack(&pack(&text)).unwrap(), text);
            }
        }

        #[test]
        fn damaged_bytes_are_an_error_and_no_panic(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let _ = unpack(&bytes);
        }
    }

    #[test]
    fn what_systems_write_gets_short() {
        let ews = format!("AAMkADAwATM3ZmYAZS0{}AAA=", "0".repeat(121));
        for (text, most) in [
            (ews.as_str(), 109),
            ("EQAAABYAAADTvgJyUJ5mTLc+Xtw5cLAfAAAAAAeT", 31),
            ("2026-11-23T06:00:00.000+0000", 15),
            ("0035g00000Kx1a2AAB", 15),
            ("\"9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08\"", 33),
            ("1234567", 5),
        ] {
            let packed = pack(text);
            assert!(packed.len() <= most, "{text}: {} bytes", packed.len());
            assert_eq!(unpack(&packed).as_deref(), Ok(text));
        }
    }

    #[test]
    fn the_layouts_never_change() {
        for (text, packed) in [
            ("a b", b"=a b".as_slice()),
            ("AAEC/w==", b"b\x00\x01\x02\xff"),
            ("12:0", b"d\x12\xb0"),
            ("1:0", b"D\x1b\x00"),
            ("0a1b2c", b"h\x0a\x1b\x2c"),
            ("\"ff00\"", b"q\xff\x00"),
            ("zzzzz", b"1\xf7\xdf\x7d\xf4"),
        ] {
            assert_eq!(unpack(packed).as_deref(), Ok(text));
            assert_eq!(pack(text), packed, "{text}");
        }
    }
}
