//! The rows are what callers, dashboards and alerts rely on, so they are written down twice.

use super::*;

/// Label, outcome, whether again, whose fault: what each failure has meant since there are any.
#[rustfmt::skip]
const MEANING: [(FailureKind, &str, &str, Again, Blame); 27] = [
    (FailureKind::Unrenderable,       "unrenderable",   "skipped",        Again::Never,         Blame::Nobody),
    (FailureKind::Unsendable,         "unsendable",     "skipped",        Again::Never,         Blame::Nobody),
    (FailureKind::Unasked,            "unasked",        "skipped",        Again::Never,         Blame::Nobody),
    (FailureKind::NotWaitedFor,       "cancelled",      "skipped",        Again::Never,         Blame::Nobody),
    (FailureKind::TooManyInFlight,    "overloaded",     "overloaded",     Again::Never,         Blame::Nobody),
    (FailureKind::CircuitOpen,        "circuit_open",   "circuit_open",   Again::NotAttempted,  Blame::Nobody),
    (FailureKind::NoPermit,           "no_permit",      "rate_limited",   Again::NotAttempted,  Blame::Nobody),
    (FailureKind::NoToken,            "no_token",       "auth_failed",    Again::NotAttempted,  Blame::Nobody),
    (FailureKind::NoTokenForShortage, "no_token",       "overloaded",     Again::NotAttempted,  Blame::Nobody),
    (FailureKind::TokenRefused,       "token_refused",  "auth_failed",    Again::WithNewToken,  Blame::Nobody),
    (FailureKind::NoOtherToken,       "no_token",       "auth_failed",    Again::Never,         Blame::Nobody),
    (FailureKind::FreshTokenRefused,  "token_refused",  "auth_failed",    Again::Never,         Blame::Nobody),
    (FailureKind::Shortage,           "overloaded",     "overloaded",     Again::Never,         Blame::Nobody),
    (FailureKind::NotConnected,       "connect",        "connect_failed", Again::OutsideBudget, Blame::Upstream),
    (FailureKind::ConnectBroken,      "connect",        "connect_failed", Again::Later,         Blame::Upstream),
    (FailureKind::Tls,                "connect",        "connect_failed", Again::Never,         Blame::Upstream),
    (FailureKind::Broken,             "broken",         "connect_failed", Again::Later,         Blame::Upstream),
    (FailureKind::NotHttp,            "broken",         "connect_failed", Again::Never,         Blame::Upstream),
    (FailureKind::Timeout,            "timeout",        "timeout",        Again::Never,         Blame::Upstream),
    (FailureKind::HurriedTimeout,     "timeout",        "timeout",        Again::Never,         Blame::Nobody),
    (FailureKind::Throttled,          "rate_limited",   "rate_limited",   Again::Later,         Blame::Nobody),
    (FailureKind::Unavailable,        "upstream_error", "upstream_error", Again::Later,         Blame::Upstream),
    (FailureKind::ServerError,        "upstream_error", "upstream_error", Again::Never,         Blame::Upstream),
    (FailureKind::FailedByBody,       "upstream_error", "upstream_error", Again::Never,         Blame::Upstream),
    (FailureKind::Rejected,           "rejected",       "rejected",       Again::Never,         Blame::Healthy),
    (FailureKind::Unusable,           "bad_payload",    "bad_payload",    Again::Never,         Blame::Nobody),
    (FailureKind::Internal,           "internal",       "internal",       Again::Never,         Blame::Nobody),
];

#[test]
fn every_way_to_fail_means_what_it_has_always_meant() {
    assert_eq!(MEANING.map(|(kind, ..)| kind), FailureKind::ALL);
    for (kind, label, outcome, again, blame) in MEANING {
        let facts = kind.facts();
        let found = (facts.label, facts.outcome.as_str(), facts.again, facts.blame);
        assert_eq!(found, (label, outcome, again, blame), "{kind:?}");
    }
}

#[test]
fn a_status_is_the_failure_that_the_outcome_table_says() {
    for (status, kind) in [
        (101, FailureKind::Rejected),
        (302, FailureKind::Rejected),
        (400, FailureKind::Rejected),
        (401, FailureKind::Rejected),
        (429, FailureKind::Throttled),
        (499, FailureKind::Rejected),
        (500, FailureKind::ServerError),
        (501, FailureKind::ServerError),
        (502, FailureKind::Unavailable),
        (503, FailureKind::Unavailable),
        (504, FailureKind::Unavailable),
        (505, FailureKind::ServerError),
        (599, FailureKind::ServerError),
    ] {
        let failure = Failure::of_status(status, None);
        assert_eq!(failure.kind, kind, "{status}");
        assert_eq!(failure.shown_status(), status);
        assert_eq!(failure.detail, format!("the upstream answered {status}"));
    }
}

#[test]
fn a_failure_without_a_status_of_the_upstream_shows_that_of_its_outcome() {
    for kind in FailureKind::ALL {
        let failure = Failure::new(kind, "");
        assert_eq!(failure.shown_status(), kind.facts().outcome.default_status(), "{kind:?}");
    }
}

#[test]
fn the_sentence_says_what_kept_us_from_trying_again_where_that_is_worth_telling() {
    let given = Duration::from_millis(900);
    let wait = Duration::from_secs(42);
    let failed = |gave_up, retry_after| {
        let failure = Failure { gave_up, ..Failure::of_status(503, retry_after) };
        failure.explain(given).into_owned()
    };
    let plain = "the upstream answered 503";
    assert_eq!(failed(None, None), plain);
    for reason in [GiveUp::Final, GiveUp::AttemptsUsedUp, GiveUp::NotRepeatable] {
        assert_eq!(failed(Some(reason), Some(wait)), plain);
    }
    assert_eq!(failed(Some(GiveUp::NoTimeLeft { wait }), None), plain);
    assert_eq!(
        failed(Some(GiveUp::NoTimeLeft { wait }), Some(wait)),
        "the upstream answered 503 and asked for a pause of 42000 ms, which ends after the deadline"
    );
    assert_eq!(
        failed(Some(GiveUp::BudgetSpent), None),
        "the upstream answered 503; not tried again, since too many calls fail at present"
    );
    assert_eq!(Failure::timeout().explain(given), "no reply within 900 ms");
}
