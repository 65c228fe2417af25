"use strict";
// Asks the service and follows it, with the key that operators may have to give. The key stays in
// this tab: it is in no address, in no cookie and in no other tab.

// The name of the key in the tab's storage.
const KEY = "tributary-admin-key";
// The time between two tries, ms.
const AGAIN = 2000;
// Events come twice a second: after this time without one the connection is of no use, ms.
const SILENCE = 10000;

// The tab's storage, or this page alone where the browser grants none.
const keyStore = {
  key: null,
  get() {
    try {
      return sessionStorage.getItem(KEY) ?? this.key;
    } catch {
      return this.key;
    }
  },
  set(key) {
    this.key = key;
    try {
      if (key === null) sessionStorage.removeItem(KEY);
      else sessionStorage.setItem(KEY, key);
    } catch {
      // It is kept above.
    }
  },
};

// Asks the service.
function ask(path, { headers = {}, ...options } = {}) {
  const key = keyStore.get();
  if (key === null) return fetch(path, { headers, ...options });
  // A header takes bytes, one a character.
  const bytes = String.fromCharCode(...new TextEncoder().encode(key));
  return fetch(path, { headers: { ...headers, authorization: `Bearer ${bytes}` }, ...options });
}

// Follows the service for ever. `take` is given each state, and whether it is the first one of a
// connection; `tell` is told how it goes otherwise.
async function follow(take, tell) {
  for (;;) {
    const stop = new AbortController();
    try {
      const reply = await ask("/v1/live", { signal: stop.signal });
      if (reply.status === 401) {
        tell("✗ a key is needed");
        await askForKey();
        continue;
      }
      if (reply.ok) {
        showKeyForm(false);
        const reason = await takeEvents(reply.body, take, stop);
        if (reason !== null) {
          tell(`✗ ${reason}; reload the page to follow again`);
          return;
        }
        tell("✗ no connection to the service; trying again");
      } else {
        tell(`✗ ${(await reply.json()).detail}`);
      }
    } catch (error) {
      console.error(error);
      tell("✗ no connection to the service; trying again");
    } finally {
      stop.abort();
    }
    await new Promise((resolve) => setTimeout(resolve, AGAIN));
  }
}

// Takes server-sent events until they end; tells why, if the service has said so.
async function takeEvents(body, take, stop) {
  const reader = body.pipeThrough(new TextDecoderStream()).getReader();
  let isFirst = true;
  let text = "";
  for (;;) {
    const silence = setTimeout(() => stop.abort(), SILENCE);
    const { done, value } = await reader.read().finally(() => clearTimeout(silence));
    if (done) return null;
    text += value;
    const events = text.split("\n\n");
    text = events.pop();
    for (const event of events) {
      const lines = event.split("\n");
      const data = lines.find((line) => line.startsWith("data: "));
      if (lines.includes("event: displaced")) return JSON.parse(data.slice(6)).reason;
      if (data === undefined) continue;
      take(JSON.parse(data.slice(6)), isFirst);
      isFirst = false;
    }
  }
}

// Resolves once a key is given.
function askForKey() {
  byId("key-problem").textContent = keyStore.get() === null ? "" : "the service does not know this key";
  keyStore.set(null);
  showKeyForm(true);
  byId("key").focus();
  return new Promise((resolve) => {
    byId("key-form").onsubmit = (event) => {
      event.preventDefault();
      const key = byId("key").value;
      if (key === "") return;
      byId("key").value = "";
      keyStore.set(key);
      resolve();
    };
  });
}

function showKeyForm(isShown) {
  byId("key-form").hidden = !isShown;
  byId("forget-key").hidden = isShown || keyStore.get() === null;
}

byId("forget-key").onclick = () => {
  keyStore.set(null);
  location.reload();
};
