//! The typed getters of a [`Table`]: each refuses what does not fit and gives something usable.

use std::ops::RangeInclusive;
use std::time::Duration;

use config::ValueKind;

use super::table::Table;
use super::units;
use super::value::{
    as_integer, as_json, as_list, as_number, as_text, environment_text, kind, list_kind,
};

impl<'a> Table<'a> {
    /// A text; absent or of another type: none.
    pub(crate) fn text(&mut self, key: &'static str) -> Option<&'a str> {
        let value = self.get(key)?;
        let text = as_text(value);
        if text.is_none() {
            self.refuse_found(key, kind(value), "a text in quotes");
        }
        text
    }

    /// A text that must be there and not be empty; `what` says which text, for example
    /// "the URL of the upstream".
    pub(crate) fn required_text(&mut self, key: &'static str, what: &str) -> Option<&'a str> {
        if !self.has(key) {
            self.get(key);
            self.refuse(key, what);
            return None;
        }
        let text = self.text(key)?;
        if text.trim().is_empty() {
            self.refuse(key, what);
            return None;
        }
        Some(text)
    }

    /// `true` or `false`; in the environment as text.
    pub(crate) fn boolean(&mut self, key: &'static str) -> Option<bool> {
        let value = self.get(key)?;
        let boolean = match &value.kind {
            ValueKind::Boolean(boolean) => Some(*boolean),
            _ => environment_text(value).and_then(|text| text.to_lowercase().parse().ok()),
        };
        if boolean.is_none() {
            self.refuse(key, "true or false");
        }
        boolean
    }

    /// A whole number within the range; in the environment as text.
    pub(crate) fn integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> u32 {
        self.optional_integer(key, range).unwrap_or(default)
    }

    /// A whole number within the range, where there is no default.
    pub(crate) fn optional_integer(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
    ) -> Option<u32> {
        let value = self.get(key)?;
        let number = as_integer(value)
            .and_then(|number| u32::try_from(number).ok())
            .filter(|number| range.contains(number));
        if number.is_none() {
            let allowed = format!("a whole number from {} to {}", range.start(), range.end());
            self.refuse(key, &allowed);
        }
        number
    }

    /// A whole number of things that are counted in memory.
    pub(crate) fn count(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> usize {
        self.integer(key, range, default) as usize
    }

    /// A number within the range, whole or not; in the environment as text.
    pub(crate) fn number(
        &mut self,
        key: &'static str,
        range: RangeInclusive<f64>,
        default: f64,
    ) -> f64 {
        let Some(value) = self.get(key) else {
            return default;
        };
        let number = as_number(value).filter(|number| range.contains(number));
        number.unwrap_or_else(|| {
            let allowed = format!("a number from {} to {}", range.start(), range.end());
            self.refuse(key, &allowed);
            default
        })
    }

    /// A duration within the range, written like `"250ms"`.
    pub(crate) fn duration(
        &mut self,
        key: &'static str,
        range: RangeInclusive<Duration>,
        default: Duration,
    ) -> Duration {
        let Some(value) = self.get(key) else {
            return default;
        };
        let duration = as_text(value)
            .and_then(units::parse_duration)
            .filter(|duration| range.contains(duration));
        duration.unwrap_or_else(|| {
            let (least, most) = (range.start(), range.end());
            let (least, most) = (units::show_duration(*least), units::show_duration(*most));
            self.refuse(key, &format!("{}, from {least} to {most}", units::DURATION_FORM));
            default
        })
    }

    /// A size within the range, bytes, written like `"64KiB"` or as a number of bytes.
    pub(crate) fn size(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u32>,
        default: u32,
    ) -> usize {
        let Some(value) = self.get(key) else {
            return default as usize;
        };
        let bytes = match &value.kind {
            ValueKind::String(text) => units::parse_size(text),
            _ => as_integer(value).and_then(|number| u64::try_from(number).ok()),
        };
        let size = bytes.and_then(|bytes| u32::try_from(bytes).ok());
        let size = size.filter(|size| range.contains(size)).unwrap_or_else(|| {
            let (least, most) = (u64::from(*range.start()), u64::from(*range.end()));
            let (least, most) = (units::show_size(least), units::show_size(most));
            self.refuse(key, &format!("{}, from {least} to {most}", units::SIZE_FORM));
            default
        });
        size as usize
    }

    /// One word out of a list of known ones.
    pub(crate) fn choice<T: Copy>(
        &mut self,
        key: &'static str,
        choices: &[(&str, T)],
    ) -> Option<T> {
        let value = self.get(key)?;
        let chosen = as_text(value)
            .and_then(|text| choices.iter().find(|(word, _)| *word == text))
            .map(|(_, choice)| *choice);
        if chosen.is_none() {
            let words: Vec<String> = choices.iter().map(|(word, _)| format!("{word:?}")).collect();
            self.refuse(key, &words.join(" or "));
        }
        chosen
    }

    /// A list of texts; absent: none.
    pub(crate) fn texts(&mut self, key: &'static str) -> Option<Vec<&'a str>> {
        let value = self.get(key)?;
        let texts = as_list(value).and_then(|list| list.iter().map(as_text).collect());
        if texts.is_none() {
            self.refuse_found(key, list_kind(value), "a list of texts, in a file");
        }
        texts
    }

    /// A list of whole numbers within the range; absent: none.
    pub(crate) fn integers(
        &mut self,
        key: &'static str,
        range: RangeInclusive<u16>,
    ) -> Option<Vec<u16>> {
        let value = self.get(key)?;
        let read = |value| u16::try_from(as_integer(value)?).ok().filter(|n| range.contains(n));
        let integers = as_list(value).and_then(|list| list.iter().map(read).collect());
        if integers.is_none() {
            let (least, most) = (range.start(), range.end());
            let allowed = format!("a list of whole numbers from {least} to {most}, in a file");
            self.refuse_found(key, list_kind(value), &allowed);
        }
        integers
    }

    /// Any value, as JSON; absent: none.
    pub(crate) fn json(&mut self, key: &'static str) -> Option<serde_json::Value> {
        let value = self.get(key)?;
        let json = as_json(value);
        if json.is_none() {
            self.refuse_found(
                key,
                "a number that JSON does not have",
                "any value without nan, inf",
            );
        }
        json
    }
}
