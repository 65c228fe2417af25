//! The fields of one `[actions.NAME.output]` table.

use crate::domain::fields::{
    FieldPath, FieldSpec, FieldType, OutputSpec, RESERVED_FIELD_NAMES, SOURCE_SUFFIXES,
};
use crate::domain::ids::{Id, InputName};
use crate::domain::inputs::InputSpec;
use crate::domain::json::Json;

use super::table::Table;

/// Reads the table of the fields of an action that asks these sources and has these inputs.
pub(super) fn read(action: &mut Table, sources: &[Id], inputs: &[InputSpec]) -> Option<OutputSpec> {
    if !action.has("output") {
        return None;
    }
    for input in inputs.iter().filter(|input| input.echo) {
        if is_of_source(input.name.as_str(), sources) {
            let found = format!("besides the echoed input `{}`", input.name);
            let allowed = "another name for the input, or echo = false: such a reply has a member \
                           of this name";
            action.refuse_found("output", &found, allowed);
        }
    }
    let mut fields: Vec<FieldSpec> = Vec::new();
    for (name, mut table) in action.named_tables("output") {
        let taken = is_taken(name, sources, inputs);
        if taken {
            let allowed = "another name: this one is a member of every such reply, \
                           or an input that is echoed";
            table.refuse_table("a name that is taken", allowed);
        }
        if fields.iter().any(|field| field.name.as_str().eq_ignore_ascii_case(name)) {
            table.refuse_table("a field that differs from another in case only", "each field once");
        }
        let field = read_field(&mut table, name, sources);
        table.finish();
        fields.extend(field);
    }
    Some(OutputSpec { fields })
}

/// Whether the reply has a member of this name already.
fn is_taken(name: &str, sources: &[Id], inputs: &[InputSpec]) -> bool {
    RESERVED_FIELD_NAMES.contains(&name)
        || is_of_source(name, sources)
        || inputs.iter().any(|input| input.echo && input.name.as_str() == name)
}

/// Whether it is the name of a source's outcome or status.
fn is_of_source(name: &str, sources: &[Id]) -> bool {
    sources.iter().any(|source| {
        let rest = name.strip_prefix(source.as_str());
        rest.is_some_and(|rest| SOURCE_SUFFIXES.contains(&rest))
    })
}

fn read_field(table: &mut Table, name: &str, sources: &[Id]) -> Option<FieldSpec> {
    let name = InputName::try_new(name);
    if let Err(error) = &name {
        table.refuse_table("a name that no field may have", &error.to_string());
    }
    let from = source(table, sources);
    let path = path(table);
    let types = FieldType::all().map(|kind| (kind.as_str(), kind));
    if !table.has("type") {
        table.refuse("type", &types.map(|(word, _)| format!("{word:?}")).join(" or "));
    }
    let kind = table.choice("type", &types);
    let default = default(table, kind);
    let title = table.text("title").map(str::to_owned);
    let description = table.text("description").map(str::to_owned);
    Some(FieldSpec {
        name: name.ok()?,
        from: from?,
        path: path?,
        kind: kind?,
        default: default?,
        title,
        description,
    })
}

fn source(table: &mut Table, sources: &[Id]) -> Option<Id> {
    let name = table.required_text("from", "one of the action's sources")?;
    let found = sources.iter().find(|source| source.as_str() == name).cloned();
    if found.is_none() {
        let known: Vec<&str> = sources.iter().map(Id::as_str).collect();
        let found = format!("{name:?}, which the action does not ask");
        table.refuse_found("from", &found, &format!("some of its sources: {}", known.join(", ")));
    }
    found
}

/// The path; an empty text is the whole of the data.
fn path(table: &mut Table) -> Option<FieldPath> {
    if !table.has("path") {
        let allowed = "a JSON Pointer such as \"/account/tier\", or a JSONPath such as \
                       \"$.results[*].id\"";
        table.refuse("path", allowed);
    }
    let text = table.text("path")?;
    let path = FieldPath::try_new(text);
    if let Err(error) = &path {
        table.refuse("path", &format!("a JSON Pointer or a JSONPath ({error})"));
    }
    path.ok()
}

fn default(table: &mut Table, kind: Option<FieldType>) -> Option<Json> {
    let value = table.json("default");
    let kind = kind?;
    let Some(value) = value else { return Some(kind.natural_default()) };
    let default = kind.read(&Json::from_value(&value));
    if default.is_none() {
        let allowed = format!("a value of the field's type, {}", kind.as_str());
        table.refuse_found("default", "a value of another type", &allowed);
    }
    default
}
