//! `Retry-After` (RFC 9110, section 10.2.3): how long the upstream wants us to stay away.
//!
//! Its value is either a whole number of seconds or an HTTP date in one of the three forms of
//! RFC 9110, section 5.6.7. Known APIs send more, which is understood as it is meant: seconds with a
//! fraction (rounded up), dates with a numeric zone, and those of RFC 3339. A date is one of the
//! upstream's clock, and is compared with when the reply was sent by the same clock: ours may be hours
//! apart from it.

use std::time::{Duration, SystemTime};

use time::OffsetDateTime;
use time::format_description::well_known::{Iso8601, Rfc2822};

use crate::model::header::header_number::whole_number;

/// The longest wait that is reported: 24 hours. More than that is no different to us.
pub const LONGEST_WAIT: Duration = Duration::from_hours(24);

/// The wait that one field value of a reply asks for, which was sent at `sent` by the upstream's clock.
///
/// `None`: it asks for none. So do a malformed value, 0, and a date that is not after `sent`; our own
/// backoff is left as it is then.
pub fn parse(value: &[u8], sent: SystemTime) -> Option<Duration> {
    let wait = if let Some(seconds) = seconds(value) {
        Duration::from_secs(seconds)
    } else {
        date(std::str::from_utf8(value).ok()?.trim())?.duration_since(sent).ok()?
    };
    (!wait.is_zero()).then(|| wait.min(LONGEST_WAIT))
}

/// Seconds, rounded up: `1`, `1.0`, `1.5`.
fn seconds(value: &[u8]) -> Option<u64> {
    let mut parts = value.trim_ascii().splitn(2, |byte| *byte == b'.');
    let whole = parts.next()?;
    if !whole.last()?.is_ascii_digit() {
        return None;
    }
    let whole = whole_number(whole)?;
    let Some(fraction) = parts.next() else { return Some(whole) };
    if !fraction.first()?.is_ascii_digit() {
        return None;
    }
    Some(whole.saturating_add(u64::from(whole_number(fraction)? > 0)))
}

fn date(text: &str) -> Option<SystemTime> {
    if let Ok(date) = httpdate::parse_http_date(text) {
        return Some(date);
    }
    // A zone by name is one of RFC 9110, which has GMT only, and was refused above.
    let zone = text.rsplit(' ').next()?;
    let date = if zone.starts_with(['+', '-']) {
        OffsetDateTime::parse(text, &Rfc2822).ok()?
    } else {
        OffsetDateTime::parse(text, &Iso8601::DEFAULT).ok()?
    };
    Some(date.into())
}

