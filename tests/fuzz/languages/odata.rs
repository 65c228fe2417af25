//! `OData` as far as its strings go (OASIS `OData` ABNF 4.01, rules `string` and `SQUOTE-in-string`).

use super::{Parsed, tokens};

pub fn odata(text: &str) -> Result<Parsed, String> {
    tokens(text, string)
}

/// Two quotes are one, one quote is the end, and everything else is itself.
fn string(quoted: &str) -> Result<(String, &str), String> {
    let mut value = String::new();
    let mut rest = quoted;
    loop {
        let (part, after) = rest.split_once('\'').ok_or("a string without an end")?;
        value.push_str(part);
        match after.strip_prefix('\'') {
            Some(more) => {
                value.push('\'');
                rest = more;
            }
            None => return Ok((value, after)),
        }
    }
}
