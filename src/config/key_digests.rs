//! A digest of every value of a configuration: enough to say which keys differ from those of
//! another one, whatever they hold, and too little to show any of it.

use std::collections::BTreeMap;

use config::{Value, ValueKind};

use crate::model::digest::Digest;

use super::shown::join;
use crate::config::toml_value::as_json;

/// The digest of each value by its key, such as `sources.crm.timeout`. A list is one value, and a
/// key that names a file stands for what is in the file as well.
#[derive(Debug, Clone, Default)]
pub struct KeyDigests(BTreeMap<String, Digest>);

impl KeyDigests {
    /// The digests of a merged configuration, and of the files that its keys name.
    pub(crate) fn of(merged: &Value, files: Vec<(String, Digest)>) -> Self {
        let mut digests = Self::default();
        digests.add("", merged);
        for (key, contents) in files {
            let name = digests.0.get(&key).map_or(&[][..], Digest::as_bytes);
            let both = Digest::of_all([name, contents.as_bytes()]);
            digests.0.insert(key, both);
        }
        digests
    }

    fn add(&mut self, path: &str, value: &Value) {
        match &value.kind {
            // One without an entry is there, too.
            ValueKind::Table(table) if !table.is_empty() => {
                for (key, value) in table {
                    self.add(&join(path, key), value);
                }
            }
            kind => {
                // Where it came from does not count.
                let json = as_json(value).map(|json| json.to_string());
                let text = json.unwrap_or_else(|| kind.to_string());
                self.0.insert(path.to_owned(), Digest::of(text.as_bytes()));
            }
        }
    }

    /// The keys below `table` that differ from those before, came or went; without `table` itself.
    pub fn changed_below(&self, table: &str, before: &Self) -> Vec<String> {
        let differs = |key: &&String| self.0.get(*key) != before.0.get(*key);
        let gone = before.0.keys().filter(|key| !self.0.contains_key(*key));
        let changed = self.0.keys().filter(differs).chain(gone);
        let below = changed.filter_map(|key| key.strip_prefix(table)?.strip_prefix('.'));
        below.map(str::to_owned).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::layers::{Layer, merge};
    use super::*;
    use crate::config::report::Report;

    fn digests(text: &str, files: &[(&str, &str)]) -> KeyDigests {
        let layer = Layer { name: "a.toml".to_owned(), text: text.to_owned() };
        let merged = merge(&[layer], std::iter::empty(), &Report::default());
        let files =
            files.iter().map(|(key, text)| ((*key).to_owned(), Digest::of(text.as_bytes())));
        KeyDigests::of(&merged, files.collect())
    }

    #[test]
    fn a_key_that_differs_came_or_went_is_named_and_no_other() {
        let before = digests("[a.b]\nsame = 1\nother = 1\nkind = 1\ngone = 1\nlist = [1, 2]", &[]);
        let after = digests(
            "[a.b]\nsame = 1\nother = 2\nkind = '1'\nlist = [2, 1]\nnew.x = 1\n[a]\nbb = 1",
            &[],
        );
        let changed = after.changed_below("a.b", &before);
        assert_eq!(changed, ["kind", "list", "new.x", "other", "gone"]);
        assert!(after.changed_below("a.b", &after).is_empty());
    }

    #[test]
    fn a_file_with_another_content_is_a_change_of_the_key_that_names_it() {
        let text = "[a]\nkey_file = 'x'";
        let before = digests(text, &[("a.key_file", "one")]);
        assert_eq!(
            digests(text, &[("a.key_file", "two")]).changed_below("a", &before),
            ["key_file"]
        );
        assert!(digests(text, &[("a.key_file", "one")]).changed_below("a", &before).is_empty());
    }
}
