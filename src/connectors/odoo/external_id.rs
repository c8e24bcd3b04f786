//! Our markers as external ids: rows of `ir.model.data` in a module of our own. A row made by `load` under such an id
//! is made once only, however often the call is repeated.

use riva_core::ids::{Marker, PairId};
use uuid::Uuid;

/// The module under which all markers stand. No real module has this name, so that no upgrade removes them.
pub const MODULE: &str = "__riva__";

/// A marker as a name without dots and slashes: `0123456789abcdef0123456789abcdef_3`.
pub fn name(marker: &Marker) -> String {
    format!("{}_{}", marker.pair.0.simple(), marker.generation)
}

/// The full external id.
pub fn full(marker: &Marker) -> String {
    format!("{MODULE}.{}", name(marker))
}

/// The reverse of [`name`]; `None` if it is not ours.
pub fn read(name: &str) -> Option<Marker> {
    let (pair, generation) = name.split_once('_')?;
    Some(Marker { pair: PairId(Uuid::try_parse(pair).ok()?), generation: generation.parse().ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_marker_survives_its_external_id() {
        let marker = Marker { pair: PairId(Uuid::from_u128(0xabc)), generation: 12 };
        assert_eq!(read(&name(&marker)), Some(marker));
        assert_eq!(full(&marker).matches('.').count(), 1);
        assert_eq!(read("main_partner"), None);
    }
}
