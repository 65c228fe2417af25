//! The text as a tree, for those who look around in it.

use serde_json::Value;

use super::Json;
use super::navigate::{skip_scalar, skip_string};

impl Json {
    /// The text as a tree; `None` if it is nested more than 127 deep. Numbers are 64-bit integers or
    /// doubles there. One that no double can hold (`1e400`) is an empty object: a value is there, but
    /// none that could be compared with anything or be taken for null.
    pub fn to_tree(&self) -> Option<Value> {
        // Most texts have no such number, and need not be looked through for one.
        let tree = serde_json::from_slice(self.as_bytes());
        tree.or_else(|_| serde_json::from_slice(&self.without_numbers_out_of_range())).ok()
    }

    fn without_numbers_out_of_range(&self) -> Vec<u8> {
        let bytes = self.as_bytes();
        let mut out = Vec::with_capacity(bytes.len());
        let mut at = 0;
        while let Some(&byte) = bytes.get(at) {
            let is_number = matches!(byte, b'-' | b'0'..=b'9');
            let end = match byte {
                b'"' => skip_string(bytes, at),
                _ if is_number => skip_scalar(bytes, at),
                _ => at + 1,
            };
            let token = bytes.get(at..end).unwrap_or_default();
            // Asked of the one that is to read it.
            let is_out_of_range = is_number && serde_json::from_slice::<f64>(token).is_err();
            out.extend_from_slice(if is_out_of_range { b"{}" } else { token });
            at = end;
        }
        out
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn tree(text: &str) -> Option<Value> {
        Json::parse(text.to_owned().into(), 200).expect("JSON").to_tree()
    }

    #[test]
    fn a_number_beyond_a_double_is_an_empty_object_and_all_else_is_as_it_was() {
        let text = r#"{ "a\"1e400" : [1e400, -1E+999, 1e-999, 1.5, "1e400"], "b": {"c": 12} }"#;
        let expected = json!({"a\"1e400": [{}, {}, 0.0, 1.5, "1e400"], "b": {"c": 12}});
        assert_eq!(tree(text), Some(expected));
        assert_eq!(tree(&"9".repeat(400)), Some(json!({})));
        assert_eq!(tree("-1e400"), Some(json!({})));
        assert_eq!(tree("[1e400,1.7976931348623157e308]"), Some(json!([{}, f64::MAX])));
    }

    #[test]
    fn a_text_nested_too_deep_has_no_tree() {
        let nested = |depth| format!("{}1e400{}", "[".repeat(depth), "]".repeat(depth));
        assert!(tree(&nested(126)).is_some(), "one level is the object's");
        assert!(tree(&nested(128)).is_none());
    }

    proptest! {
        #[test]
        fn exactly_the_numbers_that_are_too_large_change(
            numbers in prop::collection::vec(("-?(0|[1-9][0-9]{0,3})", -900_i32..900), 1..9),
        ) {
            let texts: Vec<_> =
                numbers.iter().map(|(digits, exponent)| format!("{digits}e{exponent}")).collect();
            let tree = tree(&format!("[{}]", texts.join(" , "))).expect("a tree");
            for (text, found) in texts.iter().zip(tree.as_array().expect("an array")) {
                let exact: f64 = text.parse().expect("a number");
                if exact.is_finite() {
                    let found = found.as_f64().expect("a number");
                    prop_assert!((found - exact).abs() <= exact.abs() * 1e-12, "{text}: {found}");
                } else {
                    prop_assert_eq!(found, &json!({}), "{}", text);
                }
            }
        }
    }
}
