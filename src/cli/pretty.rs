//! JSON text laid out for people, its keys left in their order.

/// Lays valid JSON text out over lines: a container that fits into its line of `columns` characters
/// stays on it, any other has a line for each member.
pub fn pretty(json: &str, columns: usize) -> String {
    let tokens = tokens(json);
    let mut out = String::with_capacity(json.len() * 2);
    let (mut depth, mut column) = (0_usize, 0_usize);
    // Up to here everything stays on one line.
    let mut flat_until = 0_usize;
    for (index, token) in tokens.iter().enumerate() {
        let is_flat = index < flat_until;
        if !is_flat && is_close(token) {
            depth = depth.saturating_sub(1);
            column = new_line(&mut out, depth);
        }
        out.push_str(token);
        column += token.chars().count();
        match *token {
            ":" => column += blank(&mut out),
            "," if is_flat => column += blank(&mut out),
            "," => column = new_line(&mut out, depth),
            _ if !is_flat && is_open(token) => {
                let rest = tokens.get(index + 1..).unwrap_or_default();
                if let Some(length) = end_on_line(rest, columns.saturating_sub(column)) {
                    flat_until = index + 1 + length;
                } else {
                    depth += 1;
                    column = new_line(&mut out, depth);
                }
            }
            _ => {}
        }
    }
    out
}

/// How many tokens there are up to the end of the container that has just begun, if they fit into
/// `room` columns with a comma behind them.
fn end_on_line(tokens: &[&str], room: usize) -> Option<usize> {
    let (mut depth, mut used) = (1_usize, 1_usize);
    for (index, token) in tokens.iter().enumerate() {
        // A blank stands behind each colon and comma.
        used += token.chars().count() + usize::from(matches!(*token, ":" | ","));
        if used > room {
            return None;
        }
        depth += usize::from(is_open(token));
        depth -= usize::from(is_close(token));
        if depth == 0 {
            return Some(index + 1);
        }
    }
    None
}

fn is_open(token: &str) -> bool {
    matches!(token, "{" | "[")
}

fn is_close(token: &str) -> bool {
    matches!(token, "}" | "]")
}

/// Puts a blank; gives its width.
fn blank(out: &mut String) -> usize {
    out.push(' ');
    1
}

/// Begins a line with this indentation; gives the column.
fn new_line(out: &mut String, depth: usize) -> usize {
    out.push('\n');
    out.push_str(&"  ".repeat(depth));
    2 * depth
}

/// The JSON text in its smallest parts: punctuation, strings, numbers and words.
fn tokens(json: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = json.trim_start();
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '"' => string_length(rest),
            '{' | '}' | '[' | ']' | ':' | ',' => 1,
            _ => rest.find([',', '}', ']', ' ', '\t', '\r', '\n']).unwrap_or(rest.len()).max(1),
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}

/// The length of the string at the beginning, bytes, with its quotes.
fn string_length(text: &str) -> usize {
    let mut escaped = false;
    for (at, character) in text.char_indices().skip(1) {
        if character == '"' && !escaped {
            return at + 1;
        }
        escaped = character == '\\' && !escaped;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::pretty;

    const WIDTH: usize = 100;

    #[test]
    fn keys_stay_in_order_and_what_fits_stays_on_one_line() {
        let long = "x".repeat(WIDTH - 20);
        let json = format!(r#"{{"b":1,"a":{{"x":[1,{{"deep":[ ]}}]}},"long":"{long}"}}"#);
        let expected = format!(
            "{{\n  \"b\": 1,\n  \"a\": {{\"x\": [1, {{\"deep\": []}}]}},\n  \"long\": \"{long}\"\n}}"
        );
        assert_eq!(pretty(&json, WIDTH), expected);
    }

    #[test]
    fn what_stands_in_a_string_is_left_as_it_is() {
        let json = r#"["a\"{,:}\\", ":", "x\\\""]"#;
        assert_eq!(pretty(json, WIDTH), json);
    }

    #[test]
    fn a_line_is_at_most_as_wide_as_the_page_if_its_strings_are_short() {
        let wide: Value = (0..60).map(|n| json!({"number": n, "list": [n, n, n]})).collect();
        let text = pretty(&json!({"outer": {"inner": wide}}).to_string(), WIDTH);
        assert!(text.lines().all(|line| line.chars().count() <= WIDTH), "{text}");
    }

    proptest! {
        #[test]
        fn it_stays_the_same_json(
            texts in prop::collection::vec(".{0,40}", 0..8),
            numbers in prop::collection::vec(any::<i64>(), 0..40),
        ) {
            let value = json!({"texts": texts, "more": [{"numbers": numbers}, null, true, {}]});
            let back: Value = serde_json::from_str(&pretty(&value.to_string(), WIDTH)).unwrap();
            prop_assert_eq!(back, value);
        }
    }
}
