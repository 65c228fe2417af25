//! What stands in a table and is no key of its section: a slip, an earlier name, a retired key.

use super::key::AnyKey;
use super::suggest::nearest;
use super::table::Table;

impl Table<'_> {
    /// Reports every entry that the section does not know, with the key that may have been meant,
    /// and earlier names.
    pub(crate) fn finish(self) {
        let keys = self.section.keys_of(self.kind);
        let mut known: Vec<&'static str> = keys.iter().map(|key| key.name()).collect();
        known.extend(self.section.sections.iter().map(|section| section.name));
        for (name, _) in self.entries() {
            let retired = self.section.retired.iter().find(|retired| retired.name == name);
            if let Some(retired) = retired {
                self.warn_name(name, &retired.text());
            } else if let Some(key) = keys.iter().find(|key| key.about().old() == Some(name)) {
                self.check_earlier_name(*key, name);
            } else if !known.contains(&name) {
                self.refuse_unknown(name, &known);
            }
        }
    }

    /// Refuses a name that is no key here, with what is most likely meant.
    fn refuse_unknown(&self, name: &str, known: &[&'static str]) {
        let instead = self.section.instead.iter().find(|(tried, _)| *tried == name);
        let within = self.section.sections.iter().find(|within| within.find(name).is_some());
        let allowed = match (instead, within, nearest(name, known)) {
            (Some((_, instead)), ..) => (*instead).to_owned(),
            (None, Some(within), _) => format!("did you mean `{}.{name}`?", within.name),
            (None, None, Some(meant)) => {
                // It is there, under a name with a slip in it.
                self.report.withdraw_missing(&self.path_of(meant));
                format!("did you mean `{meant}`?")
            }
            (None, None, None) => format!("one of {}", known.join(", ")),
        };
        self.refuse_entry_found(name, "an unknown key", &allowed);
    }

    /// An earlier name is warned of; beside the present one in the same layer it is refused.
    fn check_earlier_name(&self, key: &'static dyn AnyKey, old: &str) {
        let layer =
            |name: &str| self.entry(name).map(|value| value.origin().unwrap_or(self.origin));
        if layer(old) == layer(key.name()) {
            let (name, found) = (key.name(), format!("both `{old}` and `{}`", key.name()));
            self.refuse_entry_found(name, &found, &format!("`{name}` alone"));
        } else if let Some(rename) = key.about().was {
            self.warn_name(old, &rename.text(key.name()));
        }
    }
}