/// The wait that the first of several field values that asks for one asks for.
pub fn first_valid<'a>(
    values: impl IntoIterator<Item = &'a [u8]>,
    sent: SystemTime,
) -> Option<Duration> {
    values.into_iter().find_map(|value| parse(value, sent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::time::test_clock::s;
    use proptest::prelude::*;
    use std::time::UNIX_EPOCH;

    /// Sun, 06 Nov 1994 08:49:37 GMT
    const DATE: Duration = Duration::from_secs(784_111_777);

    fn at(value: &str) -> Option<Duration> {
        parse(value.as_bytes(), UNIX_EPOCH + DATE - s(30))
    }

    #[test]
    fn seconds_are_read_and_capped_at_a_day() {
        assert_eq!(at(" 42 "), Some(s(42)));
        assert_eq!(at("86401"), Some(LONGEST_WAIT));
        assert_eq!(at("99999999999999999999999999"), Some(LONGEST_WAIT));
    }

    #[test]
    fn all_three_forms_of_a_date_are_read() {
        assert_eq!(at("Sun, 06 Nov 1994 08:49:37 GMT"), Some(s(30)));
        assert_eq!(at("Sunday, 06-Nov-94 08:49:37 GMT"), Some(s(30)));
        assert_eq!(at("Sun Nov  6 08:49:37 1994"), Some(s(30)));
    }

    #[test]
    fn a_part_of_a_second_is_a_whole_one() {
        for (value, expected) in [("2.0", 2), ("1.5", 2), ("0.001", 1), ("3.", 0), ("0.0", 0)] {
            let expected = (expected > 0).then(|| s(expected));
            assert_eq!(at(value), expected, "{value}");
        }
        assert_eq!(at("99999999999999999999.5"), Some(LONGEST_WAIT));
    }

    #[test]
    fn dates_with_a_zone_in_numbers_and_those_of_rfc_3339_are_read() {
        for date in [
            "Sun, 06 Nov 1994 08:49:37 +0000",
            "Sun, 06 Nov 1994 10:49:37 +0200",
            "1994-11-06T08:49:37Z",
            "1994-11-06T08:49:37.000Z",
            "1994-11-06T03:49:37-05:00",
            "1994-11-06T08:49:37+0000",
        ] {
            assert_eq!(at(date), Some(s(30)), "{date}");
        }
    }

    #[test]
    fn no_time_and_a_date_that_has_passed_ask_for_nothing() {
        let now = "Sun, 06 Nov 1994 08:49:07 GMT";
        for value in
            ["0", "000", now, "Sat, 05 Nov 1994 08:49:37 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]
        {
            assert_eq!(at(value), None, "{value}");
        }
        assert_eq!(at("Sun, 06 Nov 1994 08:49:08 GMT"), Some(s(1)));
    }

    #[test]
    fn a_date_far_ahead_is_capped_at_a_day() {
        assert_eq!(at("Fri, 31 Dec 9999 23:59:59 GMT"), Some(LONGEST_WAIT));
    }

    #[test]
    fn malformed_values_mean_nothing() {
        let values = [
            "",
            "-1",
            "+1",
            "1,5",
            "1.5.1",
            ".5",
            "1 .5",
            "1. 5",
            "1.-5",
            "1994-11-06",
            "1994-11-06T08:49:37",
            "42, 43",
            "42s",
            "soon",
            "0x10",
            "1e3",
            "\u{661}",
            "Sun, 06 Nov 1994 08:49:37",
            "Sun, 06 Nov 1994 08:49:37 CET",
            "Sun, 31 Feb 2027 08:49:37 GMT",
            "Mon, 06 Nov 1994 08:49:37 GMT",
        ];
        for value in values {
            assert_eq!(at(value), None, "{value:?}");
        }
        assert_eq!(parse(b"\xff\xfe", UNIX_EPOCH), None);
    }

    #[test]
    fn the_first_valid_value_wins() {
        let values: [&[u8]; 3] = [b"soon", b"7", b"8"];
        assert_eq!(first_valid(values, UNIX_EPOCH), Some(s(7)));
        assert_eq!(first_valid([], UNIX_EPOCH), None);
    }

    proptest! {
        #[test]
        fn arbitrary_bytes_never_panic_or_exceed_a_day(value in any::<Vec<u8>>()) {
            prop_assert!(parse(&value, UNIX_EPOCH + DATE).is_none_or(|wait| wait <= LONGEST_WAIT));
        }

        #[test]
        fn near_misses_of_a_date_never_panic(
            value in "[A-Z][a-z]{2,8},? ?[0-9 ]{1,2}[ -][A-Z][a-z]{2}[ -][0-9]{2,4} [0-9:]{8}( GMT)?",
        ) {
            prop_assert!(at(&value).is_none_or(|wait| wait <= LONGEST_WAIT));
        }

        #[test]
        fn a_formatted_date_comes_back_as_the_wait_until_it(
            sent in 0_u64..253_402_214_400, ahead in 1_u64..86_400,
        ) {
            let sent = UNIX_EPOCH + s(sent);
            let text = httpdate::fmt_http_date(sent + s(ahead));
            prop_assert_eq!(parse(text.as_bytes(), sent), Some(s(ahead)));
        }

        #[test]
        fn whole_seconds_come_back(seconds in 1..=u64::MAX) {
            let wait = parse(seconds.to_string().as_bytes(), UNIX_EPOCH);
            prop_assert_eq!(wait, Some(s(seconds.min(86_400))));
        }
    }
}
