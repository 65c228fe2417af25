//! Writes a flat reply, and keeps it small enough.

use super::field_values::{self, FieldValue};
use super::patience::Patience;
use super::{FieldSpec, OutputSpec};
use crate::model::id::InputName;
use crate::model::json::Json;
use crate::model::reply::aggregate::{Aggregate, write_member};
use crate::model::reply::members::{self, MemberValue};

/// A flat reply.
#[derive(Debug)]
pub struct FlatReply {
    /// The reply's JSON text.
    pub json: Vec<u8>,
    /// Whether every source gave a definite answer, and every field has what came for it.
    pub complete: bool,
    /// The fields for which a value of another type came.
    pub wrong_types: Vec<InputName>,
    /// The fields that gave way to their defaults: the reply would have been too large, or too late.
    pub left_out: Vec<InputName>,
}

/// What comes into a flat reply besides the aggregate.
struct Content {
    /// One for each field.
    values: Vec<Json>,
    complete: bool,
}

impl OutputSpec {
    /// Writes the aggregate as a flat reply of at most `max_reply` bytes: while it is larger, the
    /// largest field gives way to its default, together with those that are parallel to it.
    pub fn flatten(&self, aggregate: &Aggregate, max_reply: usize) -> FlatReply {
        self.flatten_until(aggregate, max_reply, &|| false)
    }

    /// The same until it is over: the fields that are not looked through by then, and those that
    /// are parallel to them, are their defaults.
    pub fn flatten_until(
        &self,
        aggregate: &Aggregate,
        max_reply: usize,
        is_over: &dyn Fn() -> bool,
    ) -> FlatReply {
        let patience = Patience::new(is_over);
        let read = field_values::read(&self.fields, aggregate, max_reply, &patience);
        let wrong_types = self.names(&read, |value| value.is_some_and(|it| it.is_wrong_type));
        let mut left_out = self.too_late(&read);
        let fields = self.fields.iter().zip(read);
        let values = fields.map(|(field, value)| {
            let value = value.filter(|_| !left_out.contains(&field.name));
            value.map_or_else(|| field.default.clone(), |value| value.json)
        });
        let values: Vec<Json> = values.collect();
        let complete = aggregate.is_complete() && wrong_types.is_empty() && left_out.is_empty();
        let mut content = Content { values, complete };
        let mut json = self.write(aggregate, &content);
        while json.len() > max_reply {
            let dropped = self.leave_out_largest(&mut content.values);
            if dropped.is_empty() {
                break;
            }
            left_out.extend(dropped);
            content.complete = false;
            json = self.write(aggregate, &content);
        }
        FlatReply { json, complete: content.complete, wrong_types, left_out }
    }

    /// The fields whose values are like this.
    fn names(
        &self,
        values: &[Option<FieldValue>],
        are_meant: impl Fn(Option<&FieldValue>) -> bool,
    ) -> Vec<InputName> {
        let meant = self.fields.iter().zip(values).filter(|(_, value)| are_meant(value.as_ref()));
        meant.map(|(field, _)| field.name.clone()).collect()
    }

    /// The fields for which there was not enough time, and those that are parallel to them.
    fn too_late(&self, values: &[Option<FieldValue>]) -> Vec<InputName> {
        let missing = self.names(values, |value| value.is_none());
        let goes = |field: &&FieldSpec| {
            let mut late = self.fields.iter().filter(|other| missing.contains(&other.name));
            late.any(|other| goes_with(other, field))
        };
        self.fields.iter().filter(goes).map(|field| field.name.clone()).collect()
    }

    /// Puts defaults in the place of the fields that make the reply largest, and names them; none:
    /// that would not make it smaller.
    fn leave_out_largest(&self, values: &mut [Json]) -> Vec<InputName> {
        let gain = |field: &FieldSpec| -> usize {
            let parts = self.fields.iter().zip(values.iter());
            parts
                .filter(|(other, _)| goes_with(field, other))
                .map(|(other, value)| value.len().saturating_sub(other.default.len()))
                .sum()
        };
        let largest = self.fields.iter().max_by_key(|field| gain(field));
        let Some(largest) = largest.filter(|field| gain(field) > 0) else { return Vec::new() };
        let parts = self.fields.iter().zip(values.iter_mut());
        parts
            .filter(|(field, _)| goes_with(largest, field))
            .map(|(field, value)| {
                *value = field.default.clone();
                field.name.clone()
            })
            .collect()
    }

    fn write(&self, aggregate: &Aggregate, content: &Content) -> Vec<u8> {
        let Content { values, complete } = content;
        let mut out = Vec::with_capacity(512 + values.iter().map(Json::len).sum::<usize>());
        out.push(b'{');
        let echoed = aggregate.echoed.iter().map(|(name, value)| (name.as_str(), value));
        let fields = self.fields.iter().map(|field| field.name.as_str()).zip(values);
        for (name, value) in echoed.chain(fields) {
            write_member(&mut out, name, value);
        }
        members::COMPLETE_FLAT.write(&mut out, MemberValue::Flag(*complete));
        members::LATENCY.write(&mut out, MemberValue::millis(aggregate.latency));
        if let Some(latency) = aggregate.flow_latency_ms {
            members::FLOW_LATENCY.write(&mut out, MemberValue::Number(latency.into()));
        }
        for reply in &aggregate.replies {
            let of = reply.source.as_str();
            members::OUTCOME.write_of(&mut out, of, MemberValue::Word(reply.outcome.as_str()));
            members::STATUS.write_of(&mut out, of, MemberValue::Number(reply.status.into()));
        }
        out.push(b'}');
        out
    }
}

/// Whether the other field has to give way together with this one.
fn goes_with(field: &FieldSpec, other: &FieldSpec) -> bool {
    field.name == other.name || field.is_parallel_to(other)
}
