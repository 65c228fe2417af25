//! Runs over string content eight bytes at a time, in one ordinary register.

/// The lowest bit of every byte of a word.
const LOW_BITS: u64 = u64::from_le_bytes([0x01; 8]);
/// The highest bit of every byte of a word.
const HIGH_BITS: u64 = u64::from_le_bytes([0x80; 8]);

/// The first offset from `at` on with a byte that is not plain string content (a quote, a
/// backslash or a control character), or the length of `bytes` if all are.
#[inline]
pub(super) fn skip_plain(bytes: &[u8], mut at: usize) -> usize {
    // Two words a round, since most strings end within them: the jump back is rarely taken.
    while let Some(first) = word_at(bytes, at) {
        let marks = special_bytes(first);
        if marks != 0 {
            return at + first_mark(marks);
        }
        at += 8;
        let Some(second) = word_at(bytes, at) else {
            break;
        };
        let marks = special_bytes(second);
        if marks != 0 {
            return at + first_mark(marks);
        }
        at += 8;
    }
    while bytes.get(at).is_some_and(|&byte| is_plain(byte)) {
        at += 1;
    }
    at
}

/// The eight bytes from `at` on, if there are so many.
#[inline]
fn word_at(bytes: &[u8], at: usize) -> Option<u64> {
    let chunk = bytes.get(at..)?.first_chunk::<8>()?;
    Some(u64::from_le_bytes(*chunk))
}

/// Which byte of a word, 0 to 7, has the lowest mark; one must be there.
const fn first_mark(marks: u64) -> usize {
    (marks.trailing_zeros() / 8) as usize
}

/// Whether a byte may stand in a string literal as it is.
const fn is_plain(byte: u8) -> bool {
    byte >= 0x20 && byte != b'"' && byte != b'\\'
}

/// Marks the highest bit of the bytes that are not plain. The lowest mark is exact; a borrow may
/// set wrong ones above it, so only the lowest may be used.
const fn special_bytes(word: u64) -> u64 {
    // Flipping one bit puts the quote (0x22) right behind the control characters, at 0x20, and
    // moves nothing else there.
    let quote_or_control = (word ^ (LOW_BITS * 0x02)).wrapping_sub(LOW_BITS * 0x21);
    let backslash = (word ^ (LOW_BITS * b'\\' as u64)).wrapping_sub(LOW_BITS);
    (quote_or_control | backslash) & !word & HIGH_BITS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_value_is_classed_alike_in_a_word_and_alone() {
        for byte in 0..=u8::MAX {
            for place in 0..24 {
                let mut bytes = [b'a'; 24];
                bytes[place] = byte;
                let expected = if is_plain(byte) { 24 } else { place };
                assert_eq!(skip_plain(&bytes, 0), expected, "{byte:#x} at {place}");
            }
        }
    }

    #[test]
    fn an_offset_at_or_past_the_end_stays() {
        assert_eq!(skip_plain(b"abc", 3), 3);
        assert_eq!(skip_plain(b"abc", 7), 7);
    }

    proptest::proptest! {
        #[test]
        fn agrees_with_a_search_byte_by_byte(bytes: Vec<u8>, from in 0_usize..16) {
            let from = from.min(bytes.len());
            let slow = bytes[from..]
                .iter()
                .position(|&byte| !is_plain(byte))
                .map_or(bytes.len(), |found| from + found);
            proptest::prop_assert_eq!(skip_plain(&bytes, from), slow);
        }
    }
}
