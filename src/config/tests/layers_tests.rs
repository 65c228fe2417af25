use proptest::prelude::*;

use super::*;

fn layer(name: &str, text: &str) -> Layer {
    Layer { name: name.to_owned(), text: text.to_owned() }
}

fn merged(layers: &[Layer], environment: &[(&str, &str)]) -> (Value, String) {
    let report = Report::default();
    let environment =
        environment.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
    let value = merge(layers, environment, &report);
    let problems = report.into_result(()).err().map(|problems| problems.to_string());
    (value, problems.unwrap_or_default())
}

/// The value at a dotted key.
fn at<'a>(value: &'a Value, key: &str) -> Option<&'a Value> {
    key.split('.').try_fold(value, |value, part| match &value.kind {
        ValueKind::Table(table) => table.get(part),
        _ => None,
    })
}

fn text_at(value: &Value, key: &str) -> Option<String> {
    at(value, key).map(|value| value.kind.to_string())
}

#[test]
fn a_later_file_wins_key_by_key_and_each_value_knows_its_file() {
    let layers = [
        layer("base.toml", "[server]\nlisten = 'a'\nmax_body = 'b'\nlist = [1, 2]"),
        layer("local.toml", "[server]\nlisten = 'c'\nlist = [3]"),
    ];
    let (value, problems) = merged(&layers, &[]);
    assert_eq!(problems, "");
    assert_eq!(text_at(&value, "server.listen").as_deref(), Some("c"));
    assert_eq!(text_at(&value, "server.max_body").as_deref(), Some("b"));
    let list = at(&value, "server.list").map(|value| value.clone().into_array());
    assert!(list.is_some_and(|list| list.is_ok_and(|list| list.len() == 1)));
    let origin = |key| at(&value, key).and_then(Value::origin);
    assert_eq!(origin("server.listen"), Some("local.toml"));
    assert_eq!(origin("server.max_body"), Some("base.toml"));
    assert_eq!(origin("server"), Some("base.toml"));
}

#[test]
fn the_environment_wins_over_files() {
    let layers = [layer("a.toml", "[server]\nlisten = 'a'")];
    let (value, _) = merged(&layers, &[("TRIBUTARY__SERVER__LISTEN", "b")]);
    assert_eq!(text_at(&value, "server.listen").as_deref(), Some("b"));
    assert_eq!(at(&value, "server.listen").and_then(Value::origin), Some(ENVIRONMENT));
}

#[test]
fn text_of_the_environment_stays_as_it_is() {
    for secret in ["00123", "1e5", "true", " padded "] {
        let (value, _) = merged(&[], &[("TRIBUTARY__CREDENTIALS__A__SECRET", secret)]);
        let found = at(&value, "credentials.a.secret").map(|value| &value.kind);
        assert_eq!(found, Some(&ValueKind::String(secret.to_owned())));
    }
}

#[test]
fn empty_and_foreign_variables_are_left_out() {
    let environment = [
        ("TRIBUTARY__SERVER__LISTEN", ""),
        ("TRIBUTARY_CONFIG", "x"),
        ("TRIBUTARYX__SERVER", "x"),
        ("PATH", "x"),
    ];
    let (value, problems) = merged(&[], &environment);
    assert_eq!(problems, "");
    assert_eq!(value.into_table().map(|table| table.len()).ok(), Some(0));
}

#[test]
fn a_variable_fits_a_key_of_another_case() {
    let layers = [layer("a.toml", "[inputs.customerId]\nmax_length = 1")];
    let (value, _) = merged(&layers, &[("TRIBUTARY__INPUTS__CUSTOMERID__MAX_LENGTH", "5")]);
    assert_eq!(text_at(&value, "inputs.customerId.max_length").as_deref(), Some("5"));
    assert!(at(&value, "inputs.customerid").is_none());
}

