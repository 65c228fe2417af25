"use strict";
// Keeps the page up to date: the list of requests, its filters, the faults.

// As many as the service keeps.
const KEPT = 200;

const rates = new Rates();
let records = [];
let chosen = null;
let paused = false;
// The row of each record.
const rows = new WeakMap();

function take(state, isFirst) {
  // After a pause of the connection everything that is kept comes again.
  records = [...(isFirst ? [] : records), ...state.requests].slice(-KEPT);
  rates.add(state.at_ms, state.outcomes);
  showReadiness(state.readiness);
  byId("version").textContent = state.version;
  if (paused) return;
  const sources = state.sources.map((one) => sourceCard(one, rates, records));
  byId("cards").replaceChildren(...sources, ...state.credentials.map(credentialCard));
  showFaults(state.faults);
  showRequests();
}

function showReadiness({ ready, reasons, warnings }) {
  if (!ready) setStatus("bad", `✗ not ready: ${reasons.join("; ")}`);
  else if (warnings.length > 0) setStatus("partly", `◐ ready; ${warnings.join("; ")}`);
  else setStatus("good", "✓ ready");
}

// Touched only when it changes: it is read aloud then.
function setStatus(how, text) {
  const status = byId("status");
  if (status.textContent === text) return;
  status.className = `mark ${how}`;
  status.textContent = text;
}

function showRequests() {
  offer("by-action", records.map((record) => record.action ?? "none"));
  offer("by-outcome", records.flatMap((record) => record.sources.map((source) => source.outcome)));
  const list = records.filter(isWanted).reverse();
  if (byId("slowest").checked) list.sort((a, b) => b.latency_ms - a.latency_ms);
  if (chosen === null && records.length > 0) chooseFirst();
  byId("count").textContent = list.length === records.length ? `${list.length}` : `${list.length} of ${records.length}`;
  byId("none").hidden = records.length > 0;
  showRows(list.map(rowOf));
  markChosen(list);
}

// Touches only what has changed: a row that is being clicked, or has the focus, stays as it is.
function showRows(wanted) {
  const body = byId("requests");
  const kept = new Set(wanted);
  for (const row of [...body.children]) {
    if (!kept.has(row)) row.remove();
  }
  wanted.forEach((row, at) => {
    if (body.children[at] !== row) body.insertBefore(row, body.children[at] ?? null);
  });
}

function rowOf(record) {
  if (!rows.has(record)) rows.set(record, requestRow(record));
  return rows.get(record);
}

function markChosen(list) {
  for (const record of list) {
    const row = rowOf(record);
    const isChosen = isSame(record, chosen);
    row.classList.toggle("chosen", isChosen);
    row.querySelector("button").setAttribute("aria-pressed", String(isChosen));
  }
}

// Numbers begin again when the service is started again.
function isSame(record, other) {
  return record.number === other?.number && record.started_at_ms === other.started_at_ms;
}

// The request that the page's address names, as soon as it is there; else the newest.
function chooseFirst() {
  const id = linkedId();
  const record = id === "" ? records.at(-1) : records.findLast((one) => one.request_id === id);
  if (record) choose(record);
  else byId("missing").textContent = `Request ${id} is not among the last ${KEPT}.`;
}

function linkedId() {
  const hash = location.hash.slice(1);
  try {
    return decodeURIComponent(hash);
  } catch {
    return hash;
  }
}

// Adds what can be chosen to a filter; what is gone from the list can still be chosen.
function offer(filter, values) {
  const select = byId(filter);
  const known = new Set([...select.options].map((option) => option.value));
  for (const value of new Set(values)) {
    if (!known.has(value)) select.add(new Option(value, value));
  }
}

function isWanted(record) {
  const action = byId("by-action").value;
  const outcome = byId("by-outcome").value;
  const completeness = record.complete ? "complete" : "partial";
  return (action === "" || (record.action ?? "none") === action)
    && (outcome === "" || outcome === completeness || record.sources.some((source) => source.outcome === outcome))
    && record.request_id.includes(byId("by-id").value.trim());
}

