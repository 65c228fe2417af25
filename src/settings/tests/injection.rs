//! Warnings of values that an upstream could take for syntax, and escapes that are refused.

use super::super::Settings;
use super::{BASE, assert_refused, assert_warned, good};

/// The keys and texts of the warnings of `more` on top of the base.
fn warnings(more: &str) -> Vec<(String, String)> {
    let layers = [BASE, more]
        .map(|text| super::super::Layer { name: "t.toml".to_owned(), text: text.to_owned() });
    let settings = Settings::from_layers(&layers).unwrap_or_else(|all| panic!("{more}\n{all}"));
    settings.warnings.into_iter().map(|warning| (warning.key, warning.text)).collect()
}

#[track_caller]
fn assert_no_warning(more: &str) {
    assert_eq!(warnings(more), [], "{more}");
}

#[test]
fn an_input_beside_fixed_text_of_a_query_or_a_json_text_is_warned_of() {
    let post = "method = 'POST'\n";
    for (text, key) in [
        ("query.q = \"SELECT Id FROM A WHERE Phone = '{id}'\"", "query.q"),
        ("query.'$filter' = \"name eq '{id}'\"", "query.\"$filter\""),
        ("query.sysparm_query = 'number={id}^active=true'", "query.sysparm_query"),
        ("query.'filter[{id}]' = '1'", "query.\"filter[{id}]\""),
        ("query.q = '{id} '", "query.q"),
        ("url = \"https://h/q?q=a+eq+%27{id}%27\"", "url"),
        ("url = \"https://h/accounts('{id}')\"", "url"),
        ("url = 'https://h/accounts({id})/name'", "url"),
        ("json = \"x{id}\"", "json"),
        ("json = { query = '{{ user(id: \"{id}\") {{ name }} }}' }", "json"),
        ("json = { a = [ { b = '<id>{id}</id>' } ] }", "json"),
    ] {
        let post = if key == "json" { post } else { "" };
        let layer = format!("[sources.crm]\n{post}{text}");
        let words = "a caller of the action profile can write syntax into it";
        assert_warned(&layer, &format!("sources.crm.{key}"), words);
    }
    let json = format!("[sources.crm]\n{post}json = {{ a = [ {{ b = 'x{{id}}' }} ] }}");
    assert_warned(&json, "sources.crm.json", "{id} in /a/0/b stands beside fixed text");
}

#[test]
fn an_input_that_stands_alone_or_has_an_escape_where_it_protects_is_not_warned_of() {
    for text in [
        "query.q = '{id}'",
        "query.'filter[x]' = '{id}'",
        "url = 'https://h/v2/x-{id}.json?id={id}&b=c'",
        "headers.X-Key = 'Bearer {id}'",
        "rate_limit = { requests = 1, key = 'x-{id}' }",
        "method = 'POST'\njson = { a = '{id}', b = ['{id}', 'fixed'] }",
        "query.q = \"Phone = '{id|soql}' OR Name = '{id|soql}'\"",
        "query.q = \"name eq '{id|odata}'\"",
        "query.q = 'active=true^number={id|sysparm}'",
        "query.q = '<id>{id|xml}</id>'",
        "query.q = 'from {id|raw}'",
        "url = \"https://h/accounts('{id|odata}')\"",
        "url = \"https://h/q?q=a+eq+%27{id|odata}%27\"",
        "method = 'POST'\njson = { query = '{{ user(id: \"{id|graphql}\") {{ name }} }}' }",
        "method = 'POST'\njson.requests = [{ url = \"/users?$filter=mail%20eq%20%27{id|odata|url}%27\" }]",
    ] {
        assert_no_warning(&format!("[sources.crm]\n{text}"));
    }
}

#[test]
fn an_escape_that_protects_nothing_where_it_stands_is_warned_of() {
    for (text, words) in [
        (
            "query.q = 'Phone = {id|soql}'",
            "in single quotes: only there soql protects, as in '{id|soql}'",
        ),
        ("query.q = '{id|odata}'", "in single quotes: only there odata protects"),
        (
            "query.q = \"Phone = '{id|raw}' AND Name = {id|soql}\"",
            "{id|soql} does not stand in single",
        ),
        ("query.q = 'active=true^{id|sysparm}'", "behind a field and an operator"),
        ("query.q = '<a {id|xml}>'", "in the text of an element or in an attribute's quotes"),
        (
            "query.q = '{{ a(b: \"\"\"{id|graphql}\"\"\") }}'",
            "in double quotes, not in a block string",
        ),
        ("query.q = \"/users?q={id|odata|url}\"", "in single quotes"),
    ] {
        assert_warned(&format!("[sources.crm]\n{text}"), "sources.crm.query.q", words);
    }
    assert_warned(
        "sources.crm.url = 'https://h/a/{id|odata}'",
        "sources.crm.url",
        "in single quotes",
    );
}

