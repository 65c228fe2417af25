"use strict";
// Elements and words that all parts of the page use. Text is only ever set as text.

// An element of this kind and class, with these children: elements or texts.
function element(kind, name, ...children) {
  const made = document.createElement(kind);
  if (name) made.className = name;
  made.append(...children.filter((child) => child !== null));
  return made;
}

function byId(id) {
  return document.getElementById(id);
}

// Milliseconds for people, as the terminal has them.
function millis(ms) {
  if (ms >= 10000) return `${(ms / 1000).toFixed(1)} s`;
  return `${ms.toFixed(ms < 99.95 ? 1 : 0)} ms`;
}

// Seconds for people.
function seconds(s) {
  if (s < 120) return `${Math.round(s)} s`;
  if (s < 7200) return `${Math.floor(s / 60)} min`;
  return `${Math.floor(s / 3600)} h ${Math.floor((s % 3600) / 60)} min`;
}

function share(part, whole) {
  const percent = (100 * part) / whole;
  return `${percent > 0 && percent < 1 ? "<1" : Math.round(percent)} %`;
}

// How well an outcome is: "good" is an answer, "partly" a part of one, "bad" none.
function quality(outcome) {
  return OUTCOMES[outcome];
}

// Signs stand beside the colours, for those who cannot tell these apart.
const SIGNS = { good: "✓", partly: "◐", bad: "✗" };

function outcomeMark(outcome, ...more) {
  const how = quality(outcome);
  return element("span", `mark ${how}`, `${SIGNS[how]} `, ...more, outcome);
}
