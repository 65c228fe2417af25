//! What strangers send, in forms that nobody thought of: every reader of foreign bytes is fed a
//! kept corpus and mutations of it, and its laws are checked on each.
//!
//! | file | idea |
//! | --- | --- |
//! | `runner.rs` | runs one target over its corpus, then over mutations until the time is up |
//! | `mutator.rs` | makes new inputs out of known ones, the same ones for the same seed |
//! | `targets/` | one function a reader: bytes in, laws asserted |
//! | `languages/` | readers of what values are put into: is the value still a value there? |
//! | `corpus/TARGET/` | inputs that are always tried; a failing one is kept here for good |
//!
//! `scripts/fuzz [TARGET] [SECONDS]` runs longer than the usual two seconds a target.

#![expect(clippy::disallowed_methods, reason = "fuzzing is bounded in real time")]

mod languages;
mod mutator;
mod runner;
mod targets;

use runner::run;

#[test]
fn retry_after() {
    run("retry_after", targets::headers::retry_after);
}

#[test]
fn rate_limit() {
    run("rate_limit", targets::headers::rate_limit);
}

#[test]
fn link_header() {
    run("link_header", targets::headers::link_header);
}

#[test]
fn next_page() {
    run("next_page", targets::headers::next_page);
}

#[test]
fn token_reply() {
    run("token_reply", targets::token::token_reply);
}

#[test]
fn template() {
    run("template", targets::template::template);
}

#[test]
fn escapes() {
    run("escapes", targets::escapes::escapes);
}

#[test]
fn json() {
    run("json", targets::json::json);
}

#[test]
fn inputs() {
    run("inputs", targets::inputs::inputs);
}

#[test]
fn response_stream() {
    run("response_stream", targets::response_stream::response_stream);
}

#[test]
fn chunked() {
    run("chunked", targets::response_stream::chunked);
}
