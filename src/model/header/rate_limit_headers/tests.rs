use super::*;
use crate::model::time::test_clock::s;
use proptest::prelude::*;
use std::cell::Cell;
use std::time::UNIX_EPOCH;

/// 2027-01-15T08:00:00Z
const EPOCH_SECONDS: u64 = 1_800_000_000;

/// What is read, but for which field said it.
fn read_fields(fields: &[(&str, &str)]) -> Option<UpstreamBudget> {
    read_with_header(fields).map(|budget| UpstreamBudget { header: "", ..budget })
}

fn read_with_header(fields: &[(&str, &str)]) -> Option<UpstreamBudget> {
    let lookup = |wanted: &str| {
        fields.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_bytes())
    };
    read(&lookup, UNIX_EPOCH + s(EPOCH_SECONDS))
}

fn budget(remaining: u64, limit: Option<u64>, reset: u64) -> UpstreamBudget {
    UpstreamBudget { remaining, limit, reset: s(reset), header: "" }
}

#[test]
fn a_reply_without_such_fields_costs_four_lookups() {
    let lookups = Cell::new(0);
    let lookup = |_: &str| {
        lookups.set(lookups.get() + 1);
        None
    };
    assert_eq!(read(&lookup, UNIX_EPOCH), None);
    assert_eq!(lookups.get(), 4);
}

