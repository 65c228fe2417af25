//! Escapes: whatever a value is, the text around it means the same, and the value arrives as it is;
//! or it is refused, and rightly so.
//!
//! The input is the value, as far as an input may be long.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tributary::model::inputs::DEFAULT_MAX_LENGTH;
use tributary::model::template::{JsonTemplate, RenderError, UrlTemplate, Values};

use super::template::{HARMLESS, with_input};
use crate::languages::{Reader, encoded_query, graphql, odata, soql, xml};

/// A text with the value in it, in one language.
struct Case {
    reader: Reader,
    /// `{v|…}` is the value; braces themselves are doubled.
    template: &'static str,
    /// The values that the reader finds, in which `V` stands for the value.
    values: &'static [&'static str],
}

const CASES: [Case; 15] = [
    Case {
        reader: soql,
        template: "SELECT Id FROM Contact WHERE Phone = '{v|soql}' AND IsActive = true LIMIT 1",
        values: &["V"],
    },
    Case {
        reader: soql,
        template: "a = '{v|soql}' OR b = '-{v|soql}{v|soql}'",
        values: &["V", "-VV"],
    },
    Case { reader: soql, template: r"a IN ('\'{v|soql}\\', '{v|soql}')", values: &["'V\\", "V"] },
    Case {
        reader: odata,
        template: "contains(name,'{v|odata}') and id eq '{v|odata}x'",
        values: &["V", "Vx"],
    },
    Case { reader: odata, template: "a eq '''{v|odata}{v|odata}'", values: &["'VV"] },
    Case { reader: odata, template: r"a eq '\{v|odata}\'", values: &["\\V\\"] },
    Case {
        reader: encoded_query,
        template: "number={v|sysparm}^active=true",
        values: &["V", "true"],
    },
    Case {
        reader: encoded_query,
        template: "active=true^nameLIKE{v|sysparm}^ORa.b!={v|sysparm}^NQpriority<{v|sysparm}",
        values: &["true", "V", "V", "V"],
    },
    Case { reader: encoded_query, template: "sys_idIN{v|sysparm}", values: &["V"] },
    Case {
        reader: graphql,
        template: "{{ user(id: \"{v|graphql}\", x: 1) {{ name }} }}",
        values: &["V"],
    },
    Case {
        reader: graphql,
        template: "query {{ a(b: [\"\\\\{v|graphql}\", \"{v|graphql}{v|graphql}\"]) }} # \"",
        values: &["\\V", "VV"],
    },
    Case {
        reader: xml,
        template: "<a b=\"{v|xml}\" c='{v|xml}'>-{v|xml}</a>",
        values: &["V", "V", "-V"],
    },
    Case {
        reader: xml,
        template: "<a>{v|xml}{v|xml}-<b/>]]{v|xml}-</a>",
        values: &["VV-", "]]V-"],
    },
    // A language within another one.
    Case { reader: xml, template: "<q>a = '{v|soql|xml}'</q>", values: &[] },
    Case { reader: graphql, template: "{{ a(b: \"c eq '{v|odata|graphql}'\") }}", values: &[] },
];

pub fn escapes(input: &[u8]) {
    let value: String =
        String::from_utf8_lossy(input).chars().take(DEFAULT_MAX_LENGTH as usize).collect();
    for case in &CASES {
        check(case, &value);
    }
    nested(&value, "<q>a = '{v|soql|xml}'</q>", [xml, soql]);
    nested(&value, "{{ a(b: \"c eq '{v|odata|graphql}'\") }}", [graphql, odata]);
    url(&value);
}

fn check(case: &Case, value: &str) {
    let plain = rendered(case.template, HARMLESS).expect("a harmless value is never refused");
    let plain = (case.reader)(&plain).unwrap_or_else(|error| panic!("{}: {error}", case.template));
    let text = match rendered(case.template, value) {
        Ok(text) => text,
        Err(error) => {
            return assert!(is_refused_rightly(case.template, value), "{error}: {value:?}");
        }
    };
    let parsed = (case.reader)(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    if !case.values.is_empty() {
        let values: Vec<String> = case.values.iter().map(|v| v.replace('V', value)).collect();
        assert_eq!(parsed.values, values, "{text:?}");
    }
    assert_eq!(parsed.structure, plain.structure, "{text:?}");
}

/// The value of the outer language is a text of the inner one, in which the value is a value.
fn nested(value: &str, template: &str, [outer, inner]: [Reader; 2]) {
    let Ok(text) = rendered(template, value) else { return };
    let parsed = outer(&text).unwrap_or_else(|error| panic!("{text:?}: {error}"));
    let [within] = parsed.values.as_slice() else { panic!("{text:?}: {parsed:?}") };
    let parsed = inner(within).unwrap_or_else(|error| panic!("{within:?}: {error}"));
    assert_eq!(parsed.values, [value], "{within:?}");
}

/// A URL within a text, as batches of requests have it.
fn url(value: &str) {
    let template = "/users/{v|url}/x?a=-{v|url}&b=1";
    let Ok(text) = rendered(template, value) else {
        return assert!(matches!(value, "." | ".."), "{value:?}");
    };
    let url = url::Url::parse(&format!("https://h.example{text}")).expect("it is a URL");
    let segments: Vec<&str> = url.path_segments().expect("it has a path").collect();
    let ["users", segment, "x"] = segments.as_slice() else { panic!("{text:?}") };
    assert_eq!(percent_decode_str(segment).decode_utf8().as_deref(), Ok(value));
    let pairs: Vec<(String, String)> = url.query_pairs().into_owned().collect();
    let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    assert_eq!(pairs, [pair("a", &format!("-{value}")), pair("b", "1")]);
    assert_eq!(url.fragment(), None);
}

/// The text as an upstream has it from the query and from a body, which must be the same.
fn rendered(template: &str, value: &str) -> Result<String, RenderError> {
    let inputs = with_input(value);
    let values = Values::of_inputs(&inputs);
    let body = JsonTemplate::try_new(&json!({"t": template})).expect("it is good");
    let query = [("q".to_owned(), template.to_owned())];
    let url = UrlTemplate::try_new("https://h.example/", &query).expect("it is good");
    let (body, target) = (body.render(&values), url.render(&values));
    let body: Value = serde_json::from_str(&body?).expect("valid JSON");
    let text = body["t"].as_str().expect("a text").to_owned();
    let target = target.expect("what a body takes, a query takes");
    let sent = target.strip_prefix("/?q=").expect("one parameter");
    assert!(!sent.contains(['&', '#', '+', '=']), "{sent:?}");
    assert_eq!(percent_decode_str(sent).decode_utf8().as_deref(), Ok(text.as_str()));
    Ok(text)
}

/// Whether one of the languages has no way to carry the value.
fn is_refused_rightly(template: &str, value: &str) -> bool {
    let of_xml = |c: char| matches!(u32::from(c), 9 | 10 | 13 | 0x20..=0xd7ff | 0xe000..=0xfffd | 0x1_0000..);
    let is_syntax = || {
        let folded = value.to_lowercase().replace('\u{17f}', "s").replace('\u{131}', "i");
        value.contains(|c: char| c == '^' || c.is_control())
            || folded.contains("javascript:")
            || ["=", "STANCEOF"].iter().any(|begin| value.starts_with(begin))
    };
    (template.contains("|sysparm") && is_syntax())
        || (template.contains("|xml") && !template.contains("|soql") && !value.chars().all(of_xml))
        || (template.contains("|soql|xml") && value.contains(['\u{fffe}', '\u{ffff}']))
}
