//! Readers of the languages that values are escaped for. XML and GraphQL have the parsers that others
//! use; for SOQL, `OData` and `ServiceNow`'s encoded queries there is none that keeps to the published
//! grammar, so it is written down here, apart from what the service does.

mod encoded_query;
mod graphql;
mod odata;
mod soql;
mod xml;

pub use encoded_query::encoded_query;
pub use graphql::graphql;
pub use odata::odata;
pub use soql::soql;
pub use xml::xml;

/// What a reader made of a text.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Parsed {
    /// Everything but the values.
    pub structure: Vec<String>,
    /// The values, as whoever receives the text has them.
    pub values: Vec<String>,
}

/// Reads a text.
///
/// # Errors
/// Why it is not one of the language.
pub type Reader = fn(&str) -> Result<Parsed, String>;

/// The words and signs of a text, in which `string` reads what begins with a single quote: it gets
/// what stands behind the quote, and gives the value and the rest.
fn tokens(
    text: &str,
    string: fn(&str) -> Result<(String, &str), String>,
) -> Result<Parsed, String> {
    let mut parsed = Parsed::default();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let of_word = |c: char| c.is_alphanumeric() || c == '_' || c == '.';
        let after = rest.trim_start_matches(of_word);
        if let Some(quoted) = rest.strip_prefix('\'') {
            let (value, after) = string(quoted)?;
            parsed.structure.push("a string".to_owned());
            parsed.values.push(value);
            rest = after;
        } else if after.len() < rest.len() {
            parsed.structure.push(rest[..rest.len() - after.len()].to_owned());
            rest = after;
        } else {
            if !first.is_whitespace() {
                parsed.structure.push(first.to_string());
            }
            rest = &rest[first.len_utf8()..];
        }
    }
    Ok(parsed)
}

#[test]
fn every_reader_reads_what_its_language_has() {
    let values = |reader: Reader, text: &str| reader(text).map(|parsed| parsed.values);
    let texts = |all: &[&str]| Ok(all.iter().map(|text| (*text).to_owned()).collect());
    assert_eq!(values(soql, r"a = 'x\'\\\n\u00e9' AND b = 'y'"), texts(&["x'\\\né", "y"]));
    assert_eq!(values(odata, r"a eq 'x''\' and b eq ''"), texts(&["x'\\", ""]));
    assert_eq!(values(encoded_query, "a=b c^ORd.eINSTANCEOFf^g>=h"), texts(&["b c", "f", "h"]));
    assert_eq!(values(graphql, r#"{ a(b: "x\"\n", c: """y""") }"#), texts(&["x\"\n", "y"]));
    assert_eq!(values(xml, "<a b='x&amp;'>y&#10;</a>"), texts(&["x&", "y\n"]));
    for (reader, text) in [
        (soql as Reader, "a = 'x"),
        (soql, r"a = 'x\y'"),
        (soql, "a = 'x\n'"),
        (odata, "a eq 'x"),
        (encoded_query, "a"),
        (encoded_query, "=b"),
        (graphql, r#"{ a(b: "x) }"#),
        (graphql, r#"{ a(b: "\q") }"#),
        (xml, "<a>x"),
        (xml, "<a>\u{1}</a>"),
    ] {
        assert!(reader(text).is_err(), "{text}");
    }
}

#[test]
fn every_reader_sees_what_a_value_without_an_escape_changes() {
    for (reader, before, behind, value) in [
        (soql as Reader, "WHERE Phone = '", "'", "x' OR Name != 'y"),
        (odata, "phone eq '", "'", "x' or name ne 'y"),
        (encoded_query, "phone=", "^active=true", "x^ORname!=y"),
        (encoded_query, "phone=", "", "javascript:gs.getUserID()"),
        (encoded_query, "opened_atBETWEEN1@", "", "2@JavaScript:gs.now()"),
        (encoded_query, "priority<", "", "=3"),
        (encoded_query, "sys_idIN", "", "STANCEOFx"),
        (graphql, "{ a(b: \"", "\") { c } }", "x\") { secret } d(e: \""),
        (graphql, "{ a(b: \"", "\") }", "x\", f: 1, g: \""),
        (xml, "<a>", "</a>", "x</a><a>y"),
        (xml, "<a b=\"", "\"/>", "x\" c=\"y"),
    ] {
        let plain = reader(&format!("{before}x{behind}")).expect("it is good");
        // An upstream that refuses it has noticed as well.
        if let Ok(changed) = reader(&format!("{before}{value}{behind}")) {
            assert_ne!(changed.structure, plain.structure, "{value}");
        }
    }
}