#[test]
fn the_order_of_a_files_tables_is_kept_through_merging() {
    let layers = [
        layer("a.toml", "[x]\nzulu = 1\nAlpha = 2\nmike = 3\nbravo = 4"),
        layer("b.toml", "[x]\nmike = 5\naaa = 6"),
    ];
    let (value, _) = merged(&layers, &[("TRIBUTARY__X__ZULU", "7")]);
    let keys: Option<Vec<String>> = at(&value, "x")
        .and_then(|value| value.clone().into_table().ok())
        .map(|table| table.keys().cloned().collect());
    let expected = ["zulu", "Alpha", "mike", "bravo", "aaa"].map(str::to_owned);
    assert_eq!(keys, Some(expected.to_vec()));
}

#[test]
fn keys_with_path_characters_are_just_keys() {
    let layers = [layer("a.toml", "'x[999999999999]' = 1\n'a.b' = 2\n'' = 3")];
    let environment = [("TRIBUTARY__X[999999999999]", "1"), ("TRIBUTARY____", "1")];
    let (value, problems) = merged(&layers, &environment);
    assert_eq!(problems, "");
    let table = value.into_table().unwrap_or_default();
    assert!(table.contains_key("x[999999999999]") && table.contains_key("a.b"));
}

#[test]
fn a_syntax_error_names_file_and_line_and_never_repeats_the_line() {
    let cases = [
        ("[server]\nlisten = 'a'\nsecret = \"hunter2", "line 3, column"),
        ("client_secret = hunter2", "line 1, column"),
        ("a = 1\na = \"hunter2\"", "line 2, column"),
        ("secret = \"\"\"hunter2\nhunter2", "line"),
        ("secret = \"hunter2\" hunter2", "line 1"),
        ("secret = \"hunter2\\q\"", "line 1"),
        ("secret = 0hunter2", "line 1"),
        ("[credentials\nsecret = 'hunter2'", "line 1"),
        ("secret = 99999999999999999999", "TOML"),
    ];
    for (text, place) in cases {
        let (_, problems) = merged(&[layer("broken.toml", text)], &[]);
        assert!(problems.starts_with("broken.toml:\n"), "{problems}");
        assert!(problems.contains(place), "{problems}");
        assert!(!problems.contains("hunter2") && !problems.contains("9999"), "{problems}");
        assert_eq!(problems.lines().count(), 3, "{problems}");
    }
}

proptest! {
    /// Whatever is broken around a value, the message has nothing of it.
    #[test]
    fn no_syntax_error_repeats_a_value(
        before in "[\\[\\]{}'\"=,.#|0-9 \n\r\t\\\\-]{0,6}",
        after in "[\\[\\]{}'\"=,.#|0-9 \n\r\t\\\\-]{0,6}",
        lines in "(\n|[a-z]{1,3} = 1\n){0,3}",
    ) {
        let text = format!("{lines}secret = {before}hunter2{after}\n{lines}");
        let (_, problems) = merged(&[layer("broken.toml", &text)], &[]);
        prop_assert!(!problems.contains("hunter2"), "{text}\n{problems}");
    }
}

#[test]
fn a_file_that_cannot_be_read_is_a_problem() {
    let report = Report::default();
    let layers = read_files(&[PathBuf::from("/no/such/file.toml")], &report);
    assert!(layers.is_empty());
    let problems = report.into_result(()).map_err(|problems| problems.to_string());
    assert!(problems.is_err_and(|text| text.starts_with("/no/such/file.toml:\n  found no")));
}

#[test]
fn a_variable_name_of_very_many_parts_is_a_problem() {
    let name = format!("TRIBUTARY{}", "__A".repeat(30_000));
    let (_, problems) = merged(&[], &[(&name, "1")]);
    assert!(problems.contains("a variable name of 30000 parts; allowed: at most 16"), "{problems}");
}

#[test]
fn the_variable_of_a_key_is_named() {
    let key = "credentials.genesys.client_id";
    assert_eq!(variable(key), "TRIBUTARY__CREDENTIALS__GENESYS__CLIENT_ID");
}
