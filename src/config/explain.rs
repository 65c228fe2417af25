//! The value of every key with which the service runs, and which of them a reload cannot take.

use std::fmt::Write as _;

use super::key::Change;

/// The value of every key that was read, in the order of reading.
#[derive(Debug, Clone, Default)]
pub struct InEffect(Vec<KeyInEffect>);

#[derive(Debug, Clone)]
struct KeyInEffect {
    /// From the top, such as `sources.crm.timeout`.
    key: String,
    /// As TOML, unless it may not be shown.
    value: String,
    /// The file that says it, or the environment; absent: it is the default.
    origin: Option<String>,
    change: Change,
}

impl InEffect {
    pub(super) fn add(&mut self, key: &str, value: String, origin: Option<&str>, change: Change) {
        let (key, origin) = (key.to_owned(), origin.map(str::to_owned));
        self.0.push(KeyInEffect { key, value, origin, change });
    }

    /// One line for each key: key, value, and which layer says it.
    pub fn describe(&self) -> String {
        let mut out = String::new();
        for KeyInEffect { key, value, origin, .. } in &self.0 {
            let origin = origin.as_deref().unwrap_or("default");
            // Writing to a `String` cannot fail.
            let _ = writeln!(out, "{key} = {value}  # {origin}");
        }
        out
    }

    /// What differs from the values before of those keys that only a restart takes; a sentence each.
    pub fn needs_restart(&self, before: &Self) -> Vec<String> {
        let mut keys: Vec<&str> = Vec::new();
        for known in before.0.iter().chain(&self.0) {
            if known.change == Change::AtRestart && !keys.contains(&known.key.as_str()) {
                keys.push(&known.key);
            }
        }
        let differing = keys.into_iter().filter_map(|key| {
            let (now, before) = (self.value(key), before.value(key));
            let text = || format!("{key}: found {now}; allowed: {before} as before, or a restart");
            (now != before).then(text)
        });
        differing.collect()
    }

    fn value(&self, key: &str) -> &str {
        let found = self.0.iter().find(|known| known.key == key);
        found.map_or("nothing", |known| known.value.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_a_running_service_was_made_with_needs_a_restart() {
        let values = |listen: &str, tls: bool| {
            let mut values = InEffect::default();
            values.add("listen", listen.to_owned(), None, Change::AtRestart);
            values.add("timeout", format!("{tls}"), None, Change::AtReload);
            if tls {
                values.add("tls", "a table".to_owned(), Some("a.toml"), Change::AtRestart);
            }
            values
        };
        let before = values("1", false);
        assert_eq!(before.needs_restart(&before), Vec::<String>::new());
        assert_eq!(
            values("2", true).needs_restart(&before),
            [
                "listen: found 2; allowed: 1 as before, or a restart",
                "tls: found a table; allowed: nothing as before, or a restart",
            ]
        );
        assert_eq!(
            before.needs_restart(&values("1", true)),
            ["tls: found nothing; allowed: a table as before, or a restart"]
        );
    }
}
