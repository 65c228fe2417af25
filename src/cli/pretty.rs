//! JSON text laid out for people, its keys left in their order.

/// Containers nested deeper than this stay on one line.
const LAID_OUT_DEPTH: usize = 4;

/// Lays valid JSON text out over lines.
pub fn pretty(json: &str) -> String {
    let mut out = String::with_capacity(json.len() * 2);
    let mut depth = 0_usize;
    let (mut in_string, mut escaped) = (false, false);
    for character in json.chars() {
        if in_string {
            out.push(character);
            in_string = escaped || character != '"';
            escaped = character == '\\' && !escaped;
            continue;
        }
        match character {
            '{' | '[' => {
                depth += 1;
                out.push(character);
                new_line(&mut out, depth, depth);
            }
            '}' | ']' => {
                new_line(&mut out, depth, depth.saturating_sub(1));
                depth = depth.saturating_sub(1);
                out.push(character);
            }
            ',' => {
                out.push(',');
                if depth > LAID_OUT_DEPTH {
                    out.push(' ');
                }
                new_line(&mut out, depth, depth);
            }
            ':' => out.push_str(": "),
            ' ' | '\t' | '\r' | '\n' => {}
            other => {
                in_string = other == '"';
                out.push(other);
            }
        }
    }
    out
}

/// Begins a line with this indentation, unless the container at `depth` stays on one line.
fn new_line(out: &mut String, depth: usize, indentation: usize) {
    if depth <= LAID_OUT_DEPTH {
        out.push('\n');
        out.push_str(&"  ".repeat(indentation));
    }
}

#[cfg(test)]
mod tests {
    use super::pretty;

    #[test]
    fn keys_stay_in_order_and_deep_containers_on_one_line() {
        let json = r#"{"b":1,"a":{"x":[{"deep":[1,{"deeper":2}]}]}}"#;
        let expected = "{\n  \"b\": 1,\n  \"a\": {\n    \"x\": [\n      {\n        \"deep\": \
                        [1, {\"deeper\": 2}]\n      }\n    ]\n  }\n}";
        assert_eq!(pretty(json), expected);
    }

    #[test]
    fn what_stands_in_a_string_is_left_as_it_is() {
        let json = r#"["a\"{,:}\\",":"]"#;
        assert_eq!(pretty(json), "[\n  \"a\\\"{,:}\\\\\",\n  \":\"\n]");
    }
}
