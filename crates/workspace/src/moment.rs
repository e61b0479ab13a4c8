//! Moments as text: in UTC for our own files, in local time where dws writes that.

use std::time::{SystemTime, UNIX_EPOCH};

use time::OffsetDateTime;

/// A moment with its calendar, `ahead` seconds ahead of UTC.
pub fn calendar(moment: SystemTime, ahead: i64) -> OffsetDateTime {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let nanoseconds = i128::try_from(since.as_nanos()).unwrap_or(0) + i128::from(ahead) * 1_000_000_000;
    OffsetDateTime::from_unix_timestamp_nanos(nanoseconds).unwrap_or(OffsetDateTime::UNIX_EPOCH)
}

/// `2026-11-27T23:53:05.193323`, without a zone.
pub fn iso(moment: &OffsetDateTime) -> String {
    format!(
        "{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}",
        moment.year(),
        u8::from(moment.month()),
        moment.day(),
        moment.hour(),
        moment.minute(),
        moment.second(),
        moment.microsecond()
    )
}

/// `2026-11-27T23:53:05.193323Z`.
pub fn utc(moment: SystemTime) -> String {
    iso(&calendar(moment, 0)) + "Z"
}