#[test]
fn an_input_whose_values_are_never_syntax_is_not_warned_of() {
    let query =
        "[sources.crm]\nquery.q = 'number={id} limit {id|soql}'\n[actions.profile.inputs]\n";
    for input in
        ["type = 'integer'", "type = 'number'", "type = 'boolean'", r"pattern = '[\w-]{1,9}'"]
    {
        assert_no_warning(&format!("{query}id = {{ {input} }}"));
    }
    let tenants = "[credentials.acme]\nkind = 'static'\nsecret = 'x'\n";
    assert_no_warning(&format!("{query}id.credentials = {{ \"x' y\" = 'acme' }}\n{tenants}"));
    assert_eq!(warnings(&format!("{query}id.pattern = '[^\"]+'")).len(), 2);
}

#[test]
fn one_action_with_an_unsafe_input_is_enough_and_is_named() {
    let text = "[sources.crm]\nquery.q = 'number={id}'\n[actions.profile.inputs]\n\
                id.pattern = '[0-9]+'\n[actions.other]\nsources = ['crm']\ninputs.id = {}\n";
    assert_warned(text, "sources.crm.query.q", "a caller of the action other can");
    // One that does not ask the source does not count.
    let text = text.replace("sources = ['crm']", "sources = ['erp']");
    assert_no_warning(&format!("{text}[sources.erp]\nurl = 'https://erp.example/{{id}}'"));
}

#[test]
fn another_sources_value_is_warned_of_like_a_callers() {
    let text = |value: &str| {
        format!(
            "[sources.orders]\nurl = 'https://o.example/'\nquery.q = \"a = '{value}'\"\n\
             [actions.profile]\nsources = ['crm', 'orders']"
        )
    };
    let all = warnings(&text("{crm.email}"));
    let [(key, warning)] = all.as_slice() else { panic!("{all:?}") };
    assert_eq!(key, "sources.orders.query.q");
    let words = "{crm.email} stands beside fixed text: if the upstream reads that as a query, the \
                 answer of crm can write syntax into it; name the language, as in {crm.email|soql}";
    assert!(warning.starts_with(words) && !warning.contains("pattern"), "{warning}");
    assert_no_warning(&text("{crm.email|soql}"));
}

#[test]
fn a_text_is_warned_of_once_for_each_of_its_placeholders() {
    let text = "[sources.crm]\nquery.q = '{id} {id} {name}'\nquery.r = '{id}-'\n\
                [actions.profile.inputs]\nname = {}";
    let keys: Vec<String> = warnings(text).into_iter().map(|(key, _)| key).collect();
    assert_eq!(keys, ["sources.crm.query.q", "sources.crm.query.q", "sources.crm.query.r"]);
}

#[test]
fn a_warning_has_no_fixed_text() {
    let all = warnings("[sources.crm]\nquery.q = 'hunter2 {id}'\nquery.r = 'hunter2 {id|soql}'");
    assert_eq!(all.len(), 2);
    assert!(!format!("{all:?}").contains("hunter2"), "{all:?}");
}

#[test]
fn an_unknown_escape_is_refused_wherever_a_placeholder_may_stand() {
    let known = "is not an escape: allowed are soql, odata, sysparm, graphql, xml, url, raw";
    for (text, key) in [
        ("url = 'https://h/{id|sql}'", "url"),
        ("url = 'https://h/?a={id|sql}'", "url"),
        ("query.a = '{id|sql}'", "query.a"),
        ("headers.X-Key = '{id|sql}'", "headers.X-Key"),
        ("method = 'POST'\njson.a = '{id|sql}'", "json"),
        ("rate_limit = { requests = 1, key = '{id|sql}' }", "rate_limit.key"),
    ] {
        assert_refused(&format!("[sources.crm]\n{text}"), &format!("sources.crm.{key}"), known);
    }
    let choice = "sources.crm.credential = '{id|soql}'";
    assert_refused(choice, "sources.crm.credential", "the name of an input in braces");
}

#[test]
fn the_plan_shows_the_escapes() {
    let more = "[sources.crm]\nmethod = 'POST'\nquery.q = \"'{id|soql}'\"\n\
                headers.X-Key = '{id|url}'\njson.a = '<a>{id|xml}</a>'\n";
    let plan = good(&BASE.replace("[sources.crm]\n", more)).plan();
    for line in ["?q='{id|soql}'", "x-key: from {id|url}", "json body       with {id|xml}"] {
        assert!(plan.contains(line), "{line}\n{plan}");
    }
}

#[test]
fn a_default_must_be_fit_for_its_escapes() {
    let more = "[sources.crm]\nquery.q = 'number={v|sysparm}'\n\
                [actions.profile.inputs]\nv.default = 'a^b'";
    assert_refused(more, "actions.profile.inputs.v.default", "a value that must not have `^`");
}
