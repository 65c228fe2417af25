//! SOQL as far as its strings go (Salesforce's SOQL reference, "Quoted String Escape Sequences").

use super::{Parsed, tokens};

pub fn soql(text: &str) -> Result<Parsed, String> {
    tokens(text, string)
}

fn string(quoted: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut chars = quoted.chars();
    while let Some(c) = chars.next() {
        match c {
            '\'' => return Ok((value, chars.as_str())),
            '\\' => value.push(sequence(&mut chars)?),
            '\n' | '\r' => return Err("a line break in a string".to_owned()),
            other => value.push(other),
        }
    }
    Err("a string without an end".to_owned())
}

/// What a backslash begins. In any other context it is an error, says the reference.
fn sequence(chars: &mut std::str::Chars<'_>) -> Result<char, String> {
    match chars.next() {
        Some(c @ ('\'' | '"' | '\\')) => Ok(c),
        Some('n' | 'N') => Ok('\n'),
        Some('r' | 'R') => Ok('\r'),
        Some('t' | 'T') => Ok('\t'),
        Some('f' | 'F') => Ok('\u{c}'),
        Some('b' | 'B') => Ok('\u{7}'),
        Some('u') => {
            let digits: String = chars.by_ref().take(4).collect();
            let code = u32::from_str_radix(&digits, 16).ok().filter(|_| digits.len() == 4);
            code.and_then(char::from_u32).ok_or_else(|| format!("\\u{digits}"))
        }
        other => Err(format!("a backslash before {other:?}")),
    }
}