function requestRow(record) {
  const open = element("button", "link", record.request_id);
  open.type = "button";
  open.dataset.number = record.number;
  open.onclick = () => { choose(record); showRequests(); };
  const time = new Date(record.started_at_ms).toLocaleTimeString();
  const took = element("td", "number", millis(record.latency_ms));
  const cell = (...children) => element("td", "", ...children);
  return element("tr", "",
    cell(open), took, cell(completeness(record)), cell(...notableSources(record)),
    cell(record.action ?? "none"), cell(time));
}

// The sources that did not simply answer.
function notableSources(record) {
  const notable = record.sources.filter((source) => source.outcome !== "ok");
  if (notable.length === 0) return [element("span", "mark good", "✓ all ok")];
  return notable.map(({ source, outcome }) => {
    const how = quality(outcome);
    return element("span", `mark ${how}`, `${SIGNS[how]} ${source} ${outcome}`);
  });
}

function completeness(record) {
  const [how, word] = record.complete ? ["good", "complete"] : ["bad", "partial"];
  return element("span", `mark ${how}`, `${record.status} ${SIGNS[how]} ${word}`);
}

function choose(record) {
  chosen = record;
  history.replaceState(null, "", `#${encodeURIComponent(record.request_id)}`);
  byId("missing").textContent = "";
  byId("chosen").hidden = false;
  byId("chosen-title").textContent = `Request ${record.request_id}`;
  byId("story").replaceChildren(...record.explanation.map((line) => element("li", "", line)));
  byId("waterfall").replaceChildren(waterfall(record));
  const facts = {
    action: record.action,
    caller: record.caller,
    trace: record.trace_id,
    reply: `${record.status}, ${record.reply_bytes} bytes`,
    began: new Date(record.started_at_ms).toISOString(),
  };
  const known = Object.entries(facts).filter(([, value]) => value !== null);
  byId("facts").replaceChildren(...known.map(([name, value]) =>
    element("div", "", element("dt", "", name), element("dd", "", value))));
}

function showFaults(faults) {
  byId("faults").hidden = faults === null;
  if (faults === null) return;
  const rows = byId("fault-rows");
  if (rows.childElementCount === 0) {
    rows.append(...faults.known.sources.map((source) => faultRow(source, faults.known.faults)));
  }
  for (const button of rows.querySelectorAll("button")) {
    const { source, fault } = button.dataset;
    const active = faults.faults.find((one) => one.source === source)?.fault ?? "none";
    button.setAttribute("aria-pressed", String(active === fault));
  }
}

function faultRow(source, known) {
  const buttons = ["none", ...known].map((fault) => {
    const button = element("button", "", fault);
    button.type = "button";
    button.dataset.source = source;
    button.dataset.fault = fault;
    button.onclick = () => switchFault(source, fault);
    return button;
  });
  const group = element("div", "fault", element("span", "", source), ...buttons);
  group.setAttribute("role", "group");
  group.setAttribute("aria-label", `fault of ${source}`);
  return group;
}

async function switchFault(source, fault) {
  const pressed = [...byId("fault-rows").querySelectorAll('[aria-pressed="true"]')];
  const others = pressed.map((button) => ({ source: button.dataset.source, fault: button.dataset.fault }))
    .filter((one) => one.source !== source && one.fault !== "none");
  const wanted = fault === "none" ? others : [...others, { source, fault }];
  try {
    const reply = await ask("/v1/demo/faults", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ faults: wanted }),
    });
    const answer = await reply.json();
    byId("fault-problem").textContent = reply.ok ? "" : answer.detail;
    if (reply.ok) showFaults(answer);
  } catch {
    byId("fault-problem").textContent = "the service did not answer";
  }
}

// The arrow keys go from one request to the next.
function onKey(event) {
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step === undefined || !document.activeElement.dataset.number) return;
  const buttons = [...byId("requests").querySelectorAll("button")];
  const next = buttons[buttons.indexOf(document.activeElement) + step];
  if (next) next.focus();
  event.preventDefault();
}

byId("filters").oninput = showRequests;
byId("filters").onsubmit = (event) => event.preventDefault();
byId("requests").onkeydown = onKey;
byId("pause").onclick = () => {
  paused = !paused;
  byId("pause").setAttribute("aria-pressed", String(paused));
};
window.onhashchange = () => { chosen = null; showRequests(); };
follow(take, (text) => setStatus("bad", text));