#[test]
fn the_field_that_says_what_is_left_is_told() {
    for (fields, header) in [
        (
            &[
                ("inin-ratelimit-count", "1"),
                ("inin-ratelimit-allowed", "3"),
                ("inin-ratelimit-reset", "4"),
            ][..],
            "inin-ratelimit-count",
        ),
        (&[("ratelimit", r#""a";r=5;t=3"#)], "ratelimit"),
        (&[("ratelimit", "limit=9, remaining=5, reset=3")], "ratelimit"),
        (&[("ratelimit-remaining", "5"), ("ratelimit-reset", "3")], "ratelimit-remaining"),
        (&[("x-ratelimit-remaining", "5"), ("x-ratelimit-reset", "3")], "x-ratelimit-remaining"),
    ] {
        assert_eq!(read_with_header(fields).expect("it is valid").header, header);
    }
}

#[test]
fn genesys_says_how_much_was_used() {
    let fields = |count| {
        [
            ("inin-ratelimit-count", count),
            ("inin-ratelimit-allowed", "300"),
            ("inin-ratelimit-reset", "42"),
        ]
    };
    assert_eq!(read_fields(&fields("280")), Some(budget(20, Some(300), 42)));
    assert_eq!(read_fields(&fields("305")), Some(budget(0, Some(300), 42)));
    assert_eq!(read_fields(&fields("-1")), None);
    assert_eq!(read_fields(&fields("1.5")), None);
    assert_eq!(read_fields(&fields("1")[..2]), None, "without a reset it is no budget");
}

#[test]
fn the_structured_field_is_read_with_its_policy() {
    let limit = ("ratelimit", r#""default";r=50;t=30"#);
    assert_eq!(read_fields(&[limit]), Some(budget(50, None, 30)));
    let policy = ("ratelimit-policy", r#""burst";q=9;w=1, "default";q=100;w=60"#);
    assert_eq!(read_fields(&[limit, policy]), Some(budget(50, Some(100), 30)));
}

#[test]
fn without_an_effective_window_the_window_of_the_policy_counts() {
    let limit = ("ratelimit", r#""default";r=50"#);
    assert_eq!(read_fields(&[limit]), None);
    let policy = ("ratelimit-policy", r#""default";q=100;w=60"#);
    assert_eq!(read_fields(&[limit, policy]), Some(budget(50, Some(100), 60)));
}

#[test]
fn of_several_limits_the_one_that_stops_us_first_counts() {
    let limits = ("ratelimit", r#""burst";r=50;t=1, "daily";r=3;t=4000, "hourly";r=3;t=900"#);
    assert_eq!(read_fields(&[limits]), Some(budget(3, None, 4000)));
}

#[test]
fn a_quota_of_bytes_is_not_one_of_requests() {
    let limit = ("ratelimit", r#""size";r=1;t=60, "default";r=7;t=30"#);
    let policy = ("ratelimit-policy", r#""size";q=65535;qu="content-bytes";w=60"#);
    assert_eq!(read_fields(&[limit, policy]), Some(budget(7, None, 30)));
    let requests = ("ratelimit-policy", r#""size";q=5;qu="requests""#);
    assert_eq!(read_fields(&[limit, requests]), Some(budget(1, Some(5), 60)));
}

#[test]
fn quoted_separators_and_unknown_parameters_do_not_disturb() {
    let limit = ("ratelimit", r#""a,b;r=1;\"";pk=:cHM=:;acme-x;t=30 ; r=50"#);
    assert_eq!(read_fields(&[limit]), Some(budget(50, None, 30)));
}

#[test]
fn of_a_parameter_given_twice_the_last_one_counts() {
    let limit = ("ratelimit", r#""default";r=1;t=30;r=50"#);
    assert_eq!(read_fields(&[limit]), Some(budget(50, None, 30)));
}

#[test]
fn the_dictionary_of_revision_07_is_read() {
    let field = ("ratelimit", "limit=100, remaining=50, reset=5");
    assert_eq!(read_fields(&[field]), Some(budget(50, Some(100), 5)));
    assert_eq!(read_fields(&[("ratelimit", "limit=100, reset=5")]), None);
}

#[test]
fn the_triples_are_read_with_and_without_a_prefix() {
    for prefix in ["", "x-"] {
        let names = ["limit", "remaining", "reset"].map(|name| format!("{prefix}ratelimit-{name}"));
        let [limit, remaining, reset] = names.each_ref().map(String::as_str);
        let fields = [(limit, "100, 100;w=60"), (remaining, "7"), (reset, "30")];
        assert_eq!(read_fields(&fields), Some(budget(7, Some(100), 30)));
        assert_eq!(read_fields(&fields[1..]), Some(budget(7, None, 30)), "the limit may be absent");
        assert_eq!(read_fields(&fields[..2]), None);
        assert_eq!(read_fields(&[(remaining, "7.5"), (reset, "30")]), None);
        assert_eq!(read_fields(&[(remaining, "-7"), (reset, "30")]), None);
    }
}

#[test]
fn a_reset_in_epoch_seconds_is_turned_into_a_wait() {
    let with_reset = |reset: u64| {
        let reset = reset.to_string();
        read_fields(&[("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", &reset)])
    };
    assert_eq!(with_reset(86_400), Some(budget(0, None, 86_400)));
    assert_eq!(with_reset(EPOCH_SECONDS + 60), Some(budget(0, None, 60)));
    assert_eq!(with_reset(EPOCH_SECONDS - 60), Some(budget(0, None, 0)), "has just passed");
    assert_eq!(with_reset(86_401), None, "neither seconds nor a time of day near now");
    assert_eq!(with_reset(EPOCH_SECONDS + 86_401), None);
    assert_eq!(with_reset(EPOCH_SECONDS * 1000), None, "epoch milliseconds");
    assert_eq!(with_reset(u64::MAX), None);
}

#[test]
fn a_malformed_family_gives_way_to_the_next() {
    let fields = [
        ("inin-ratelimit-allowed", "many"),
        ("ratelimit", "???"),
        ("x-ratelimit-remaining", "9"),
        ("x-ratelimit-reset", "5"),
    ];
    assert_eq!(read_fields(&fields), Some(budget(9, None, 5)));
}

#[test]
fn huge_numbers_are_capped() {
    let huge = "9".repeat(40);
    let field = format!(r#""default";r={huge};t={huge}"#);
    assert_eq!(read_fields(&[("ratelimit", &field)]), Some(budget(u64::MAX, None, 86_400)));
}

proptest! {
    #[test]
    fn arbitrary_bytes_never_panic_or_wait_longer_than_a_day(
        first in any::<Vec<u8>>(), second in any::<Vec<u8>>(), choice in 0_usize..4,
    ) {
        let names = [
            "inin-ratelimit-", "ratelimit", "ratelimit-", "x-ratelimit-",
        ];
        let prefix = names[choice];
        let lookup = |name: &str| {
            let value = if name.len().is_multiple_of(2) { &first } else { &second };
            name.starts_with(prefix).then_some(value.as_slice())
        };
        let found = read(&lookup, UNIX_EPOCH + s(EPOCH_SECONDS));
        prop_assert!(found.is_none_or(|budget| budget.reset <= LONGEST_WAIT));
    }

    #[test]
    fn text_made_of_the_fields_own_pieces_never_panics(
        limit in r#"([";=,\\: ]|r|t|[0-9]{1,3}|default|limit|remaining|reset){0,24}"#,
        policy in r#"([";=,\\: ]|q|w|qu|[0-9]{1,3}|default|requests){0,24}"#,
    ) {
        let found = read_fields(&[("ratelimit", &limit), ("ratelimit-policy", &policy)]);
        prop_assert!(found.is_none_or(|budget| budget.reset <= LONGEST_WAIT));
    }

    #[test]
    fn what_is_written_is_read_back(
        remaining in any::<u64>(), reset in 0_u64..=86_400, quota in any::<u64>(),
    ) {
        let limit = format!(r#""p";r={remaining};t={reset}"#);
        let policy = format!(r#""p";q={quota};w=60"#);
        let found = read_fields(&[("ratelimit", &limit), ("ratelimit-policy", &policy)]);
        prop_assert_eq!(found, Some(budget(remaining, Some(quota), reset)));
    }
}
