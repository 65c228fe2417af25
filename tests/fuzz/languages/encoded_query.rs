//! `ServiceNow`'s encoded queries (its documentation, "Encoded query strings" and "Operators available
//! for filters and queries"): conditions of field, operator and value between `^`.

use super::Parsed;

/// The operators that take a value, longer ones before those that they begin with.
const OPERATORS: [&str; 22] = [
    "!=",
    "<=",
    ">=",
    "=",
    "<",
    ">",
    "NOT LIKE",
    "NOT IN",
    "NOTLIKE",
    "LIKE",
    "STARTSWITH",
    "ENDSWITH",
    "INSTANCEOF",
    "IN",
    "CONTAINS",
    "BETWEEN",
    "SAMEAS",
    "NSAMEAS",
    "RELATIVEGT",
    "MATCH_RGX",
    "DATEPART",
    "ON",
];

pub fn encoded_query(text: &str) -> Result<Parsed, String> {
    if text.chars().any(char::is_control) {
        return Err("a control character".to_owned());
    }
    let mut parsed = Parsed::default();
    for (index, condition) in text.split('^').enumerate() {
        let join = ["OR", "NQ"].into_iter().find(|join| index > 0 && condition.starts_with(join));
        let condition = join.map_or(condition, |join| &condition[join.len()..]);
        let of_field = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || "_.".contains(c);
        let after = condition.trim_start_matches(of_field);
        let field = &condition[..condition.len() - after.len()];
        let operator = OPERATORS.into_iter().find(|operator| after.starts_with(operator));
        let operator = operator.ok_or_else(|| format!("no operator in {condition:?}"))?;
        if field.is_empty() {
            return Err(format!("no field in {condition:?}"));
        }
        let value = &after[operator.len()..];
        parsed.structure.extend([join.unwrap_or("AND"), field, operator].map(str::to_owned));
        // Each element of a list or a range is evaluated if it begins so.
        let is_script = |part: &str| part.trim_start().to_lowercase().starts_with("javascript:");
        if value.split([',', '@']).any(is_script) {
            parsed.structure.push("a script".to_owned());
        }
        parsed.values.push(value.to_owned());
    }
    Ok(parsed)
}
