//! How a [`Table`] gives the values of its keys: each refuses what does not fit and gives something
//! usable.

use super::form::{Form, Word};
use super::key::{Absent, AnyKey, Key};
use super::table::Table;
use crate::config::toml_value::as_text;

impl Table<'_> {
    /// The value of a key that has one default; the default stands in for what is absent or wrong.
    pub(crate) fn value<F: Form>(&self, key: &'static Key<F>) -> F::Value {
        let default = key.constant();
        self.value_or(key, default.expect("a key that is read so has one default"))
    }

    /// The same with a default that depends on other things.
    pub(crate) fn value_or<F: Form>(&self, key: &'static Key<F>, default: F::Value) -> F::Value {
        let (value, origin) = match self.read(key) {
            Some(value) => (value, self.origin_of(key)),
            None => (default, None),
        };
        self.note(key, key.form.show(&value), origin);
        value
    }

    /// The value of a key that may be left out; absent or wrong: none.
    pub(crate) fn optional<F: Form>(&self, key: &'static Key<F>) -> Option<F::Value> {
        let value = self.read(key)?;
        self.note(key, key.form.show(&value), self.origin_of(key));
        Some(value)
    }

    /// The value of a key that must be there.
    pub(crate) fn required<F: Form>(&self, key: &'static Key<F>) -> Option<F::Value> {
        self.required_as(key, &what_is_missing(key))
    }

    /// The same where the place decides what should be there.
    pub(crate) fn required_as<F: Form>(
        &self,
        key: &'static Key<F>,
        what: &str,
    ) -> Option<F::Value> {
        let is_blank = |text: &str| F::BLANK_IS_NONE && text.trim().is_empty();
        if self.peek(key).is_none_or(|value| as_text(value).is_some_and(is_blank)) {
            self.refuse(key, what);
            return None;
        }
        self.optional(key)
    }

    /// What kind the table is of, which must be said. Without it nothing more is said about the
    /// table: which keys are right depends on it.
    pub(crate) fn choose<T>(&mut self, key: &'static Key<Word<T>>) -> Option<T>
    where
        Word<T>: Form<Value = T>,
    {
        if !self.has(key) {
            self.refuse(key, &what_is_missing(key));
        }
        let word = self.peek(key).and_then(as_text);
        let chosen = self.optional(key);
        self.kind = word.and_then(|word| self.kind_of(word));
        if chosen.is_none() {
            self.give_up();
        }
        chosen
    }

    /// Whether what stands at the key, if anything does, is of its form.
    pub(crate) fn is_good(&self, key: &dyn AnyKey) -> bool {
        self.peek(key).is_none_or(|value| key.takes(value))
    }

    fn read<F: Form>(&self, key: &'static Key<F>) -> Option<F::Value> {
        self.assert_known(key);
        let value = self.peek(key)?;
        match key.form.read(value) {
            Ok(value) => Some(value),
            Err(refusal) => {
                match refusal.found {
                    Some(found) => self.refuse_found(key, found, &refusal.allowed),
                    None => self.refuse(key, &refusal.allowed),
                }
                None
            }
        }
    }

    fn origin_of(&self, key: &dyn AnyKey) -> Option<&str> {
        self.peek(key)?.origin()
    }
}

fn what_is_missing<F: Form>(key: &Key<F>) -> String {
    match key.absent {
        Absent::Required(what) if !what.is_empty() => what.to_owned(),
        Absent::Required(_)
        | Absent::Unless(_)
        | Absent::Is(_)
        | Absent::Derived(_)
        | Absent::Nothing => key.form.allowed().into_owned(),
    }
}
