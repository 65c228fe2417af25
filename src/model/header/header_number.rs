//! A whole number as header fields write it: decimal digits and nothing else.

/// Reads digits, blanks around them allowed. A number too large for a `u64` becomes `u64::MAX`;
/// a sign, a fraction, a list or an empty value is no number.
pub fn whole_number(value: &[u8]) -> Option<u64> {
    let digits = value.trim_ascii();
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number = digits.iter().fold(0_u64, |number, digit| {
        number.saturating_mul(10).saturating_add(u64::from(digit - b'0'))
    });
    Some(number)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn anything_but_digits_is_no_number() {
        for text in ["", " ", "-1", "+1", "1.5", "1, 2", "0x1", "1e3", "1 2", "\u{665}"] {
            assert_eq!(whole_number(text.as_bytes()), None, "{text:?}");
        }
    }

    #[test]
    fn a_number_too_large_becomes_the_largest() {
        assert_eq!(whole_number(b"18446744073709551615"), Some(u64::MAX));
        assert_eq!(whole_number(b"18446744073709551616"), Some(u64::MAX));
        assert_eq!(whole_number("9".repeat(500).as_bytes()), Some(u64::MAX));
    }

    proptest! {
        #[test]
        fn every_number_is_read_back(number in any::<u64>()) {
            prop_assert_eq!(whole_number(format!(" 00{number}\t").as_bytes()), Some(number));
        }
    }
}
