//! Times and sizes for people.

/// Milliseconds in the unit that reads best: `31 ms`, `1.42 s`, `2 min 05 s`.
pub fn duration(millis: u64) -> String {
    match millis {
        0..1_000 => format!("{millis} ms"),
        1_000..60_000 => format!("{}.{:02} s", millis / 1_000, millis % 1_000 / 10),
        _ => format!("{} min {:02} s", millis / 60_000, millis % 60_000 / 1_000),
    }
}

/// Bytes in the unit that reads best: `812 B`, `4.2 MB`.
pub fn size(bytes: u64) -> String {
    const UNITS: [&str; 4] = ["kB", "MB", "GB", "TB"];
    if bytes < 1_000 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes / 100;
    let mut unit = 0;
    while tenths >= 10_000 && unit + 1 < UNITS.len() {
        tenths /= 1_000;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn units_change_at_their_bounds() {
        let times = [(0, "0 ms"), (999, "999 ms"), (1_000, "1.00 s"), (59_999, "59.99 s"), (125_000, "2 min 05 s")];
        for (millis, text) in times {
            assert_eq!(duration(millis), text);
        }
        let sizes = [
            (999, "999 B"),
            (1_000, "1.0 kB"),
            (999_999, "999.9 kB"),
            (4_210_000, "4.2 MB"),
            (3_000_000_000, "3.0 GB"),
        ];
        for (bytes, text) in sizes {
            assert_eq!(size(bytes), text);
        }
    }
}
