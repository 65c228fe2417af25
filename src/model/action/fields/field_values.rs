//! Takes the values of the fields out of the sources' data.

use std::cell::OnceCell;

use serde_json_path::JsonPath;

use super::field_type::ArrayWriter;
use super::patience::Patience;
use super::{Extraction, FieldPath, FieldSpec, FieldType, RowsSpec};
use crate::model::id::Id;
use crate::model::inputs::Conversion;
use crate::model::json::{Json, Kind, Pointer};
use crate::model::reply::aggregate::Aggregate;

/// The value of one field, or its default.
pub(super) struct FieldValue {
    /// A value of the field's type.
    pub(super) json: Json,
    /// Whether something of another type stood in its place, or in that of one of its elements.
    pub(super) is_wrong_type: bool,
}

impl FieldValue {
    fn of(json: Json) -> Self {
        Self { json, is_wrong_type: false }
    }

    fn wrong_type(default: &Json) -> Self {
        Self { json: default.clone(), is_wrong_type: true }
    }
}

/// The values of the fields, in their order; absent: there was not enough time for it. Arrays that
/// are larger than `max_reply` bytes are not whole: no reply has room for them.
pub(super) fn read(
    fields: &[FieldSpec],
    aggregate: &Aggregate,
    max_reply: usize,
    patience: &Patience<'_>,
) -> Vec<Option<FieldValue>> {
    let replies = aggregate.replies.iter();
    let data: Vec<(&Id, Data<'_>)> = replies
        .map(|reply| (&reply.source, Data { json: &reply.data, tree: OnceCell::new() }))
        .collect();
    let values = fields.iter().map(|field| {
        let of_source = data.iter().find(|(source, _)| **source == field.from);
        let Some((_, data)) = of_source else {
            return Some(FieldValue::of(field.default.clone()));
        };
        let value = patience.lasts_now().then(|| read_field(field, data, max_reply, patience));
        value.filter(|_| !patience.ran_out())
    });
    values.collect()
}

fn read_field(
    field: &FieldSpec,
    data: &Data<'_>,
    max_reply: usize,
    patience: &Patience<'_>,
) -> FieldValue {
    match &field.extraction {
        Extraction::Path(path) => {
            // What cannot be looked through is there all the same, so it is no absent value.
            let Some(found) = data.find(path, patience) else {
                return FieldValue::wrong_type(&field.default);
            };
            read_found(field, path, &found, patience)
        }
        Extraction::Rows(rows) => read_rows(field, rows, data, max_reply, patience),
        Extraction::Count(path) => match data.find(path, patience) {
            Some(found) => count(field, path, &found),
            None => FieldValue::wrong_type(&field.default),
        },
    }
}

/// How many there are: elements of the one list that the path leads to, else values that it finds.
fn count(field: &FieldSpec, path: &FieldPath, found: &[Json]) -> FieldValue {
    let count = match (found, path) {
        ([], _) => return FieldValue::of(field.default.clone()),
        ([list], _) if list.kind() == Kind::Array => list.items().map_or(0, Iterator::count),
        ([null], _) if null.kind() == Kind::Null => return FieldValue::of(field.default.clone()),
        (_, FieldPath::Pointer(_)) => return FieldValue::wrong_type(&field.default),
        (several, FieldPath::JsonPath { .. }) => several.len(),
    };
    FieldValue::of(Json::from_value(&count.into()))
}

/// The values that a path led to as one value: a scalar takes the first, an array all.
fn read_found(
    field: &FieldSpec,
    path: &FieldPath,
    found: &[Json],
    patience: &Patience<'_>,
) -> FieldValue {
    let kind = field.kind;
    let counted = if kind.is_array { found } else { found.get(..1).unwrap_or_default() };
    if counted.iter().all(|value| value.kind() == Kind::Null) {
        return FieldValue::of(field.default.clone());
    }
    let value = match (counted, path) {
        ([one], FieldPath::Pointer(_)) => read_one(field, one, patience),
        ([one], FieldPath::JsonPath { .. }) if !kind.is_array || one.kind() == Kind::Array => {
            read_one(field, one, patience)
        }
        (several, _) => {
            let several = several.iter().cloned().take_while(|_| patience.lasts());
            kind.read_elements(several, field.conversion)
        }
    };
    value.map_or_else(|| FieldValue::wrong_type(&field.default), FieldValue::of)
}

fn read_one(field: &FieldSpec, value: &Json, patience: &Patience<'_>) -> Option<Json> {
    let FieldSpec { kind, conversion, .. } = *field;
    if kind.is_array {
        kind.read_elements(value.items()?.take_while(|_| patience.lasts()), conversion)
    } else {
        kind.read(value, conversion)
    }
}

/// One element for each row, whatever the row is.
fn read_rows(
    field: &FieldSpec,
    spec: &RowsSpec,
    data: &Data<'_>,
    max_reply: usize,
    patience: &Patience<'_>,
) -> FieldValue {
    let list = data.json.pointer(&spec.each).filter(|list| list.kind() != Kind::Null);
    let Some(list) = list else { return FieldValue::of(field.default.clone()) };
    let Some(rows) = list.items() else { return FieldValue::wrong_type(&field.default) };
    let rows = rows.take_while(|_| patience.lasts());
    let mut column = Column {
        element: field.kind.element(),
        conversion: field.conversion,
        default: &spec.default,
        array: ArrayWriter::default(),
        max_size: max_reply,
        has_wrong_type: false,
    };
    match (&spec.item, data.rows_as_trees(spec)) {
        (FieldPath::Pointer(item), _) => rows.for_each(|row| column.push(row.pointer(item))),
        (FieldPath::JsonPath { path: item, .. }, Some(trees)) => {
            for (index, row) in rows.enumerate() {
                column.push(trees.get(index).and_then(|tree| first(item, tree, &row)));
            }
        }
        (FieldPath::JsonPath { .. }, None) => {
            rows.for_each(|_| column.push(None));
            column.has_wrong_type = true;
        }
    }
    FieldValue { json: column.array.finish(), is_wrong_type: column.has_wrong_type }
}

/// An array that is put together row by row.
struct Column<'a> {
    element: FieldType,
    conversion: Conversion,
    /// The element of a row without a value of that type.
    default: &'a Json,
    array: ArrayWriter,
    /// The size beyond which no further element is put in, bytes: a long default for each of very
    /// many rows would be much larger than the data.
    max_size: usize,
    /// Whether a row had a value of another type.
    has_wrong_type: bool,
}

