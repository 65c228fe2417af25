use serde_json::json;

use super::*;
use crate::model::template::support::{input_v, inputs};

fn template(url: &str, query: &[(&str, &str)]) -> Result<UrlTemplate, TemplateError> {
    let query: Vec<(String, String)> =
        query.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    UrlTemplate::try_new(url, &query)
}

/// The rendering with the inputs `a` = `x/y`, `n` = 7 and nothing else.
fn rendered(url: &str, query: &[(&str, &str)]) -> String {
    let inputs = inputs(&json!({"a": "x/y", "n": 7}));
    template(url, query)
        .unwrap()
        .render(&Values::of_inputs(&inputs))
        .map_or_else(|error| format!("error: {error}"), Cow::into_owned)
}

fn rendered_with(url: &str, value: &str) -> Result<String, RenderError> {
    let inputs = input_v(value);
    template(url, &[]).unwrap().render(&Values::of_inputs(&inputs)).map(Cow::into_owned)
}

#[test]
fn values_are_encoded_in_path_and_query() {
    assert_eq!(
        rendered("https://h/u/{a}/z?q={a}", &[("id", "{a}"), ("{a}", "{n}")]),
        "/u/x%2Fy/z?q=x%2Fy&id=x%2Fy&x%2Fy=7"
    );
    assert_eq!(rendered("https://h/u/{n}-{a}.json", &[]), "/u/7-x%2Fy.json");
}

#[test]
fn an_absent_path_is_a_slash() {
    assert_eq!(rendered("https://h", &[]), "/");
    assert_eq!(rendered("https://h/", &[]), "/");
    assert_eq!(rendered("https://h?a=1", &[]), "/?a=1");
    assert_eq!(rendered("https://h?", &[("b", "{n}")]), "/?b=7");
    assert_eq!(rendered("https://h/a/", &[]), "/a/");
    assert_eq!(rendered("https://h/{n}/", &[]), "/7/");
    assert_eq!(rendered("https://h//a", &[]), "//a");
}

#[test]
fn fixed_text_of_the_url_is_sent_as_written_if_it_can_be() {
    let kept = "/a-._~!$&'()*+,;=:@%2F%c3?b=/?:@!$'()*+,;=%20&&c";
    assert_eq!(rendered(&format!("https://h{kept}"), &[]), kept.replace("&&c", "&c"));
    assert_eq!(
        rendered("https://h/ä b/{{x}}/100%?q=<é>\"\\^`|[]%zz%2", &[]),
        "/%C3%A4%20b/%7Bx%7D/100%25?q=%3C%C3%A9%3E%22%5C%5E%60%7C%5B%5D%25zz%252"
    );
}

#[test]
fn fixed_text_of_the_query_table_is_data() {
    assert_eq!(
        rendered("https://h/", &[("include", "preferences,subscriptions")]),
        "/?include=preferences,subscriptions"
    );
    assert_eq!(
        rendered("https://h/", &[("a&b", "1&c=2+3#%20;é"), ("e", "")]),
        "/?a%26b=1%26c%3D2%2B3%23%2520%3B%C3%A9&e="
    );
}

#[test]
fn a_query_parameter_that_names_a_missing_input_is_left_out() {
    assert_eq!(
        rendered("https://h/p?a={none}&b=1&c=x{none}", &[("d", "{n}"), ("e", "{none}")]),
        "/p?b=1&d=7"
    );
    assert_eq!(rendered("https://h/p?a={none}", &[("b", "{none}")]), "/p");
}

#[test]
fn a_query_parameter_that_names_a_missing_value_of_a_source_is_an_error() {
    let refused = "error: {crm.id} has no value that could stand here";
    assert_eq!(rendered("https://h/p?a={crm.id}", &[]), refused);
    assert_eq!(rendered("https://h/p", &[("b", "x{crm.id}")]), refused);
}

#[test]
fn a_path_that_names_something_missing_is_an_error() {
    assert_eq!(
        rendered("https://h/p/{none}", &[]),
        "error: {none} has no value that could stand here"
    );
}

#[test]
fn a_value_cannot_walk_up_the_path_or_leave_a_segment_out() {
    let is_dots = |url, value| matches!(rendered_with(url, value), Err(RenderError::DotSegment(_)));
    for value in [".", ".."] {
        for url in ["http://h/{v}", "http://h/{v}/x", "http://h/a{v}", "http://h/{v};a=1"] {
            assert!(is_dots(url, value), "{url} {value}");
        }
    }
    assert!(is_dots("http://h/.{v}", ""));
    assert!(is_dots("http://h/%2e{v}", "."));
    assert!(is_dots("http://h/{v}%2E.", ""));
    assert_eq!(rendered_with("http://h/{v}", "...").unwrap(), "/...");
    assert_eq!(rendered_with("http://h/{v}", ".a").unwrap(), "/.a");
    let empty = rendered_with("http://h/a/{v}/b", "");
    assert!(matches!(empty, Err(RenderError::EmptySegment(_))));
    assert_eq!(rendered_with("http://h/a{v}", "").unwrap(), "/a");
    assert_eq!(rendered_with("http://h/?q={v}", "..").unwrap(), "/?q=..");
}

