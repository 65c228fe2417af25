//! What is allowed and warned of: what nothing uses, and what is hardly ever meant.

use super::{BASE, assert_warned, good, load};

#[test]
fn what_nothing_uses_is_warned_of() {
    for (layer, key, words) in [
        (
            "[credentials.other]\nkind = 'static'\nsecret = 'x'",
            "credentials.other",
            "no source has",
        ),
        ("[sources.erp]\nurl = 'https://h/'", "sources.erp", "no action asks"),
        ("[actions.profile.inputs]\nmore = {}", "actions.profile.inputs.more", "no source of the"),
    ] {
        assert_warned(layer, key, words);
    }
}

#[test]
fn a_placeholder_of_another_language_is_warned_of_with_what_is_written() {
    for (text, key, words) in [
        ("headers.X-Id = '${id}'", "headers", "`${id}` sends a `$` before the value"),
        ("query.id = '{{id}}'", "query", "`{{id}}` is sent as the text `{id}`"),
        ("url = 'https://h/${id}'", "url", "`${id}` sends"),
        ("method = 'POST'\njson = { a = [ '{{id}}' ] }", "json", "a placeholder is `{id}`"),
    ] {
        assert_warned(&format!("[sources.crm]\n{text}"), &format!("sources.crm.{key}"), words);
    }
    for right in ["query.q = '{{ids}}'", "query.q = '$'", "url = 'https://h/$batch/{id}'"] {
        let text =
            BASE.replace("credential = \"fixed\"", &format!("credential = \"fixed\"\n{right}"));
        let text = if right.starts_with("url") {
            text.replace("url = \"https://crm.example/v2/accounts/{id}\"\n", "")
        } else {
            text
        };
        assert_eq!(load(&text, &[]).expect("it is right").warnings, [], "{right}");
    }
}

#[test]
fn what_goes_over_a_network_in_plain_text_is_warned_of() {
    let words = "by http, where everybody";
    assert_warned("[sources.crm]\nurl = 'http://crm.example/{id}'", "sources.crm.url", words);
    let client = "[credentials.client]\nkind = 'client_credentials'\nclient_id = 'a'\n\
                  client_secret = 'b'\ntoken_url = 'http://login.example/t'\n\
                  [actions.profile.inputs]\nid.credentials = { a = 'client' }";
    assert_warned(client, "credentials.client.token_url", words);
    for here in ["http://127.0.0.1:9/{id}", "http://[::1]:9/{id}", "http://localhost:9/{id}"] {
        let text = BASE.replace("https://crm.example/v2/accounts/{id}", here);
        assert_eq!(good(&text).warnings, [], "{here}");
    }
}

#[test]
fn other_likely_mistakes_are_warned_of() {
    let xml = "[sources.crm]\nmethod = 'POST'\nheaders.Content-Type = 'text/xml'\njson = '<a/>'";
    for (layer, key, words) in [
        (xml, "sources.crm.json", "a text in quotation marks, but its type is said to be text/xml"),
        ("[actions.profile]\ndeadline = '61s'", "actions.profile.deadline", "waits for 1m at most"),
    ] {
        assert_warned(layer, key, words);
    }
    for secret in ["Basic abc", "bearer abc"] {
        let settings = good(&BASE.replace("hunter2", secret));
        let [warning] = settings.warnings.as_slice() else { panic!("{:#?}", settings.warnings) };
        assert_eq!(warning.key, "credentials.fixed");
        assert!(
            warning.text.contains("prefix = \"\"") && !warning.text.contains("abc"),
            "{warning}"
        );
    }
}

#[test]
fn what_the_environment_may_have_got_wrong_is_warned_of() {
    for (variable, key, words) in [
        ("TRIBUTARY_SERVER_WORKERS", "TRIBUTARY_SERVER_WORKERS", "TRIBUTARY__SERVER__WORKERS"),
        ("HTTPS_PROXY", "HTTPS_PROXY", "without a proxy"),
        (
            "TRIBUTARY__SOURCES__CRM__HEADERS__X_API_KEY",
            "sources.crm.headers.x_api_key",
            "write `x-api-key` in a file",
        ),
    ] {
        let settings = load(BASE, &[(variable, "4")]).expect("it is right");
        let [warning] = settings.warnings.as_slice() else { panic!("{:#?}", settings.warnings) };
        assert_eq!((warning.file.as_str(), warning.key.as_str()), ("environment", key));
        assert!(warning.text.contains(words), "{warning}");
    }
}
