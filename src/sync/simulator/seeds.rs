//! Which seeds are played.

use std::ops::Range;

/// `RIVA_SEEDS`: so many from 0 on, or `FROM..TO`; else so many.
///
/// # Panics
/// If it is neither.
pub fn seeds(default: u64) -> Range<u64> {
    let Ok(wanted) = std::env::var("RIVA_SEEDS") else { return 0..default };
    let number = |text: &str| text.replace('_', "").parse::<u64>().expect("RIVA_SEEDS is COUNT or FROM..TO");
    match wanted.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&wanted),
    }
}
