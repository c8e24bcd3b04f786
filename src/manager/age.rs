//! Times in words: how long ago, how soon, and the exact time for whoever points at it.

use chrono::{DateTime, Local, TimeDelta, Utc};
use std::time::Duration;

/// "just now", "3 min ago", "2 h ago", "5 d ago".
pub fn ago(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match span(now - at) {
        None => "just now".into(),
        Some(text) => format!("{text} ago"),
    }
}

/// "now", "in 3 min", "in 2 h".
pub fn ahead(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    match span(at - now) {
        None if at <= now => "now".into(),
        None => "in < 1 min".into(),
        Some(text) => format!("in {text}"),
    }
}

/// The exact time where this computer stands, with its distance from UTC.
pub fn exact(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%Y-%m-%d %H:%M:%S (UTC%:z)").to_string()
}

/// The time of day where this computer stands, to the second.
pub fn time_of_day(at: DateTime<Utc>) -> String {
    at.with_timezone(&Local).format("%H:%M:%S").to_string()
}

/// How long something took: "0.4 ms", "85 ms", "2.1 s".
pub fn took(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1000.0;
    if millis < 1.0 {
        format!("{millis:.1} ms")
    } else if millis < 1000.0 {
        format!("{millis:.0} ms")
    } else {
        format!("{:.1} s", time.as_secs_f64())
    }
}

fn span(time: TimeDelta) -> Option<String> {
    let minutes = time.num_minutes();
    match minutes {
        ..1 => None,
        1..60 => Some(format!("{minutes} min")),
        60..2880 => Some(format!("{} h", minutes / 60)),
        _ => Some(format!("{} d", minutes / 1440)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_read_like_speech() {
        let now = Utc::now();
        let before = |minutes| now - TimeDelta::minutes(minutes);
        assert_eq!(ago(now, now), "just now");
        assert_eq!(ago(before(3), now), "3 min ago");
        assert_eq!(ago(before(119), now), "1 h ago");
        assert_eq!(ago(before(4320), now), "3 d ago");
        assert_eq!(ahead(before(1), now), "now");
        assert_eq!(ahead(now + TimeDelta::seconds(30), now), "in < 1 min");
        assert_eq!(ahead(now + TimeDelta::minutes(14), now), "in 14 min");
    }

    #[test]
    fn durations_keep_two_figures() {
        assert_eq!(took(Duration::from_micros(400)), "0.4 ms");
        assert_eq!(took(Duration::from_millis(85)), "85 ms");
        assert_eq!(took(Duration::from_millis(2130)), "2.1 s");
    }
}
