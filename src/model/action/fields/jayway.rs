//! What to write in place of a `JSONPath` of another dialect: that of Jayway, which Genesys Cloud uses in the
//! translation maps of data actions, is older than RFC 9535 and takes more.

/// What to write instead of `text`, which is no `JSONPath` by RFC 9535, if that can be told.
pub(super) fn hint(text: &str) -> Option<String> {
    if text.contains("(@.length") {
        return Some("the last element of a list is `[-1]`".to_owned());
    }
    let functions = ["length()", "size()", "count()"];
    if let Some(function) = functions.iter().find(|function| text.ends_with(**function)) {
        let list = text.strip_suffix(function)?.trim_end_matches('.');
        let hint =
            format!("`{function}` is of another dialect; write {list:?} with `count = true`");
        return Some(hint);
    }
    if text.ends_with("()") {
        return Some("a path of RFC 9535 does not end in a function".to_owned());
    }
    let quoted = with_names_in_brackets(text);
    (quoted != text).then(|| {
        format!(
            "a name of other characters than letters, digits and `_` stands in brackets: {quoted:?}"
        )
    })
}

/// The same with each name in brackets that cannot stand behind a dot.
fn with_names_in_brackets(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('.') {
        let (before, from) = rest.split_at(at);
        out.push_str(before);
        let from = from.strip_prefix('.').unwrap_or(from);
        // A name of OData has a dot within, such as `@odata.count`.
        let ends: &[char] = if from.starts_with('@') { &['['] } else { &['.', '['] };
        let end = from.find(ends).unwrap_or(from.len());
        let (name, behind) = from.split_at(end);
        let is_index = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_digit());
        let is_plain = name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '*'));
        match name {
            _ if is_index => out.extend(["[", name, "]"]),
            _ if is_plain => out.extend([".", name]),
            _ => out.extend(["['", &name.replace('\'', "\\'"), "']"]),
        }
        rest = behind;
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::action::fields::FieldPath;

    #[test]
    fn a_path_of_another_dialect_is_told_what_to_write_instead() {
        for (text, instead) in [
            ("$.hs-object-id", "$['hs-object-id']"),
            ("$.results[*].hs-object-id.x", "$.results[*]['hs-object-id'].x"),
            ("$.@odata.count", "$['@odata.count']"),
            ("$.results.0.id", "$.results[0].id"),
            ("$.a.it's", "$.a['it\\'s']"),
        ] {
            let error = FieldPath::try_new(text).unwrap_err().to_string();
            assert!(error.contains(&format!("{instead:?}")), "{text}: {error}");
            assert!(FieldPath::try_new(instead).is_ok(), "{instead}");
        }
        for (text, hint) in [
            ("$.results.length()", "write \"$.results\" with `count = true`"),
            ("$.results[(@.length-1)].id", "`[-1]`"),
            ("$.prices.sum()", "does not end in a function"),
        ] {
            let error = FieldPath::try_new(text).unwrap_err().to_string();
            assert!(error.contains(hint), "{text}: {error}");
        }
        assert_eq!(hint("$.a["), None);
    }
}
