//! Draws where a request's time went, as bars in the terminal.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::terminal::{Colour, Page, escaped};
use crate::model::record::explanation::{came, millis};
use crate::model::record::request_record::{RequestRecord, SourceRecord};
use crate::model::record::span::{Span, SpanKind};
use crate::model::reply::outcome::Quality;

/// The width of the column in front of the bars, characters.
const LABEL: usize = 22;
/// The same for what is said behind them, with the lines on both sides of the bars.
const TOLD: usize = 38;
/// The bars are never narrower.
const NARROWEST: usize = 12;
/// A deadline further away than this share of the request's time is not drawn to scale.
const FAR: f64 = 1.5;

/// The request's waterfall: a line for each source and each stretch of its time, drawn to scale,
/// and the deadline as a line across them, where it is near.
pub fn draw(record: &RequestRecord, page: Page) -> String {
    let scale = Scale::of(record, page.columns.saturating_sub(LABEL + TOLD).max(NARROWEST));
    let mut drawing = Drawing { out: String::new(), page, scale };
    drawing.ruler();
    for source in &record.sources {
        drawing.source(source);
    }
    if let Some(deadline) = record.deadline {
        drawing.deadline(deadline, record.started + record.latency);
    }
    drawing.out
}

struct Drawing {
    out: String,
    page: Page,
    scale: Scale,
}

impl Drawing {
    fn ruler(&mut self) {
        let end = millis(self.scale.whole);
        let width = self.scale.width.saturating_sub(4);
        self.row("", &format!("0 ms{end:>width$}"), "");
    }

    fn source(&mut self, source: &SourceRecord) {
        let waited = source.spans.iter().find(|span| span.kind == SpanKind::Dependencies);
        let began = waited.map_or(self.scale.start, |span| span.end);
        let bar = self.scale.bar(began, self.scale.start + source.latency, '─');
        let attempts = if source.attempts == 1 { "attempt" } else { "attempts" };
        let told = format!(
            "{}, {}, {} {attempts}",
            source.outcome.as_str(),
            millis(source.latency),
            source.attempts
        );
        let colour = match source.outcome.quality() {
            Quality::Good => Colour::Good,
            Quality::Partly => Colour::Wait,
            Quality::Bad => Colour::Bad,
        };
        self.line(source.source.as_str(), &bar, &told, colour);
        let mut spans = source.spans.clone();
        spans.sort_by_key(|span| span.start);
        for span in spans {
            self.span(span);
        }
    }

    fn span(&mut self, span: Span) {
        let facts = span.kind.facts();
        let (label, fill, colour) = match span.kind.attempt() {
            Some(attempt) => {
                let colour = attempt.failure.map_or(Colour::Good, |_| Colour::Bad);
                let label = format!("{} {}: {}", facts.words, attempt.number, came(attempt));
                (label, '█', colour)
            }
            None if facts.is_wait => (facts.words.to_owned(), '░', Colour::Wait),
            None => (facts.words.to_owned(), '▒', Colour::Connect),
        };
        let bar = self.scale.bar(span.start, span.end, fill);
        self.line(&format!("  {label}"), &bar, &millis(span.length()), colour);
    }

    fn deadline(&mut self, deadline: Instant, replied: Instant) {
        let after = millis(deadline.saturating_duration_since(self.scale.start));
        let rest = if replied <= deadline {
            format!("{} left", millis(deadline - replied))
        } else {
            format!("reply {} later", millis(replied - deadline))
        };
        let width = self.scale.width;
        let bar = match self.scale.deadline {
            Some(_) => String::new(),
            None => format!("{:>width$}", "→"),
        };
        self.line("", &bar, &format!("deadline {after}, {rest}"), Colour::Plain);
    }

    /// A line: what it is, its bar with the deadline across, what is to be said of it.
    fn line(&mut self, label: &str, bar: &str, told: &str, colour: Colour) {
        let width = self.scale.width;
        let mut cells: Vec<char> = format!("{bar:width$}").chars().collect();
        if let Some(cell) = self.scale.deadline.and_then(|column| cells.get_mut(column)) {
            *cell = '┃';
        }
        let bar = self.page.paint(colour, &cells.into_iter().collect::<String>());
        self.row(label, &bar, told);
    }

    fn row(&mut self, label: &str, bar: &str, told: &str) {
        let (label, told) = (shortened(&escaped(label)), escaped(told));
        let text = format!("{label:LABEL$}│{bar}│ {told}");
        let written = writeln!(self.out, "{}", text.trim_end());
        debug_assert!(written.is_ok(), "writing to a String cannot fail");
    }
}

/// The label, cut where it is too long for its column.
fn shortened(label: &str) -> String {
    if label.chars().count() <= LABEL {
        return label.to_owned();
    }
    let kept: String = label.chars().take(LABEL - 1).collect();
    format!("{kept}…")
}

#[derive(Clone, Copy)]
struct Scale {
    start: Instant,
    whole: Duration,
    width: usize,
    /// The column of the deadline, if that is near.
    deadline: Option<usize>,
}

