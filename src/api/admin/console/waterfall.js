"use strict";
// One request's waterfall: a row for each source and each stretch of its time, drawn to scale.

// A deadline further away than this share of the request's time is not drawn to scale.
const FAR = 1.5;

function waterfall(record) {
  const deadline = record.deadline_ms;
  const isNear = deadline !== null && deadline <= FAR * record.latency_ms;
  const whole = Math.max(record.latency_ms, isNear ? deadline : 0, 1);
  const scale = { whole, deadline: isNear ? deadline : null };
  const rows = record.sources.flatMap((source) => sourceRows(source, scale));
  const table = element("table", "bars", ruler(record, scale, isNear), element("tbody", "", ...rows));
  table.setAttribute("aria-label", "where the time went");
  // A narrow window lays the table out otherwise, which would take its meaning along.
  const roles = { thead: "rowgroup", tbody: "rowgroup", tr: "row", th: "rowheader", td: "cell" };
  table.setAttribute("role", "table");
  for (const [kind, role] of Object.entries(roles)) {
    for (const part of table.querySelectorAll(kind)) part.setAttribute("role", role);
  }
  return table;
}

function ruler(record, scale, isNear) {
  const ends = element("div", "ruler", element("span", "", "0 ms"), element("span", "", millis(scale.whole)));
  const deadline = element("td", "told", "");
  if (record.deadline_ms !== null) {
    const left = record.deadline_ms - record.latency_ms;
    const rest = left >= 0 ? `${millis(left)} left` : `reply ${millis(-left)} later`;
    deadline.append(`${isNear ? "┃" : "→"} deadline ${millis(record.deadline_ms)}, ${rest}`);
  }
  return element("thead", "", element("tr", "", element("td"), element("td", "", ends), deadline));
}

function sourceRows(source, scale) {
  const waited = source.spans.find((span) => span.kind === "dependencies");
  const attempts = source.attempts === 1 ? "1 attempt" : `${source.attempts} attempts`;
  const whole = row({
    label: source.source,
    told: [outcomeMark(source.outcome), `, ${millis(source.latency_ms)}, ${attempts}`],
    from: waited ? waited.end_ms : 0,
    to: source.latency_ms,
    look: `source ${quality(source.outcome)}`,
  }, scale);
  whole.classList.add("whole");
  const firstSends = source.spans.filter((span) => span.kind === "attempt" && span.resend === 0).length;
  let page = 0;
  const parts = source.spans.map((span) => {
    if (span.kind === "attempt" && span.resend === 0) page += 1;
    return spanRow(span, firstSends > 1 ? page : null, scale);
  });
  return [whole, ...parts];
}

function spanRow(span, page, scale) {
  const took = millis(span.end_ms - span.start_ms);
  const shown = { from: span.start_ms, to: span.end_ms, told: [took] };
  if (span.kind === "attempt") {
    const ofPage = page === null ? "" : `, page ${page}`;
    shown.label = `attempt ${span.number}${ofPage}: ${span.status ?? "no reply"}`;
    shown.look = span.failure ? "failed" : "ok";
    // A status that is a failure says so itself.
    if (span.failure && (span.status ?? 0) < 400) shown.told.push(`, ${span.failure}`);
    if (span.probe) shown.told.push(", a probe");
    if (span.breaker) shown.told.push(`, breaker ${span.breaker}`);
  } else {
    const { words, is_wait } = SPANS[span.kind];
    shown.label = words;
    shown.look = is_wait ? "wait" : "connect";
  }
  return row(shown, scale);
}

function row({ label, told, from, to, look }, scale) {
  const percent = (ms) => Math.min(100, Math.max(0, (100 * ms) / scale.whole));
  const bar = element("div", `bar ${look}`);
  bar.style.left = `${percent(from)}%`;
  bar.style.width = `${percent(to) - percent(from)}%`;
  bar.title = `${millis(from)} to ${millis(to)}`;
  bar.setAttribute("role", "img");
  bar.setAttribute("aria-label", bar.title);
  const track = element("td", "track", element("div", "lane", bar));
  if (scale.deadline !== null) {
    const line = element("div", "deadline");
    line.style.left = `${percent(scale.deadline)}%`;
    line.title = `deadline ${millis(scale.deadline)}`;
    track.append(line);
  }
  const head = element("th", "", label);
  head.scope = "row";
  return element("tr", "", head, track, element("td", "told", ...told));
}
