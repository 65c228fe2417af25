//! One key of the configuration, defined once: what reads it, refuses it, shows it and documents it
//! looks here.
//!
//! ```text
//! static TIMEOUT: Key<Time> =
//!     Key::new("timeout", Time(MILLISECOND, HOUR), "One attempt, connect and body included.")
//!         .default(Duration::from_secs(10));
//! ```

use std::borrow::Cow;

use config::Value;
use serde_json::Value as Json;

use super::form::{FileName, Form, Text};
use super::shown::Shown;

/// One key, and what its values look like.
#[derive(Debug)]
#[must_use]
pub struct Key<F: Form> {
    /// Name, help and the like.
    pub about: About,
    /// What its values look like.
    pub form: F,
    /// What counts where it is absent.
    pub absent: Absent<F::Const>,
}

/// What can be said of a key without its values.
#[derive(Debug, Clone, Copy)]
pub struct About {
    /// The name within its section.
    pub name: &'static str,
    /// What it is, in sentences; for the reference, the editor and the shipped files.
    pub help: &'static str,
    /// How much of a value may be shown.
    pub shown: Shown,
    /// When another value takes effect.
    pub change: Change,
    /// The minor version that had it first, such as `0.1`.
    pub since: &'static str,
    /// What it was called before.
    pub was: Option<Rename>,
}

/// What counts where a key is absent.
#[derive(Debug, Clone, Copy)]
pub enum Absent<T> {
    /// This value.
    Is(T),
    /// What these words say; the reader computes it.
    Derived(&'static str),
    /// Nothing: the key may be left out.
    Nothing,
    /// It is a mistake; the words say what should be there.
    Required(&'static str),
    /// It is a mistake, unless another key that these words name is there.
    Unless(&'static str),
}

/// When another value takes effect.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// A reload takes it.
    AtReload,
    /// A reload refuses it: listeners and threads were made with it.
    AtRestart,
}

/// An earlier name, which is read with a warning throughout the minor version that renamed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rename {
    /// The earlier name.
    pub old: &'static str,
    /// The minor version with the new name.
    pub version: &'static str,
}

/// A key that is no more. Throughout the minor version that retired it, a configuration that has it is
/// warned of, not refused.
#[derive(Debug, Clone, Copy)]
pub struct Retired {
    /// What it was called.
    pub name: &'static str,
    /// The minor version without it.
    pub version: &'static str,
    /// What to do instead, as the end of a sentence.
    pub instead: &'static str,
}

impl About {
    /// Its earlier name, if it is read still.
    pub fn old(&self) -> Option<&'static str> {
        self.was.map(|rename| rename.old)
    }
}

impl Rename {
    /// The warning for who has the earlier name.
    pub fn text(self, name: &str) -> String {
        let (old, version) = (self.old, self.version);
        let end = next_minor(version);
        format!(
            "`{old}` is called `{name}` since {version}; write that, {end} refuses the old name"
        )
    }
}

impl Retired {
    /// The warning for who has the key.
    pub fn text(&self) -> String {
        let (version, end) = (self.version, next_minor(self.version));
        format!("does nothing since {version}, and {end} refuses it; {}", self.instead)
    }
}

/// The minor version after this one: after `0.9` comes `0.10`.
fn next_minor(version: &str) -> String {
    let (major, minor) = version.split_once('.').unwrap_or((version, "0"));
    format!("{major}.{}", minor.parse::<u32>().unwrap_or(0) + 1)
}

impl<F: Form> Key<F> {
    /// A key that may be left out, shown in full, taken by a reload, and there from the beginning.
    pub const fn new(name: &'static str, form: F, help: &'static str) -> Self {
        let about = About {
            name,
            help,
            shown: Shown::Plain,
            change: Change::AtReload,
            since: "0.1",
            was: None,
        };
        Self { about, form, absent: Absent::Nothing }
    }

    /// What counts where it is absent.
    pub const fn default(self, value: F::Const) -> Self {
        Self { absent: Absent::Is(value), ..self }
    }

    /// The same where it depends on other keys or on the machine: words for it.
    pub const fn derived(self, words: &'static str) -> Self {
        Self { absent: Absent::Derived(words), ..self }
    }

    /// It must be there; the words say what, unless its form does.
    pub const fn required(self, what: &'static str) -> Self {
        Self { absent: Absent::Required(what), ..self }
    }

    /// It must be there, unless one of the keys is that these words name.
    pub const fn unless(self, others: &'static str) -> Self {
        Self { absent: Absent::Unless(others), ..self }
    }

    /// How much of a value may be shown, if not all of it.
    pub const fn shown(self, shown: Shown) -> Self {
        Self { about: About { shown, ..self.about }, ..self }
    }

    /// Another value takes effect at a restart only.
    pub const fn at_restart(self) -> Self {
        Self { about: About { change: Change::AtRestart, ..self.about }, ..self }
    }

    /// The minor version that had it first, for one that came later.
    pub const fn since(self, version: &'static str) -> Self {
        Self { about: About { since: version, ..self.about }, ..self }
    }

    /// Its name until this minor version, for one that has been renamed.
    pub const fn was(self, old: &'static str, version: &'static str) -> Self {
        Self { about: About { was: Some(Rename { old, version }), ..self.about }, ..self }
    }

    /// The default, if it is one and the same everywhere.
    pub fn constant(&self) -> Option<F::Value> {
        match self.absent {
            Absent::Is(constant) => Some(self.form.own(constant)),
            Absent::Derived(_) | Absent::Nothing | Absent::Required(_) | Absent::Unless(_) => None,
        }
    }
}

impl Key<FileName> {
    /// The name of a file.
    pub const fn file(name: &'static str, help: &'static str) -> Self {
        Self::new(name, FileName, help).shown(Shown::File)
    }
}

impl Key<Text> {
    /// A secret that stands in the configuration itself, mostly in the environment.
    pub const fn secret(name: &'static str, help: &'static str) -> Self {
        Self::new(name, Text, help).shown(Shown::Secret)
    }
}

/// A key whatever its values are: what lists and documents need.
pub trait AnyKey: Sync {
    /// Name, help and the like.
    fn about(&self) -> &About;

    /// What may stand there, for messages and the reference.
    fn allowed(&self) -> Cow<'static, str>;

    /// What counts where it is absent, a value as it is written in TOML.
    fn absent(&self) -> Absent<String>;

    /// The value as the reference would write it; none if it may not stand there.
    fn normal(&self, value: &Value) -> Option<String>;

    /// The JSON Schema (draft 7) of its values.
    fn schema(&self) -> Json;

    /// Whether this value may stand there.
    fn takes(&self, value: &Value) -> bool {
        self.normal(value).is_some()
    }

    /// The name within its section.
    fn name(&self) -> &'static str {
        self.about().name
    }
}

impl<F: Form> AnyKey for Key<F> {
    fn about(&self) -> &About {
        &self.about
    }

    fn allowed(&self) -> Cow<'static, str> {
        self.form.allowed()
    }

    fn absent(&self) -> Absent<String> {
        match self.absent {
            Absent::Is(constant) => Absent::Is(self.form.show(&self.form.own(constant))),
            Absent::Derived(words) => Absent::Derived(words),
            Absent::Nothing => Absent::Nothing,
            Absent::Required(what) => Absent::Required(what),
            Absent::Unless(others) => Absent::Unless(others),
        }
    }

    fn normal(&self, value: &Value) -> Option<String> {
        self.form.read(value).ok().map(|value| self.form.show(&value))
    }

    fn schema(&self) -> Json {
        self.form.schema()
    }
}
