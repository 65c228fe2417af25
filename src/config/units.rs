//! Durations (`"250ms"`) and sizes (`"64KiB"`) as a person writes them.

use std::time::Duration;

/// How durations are written, for messages.
pub const DURATION_FORM: &str = r#"a duration such as "250ms", "3s", "1m" or "1h""#;

/// How sizes are written, for messages.
pub(crate) const SIZE_FORM: &str = r#"a size such as "64KiB", "2MB" or a number of bytes"#;

/// The units of a duration and their length in milliseconds, the longest first.
const DURATION_UNITS: [(&str, u64); 4] = [("h", 3_600_000), ("m", 60_000), ("s", 1_000), ("ms", 1)];

/// The units of a size and their length in bytes, the longest first.
const SIZE_UNITS: [(&str, u64); 7] = [
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("KB", 1_000),
    ("B", 1),
];

/// A regular expression for [`parse_duration`], as JSON Schema has them.
pub(crate) fn duration_pattern() -> String {
    pattern(&DURATION_UNITS, "")
}

/// The same for [`parse_size`], whose unit may be left out.
pub(crate) fn size_pattern() -> String {
    pattern(&SIZE_UNITS, "?")
}

fn pattern(units: &[(&str, u64)], how_often: &str) -> String {
    let names: Vec<&str> = units.iter().map(|(name, _)| *name).collect();
    format!("^\\s*[0-9]+\\s*({}){how_often}\\s*$", names.join("|"))
}

/// Reads `"250ms"`, `"3s"`, `"1m"` or `"1h"`.
pub fn parse_duration(text: &str) -> Option<Duration> {
    let (number, unit) = split_unit(text)?;
    let (_, factor) = DURATION_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor).map(Duration::from_millis)
}

/// Reads `"64KiB"`, `"2MB"` or `"65536"` as a number of bytes.
pub(crate) fn parse_size(text: &str) -> Option<u64> {
    let (number, unit) = split_unit(text)?;
    if unit.is_empty() {
        return Some(number);
    }
    let (_, factor) = SIZE_UNITS.iter().find(|(name, _)| *name == unit)?;
    number.checked_mul(*factor)
}

/// Writes a duration in its longest whole unit, for example `3s`.
pub(crate) fn show_duration(duration: Duration) -> String {
    let millis = u64::try_from(duration.as_millis()).unwrap_or(u64::MAX);
    if millis == 0 {
        return "0ms".to_owned();
    }
    show(millis, &DURATION_UNITS)
}

/// Writes a number of bytes in its longest whole unit, for example `64KiB`.
pub(crate) fn show_size(bytes: u64) -> String {
    if bytes == 0 {
        return "0B".to_owned();
    }
    show(bytes, &SIZE_UNITS)
}

/// `amount` in the first unit that divides it; the last unit is 1, so there always is one.
fn show(amount: u64, units: &[(&str, u64)]) -> String {
    units
        .iter()
        .find(|(_, factor)| amount.is_multiple_of(*factor))
        .map_or_else(|| amount.to_string(), |(name, factor)| format!("{}{name}", amount / factor))
}

/// Splits `"250ms"` into 250 and `"ms"`; blanks around and between the two are allowed.
fn split_unit(text: &str) -> Option<(u64, &str)> {
    let text = text.trim();
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(end);
    Some((number.parse().ok()?, unit.trim_start()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use regex::Regex;

    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        let cases = [
            ("250ms", Some(250)),
            ("3s", Some(3_000)),
            ("1m", Some(60_000)),
            ("1h", Some(3_600_000)),
            (" 3 s ", Some(3_000)),
            ("0ms", Some(0)),
            ("3", None),
            ("s", None),
            ("", None),
            ("-3s", None),
            ("1.5s", None),
            ("3S", None),
            ("3 days", None),
            ("18446744073709551615h", None),
            ("99999999999999999999s", None),
        ];
        for (text, millis) in cases {
            assert_eq!(parse_duration(text), millis.map(Duration::from_millis), "{text:?}");
        }
    }

    #[test]
    fn sizes_are_read_in_every_unit() {
        let cases = [
            ("64KiB", Some(65_536)),
            ("2MB", Some(2_000_000)),
            ("2MiB", Some(2_097_152)),
            ("1GB", Some(1_000_000_000)),
            ("1GiB", Some(1_073_741_824)),
            ("5KB", Some(5_000)),
            ("12B", Some(12)),
            ("65536", Some(65_536)),
            ("64kb", None),
            ("KiB", None),
            ("", None),
            ("-1", None),
            ("18446744073709551615KiB", None),
        ];
        for (text, bytes) in cases {
            assert_eq!(parse_size(text), bytes, "{text:?}");
        }
    }

    #[test]
    fn values_are_shown_in_their_longest_whole_unit() {
        assert_eq!(show_duration(Duration::from_millis(0)), "0ms");
        assert_eq!(show_duration(Duration::from_millis(1_500)), "1500ms");
        assert_eq!(show_duration(Duration::from_secs(90)), "90s");
        assert_eq!(show_duration(Duration::from_hours(1)), "1h");
        assert_eq!(show_size(0), "0B");
        assert_eq!(show_size(65_536), "64KiB");
        assert_eq!(show_size(2_000_000), "2MB");
        assert_eq!(show_size(1_001), "1001B");
    }

    proptest! {
        #[test]
        fn the_patterns_for_editors_take_what_is_read_and_nothing_else(
            text in "[ ]{0,2}[0-9]{0,4}[ ]{0,2}(h|m|s|ms|GiB|GB|MiB|MB|KiB|KB|B|kb|d|)[ ]{0,2}",
        ) {
            let matches = |pattern: &str| Regex::new(pattern).expect("a pattern").is_match(&text);
            prop_assert_eq!(matches(&duration_pattern()), parse_duration(&text).is_some());
            prop_assert_eq!(matches(&size_pattern()), parse_size(&text).is_some());
        }

        #[test]
        fn what_is_shown_reads_back_as_the_same(millis in any::<u64>(), bytes in any::<u64>()) {
            let duration = Duration::from_millis(millis);
            prop_assert_eq!(parse_duration(&show_duration(duration)), Some(duration));
            prop_assert_eq!(parse_size(&show_size(bytes)), Some(bytes));
        }
    }
}
