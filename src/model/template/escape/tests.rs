use proptest::prelude::*;

use super::*;

fn written(escape: Escape, value: &str) -> Option<String> {
    escape.apply(value).map(Cow::into_owned)
}

#[track_caller]
fn assert_written(escape: Escape, cases: &[(&str, &str)]) {
    for (value, expected) in cases {
        assert_eq!(written(escape, value).as_deref(), Some(*expected), "{escape} {value:?}");
    }
}

#[test]
fn a_string_of_soql_has_quotes_backslashes_and_control_characters_escaped() {
    assert_written(
        Escape::Soql,
        &[
            ("x' OR Name != 'y", r"x\' OR Name != \'y"),
            (r"a\", r"a\\"),
            (r"\'", r"\\\'"),
            ("a\"b", "a\\\"b"),
            ("\n\r\t\u{c}", r"\n\r\t\f"),
            ("\0\u{8}\u{7f}\u{85}", r"\u0000\u0008\u007f\u0085"),
            ("100%_é😀", "100%_é😀"),
        ],
    );
}

#[test]
fn a_string_of_odata_has_its_quotes_doubled_and_a_backslash_is_text() {
    assert_written(
        Escape::Odata,
        &[
            ("O'Neil", "O''Neil"),
            ("x' or true or '", "x'' or true or ''"),
            (r"a\'", r"a\''"),
            ("\"%27\n", "\"%27\n"),
        ],
    );
}

#[test]
fn a_value_of_an_encoded_query_is_written_as_it_is_or_refused() {
    for value in
        ["INC0010001", "a@b.example", "Doe, John", "a=b", "", "java script:", "%", "ü'\"\\"]
    {
        assert_written(Escape::Sysparm, &[(value, value)]);
    }
    for value in [
        "x^ORactive=true",
        "^",
        "a\nb",
        "\0",
        "\u{85}",
        "javascript:gs.getUserID()",
        " JavaScript:1",
        "a@javascript:gs.daysAgo(1)",
        "java\u{17f}cript:1",
        "javascr\u{130}pt:1",
        "=5",
        "STANCEOFtask",
    ] {
        assert_eq!(written(Escape::Sysparm, value), None, "{value:?}");
    }
}

#[test]
fn a_string_of_graphql_has_quotes_backslashes_and_control_characters_escaped() {
    assert_written(
        Escape::Graphql,
        &[
            (r#"") { id } #"#, r#"\") { id } #"#),
            (r"a\", r"a\\"),
            ("\"\"\"", r#"\"\"\""#),
            ("\n\r\t\0\u{c}", r"\n\r\t\u0000\u000c"),
            ("'é😀", "'é😀"),
        ],
    );
}

#[test]
fn text_of_xml_has_its_syntax_as_references_and_no_character_that_xml_forbids() {
    assert_written(
        Escape::Xml,
        &[
            ("</a><b c='d'>&\"", "&lt;/a&gt;&lt;b c=&apos;d&apos;&gt;&amp;&quot;"),
            ("]]>", "]]&gt;"),
            ("\t\r\n", "&#9;&#13;&#10;"),
            ("&amp;", "&amp;amp;"),
            ("é😀\u{85}\u{fffd}", "é😀\u{85}\u{fffd}"),
        ],
    );
    for value in ["\0", "a\u{b}", "\u{1f}", "\u{fffe}", "\u{ffff}"] {
        assert_eq!(written(Escape::Xml, value), None, "{value:?}");
    }
}

#[test]
fn a_part_of_a_url_is_percent_encoded_and_is_no_step_to_another_directory() {
    assert_written(
        Escape::Url,
        &[("a/b?c=d&e#f", "a%2Fb%3Fc%3Dd%26e%23f"), ("é ~-._", "%C3%A9%20~-._"), ("...", "...")],
    );
    assert_eq!((written(Escape::Url, "."), written(Escape::Url, "..")), (None, None));
}

#[test]
fn several_escapes_are_applied_in_their_order() {
    let apply =
        |escapes: &[Escape], value| apply_all(escapes, Cow::Borrowed(value)).map(Cow::into_owned);
    assert_eq!(apply(&[], "a'b").as_deref(), Ok("a'b"));
    assert_eq!(apply(&[Escape::Odata, Escape::Url], "a'b").as_deref(), Ok("a%27%27b"));
    assert_eq!(apply(&[Escape::Url, Escape::Odata], "a'b").as_deref(), Ok("a%27b"));
    assert_eq!(apply(&[Escape::Soql, Escape::Xml], "\0'").as_deref(), Ok("\\u0000\\&apos;"));
    assert_eq!(apply(&[Escape::Raw, Escape::Sysparm], "^"), Err(Escape::Sysparm));
}

#[test]
fn every_escape_is_found_by_its_name_and_has_another_one_than_the_rest() {
    for escape in Escape::ALL {
        assert_eq!(Escape::find(escape.name()), Some(escape));
    }
    assert_eq!((Escape::find("SOQL"), Escape::find("")), (None, None));
}

#[test]
fn the_example_of_an_escape_shows_where_it_fits() {
    for escape in Escape::ALL {
        let example = escape.example("{id}");
        let before = example.split("{id}").next().unwrap();
        assert!(escape.fits_behind(before), "{example}");
    }
}

#[track_caller]
fn assert_fits(escape: Escape, fits: &[&str], does_not: &[&str]) {
    for text in fits {
        assert!(escape.fits_behind(text), "{escape} fits behind {text:?}");
    }
    for text in does_not {
        assert!(!escape.fits_behind(text), "{escape} does not fit behind {text:?}");
    }
}

#[test]
fn quoted_escapes_fit_within_quotes_only() {
    assert_fits(
        Escape::Soql,
        &["SELECT Id FROM A WHERE Phone = '", "'a' AND B = 'x", r"'it\'s ", r"'\\", "'\""],
        &["", "SELECT Id FROM A WHERE Phone = ", "'a'", r"'a\\' ", r"'\", "\""],
    );
    assert_fits(
        Escape::Odata,
        &["name eq '", "Customers('", "'O''", r"'a\", r"'a\' or b eq '"],
        &["", "name eq ", "'a'", "'O''Neil' and id eq ", r"'a\'"],
    );
    assert_fits(
        Escape::Graphql,
        &[
            "{ user(id: \"",
            "\"a\" \"",
            "\"\"\"a\"\"\" \"",
            r#""\""#,
            "# it's \"quoted\"\n \"",
            "\"#",
        ],
        &["", "{ user(id: ", "\"a\"", "\"\"", "\"\"\"", "\"\"\"a\\\"\"\" \"", r#""\"#, "# \"", "#"],
    );
}

#[test]
fn a_bare_escape_fits_behind_a_field_and_its_operator() {
    assert_fits(
        Escape::Sysparm,
        &[
            "number=",
            "active=true^caller_id.email=",
            "a=b^ORshort_descriptionLIKE",
            "a=b^NQu_x!=",
            "number=INC",
            "sys_class_nameINSTANCEOF",
            "123TEXTQUERY321=",
        ],
        &["", "number", "a=b^", "a=b^OR", "a=b^ORDERBY", "ORDERBYDESC", "a=b^NQ", "="],
    );
    // A value could add elements to what takes several.
    let several = ["sys_idIN", "a=b^sys_idNOT INx,", "openedBETWEEN1@", "openedON"];
    assert_fits(Escape::Sysparm, &[], &several);
}

#[test]
fn an_escape_of_xml_fits_in_text_and_in_attributes() {
    assert_fits(
        Escape::Xml,
        &[
            "",
            "<a>",
            "<a b=\"",
            "<a b='>\" ",
            "<a b='c'>d",
            "<!-- <a --> ",
            "<?xml version='1.0'?><a>",
            "<![CDATA[<]]>",
            "<!DOCTYPE a><a>",
        ],
        &["<", "<a ", "<a b=", "<a b='c' ", "<!-- ", "<!-- '", "<![CDATA[", "<?x ", "<!DOCTYPE "],
    );
}

/// Any text, and often one of signs that are syntax somewhere.
fn hostile() -> impl Strategy<Value = String> {
    let signs = prop::sample::select(vec![
        "'",
        "\"",
        "\\",
        "\\u0027",
        "^",
        "=",
        "<",
        ">",
        "&",
        "]]>",
        "-->",
        "\n",
        "\r",
        "\0",
        "javascript:",
        "STANCEOF",
        "%27",
        "#",
        "a",
        " ",
        "é",
        "\u{ffff}",
        "\u{85}",
        "OR",
        "''",
    ]);
    prop_oneof![any::<String>(), prop::collection::vec(signs, 0..8).prop_map(|all| all.concat())]
}

proptest! {
    #[test]
    fn a_value_never_ends_the_quotes_around_it(value in hostile(), other in hostile()) {
        for (escape, before, behind) in [
            (Escape::Soql, "A = '", "'"),
            (Escape::Odata, "a eq '", "'"),
            (Escape::Graphql, "{ a(b: \"", "\""),
            (Escape::Xml, "<a b=\"", "\""),
            (Escape::Xml, "<a b='", "'"),
        ] {
            let (Some(value), Some(other)) = (written(escape, &value), written(escape, &other))
            else { continue };
            // A second value directly behind the first one makes nothing new with it.
            let within = format!("{before}{value}{other}");
            prop_assert!(escape.fits_behind(&within), "{}", within);
            let after = format!("{within}{behind} ");
            prop_assert!(!escape.fits_behind(&after), "{}", after);
        }
    }

    #[test]
    fn a_value_behind_an_operator_stays_one_condition(value in hostile()) {
        if let Some(written) = written(Escape::Sysparm, &value) {
            prop_assert_eq!(&written, &value);
            prop_assert!(!written.contains(['^', '\n', '\r', '\0']) && !written.starts_with('='));
            prop_assert!(!written.to_lowercase().contains("javascript:"));
        }
    }

    #[test]
    fn letters_and_digits_are_written_as_they_are(value in "[\\p{L}\\p{Nd}_-]{0,20}") {
        for escape in Escape::ALL {
            match escape.apply(&value) {
                Some(Cow::Borrowed(written)) => prop_assert_eq!(written, &value),
                Some(Cow::Owned(written)) => {
                    prop_assert_eq!(escape, Escape::Url);
                    prop_assert!(!value.is_ascii() && written.is_ascii());
                }
                None => prop_assert!(value.starts_with("STANCEOF")),
            }
        }
    }
}
