//! Templates and the values that are put into them: a value is data wherever it stands.
//!
//! The input's first line is a template, the second one a parameter's name, the rest a value.

use percent_encoding::percent_decode_str;
use serde_json::{Value, json};
use tributary::model::id::InputName;
use tributary::model::inputs::{InputKind, InputSpec, InputValue, Inputs};
use tributary::model::template::{
    HeaderTemplate, JsonTemplate, RenderError, TextTemplate, UrlTemplate, Values,
};

/// A value that no reader could take for anything else.
pub(super) const HARMLESS: &str = "x";

pub fn template(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let mut lines = text.splitn(3, '\n');
    let mut line = || lines.next().unwrap_or_default();
    let (template, name, value) = (line(), line(), line());
    let hostile = with_input(value);
    let harmless = with_input(HARMLESS);
    let (hostile, harmless) = (Values::of_inputs(&hostile), Values::of_inputs(&harmless));
    plain_text(template, value, &hostile);
    for prefix in ["", "https://h.example/a/", "https://h.example/a?b="] {
        url(&format!("{prefix}{template}"), (name, template), value, [&hostile, &harmless]);
    }
    header(template, [&hostile, &harmless]);
    json_body(template, name, value, [&hostile, &harmless]);
}

/// An input `v`, set by its default so that it may be any text.
pub(super) fn with_input(text: &str) -> Inputs {
    let name = InputName::try_new("v").expect("a good name");
    let default = Some(InputValue::Text(text.to_owned()));
    let spec = InputSpec { default, ..InputSpec::new(name, InputKind::String) };
    Inputs::from_object(&serde_json::Map::new(), &[spec]).expect("the default stands in")
}

fn plain_text(template: &str, value: &str, values: &Values<'_>) {
    let doubled = template.replace('{', "{{").replace('}', "}}");
    let doubled = TextTemplate::try_new(&doubled).expect("without placeholders");
    assert_eq!(doubled.constant(), Some(template));
    if let Ok(text) = TextTemplate::try_new("a{v}b").expect("it is good").render(values) {
        assert_eq!(text, format!("a{value}b"));
    }
    // Any other is read or refused.
    let _ = TextTemplate::try_new(template).map(|template| template.render(values).map(drop));
}

fn url(template: &str, query: (&str, &str), value: &str, [hostile, harmless]: [&Values<'_>; 2]) {
    let query = [(query.0.to_owned(), query.1.to_owned())];
    let Ok(template) = UrlTemplate::try_new(template, &query) else { return };
    let target = match template.render(hostile) {
        Ok(target) => target.into_owned(),
        Err(RenderError::EmptySegment(_)) => return assert_eq!(value, ""),
        // Whatever it stands for is not in the inputs.
        Err(RenderError::Missing(_)) => return,
        // The value may complete what the template begins: `.{v}`.
        Err(RenderError::DotSegment(_)) => return assert!(value.len() <= 2, "{value:?}"),
        Err(other) => panic!("{other}"),
    };
    assert!(target.starts_with('/') && !target.contains('#'), "{target:?}");
    assert!(target.bytes().all(|byte| byte.is_ascii_graphic()), "{target:?}");
    // A template that makes a `.` or `..` with any value has no harmless rendering to compare.
    let Ok(plain) = template.render(harmless) else { return };
    let (path, query) = target.split_once('?').unwrap_or((&target, ""));
    let (plain_path, plain_query) = plain.split_once('?').unwrap_or((&plain, ""));
    assert_eq!(path.split('/').count(), plain_path.split('/').count(), "{target:?}");
    assert_eq!(query.split('&').count(), plain_query.split('&').count(), "{target:?}");
    assert_eq!(query.matches('=').count(), plain_query.matches('=').count(), "{target:?}");
    // A server that resolves dots and decodes slashes of the template sees the same structure.
    let seen = |target: &str| {
        let url = url::Url::parse(&format!("{}{target}", template.endpoint()));
        url.expect("endpoint and target make a URL").path().split('/').count()
    };
    assert_eq!(seen(&target), seen(&plain), "{target:?}");
}

fn header(template: &str, [hostile, harmless]: [&Values<'_>; 2]) {
    let Ok(header) = HeaderTemplate::try_new("x-key", template) else { return };
    if let Ok(Some(text)) = header.render(hostile) {
        assert!(text.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()), "{text:?}");
        assert_eq!(text.trim(), text);
        let sent = awc::http::header::HeaderValue::from_str(&text).expect("a header value");
        assert_eq!(sent.as_bytes(), text.as_bytes());
    }
    let _ = header.render(harmless);
    let _ = HeaderTemplate::try_new(template, "x").map(|header| {
        let name = awc::http::header::HeaderName::try_from(header.name());
        assert!(name.is_ok(), "{:?}", header.name());
    });
}

fn json_body(template: &str, name: &str, value: &str, [hostile, harmless]: [&Values<'_>; 2]) {
    let body = json!({"t": template, "inside": [format!("a{template}"), {"n": 1}]});
    if let Ok(compiled) = JsonTemplate::try_new(&body)
        && let (Ok(text), Ok(plain)) = (compiled.render(hostile), compiled.render(harmless))
    {
        let text: Value = serde_json::from_str(&text).expect("valid JSON");
        let plain: Value = serde_json::from_str(&plain).expect("valid JSON");
        assert_eq!(shape(&text), shape(&plain), "{text}");
    }
    // With a known template, the exact value arrives.
    let body = json!({"whole": "{v}", "part": "-{v}-{v}"});
    let compiled = JsonTemplate::try_new(&body).expect("it is good");
    let text = compiled.render(hostile).expect("it has a value");
    let text: Value = serde_json::from_str(&text).expect("valid JSON");
    assert_eq!(text, json!({"whole": value, "part": format!("-{value}-{value}")}));
    let _ = JsonTemplate::try_new(&json!({ name: template }));
    let known = UrlTemplate::try_new("https://h.example/a/{v}?q={v}", &[]).expect("it is good");
    if let Ok(target) = known.render(hostile) {
        let (path, query) = target.split_once('?').expect("it has a query");
        let decoded = |text: &str| percent_decode_str(text).decode_utf8().map(String::from);
        assert_eq!(decoded(&path["/a/".len()..]).as_deref(), Ok(value));
        assert_eq!(decoded(&query["q=".len()..]).as_deref(), Ok(value));
    }
}

/// The value with all texts left out: `{"t": "abc"}` and `{"t": "x"}` have the same shape.
fn shape(value: &Value) -> Value {
    match value {
        Value::String(_) => Value::String(String::new()),
        Value::Array(items) => items.iter().map(shape).collect(),
        Value::Object(members) => {
            members.iter().map(|(key, value)| (key.clone(), shape(value))).collect()
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => value.clone(),
    }
}