#[test]
fn a_percent_sign_before_a_placeholder_makes_no_escape_with_the_value() {
    assert_eq!(rendered_with("http://h/%{v}", "2f").unwrap(), "/%252f");
    assert_eq!(rendered_with("http://h/%2{v}", "f").unwrap(), "/%252f");
    assert_eq!(rendered_with("http://h/{v}", "%2f").unwrap(), "/%252f");
}

#[test]
fn line_breaks_and_nul_in_a_value_are_encoded() {
    assert_eq!(rendered_with("http://h/{v}?q={v}", "\r\n\0").unwrap(), "/%0D%0A%00?q=%0D%0A%00");
}

#[test]
fn a_url_without_placeholders_is_constant() {
    let url = template("https://h/a b?c", &[("d", "1")]).unwrap();
    assert_eq!(url.constant(), Some("/a%20b?c&d=1"));
    let url = template("https://h/{a}?b={n}", &[("{c}", "{crm.x}")]).unwrap();
    assert_eq!(url.constant(), None);
    let names: Vec<String> = url.references().map(Reference::to_string).collect();
    assert_eq!(names, ["a", "n", "c", "crm.x"]);
    assert_eq!(template("https://h/?b={n}", &[]).unwrap().constant(), None);
}

#[test]
fn a_placeholder_may_hold_what_is_syntax_in_a_url() {
    let url = template("https://h/{crm:/a?b#c&d}/x", &[]).unwrap();
    let names: Vec<String> = url.references().map(Reference::to_string).collect();
    assert_eq!(names, ["crm:/a?b#c&d"]);
}

#[test]
fn scheme_host_and_port_are_fixed_text() {
    for url in [
        "{a}",
        "",
        "h/x",
        "/x",
        "{a}://h/x",
        "http{a}://h/",
        "ftp://h/",
        "https:/h/",
        "https:h",
        "://h/",
    ] {
        assert_eq!(template(url, &[]), Err(TemplateError::NotAbsolute), "{url}");
    }
    for url in [
        "https://{a}",
        "https://{a}/x",
        "https://h{a}/x",
        "https://{a}.h/x",
        "https://h:{n}/x",
        "https://u:{a}@h/x",
        "https://h:8{n}",
        "https://{a}@h/x?y",
    ] {
        let expected = Err(TemplateError::PlaceholderInAuthority);
        assert_eq!(template(url, &[]), expected, "{url}");
    }
    for url in [
        "https:///x",
        "https://u@h/x",
        "https://h:99999/x",
        "https://h\\x/",
        "https://?x",
        "https://{{h}}/",
        "https://h h/",
        "https://@h/",
    ] {
        let error = template(url, &[]).unwrap_err();
        assert!(matches!(error, TemplateError::Authority { .. }), "{url}: {error}");
    }
    let url = template("HTTPS://API.Example.com:8443/X", &[]).unwrap();
    assert_eq!(url.endpoint().to_string(), "https://api.example.com:8443");
    assert_eq!(url.constant(), Some("/X"));
}

#[test]
fn a_fragment_a_control_character_and_a_nameless_parameter_are_refused() {
    for url in ["https://h/#x", "https://h#", "https://h/?a=#", "https://h/{a}#b"] {
        assert_eq!(template(url, &[]), Err(TemplateError::Fragment), "{url}");
    }
    for url in ["https://h/a\n", "https://h/\ta", " https://h/", "https://h/ "] {
        assert_eq!(template(url, &[]), Err(TemplateError::UrlText), "{url:?}");
    }
    let nameless = template("https://h/", &[("", "x")]);
    assert_eq!(nameless, Err(TemplateError::EmptyParameterName));
    let error = template("https://h/", &[("id", "{x")]).unwrap_err();
    assert!(error.to_string().starts_with("query parameter \"id\": character 1"), "{error}");
}

#[test]
fn debug_shows_no_fixed_text() {
    let url = template("https://h/hunter2/{a}", &[("key", "hunter2")]).unwrap();
    assert_eq!(format!("{url:?}"), "UrlTemplate(https://h) [{a}]");
}
