//! The laws that hold for every value, however hostile.

use std::borrow::Cow;

use percent_encoding::percent_decode_str;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::support::{input_v, source};
use super::{
    HeaderTemplate, JsonTemplate, Reference, RenderError, TextTemplate, UrlTemplate, Values,
};
use crate::model::inputs::Inputs;
use crate::model::template::escape::Escape;

/// Any text, and often one that has broken something somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let known = prop::sample::select(vec![
        "",
        ".",
        "..",
        "...",
        "../../admin",
        "a/b?x=1#y",
        "\r\nHost: evil",
        "\0",
        "\"",
        "\\\"",
        "\\",
        "😀",
        "{v}",
        "{customerId}",
        "{{v}}",
        "%2f",
        "%2e%2e",
        "%",
        "%00",
        "a&b=c",
        "a=b",
        "+",
        " ",
        " a ",
        ";",
        "//evil.example",
        "@evil.example",
        "\u{2028}",
        "\u{85}",
        "\x7f",
        "\t",
        "\",\"admin\":true,\"x\":\"",
        "é",
        "${x}",
        "null",
        "1e999",
        "x' OR Name != 'y",
        "a^ORb=c",
        "javascript:x",
        "</a>",
        "\u{ffff}",
    ])
    .prop_map(str::to_owned);
    prop_oneof![
        known.clone(),
        any::<String>(),
        (known.clone(), any::<String>(), known).prop_map(|(a, b, c)| a + &b + &c),
        "[ -~]{0,40}",
    ]
}

