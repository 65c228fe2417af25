//! Forms of numbers: counts, ratios, times and sizes, each within a range.

use std::borrow::Cow;
use std::time::Duration;

use config::{Value, ValueKind};
use serde_json::{Value as Json, json};

use super::form::{Form, Refusal, quoted};
use super::units::{
    DURATION_FORM, SIZE_FORM, duration_pattern, parse_duration, parse_size, show_duration,
    show_size, size_pattern,
};
use crate::config::toml_value::{as_integer, as_number, as_text};

/// A whole number from the first to the second, both included.
#[derive(Debug, Clone, Copy)]
pub struct Count(pub u32, pub u32);

impl Form for Count {
    type Value = u32;
    type Const = u32;

    fn allowed(&self) -> Cow<'static, str> {
        format!("a whole number from {} to {}", self.0, self.1).into()
    }

    fn read(&self, value: &Value) -> Result<u32, Refusal> {
        let number = as_integer(value).and_then(|number| u32::try_from(number).ok());
        let within = number.filter(|number| (self.0..=self.1).contains(number));
        within.ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: u32) -> u32 {
        constant
    }

    fn show(&self, value: &u32) -> String {
        value.to_string()
    }

    fn schema(&self) -> Json {
        json!({"type": "integer", "minimum": self.0, "maximum": self.1})
    }
}

/// A number from the first to the second, both included, whole or not.
#[derive(Debug, Clone, Copy)]
pub struct Ratio(pub f64, pub f64);

impl Form for Ratio {
    type Value = f64;
    type Const = f64;

    fn allowed(&self) -> Cow<'static, str> {
        format!("a number from {} to {}", self.0, self.1).into()
    }

    fn read(&self, value: &Value) -> Result<f64, Refusal> {
        let number = as_number(value).filter(|number| (self.0..=self.1).contains(number));
        number.ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: f64) -> f64 {
        constant
    }

    fn show(&self, value: &f64) -> String {
        format!("{value:?}")
    }

    fn schema(&self) -> Json {
        json!({"type": "number", "minimum": self.0, "maximum": self.1})
    }
}

/// A duration from the first to the second, both included, written like `"250ms"`.
#[derive(Debug, Clone, Copy)]
pub struct Time(pub Duration, pub Duration);

impl Form for Time {
    type Value = Duration;
    type Const = Duration;

    fn allowed(&self) -> Cow<'static, str> {
        let (least, most) = (show_duration(self.0), show_duration(self.1));
        format!("{DURATION_FORM}, from {least} to {most}").into()
    }

    fn read(&self, value: &Value) -> Result<Duration, Refusal> {
        let time = as_text(value).and_then(parse_duration);
        let within = time.filter(|time| (self.0..=self.1).contains(time));
        within.ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: Duration) -> Duration {
        constant
    }

    fn show(&self, value: &Duration) -> String {
        quoted(&show_duration(*value))
    }

    fn schema(&self) -> Json {
        json!({"type": "string", "pattern": duration_pattern()})
    }
}

/// A size from the first to the second, both included, bytes; written like `"64KiB"` or as a number.
#[derive(Debug, Clone, Copy)]
pub struct Size(pub u32, pub u32);

impl Form for Size {
    type Value = usize;
    type Const = u32;

    fn allowed(&self) -> Cow<'static, str> {
        let (least, most) = (show_size(self.0.into()), show_size(self.1.into()));
        format!("{SIZE_FORM}, from {least} to {most}").into()
    }

    fn read(&self, value: &Value) -> Result<usize, Refusal> {
        let bytes = match &value.kind {
            ValueKind::String(text) => parse_size(text),
            _ => as_integer(value).and_then(|number| u64::try_from(number).ok()),
        };
        let size = bytes.and_then(|bytes| u32::try_from(bytes).ok());
        let within = size.filter(|size| (self.0..=self.1).contains(size));
        within.map(|size| size as usize).ok_or_else(|| Refusal::of_value(self.allowed()))
    }

    fn own(&self, constant: u32) -> usize {
        constant as usize
    }

    fn show(&self, value: &usize) -> String {
        quoted(&show_size(u64::try_from(*value).unwrap_or(u64::MAX)))
    }

    fn schema(&self) -> Json {
        json!({"anyOf": [
            {"type": "string", "pattern": size_pattern()},
            {"type": "integer", "minimum": self.0, "maximum": self.1},
        ]})
    }
}
