"use strict";
// The cards of sources and credentials.

// Outcomes are counted over this time, as far as the page has been open, ms.
const WINDOW = 60000;
// A sparkline has this many of the last requests.
const SPARKS = 60;

// What each source came to in the last minute, from counters that count from the start.
class Rates {
  #samples = [];

  // Takes the counters of one moment in.
  add(at, outcomes) {
    const counts = new Map(outcomes.map((one) => [`${one.source} ${one.outcome}`, one.count]));
    const last = this.#samples.at(-1);
    const restarted = last && [...last.counts].some(([key, count]) => (counts.get(key) ?? 0) < count);
    if (restarted) this.#samples = [];
    this.#samples.push({ at, outcomes, counts });
    while (this.#samples.length > 2 && this.#samples[1].at <= at - WINDOW) this.#samples.shift();
  }

  // The outcomes of a source, the most frequent first; since the start if there was none lately.
  of(source) {
    const first = this.#samples[0];
    const last = this.#samples.at(-1);
    const now = last.outcomes.filter((one) => one.source === source);
    const lately = now.map(({ outcome, count }) => {
      return { outcome, count: count - (first.counts.get(`${source} ${outcome}`) ?? 0) };
    });
    const isLately = lately.some((one) => one.count > 0);
    const list = (isLately ? lately : now).filter((one) => one.count > 0);
    list.sort((a, b) => b.count - a.count);
    const whole = list.reduce((sum, one) => sum + one.count, 0);
    const span = last.at - first.at;
    const perSecond = isLately && span > 0 ? (1000 * whole) / span : null;
    return { list, whole, perSecond, since: isLately ? `last ${seconds(span / 1000)}` : "since the start" };
  }
}

function sourceCard(source, rates, records) {
  const name = source.tenant ? `${source.source} (${source.tenant})` : source.source;
  return element("article", "card",
    element("h3", "", name),
    breakerLine(source.breaker),
    element("p", "", `${source.in_flight} of ${source.max_in_flight} in flight, ${limiterText(source.rate_limit)}`),
    ...outcomesOf(rates.of(source.source), source.tenant === null ? "" : " of all tenants"),
    ...latencyOf(source, records));
}

function breakerLine(breaker) {
  const probe = breaker.probe_in_ms === null ? "" : `, next probe in ${seconds(breaker.probe_in_ms / 1000)}`;
  const words = {
    closed: ["good", "✓ breaker closed"],
    half_open: ["partly", `◐ breaker half-open, ${breaker.probes_in_flight} probing`],
    open: ["bad", `✗ breaker open${probe}`],
  };
  const [how, text] = words[breaker.state];
  return element("p", `mark ${how}`, text);
}

function limiterText(limit) {
  const parts = [];
  if (limit.requests === null) parts.push("no rate limit");
  else parts.push(`limit ${limit.requests} per ${limit.per_ms / 1000} s${limit.keys > 0 ? ` and key, ${limit.keys} keys` : ""}`);
  if (limit.waiting > 0) parts.push(`${limit.waiting} waiting`);
  if (limit.held_for_ms !== null) parts.push(`held back by the upstream for ${seconds(limit.held_for_ms / 1000)} (${limit.held_by})`);
  return parts.join(", ");
}

function outcomesOf({ list, whole, perSecond, since }, ofWhom) {
  if (whole === 0) return [element("p", "quiet", "not asked yet")];
  const bar = element("div", "outcomes");
  for (const { outcome, count } of list) {
    const part = element("div", quality(outcome));
    part.style.flexGrow = count;
    part.title = outcome;
    bar.append(part);
  }
  const shares = list.map(({ outcome, count }) => outcomeMark(outcome, `${share(count, whole)} `));
  const rate = perSecond === null ? `${whole}${ofWhom} ${since}` : `${perSecond.toFixed(1)}/s${ofWhom}, ${since}`;
  return [bar, element("p", "shares", ...shares, element("span", "quiet", rate))];
}

function latencyOf({ source, tenant }, records) {
  const isOf = (call) => call.source === source && call.tenant === tenant;
  const calls = records.flatMap((record) => record.sources.filter(isOf));
  const last = calls.slice(-SPARKS);
  if (last.length === 0) return [];
  const times = last.map((call) => call.latency_ms).sort((a, b) => a - b);
  const middle = times[Math.floor(times.length / 2)];
  const slowest = times.at(-1);
  const text = `median ${millis(middle)}, slowest ${millis(slowest)}`;
  const label = `latency of the last ${last.length}: ${text}`;
  return [sparkline(last, slowest, label), element("p", "quiet", text)];
}

// A bar a request, the newest on the right; failures are hatched as in the waterfall.
function sparkline(calls, slowest, label) {
  const line = element("div", "sparkline");
  line.setAttribute("role", "img");
  line.setAttribute("aria-label", label);
  for (const call of calls) {
    const bar = element("div", quality(call.outcome));
    bar.style.height = `${Math.max(4, (100 * call.latency_ms) / slowest)}%`;
    bar.title = `${millis(call.latency_ms)}, ${call.outcome}`;
    line.append(bar);
  }
  return line;
}

function credentialCard(one) {
  const token = one.has_token
    ? element("p", "mark good", `✓ token expires in ${seconds(one.expires_in_s)}`)
    : element("p", "mark bad", "✗ no token");
  const age = one.age_s === null ? "" : `${seconds(one.age_s)} old, `;
  const failures = `${age}${one.failures} failed token requests`;
  const next = one.next_try_in_ms === null ? "" : `; next try in ${seconds(one.next_try_in_ms / 1000)}`;
  return element("article", "card",
    element("h3", "", `${one.credential}, credential`),
    token,
    element("p", "", failures),
    one.last_failure === null ? null : element("p", "mark bad", `✗ ${one.last_failure}${next}`));
}
