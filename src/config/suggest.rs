//! "Did you mean …?": the known word that is nearest to a misspelt one.

/// The known word nearest to `word`, if it is near enough to be a slip of the finger.
pub fn nearest<'a>(word: &str, known: &[&'a str]) -> Option<&'a str> {
    let word = word.to_lowercase();
    known
        .iter()
        .map(|candidate| (distance(&word, &candidate.to_lowercase()), *candidate))
        .filter(|(distance, candidate)| *distance <= slack(candidate))
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, candidate)| candidate)
}

/// How many slips a word of this length may have: one in three letters.
fn slack(word: &str) -> usize {
    (word.chars().count() / 3).clamp(1, 4)
}

/// The edit distance (Levenshtein): the fewest letters to insert, delete or replace.
///
/// `row[j]` is the distance between the letters of `left` seen so far and the first `j` letters of
/// `right`.
fn distance(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = i;
        let mut before = i + 1;
        for (b, cell) in right.iter().zip(row.iter_mut().skip(1)) {
            let replaced = diagonal + usize::from(a != *b);
            diagonal = *cell;
            before = replaced.min(before + 1).min(*cell + 1);
            *cell = before;
        }
        if let Some(first) = row.first_mut() {
            *first = i + 1;
        }
    }
    row.last().copied().unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_distance_counts_letters() {
        let cases = [
            ("", "", 0),
            ("", "abc", 3),
            ("kitten", "sitting", 3),
            ("url", "url", 0),
            ("a", "b", 1),
        ];
        for (left, right, expected) in cases {
            assert_eq!(distance(left, right), expected, "{left:?} {right:?}");
        }
    }

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["url", "timeout", "max_in_flight", "empty_statuses"];
        assert_eq!(nearest("timout", &known), Some("timeout"));
        assert_eq!(nearest("Timeout", &known), Some("timeout"));
        assert_eq!(nearest("max_inflight", &known), Some("max_in_flight"));
        assert_eq!(nearest("uri", &known), Some("url"));
        assert_eq!(nearest("colour", &known), None);
        assert_eq!(nearest("", &[]), None);
    }

    proptest! {
        #[test]
        fn the_distance_is_symmetric_and_at_most_the_longer_length(
            left in "\\PC{0,12}", right in "\\PC{0,12}",
        ) {
            let there = distance(&left, &right);
            prop_assert_eq!(there, distance(&right, &left));
            prop_assert!(there <= left.chars().count().max(right.chars().count()));
            prop_assert_eq!(there == 0, left == right);
        }
    }
}