impl Column<'_> {
    fn push(&mut self, found: Option<Json>) {
        if self.array.len() > self.max_size {
            return;
        }
        let found = found.filter(|value| value.kind() != Kind::Null);
        let value = found.as_ref().and_then(|value| self.element.read(value, self.conversion));
        self.has_wrong_type |= found.is_some() && value.is_none();
        self.array.push(value.as_ref().unwrap_or(self.default));
    }
}

/// The first value that the path finds in a row, which is at hand as a tree and as text.
fn first(path: &JsonPath, tree: &serde_json::Value, row: &Json) -> Option<Json> {
    let first = path.query(tree).first()?;
    if first.is_f64() {
        // The tree's number may have lost digits.
        let nodes = path.query_located(tree);
        let place = nodes.locations().next()?.to_json_pointer();
        return row.pointer(&Pointer::try_new(&place).ok()?);
    }
    Some(of_tree(first))
}

/// One source's data, with its tree if a path needed it.
struct Data<'a> {
    json: &'a Json,
    tree: OnceCell<Option<serde_json::Value>>,
}

impl Data<'_> {
    fn tree(&self) -> Option<&serde_json::Value> {
        self.tree.get_or_init(|| self.json.to_tree()).as_ref()
    }

    /// The rows as trees, if the item is looked for in trees and the data can be one.
    fn rows_as_trees(&self, spec: &RowsSpec) -> Option<&[serde_json::Value]> {
        match spec.item {
            FieldPath::Pointer(_) => None,
            FieldPath::JsonPath { .. } => {
                self.tree()?.pointer(spec.each.as_str())?.as_array().map(Vec::as_slice)
            }
        }
    }

    /// The values that a path leads to; `None` if it cannot be followed. One alone is cut out of the
    /// text as it is; of several, numbers with a fraction or of more than 64 bits are the nearest
    /// doubles.
    fn find(&self, path: &FieldPath, patience: &Patience<'_>) -> Option<Vec<Json>> {
        let path = match path {
            FieldPath::Pointer(pointer) => {
                return Some(self.json.pointer(pointer).into_iter().collect());
            }
            FieldPath::JsonPath { path, .. } => path,
        };
        let nodes = path.query_located(self.tree()?);
        if let [only] = nodes.iter().collect::<Vec<_>>().as_slice() {
            let place = Pointer::try_new(&only.location().to_json_pointer()).ok()?;
            return Some(self.json.pointer(&place).into_iter().collect());
        }
        // Looking each of many up in the text would read it as often from its start.
        let nodes = nodes.iter().take_while(|_| patience.lasts());
        Some(nodes.map(|node| of_tree(node.node())).collect())
    }
}

/// A value of the tree as text. A container is only to be refused, so its content does not matter.
fn of_tree(value: &serde_json::Value) -> Json {
    match value {
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => {
            Json::from_parts(b"{}".to_vec())
        }
        scalar => Json::from_value(scalar),
    }
}
