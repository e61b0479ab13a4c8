//! A moment as people write it.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A moment, which may be told from the present.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Moment {
    /// So long before now.
    Ago(Duration),
    /// That one.
    At(SystemTime),
    /// When clocks here show that, which in UTC would be this moment.
    Local(SystemTime),
    /// So long after the last midnight here, or the one before, if that is still to come.
    Clock(Duration),
}

const DAY: u64 = 86_400;

impl Moment {
    /// Reads `10m`, `2026-11-21T09:11:20Z` or `09:11:20`; an error is a reason for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        if let Some(clock) = clock(text) {
            return Ok(Self::Clock(clock));
        }
        if let Ok(ago) = humantime::parse_duration(text) {
            return Ok(Self::Ago(ago));
        }
        // A date alone is its first moment.
        let dated = if text.len() == "2026-11-21".len() { format!("{text}T00:00:00") } else { text.to_owned() };
        let form = if dated.ends_with('Z') { Self::At } else { Self::Local };
        humantime::parse_rfc3339_weak(&dated).map(form).map_err(|_| {
            "write how long ago (`10m`, `2h`), a time of day (`09:11:20`), or a moment (`2026-11-21 09:11:20`, in UTC \
             `2026-11-21T09:11:20Z`)"
                .to_owned()
        })
    }

    /// The moment in milliseconds since 1970-01-01 UTC, where clocks are so many seconds ahead of UTC.
    pub(crate) fn millis(&self, now: SystemTime, ahead_of_utc: impl Fn(SystemTime) -> i64) -> u64 {
        let since_epoch = |moment: SystemTime| moment.duration_since(UNIX_EPOCH).unwrap_or_default();
        let shifted = |moment: Duration, seconds: i64| {
            let by = Duration::from_secs(seconds.unsigned_abs());
            if seconds < 0 { moment.saturating_sub(by) } else { moment + by }
        };
        // Near a change of the clocks the first answer may be that for another side of it.
        let at = |shown: Duration| {
            let guess = shifted(shown, -ahead_of_utc(UNIX_EPOCH + shown));
            shifted(shown, -ahead_of_utc(UNIX_EPOCH + guess))
        };
        let moment = match self {
            Self::Ago(ago) => since_epoch(now).saturating_sub(*ago),
            Self::At(moment) => since_epoch(*moment),
            Self::Local(shown) => at(since_epoch(*shown)),
            Self::Clock(clock) => {
                let shown = shifted(since_epoch(now), ahead_of_utc(now));
                let midnight = Duration::from_secs(shown.as_secs() / DAY * DAY);
                let today = midnight + *clock;
                at(if today > shown { today.saturating_sub(Duration::from_secs(DAY)) } else { today })
            }
        };
        u64::try_from(moment.as_millis()).unwrap_or(u64::MAX)
    }
}

/// Reads `500ms`, `10s`, `2m`; an error is a reason for people.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "a duration is written like `500ms`, `10s` or `2m`".to_owned())
}

/// Reads `HH:MM`, `HH:MM:SS` or `HH:MM:SS.mmm`.
fn clock(text: &str) -> Option<Duration> {
    let (whole, millis) = match text.split_once('.') {
        Some((whole, fraction)) if fraction.len() == 3 => (whole, fraction.parse().ok()?),
        Some(_) => return None,
        None => (text, 0),
    };
    let part = |text: Option<&str>, limit: u64| -> Option<u64> {
        let text = text?;
        text.parse().ok().filter(|number| *number < limit && text.len() == 2)
    };
    let mut parts = whole.split(':');
    let (hours, minutes) = (part(parts.next(), 24)?, part(parts.next(), 60)?);
    let seconds = parts.next().map_or(Some(0), |seconds| part(Some(seconds), 60))?;
    let seconds = (hours * 60 + minutes) * 60 + seconds;
    parts.next().is_none().then(|| Duration::from_secs(seconds) + Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read_in_every_form() {
        // 2026-11-21T09:11:20.123Z
        let now_ms = 1_795_252_280_123;
        let now = UNIX_EPOCH + Duration::from_millis(now_ms);
        let cases = [
            ("10m", now_ms - 600_000),
            ("1h 30m", now_ms - 5_400_000),
            ("2d", now_ms - 2 * 86_400_000),
            ("2026-11-21T09:11:20.123Z", now_ms),
            ("2026-11-21 09:11:20", now_ms - 123),
            ("2026-11-21", now_ms - (9 * 3_600 + 11 * 60 + 20) * 1_000 - 123),
            ("09:11", now_ms - 20_123),
            ("09:11:20.123", now_ms),
            ("09:11:21", now_ms + 877 - 86_400_000),
        ];
        for (text, millis) in cases {
            assert_eq!(Moment::parse(text).unwrap().millis(now, |_| 0), millis, "{text}");
        }
        // Two hours ahead, and an hour more since an hour ago.
        let ahead = |moment: SystemTime| {
            let is_later = moment >= now - Duration::from_secs(3_600);
            if is_later { 10_800 } else { 7_200 }
        };
        let cases = [
            ("2026-11-21T09:11:20.123Z", now_ms),
            ("2026-11-21 12:11:20.123", now_ms),
            ("12:11:20.123", now_ms),
            ("12:11:21", now_ms + 877 - 86_400_000 + 3_600_000),
            ("2026-11-21", now_ms - (11 * 3_600 + 11 * 60 + 20) * 1_000 - 123),
        ];
        for (text, millis) in cases {
            assert_eq!(Moment::parse(text).unwrap().millis(now, ahead), millis, "{text}");
        }
        for text in ["", "yesterday", "25:00", "9:11", "09:60", "09:11:20:01", "10", "2026-13-01"] {
            assert!(Moment::parse(text).is_err(), "{text}");
        }
    }
}
