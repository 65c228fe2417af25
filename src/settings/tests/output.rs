//! `[actions.NAME.output]`: arrays with an element for each row of a list, and arrays that slip.

use super::{assert_refused, assert_warned, good};
use crate::model::action::fields::Extraction;
use crate::settings::tests::BASE;

/// A field `x` of the CRM with these keys.
fn x(keys: &str) -> String {
    format!("[actions.profile.output]\nx = {{ from = 'crm', {keys} }}")
}

/// Two arrays `a` and `b` of the CRM.
fn a_and_b(a: &str, b: &str) -> String {
    let array = |keys: &str| format!("{{ from = 'crm', type = 'string[]', {keys} }}");
    format!("[actions.profile.output]\na = {}\nb = {}\n", array(a), array(b))
}

#[test]
fn rules_of_arrays_with_an_element_for_each_row() {
    let cases = [
        ("each = '/l', type = 'string[]'", "item", "found nothing; allowed: where the element"),
        ("item = '/a', type = 'string[]'", "each", "found nothing; allowed: a JSON Pointer to"),
        ("each = '/l', item = '/a'", "type", "\"string[]\""),
        (
            "each = '/l', item = '/a', type = 'string'",
            "type",
            "found \"string\"; allowed: \"string[]\"",
        ),
        (
            "path = '/l', each = '/l', item = '/a', type = 'string[]'",
            "path",
            "both `path` and `each`; allowed: either `path`, or `each` and `item`",
        ),
        ("each = '$.l[*]', item = '/a', type = 'string[]'", "each", "such as \"/results\""),
        ("each = '/l', item = 'a', type = 'string[]'", "item", "begins with '/'"),
        ("each = '/l', item = '$.[', type = 'string[]'", "item", "not a JSONPath"),
        ("each = 1, item = '/a', type = 'string[]'", "each", "a text in quotes"),
        (
            "each = '/l', item = '/a', type = 'integer[]', default = 'x'",
            "default",
            "a value of the elements' type, integer",
        ),
        (
            "each = '/l', item = '/a', type = 'string[]', default = []",
            "default",
            "a value of the elements' type, string",
        ),
        ("each = '/l', item = '/a', itm = '/b', type = 'string[]'", "itm", "did you mean `item`?"),
        ("path = '/l', count = true, type = 'string'", "type", "allowed: \"integer\""),
        (
            "count = true, each = '/l', item = '/a', type = 'integer[]'",
            "count",
            "both `count` and `each`",
        ),
        ("path = '$.a-b', type = 'string'", "path", "stands in brackets: \"$['a-b']\""),
        ("path = '', eac = '/l', type = 'string[]'", "eac", "did you mean `each`?"),
    ];
    for (keys, key, words) in cases {
        assert_refused(&x(keys), &format!("actions.profile.output.x.{key}"), words);
    }
}

#[test]
fn the_default_is_that_of_an_element_and_the_array_without_rows_is_empty() {
    for (keys, element) in [
        ("type = 'string[]'", "\"\""),
        ("type = 'number[]'", "0"),
        ("type = 'boolean[]'", "false"),
        ("type = 'integer[]', default = -1", "-1"),
    ] {
        let settings = good(&format!("{BASE}{}", x(&format!("each = '', item = '', {keys}"))));
        let fields = settings.actions.iter().flat_map(|action| action.output.iter());
        let field = fields.flat_map(|output| &output.fields).next().expect("a field");
        let Extraction::Rows(rows) = &field.extraction else { panic!("{field:?}") };
        assert_eq!((rows.default.as_str(), field.default.as_str()), (element, "[]"), "{keys}");
        let plan = settings.plan();
        assert!(plan.contains(", from crm, an element for each of \"\""), "{plan}");
    }
}

#[test]
fn an_array_that_may_slip_against_another_one_is_warned_of() {
    let mended = "each = '/l', item = '/n'";
    let cases = [
        ("path = '$.l[*].a'", mended, "write each = \"/l\" and item = \"/a\" instead of `path`"),
        ("path = '$.l[*].a[?@.k == 1].v'", mended, "item = \"$.a[?@.k == 1].v\" (of a"),
        ("path = '$.l[0:3].a'", mended, "write `each` with the list and `item` with the member"),
        ("path = '$.l[?@.a].a'", "path = '$.l[*]'", "slips against `b`, which is of the same list"),
        ("path = '$..a'", mended, "a row without this value is left out"),
    ];
    for (a, b, words) in cases {
        assert_warned(&a_and_b(a, b), "actions.profile.output.a.path", words);
    }
    // Both of the two do.
    let layer = a_and_b("path = '$.l[*].a'", "path = '$.l[0:3].b'");
    let warnings = good(&format!("{BASE}{layer}")).warnings;
    let keys: Vec<&str> = warnings.iter().map(|warning| warning.key.as_str()).collect();
    assert_eq!(keys, ["actions.profile.output.a.path", "actions.profile.output.b.path"]);
}

#[test]
fn an_array_that_cannot_slip_is_not_warned_of() {
    for (a, b) in [
        // Nothing beside it is of the same list.
        ("path = '$.l[*].a'", "path = '$.other[*].b'"),
        ("path = '$.l[*].a'", "each = '/other', item = '/b'"),
        ("path = '$.l[*].a'", "path = '/l/0/tags'"),
        // Each row gives one element.
        ("each = '/l', item = '/a'", "each = '/l', item = '$.b'"),
        ("path = '$.l[*]'", "each = '/l', item = '/a'"),
        // The data has arrays.
        ("path = '/ids'", "path = '$.names'"),
    ] {
        assert_eq!(good(&format!("{BASE}{}", a_and_b(a, b))).warnings, [], "{a} {b}");
    }
    // A scalar beside it takes one value only.
    let scalar = "[actions.profile.output]\n\
                  a = { from = 'crm', path = '$.l[*].a', type = 'string[]' }\n\
                  b = { from = 'crm', path = '$.l[*].b', type = 'string' }\n";
    assert_eq!(good(&format!("{BASE}{scalar}")).warnings, []);
    // Lists of two sources have nothing to do with each other.
    let two = "[sources.erp]\nurl = 'https://erp.example/'\n[actions.profile]\n\
               sources = ['crm', 'erp']\n[actions.profile.output]\n\
               a = { from = 'crm', path = '$.l[*].a', type = 'string[]' }\n\
               b = { from = 'erp', path = '$.l[*].b', type = 'string[]' }\n";
    let layers = [BASE, two]
        .map(|text| super::super::Layer { name: "t.toml".to_owned(), text: text.to_owned() });
    let settings = super::super::Settings::from_layers(&layers).expect("no problem");
    assert_eq!(settings.warnings, []);
}
