//! A table of the configuration: which keys and tables it has, in which order.

use config::Value;

use super::key::{AnyKey, Change, Retired};

/// One table, or several of one kind.
pub struct Section {
    /// The key under which it stands in the section above; empty for the top.
    pub name: &'static str,
    /// How often it is there.
    pub shape: Shape,
    /// What it is, in sentences.
    pub help: &'static str,
    /// Its keys, in the order of the reference.
    pub keys: &'static [&'static dyn AnyKey],
    /// Further keys, a list for each part of the program that goes by them; before all others in the
    /// reference.
    pub groups: &'static [&'static [&'static dyn AnyKey]],
    /// Where one of the keys says what kind the table is of, the further keys of each.
    pub kinds: &'static [Kind],
    /// The tables within.
    pub sections: &'static [&'static Section],
    /// Keys that it had once.
    pub retired: &'static [Retired],
    /// Names that people try and that it does not have, each with what is there instead, as the end of
    /// a sentence: "write …".
    pub instead: &'static [(&'static str, &'static str)],
    /// Whether a reload may add or remove it.
    pub change: Change,
}

/// How often a section is there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// Once at most: `[server]`.
    Table,
    /// For each name that the user chooses; what stands for the name in documents: `[sources.NAME]`.
    Named(&'static str),
    /// As often as it is written: `[[server.api_keys]]`.
    List,
}

/// The keys of one kind of table, besides those that all kinds have.
pub struct Kind {
    /// What the key that says the kind holds.
    pub word: &'static str,
    /// What it is, in a sentence.
    pub help: &'static str,
    /// Its further keys.
    pub keys: &'static [&'static dyn AnyKey],
}

impl Section {
    /// A table without kinds, tables within and retired keys, which a reload may add or remove.
    pub const fn new(
        name: &'static str,
        help: &'static str,
        keys: &'static [&'static dyn AnyKey],
    ) -> Self {
        Self {
            name,
            shape: Shape::Table,
            help,
            keys,
            groups: &[],
            kinds: &[],
            sections: &[],
            retired: &[],
            instead: &[],
            change: Change::AtReload,
        }
    }

    /// Every key, those of the kinds included, in the order of the reference.
    pub fn all_keys(&self) -> impl Iterator<Item = &'static dyn AnyKey> {
        let of_kinds = self.kinds.iter().flat_map(|kind| kind.keys);
        self.common_keys().chain(of_kinds.copied())
    }

    /// The keys that it has whatever its kind, in the order of the reference.
    pub fn common_keys(&self) -> impl Iterator<Item = &'static dyn AnyKey> {
        self.groups.iter().copied().flatten().chain(self.keys).copied()
    }

    /// The keys of a table of this kind.
    pub fn keys_of(&self, kind: Option<&Kind>) -> Vec<&'static dyn AnyKey> {
        let of_kind = kind.map_or(&[][..], |kind| kind.keys);
        self.common_keys().chain(of_kind.iter().copied()).collect()
    }

    /// The key of this name, present or earlier.
    pub fn find(&self, name: &str) -> Option<&'static dyn AnyKey> {
        self.all_keys().find(|key| {
            key.name() == name || key.about().was.is_some_and(|rename| rename.old == name)
        })
    }

    /// The key that says that a table is of this kind.
    pub fn kind_key(&self, kind: &Kind) -> Option<&'static dyn AnyKey> {
        let word = Value::new(None, kind.word);
        self.common_keys().find(|key| key.takes(&word))
    }

    /// The table within of this name.
    pub fn section(&self, name: &str) -> Option<&'static Section> {
        self.sections.iter().copied().find(|section| section.name == name)
    }

    /// Its path below that of the section above, as documents write it: `sources.NAME`.
    pub fn header(&self, above: &str) -> String {
        let path = join(above, self.name);
        match self.shape {
            Shape::Table | Shape::List => path,
            Shape::Named(placeholder) => join(&path, placeholder),
        }
    }

    /// The key at a path from here such as `["sources", "crm", "timeout"]`. What stands below a key
    /// has names of the user's own and is none.
    pub fn key_at(&self, path: &[&str]) -> Option<&'static dyn AnyKey> {
        let (first, rest) = path.split_first()?;
        if rest.is_empty() {
            return self.find(first);
        }
        let section = self.section(first)?;
        match section.shape {
            Shape::Table | Shape::List => section.key_at(rest),
            Shape::Named(_) => section.key_at(rest.get(1..)?),
        }
    }

    /// Calls `visit` with this section and each within it, and the path of each as documents write
    /// it: `sources.NAME.retry`.
    pub fn visit(&'static self, above: &str, visit: &mut dyn FnMut(&str, &'static Section)) {
        let path = self.header(above);
        visit(&path, self);
        for section in self.sections {
            section.visit(&path, visit);
        }
    }
}

fn join(above: &str, name: &str) -> String {
    if above.is_empty() { name.to_owned() } else { format!("{above}.{name}") }
}