/// Text that is nearly a template or a URL.
fn nearly() -> impl Strategy<Value = String> {
    let bits = prop::sample::select(vec![
        "{", "}", "{{", "}}", "a", "crm", ".", ":", "/", "~", "?", "&", "=", "#", "%", "%2", "@",
        "[", "]", "https://", "http://h", "é", " ", "\n", "99999", "{v}", "{crm.x}", "://", "|",
        "{v|soql}", "|url", "'", "\"",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(bits, 0..12).prop_map(|bits| bits.concat()),]
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8().unwrap().into_owned()
}

fn url(url: &str, query: &[(&str, &str)]) -> UrlTemplate {
    let owned = |(name, value): &(&str, &str)| ((*name).to_owned(), (*value).to_owned());
    let query: Vec<(String, String)> = query.iter().map(owned).collect();
    UrlTemplate::try_new(url, &query).unwrap()
}

proptest! {
    #[test]
    fn a_value_stays_within_its_path_segment(value in hostile()) {
        let inputs = input_v(&value);
        let template = url("https://h/a/{v}/b-{v}/c", &[]);
        match template.render(&Values::of_inputs(&inputs)) {
            Ok(target) => {
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
                prop_assert!(!target.contains(['?', '#', '\\']));
                let segments: Vec<&str> = target.split('/').collect();
                prop_assert_eq!(segments.len(), 5, "{}", target);
                prop_assert_eq!((segments[0], segments[1], segments[4]), ("", "a", "c"));
                prop_assert_eq!(decoded(segments[2]), value.as_str());
                prop_assert_eq!(decoded(segments[3]), format!("b-{value}"));
                prop_assert!(!matches!(decoded(segments[2]).as_str(), "" | "." | ".."));
            }
            Err(RenderError::EmptySegment(_)) => prop_assert_eq!(value, ""),
            Err(RenderError::DotSegment(_)) => prop_assert!(value == "." || value == ".."),
            Err(other) => prop_assert!(false, "{}", other),
        }
    }

    #[test]
    fn a_value_stays_within_its_query_parameter(value in hostile()) {
        let inputs = input_v(&value);
        let template = url("https://h/p?a={v}&none={none}&f=1", &[("x{v}", "y"), ("d", "{v}z")]);
        let target = template.render(&Values::of_inputs(&inputs)).unwrap();
        prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()));
        let (path, query) = target.split_once('?').unwrap();
        prop_assert_eq!(path, "/p");
        prop_assert!(!query.contains(['?', '#', '+', ';']));
        let parameters: Vec<(String, String)> = query
            .split('&')
            .map(|parameter| {
                let (name, value) = parameter.split_once('=').unwrap();
                (decoded(name), decoded(value))
            })
            .collect();
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        prop_assert_eq!(parameters, vec![
            pair("a", &value),
            pair("f", "1"),
            pair(&format!("x{value}"), "y"),
            pair("d", &format!("{value}z")),
        ]);
        prop_assert_eq!(query.matches('=').count(), 4);
    }

    #[test]
    fn a_value_stays_within_its_json_string(value in hostile()) {
        let inputs = input_v(&value);
        let template = json!({"whole": "{v}", "inside": ["a{v}b", {"twice": "{v}{v}"}], "n": 5});
        let template = JsonTemplate::try_new(&template).unwrap();
        let text = template.render(&Values::of_inputs(&inputs)).unwrap();
        let expected = json!({
            "whole": value,
            "inside": [format!("a{value}b"), {"twice": format!("{value}{value}")}],
            "n": 5
        });
        prop_assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), expected);
    }

    #[test]
    fn a_header_is_the_exact_value_or_is_refused(value in hostile()) {
        let inputs = input_v(&value);
        let template = HeaderTemplate::try_new("x-key", "Bearer {v}").unwrap();
        match template.render(&Values::of_inputs(&inputs)) {
            Ok(Some(text)) => {
                prop_assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
                prop_assert_eq!(text.trim(), text.as_ref());
                prop_assert_eq!(text, format!("Bearer {value}"));
            }
            Ok(None) => prop_assert_eq!(value, ""),
            Err(_) => prop_assert!(
                value.starts_with(' ')
                    || value.ends_with(' ')
                    || value.chars().any(|c| !c.is_ascii() || c.is_control())
            ),
        }
    }

    #[test]
    fn a_value_of_a_source_is_treated_as_an_inputs_is(value in hostile()) {
        let inputs = input_v(&value);
        let sources = [source("crm", &json!({"a/b": value}).to_string())];
        let values = Values { inputs: &inputs, sources: &sources };
        let both = |template: &str| [template.to_owned(), template.replace("{v}", "{crm:/a~1b}")];

        let [input, other] = both("https://h/a/{v}/b-{v}?q={v}").map(|text| {
            url(&text, &[]).render(&values).map(Cow::into_owned).ok()
        });
        prop_assert_eq!(input, other);
        let [input, other] = both("Bearer {v}").map(|text| {
            let template = HeaderTemplate::try_new("x-key", &text).unwrap();
            template.render(&values).map(|text| text.map(Cow::into_owned)).ok()
        });
        prop_assert_eq!(input, other);
        let [input, other] = both("{v}").map(|text| {
            let template = JsonTemplate::try_new(&json!([format!("<{text}>"), text])).unwrap();
            let text = template.render(&values).unwrap();
            serde_json::from_str::<Value>(&text).unwrap()
        });
        prop_assert_eq!(input, other);
    }

    #[test]
    fn an_escape_comes_before_the_places_own_encoding(value in hostile()) {
        for escape in Escape::ALL {
            let inputs = input_v(&value);
            let written = escape.apply(&value);
            let plain = written.as_ref().map(|text| input_v(text));
            let hole = format!("{{v|{escape}}}");
            let rendered = |text: &str, inputs: &Inputs| {
                let values = Values::of_inputs(inputs);
                let url = url(&format!("https://h/a-{text}?b={text}"), &[("c", text)]);
                let header = HeaderTemplate::try_new("x", text).unwrap();
                let json = JsonTemplate::try_new(&json!([text, format!("a{text}")])).unwrap();
                let key = TextTemplate::try_new(text).unwrap();
                [
                    url.render(&values).map(Cow::into_owned),
                    header.render(&values).map(|text| format!("{text:?}")),
                    json.render(&values).map(Cow::into_owned),
                    key.render(&values).map(Cow::into_owned),
                ]
            };
            let found = rendered(&hole, &inputs);
            if let Some(plain) = plain {
                prop_assert_eq!(found, rendered("{v}", &plain));
            } else {
                let reference = Reference::parse("v").unwrap();
                let refused = RenderError::Refused { escape, reference };
                prop_assert!(found.iter().all(|found| *found == Err(refused.clone())));
            }
        }
    }

    #[test]
    fn an_error_never_repeats_the_value(value in "[A-Z]{12,20}[\r\né ]") {
        let inputs = input_v(&value);
        let template = HeaderTemplate::try_new("x-key", "{v}").unwrap();
        let error = template.render(&Values::of_inputs(&inputs)).unwrap_err();
        let shown = format!("{error} {error:?}");
        prop_assert!(!shown.contains(&value[..12]), "{}", shown);
    }

    #[test]
    fn any_text_is_parsed_or_refused_and_never_panics(a in nearly(), b in nearly(), c in nearly()) {
        let inputs = input_v("..");
        let values = Values::of_inputs(&inputs);
        let _ = TextTemplate::try_new(&a).map(|t| t.render(&values).map(Cow::into_owned));
        let _ = HeaderTemplate::try_new("x", &a).map(|t| t.render(&values).map(|_| ()));
        let _ = HeaderTemplate::try_new(&a, "x");
        let body = json!({&a: [&b, &c]});
        let _ = JsonTemplate::try_new(&body).map(|t| t.render(&values).map(|_| ()));
        let _ = UrlTemplate::try_new(&a, &[]);
        for prefix in ["https://", "https://h/", "https://h/p?"] {
            let url = format!("{prefix}{a}");
            if let Ok(template) = UrlTemplate::try_new(&url, &[(b.clone(), c.clone())])
                && let Ok(target) = template.render(&values)
            {
                prop_assert!(target.starts_with('/') && !target.contains('#'), "{}", target);
                prop_assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{}", target);
            }
        }
    }

    #[test]
    fn text_with_doubled_braces_renders_as_itself(text in hostile()) {
        let doubled = text.replace('{', "{{").replace('}', "}}");
        let template = TextTemplate::try_new(&doubled).unwrap();
        prop_assert_eq!(template.constant(), Some(text.as_str()));
    }
}
