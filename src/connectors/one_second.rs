//! Versions of systems whose stamps count whole seconds: Salesforce's `SystemModstamp`, Odoo's `write_date` since
//! version 8.
//!
//! A record that was read in the very second of its last change may change once more in that second and keep its stamp.
//! So what is read soon after its stamp gets a provisional version. A later poll reports the record again, with the
//! settled one, and it is read once more.

use chrono::{DateTime, Duration, Utc};
use riva_core::ids::Version;

/// How long after its stamp a record is taken for settled. Generous: an answer may have been long on its way.
const SETTLES_AFTER: Duration = Duration::seconds(5);

/// The version of a record with a stamp, in words and (if they can be read) as an instant, read when the server's clock
/// showed `now`.
pub fn version(stamp: &str, at: Option<DateTime<Utc>>, now: DateTime<Utc>) -> Version {
    let settled = at.is_none_or(|at| now - at >= SETTLES_AFTER);
    if settled { Version::new(stamp) } else { Version::new(format!("{stamp}{}", Version::PROVISIONAL)) }
}

/// Whether a record's stamp is still that of a version.
pub fn is_still(now: &str, version: &Version) -> bool {
    version.stamp() == now
}

#[cfg(test)]
mod tests {
    use super::*;

    const STAMP: &str = "2026-11-23 08:00:00";

    fn read_at(seconds: i64) -> Version {
        let stamp = "2026-11-23T08:00:00Z".parse::<DateTime<Utc>>().expect("an instant");
        version(STAMP, Some(stamp), stamp + Duration::seconds(seconds))
    }

    #[test]
    fn what_was_read_at_once_is_read_once_more() {
        assert_ne!(read_at(0), read_at(60));
        assert_eq!(read_at(5), read_at(60));
        assert!(is_still(STAMP, &read_at(0)) && is_still(STAMP, &read_at(60)));
        assert!(!is_still("2026-11-23 08:00:01", &read_at(0)));
        assert_eq!(read_at(0).stamp(), STAMP);
    }
}
