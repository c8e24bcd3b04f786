//! Versions of records: `SystemModstamp`, which tells whole seconds only.
//!
//! A record that was read in the very second of its last change may change once more in that second and keep its stamp.
//! So what is read soon after its stamp gets a provisional version. A later poll reports the record again, with the
//! settled one, and it is read once more.

use chrono::{DateTime, Duration, Utc};
use riva_core::ids::Version;

use super::soql;

/// How long after its stamp a record is taken for settled. Generous: an answer may have been long on its way.
const SETTLES_AFTER: Duration = Duration::seconds(5);

/// What marks a provisional version; no stamp ends with it.
const PROVISIONAL: char = '~';

/// The version of a record with a stamp, read when the server's clock showed `now`.
pub fn version(stamp: &str, now: DateTime<Utc>) -> Version {
    let settled = soql::read_instant(stamp).is_none_or(|at| now - at >= SETTLES_AFTER);
    if settled { Version::new(stamp) } else { Version::new(format!("{stamp}{PROVISIONAL}")) }
}

/// Whether a record's stamp is still that of a version.
pub fn is_still(stamp: &str, version: &Version) -> bool {
    version.as_str().trim_end_matches(PROVISIONAL) == stamp
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-23T08:00:00.000+0000";

    fn read_at(seconds: i64) -> Version {
        let stamp = soql::read_instant(STAMP).unwrap();
        version(STAMP, stamp + Duration::seconds(seconds))
    }

    #[test]
    fn what_was_read_at_once_is_read_once_more() {
        assert_ne!(read_at(0), read_at(60));
        assert_eq!(read_at(5), read_at(60));
        assert!(is_still(STAMP, &read_at(0)) && is_still(STAMP, &read_at(60)));
        assert!(!is_still("2026-11-23T08:00:01.000+0000", &read_at(0)));
    }
}