impl Scale {
    fn of(record: &RequestRecord, width: usize) -> Self {
        let whole = record.latency.max(Duration::from_millis(1));
        let scale = Self { start: record.started, whole, width, deadline: None };
        let deadline = record.deadline.filter(|deadline| {
            deadline.saturating_duration_since(record.started) <= whole.mul_f64(FAR)
        });
        let Some(deadline) = deadline else { return scale };
        let whole = whole.max(deadline.saturating_duration_since(record.started));
        let scale = Self { whole, ..scale };
        Self { deadline: Some(scale.column(deadline).min(width.saturating_sub(1))), ..scale }
    }

    /// A bar from `start` to `end`, at least one character wide.
    fn bar(&self, start: Instant, end: Instant, fill: char) -> String {
        let from = self.column(start).min(self.width.saturating_sub(1));
        let to = self.column(end).clamp(from + 1, self.width.max(from + 1));
        let mut bar = " ".repeat(from);
        bar.extend(std::iter::repeat_n(fill, to - from));
        bar
    }

    fn column(&self, at: Instant) -> usize {
        let offset = at.saturating_duration_since(self.start).as_micros();
        let column = offset * self.width as u128 / self.whole.as_micros().max(1);
        usize::try_from(column).unwrap_or(self.width).min(self.width)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::record::span::Attempt;
    use crate::model::reply::outcome::Outcome;
    use crate::model::time::test_clock::{ms, start};

    const PLAIN: Page = Page { columns: 100, colour: false };
    const WIDTH: usize = 40;

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
        let drawn = draw(&record(), PLAIN);
        let lines: Vec<&str> = drawn.lines().collect();
        assert_eq!(lines.len(), 7, "{drawn}");
        let orders = lines.iter().find(|line| line.starts_with("orders")).unwrap();
        assert!(orders.ends_with("│ upstream_error, 2999 ms, 2 attempts"), "{drawn}");
        let second = lines.iter().find(|line| line.starts_with("  attempt 2: no reply")).unwrap();
        let bar: Vec<char> = second.split('│').nth(1).unwrap().chars().collect();
        assert_eq!(bar.iter().position(|&c| c == '█'), Some(26), "{drawn}");
        assert_eq!(&bar[WIDTH - 2..], ['█', '┃'], "{drawn}");
        assert!(lines.iter().any(|line| line.ends_with("│ deadline 3000 ms, 1.0 ms left")));
    }

    #[test]
    fn a_line_has_at_most_100_columns_and_no_blanks_at_its_end() {
        let drawn = draw(&record(), PLAIN);
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
        let drawn = draw(&record, PLAIN);
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
        assert!(drawn.contains("wait for sources"), "{drawn}");
    }

    #[test]
    fn a_deadline_that_is_near_is_a_line_across_all_bars_and_a_far_one_is_pointed_at() {
        let near = draw(&record(), PLAIN);
        let column = |line: &str| line.chars().position(|c| c == '┃');
        assert!(near.lines().skip(1).all(|line| column(line) == Some(LABEL + WIDTH)), "{near}");
        let far = RequestRecord::sample(start(), 3000, 100, Vec::new());
        let far = draw(&far, PLAIN);
        assert!(far.contains("→│ deadline 3000 ms, 2900 ms left"), "{far}");
        let late = draw(&RequestRecord::sample(start(), 80, 100, Vec::new()), PLAIN);
        assert!(late.contains("deadline 80.0 ms, reply 20.0 ms later"), "{late}");
        assert_eq!(
            late.lines().nth(1).and_then(column),
            Some(LABEL + 1 + WIDTH * 8 / 10),
            "{late}"
        );
    }

    #[test]
    fn the_bars_take_the_width_of_the_page() {
        for columns in [72, 80, 140] {
            let drawn = draw(&record(), Page { columns, colour: false });
            let widest = drawn.lines().map(|line| line.chars().count()).max();
            assert!(
                widest.is_some_and(|widest| widest <= columns),
                "{columns}: {widest:?}\n{drawn}"
            );
            assert!(widest.is_some_and(|widest| widest > columns - 6), "{columns}: {widest:?}");
        }
    }

    #[test]
    fn colours_change_nothing_of_the_text() {
        let coloured = draw(&record(), Page { columns: 100, colour: true });
        assert!(coloured.contains("\x1b[31m") && coloured.contains("\x1b[33m"), "{coloured}");
        let codes = regex::Regex::new("\x1b\\[[0-9]+m").unwrap();
        assert_eq!(codes.replace_all(&coloured, ""), draw(&record(), PLAIN));
    }

    #[test]
    fn a_long_name_is_cut() {
        let source = SourceRecord::sample(&"s".repeat(64), Outcome::Ok, 10, Vec::new());
        let drawn = draw(&RequestRecord::sample(start(), 100, 10, vec![source]), PLAIN);
        assert!(drawn.contains(&format!("{}…│", "s".repeat(LABEL - 1))), "{drawn}");
    }
}
