//! Draws where a request's time went, as bars in the terminal.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use crate::domain::record::{RequestRecord, SourceRecord};
use crate::domain::trace::SpanKind;

/// The width of the bars, characters.
const WIDTH: usize = 40;
/// The width of the column in front of them.
const LABEL: usize = 22;

/// The request's waterfall: a line for each source and each stretch of its time, drawn to scale.
pub fn draw(record: &RequestRecord) -> String {
    let scale =
        Scale { start: record.started, whole: record.latency.max(Duration::from_millis(1)) };
    let mut out = String::new();
    let end = millis(record.latency);
    let ruler = format!("0 ms{end:>width$}", width = WIDTH - 4);
    line(&mut out, "", &ruler, "");
    for source in &record.sources {
        draw_source(&mut out, source, scale);
    }
    if let Some(deadline) = record.deadline {
        let left = millis(deadline.saturating_duration_since(record.started + record.latency));
        let deadline = millis(deadline.saturating_duration_since(record.started));
        line(&mut out, "", "", &format!("deadline {deadline}, {left} left"));
    }
    out
}

fn draw_source(out: &mut String, source: &SourceRecord, scale: Scale) {
    let waited = source.spans.iter().find(|span| span.kind == SpanKind::Dependencies);
    let began = waited.map_or(scale.start, |span| span.end);
    let bar = scale.bar(began, scale.start + source.latency, '─');
    let attempts = if source.attempts == 1 { "attempt" } else { "attempts" };
    let told = format!(
        "{}, {}, {} {attempts}",
        source.outcome.as_str(),
        millis(source.latency),
        source.attempts
    );
    line(out, source.source.as_str(), &bar, &told);
    let mut spans = source.spans.clone();
    spans.sort_by_key(|span| span.start);
    for span in &spans {
        let (label, fill) = describe(span.kind);
        let took = millis(span.end.saturating_duration_since(span.start));
        line(out, &format!("  {label}"), &scale.bar(span.start, span.end, fill), &took);
    }
}

fn describe(kind: SpanKind) -> (String, char) {
    match kind {
        SpanKind::Dependencies => ("wait for other sources".to_owned(), '░'),
        SpanKind::Token => ("wait for token".to_owned(), '░'),
        SpanKind::RateLimit => ("wait for rate limit".to_owned(), '░'),
        SpanKind::Connect => ("connect".to_owned(), '▒'),
        SpanKind::Attempt(attempt) => {
            let came = attempt.status.map_or("no reply".to_owned(), |status| status.to_string());
            (format!("attempt {}: {came}", attempt.number), '█')
        }
        SpanKind::Backoff => ("backoff".to_owned(), '░'),
        SpanKind::Pause => ("pause between pages".to_owned(), '░'),
    }
}

fn line(out: &mut String, label: &str, bar: &str, told: &str) {
    let text = format!("{label:LABEL$}│{bar:WIDTH$}│ {told}");
    let written = writeln!(out, "{}", text.trim_end());
    debug_assert!(written.is_ok(), "writing to a String cannot fail");
}

/// Milliseconds, with a digit behind the point where it matters.
fn millis(time: Duration) -> String {
    let millis = time.as_secs_f64() * 1e3;
    let digits = usize::from(millis < 99.95);
    format!("{millis:.digits$} ms")
}

#[derive(Clone, Copy)]
struct Scale {
    start: Instant,
    whole: Duration,
}

impl Scale {
    /// A bar from `start` to `end`, at least one character wide.
    fn bar(&self, start: Instant, end: Instant, fill: char) -> String {
        let from = self.column(start).min(WIDTH - 1);
        let to = self.column(end).clamp(from + 1, WIDTH);
        let mut bar = " ".repeat(from);
        bar.extend(std::iter::repeat_n(fill, to - from));
        bar
    }

    fn column(&self, at: Instant) -> usize {
        let offset = at.saturating_duration_since(self.start).as_micros();
        let column = offset * WIDTH as u128 / self.whole.as_micros().max(1);
        usize::try_from(column).unwrap_or(WIDTH).min(WIDTH)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::outcome::Outcome;
    use crate::domain::test_clock::{ms, start};
    use crate::domain::trace::{Attempt, Span};

    /// Three attempts with waits in between, the last without a reply.
    fn record() -> RequestRecord {
        let start = start();
        let span = |kind, from, to| Span { kind, start: start + ms(from), end: start + ms(to) };
        let attempt =
            |number, status| SpanKind::Attempt(Attempt::sample(number, number - 1, status, None));
        let spans = vec![
            span(SpanKind::RateLimit, 0, 100),
            span(attempt(1, Some(503)), 100, 1000),
            span(SpanKind::Backoff, 1000, 2000),
            span(attempt(2, None), 2000, 2999),
        ];
        let source = SourceRecord::sample("orders", Outcome::UpstreamError, 2999, spans);
        RequestRecord::sample(start, 3000, 2999, vec![source])
    }

    #[test]
    fn each_stretch_of_time_has_a_line_with_a_bar_in_its_place() {
        let drawn = draw(&record());
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 7, "{drawn}");
        let orders = lines.iter().find(|line| line.starts_with("orders")).unwrap();
        assert!(orders.ends_with("│ upstream_error, 2999 ms, 2 attempts"), "{drawn}");
        let second = lines.iter().find(|line| line.starts_with("  attempt 2: no reply")).unwrap();
        let bar: Vec<char> = second.split('│').nth(1).unwrap().chars().collect();
        assert_eq!(bar.iter().position(|&c| c == '█'), Some(26), "{drawn}");
        assert_eq!(bar.last(), Some(&'█'), "{drawn}");
        assert!(lines.iter().any(|line| line.ends_with("│ deadline 3000 ms, 1.0 ms left")));
    }

    #[test]
    fn a_line_has_at_most_100_columns_and_no_blanks_at_its_end() {
        let drawn = draw(&record());
        for line in drawn.lines() {
            assert!(line.chars().count() <= 100, "{line}");
            assert_eq!(line, line.trim_end());
        }
    }

    #[test]
    fn a_source_that_waited_for_another_begins_where_its_wait_ended() {
        let arrival = start();
        let span = |kind, from, to| Span { kind, start: arrival + ms(from), end: arrival + ms(to) };
        let attempt = SpanKind::Attempt(Attempt::sample(1, 0, Some(200), None));
        let source = |name, latency, spans| SourceRecord::sample(name, Outcome::Ok, latency, spans);
        let waited = vec![span(SpanKind::Dependencies, 0, 24), span(attempt, 24, 48)];
        let sources =
            vec![source("first", 24, vec![span(attempt, 0, 24)]), source("then", 48, waited)];
        let record = RequestRecord::sample(arrival, 100, 48, sources);
        let drawn = draw(&record);
        let bars = drawn.lines().filter_map(|line| line.split('│').nth(1)).map(str::to_owned);
        let bars: Vec<String> = bars.collect();
        let (half, none) = (|fill: &str| fill.repeat(WIDTH / 2), " ".repeat(WIDTH / 2));
        let expected = [
            half("─") + &none,
            half("█") + &none,
            none.clone() + &half("─"),
            half("░") + &none,
            none.clone() + &half("█"),
        ];
        assert_eq!(bars.get(1..6), Some(expected.as_slice()), "{drawn}");
        assert!(drawn.contains("wait for other sources"), "{drawn}");
    }
}
