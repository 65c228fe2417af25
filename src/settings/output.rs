//! The fields of one `[actions.NAME.output]` table.

use crate::domain::action::ActionSpec;
use crate::domain::fields::{
    Extraction, FieldPath, FieldSpec, FieldType, OutputSpec, RowsSpec, SpreadPath,
};
use crate::domain::ids::{Id, InputName};
use crate::domain::inputs::InputSpec;
use crate::domain::json::{Json, Pointer};
use crate::domain::members::{self, Member};

use super::check::names::Finder;
use crate::config::table::Table;

/// What `path`, `each` and `item` may be, for messages.
const PATH_FORM: &str = "a JSON Pointer such as \"/account/tier\", a JSONPath such as \
                         \"$.account.tier\", or for an array `each` and `item` instead";
const EACH_FORM: &str = "a JSON Pointer to the list of the rows, such as \"/results\" (\"\" is the \
                         whole of the data)";
const ITEM_FORM: &str = "where the element stands in each row: a JSON Pointer such as \"/id\" (\"\" \
                         is the row itself) or a JSONPath";

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
    members::OF_FLAT_REPLY.iter().any(|member| member.name == name)
        || is_of_source(name, sources)
        || inputs.iter().any(|input| input.echo && input.name.as_str() == name)
}

/// Whether it is the name of a source's outcome or status.
fn is_of_source(name: &str, sources: &[Id]) -> bool {
    let of_source = |member: &Member| {
        member.source_in(name).is_some_and(|source| sources.iter().any(|id| id.as_str() == source))
    };
    members::OF_SOURCE_IN_FLAT_REPLY.into_iter().any(of_source)
}

fn read_field(table: &mut Table, name: &str, sources: &[Id]) -> Option<FieldSpec> {
    let name = InputName::try_new(name);
    if let Err(error) = &name {
        table.refuse_table("a name that no field may have", &error.to_string());
    }
    let from = source(table, sources);
    let types = FieldType::all().map(|kind| (kind.as_str(), kind));
    if !table.has("type") {
        table.refuse("type", &types.map(|(word, _)| format!("{word:?}")).join(" or "));
    }
    let kind = table.choice("type", &types);
    let value = extraction(table, kind);
    let title = table.text("title").map(str::to_owned);
    let description = table.text("description").map(str::to_owned);
    let (extraction, default) = value?;
    Some(FieldSpec {
        name: name.ok()?,
        from: from?,
        extraction,
        kind: kind?,
        default,
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

/// How the value is taken out of the data, and what stands for it where that gives none.
fn extraction(table: &mut Table, kind: Option<FieldType>) -> Option<(Extraction, Json)> {
    // Known whichever of them count, for who mistypes one.
    for key in ["path", "each", "item"] {
        table.get(key);
    }
    if !table.has("each") && !table.has("item") {
        let path = path(table, "path", PATH_FORM);
        let default = default(table, kind, "the field's type");
        return Some((Extraction::Path(path?), default?));
    }
    if table.has("path") {
        table.refuse_found("path", "both `path` and `each`", "either `path`, or `each` and `item`");
    }
    let rows = each(table);
    let item = path(table, "item", ITEM_FORM);
    if let Some(kind) = kind.filter(|kind| !kind.is_array) {
        table.refuse("type", &format!("\"{}[]\": `each` gives an array", kind.as_str()));
    }
    let element = kind.map(FieldType::element);
    let default = default(table, element, "the elements' type");
    let rows = RowsSpec { each: rows?, item: item?, default: default? };
    // An array without rows is empty.
    Some((Extraction::Rows(rows), kind?.natural_default()))
}

/// The list whose rows give one element each; an empty text is the whole of the data.
fn each(table: &mut Table) -> Option<Pointer> {
    if !table.has("each") {
        table.refuse("each", EACH_FORM);
    }
    let pointer = Pointer::try_new(table.text("each")?);
    if pointer.is_err() {
        table.refuse("each", EACH_FORM);
    }
    pointer.ok()
}

/// A path that must be there; an empty text is the whole.
fn path(table: &mut Table, key: &'static str, allowed: &str) -> Option<FieldPath> {
    if !table.has(key) {
        table.refuse(key, allowed);
    }
    let text = table.text(key)?;
    let path = FieldPath::try_new(text);
    if let Err(error) = &path {
        table.refuse(key, &format!("a JSON Pointer or a JSONPath ({error})"));
    }
    path.ok()
}

/// The default; `whose` says which type it has to be of.
fn default(table: &mut Table, kind: Option<FieldType>, whose: &str) -> Option<Json> {
    let value = table.json("default");
    let kind = kind?;
    let Some(value) = value else { return Some(kind.natural_default()) };
    let default = kind.read(&Json::from_value(&value));
    if default.is_none() {
        let allowed = format!("a value of {whose}, {}", kind.as_str());
        table.refuse_found("default", "a value of another type", &allowed);
    }
    default
}

/// Warns of arrays that may slip against another one: a path leaves out the rows that have no such
/// value, so that what stands at one place of both arrays may be of two rows.
pub(super) fn check(action: &ActionSpec, finder: &Finder) {
    let fields = action.output.iter().flat_map(|output| &output.fields);
    let arrays: Vec<&FieldSpec> = fields.filter(|field| field.kind.is_array).collect();
    for field in &arrays {
        let Some(spread) = spread(field) else { continue };
        if spread.keeps_rows() {
            continue;
        }
        let others = arrays.iter().filter(|other| other.name != field.name);
        let beside = others.filter(|other| other.from == field.from && shares(other, &spread));
        let Some(other) = beside.map(|other| &other.name).next() else { continue };
        let instead = match spread.as_item() {
            Some(item) if item.starts_with('$') => {
                format!(
                    "each = {:?} and item = {item:?} (of a row's values the first)",
                    spread.list
                )
            }
            Some(item) => format!("each = {:?} and item = {item:?}", spread.list),
            None => "`each` with the list and `item` with the member".to_owned(),
        };
        let text = format!(
            "a row without this value is left out, so that the array slips against `{other}`, \
             which is of the same list; write {instead} instead of `path`: each row then gives \
             one element, also one that the path would filter out"
        );
        let place = ["actions", action.id.as_str(), "output", field.name.as_str(), "path"];
        finder.warn(&place, &text);
    }
}

/// How a field's path goes through a list; `None`: it has none that does.
fn spread(field: &FieldSpec) -> Option<SpreadPath> {
    match &field.extraction {
        Extraction::Path(path) => path.spread(),
        Extraction::Rows(_) => None,
    }
}

/// Whether an array may be of the list that the path goes through.
fn shares(array: &FieldSpec, path: &SpreadPath) -> bool {
    match &array.extraction {
        Extraction::Path(other) => other.spread().is_some_and(|other| path.may_share_list(&other)),
        Extraction::Rows(rows) => path.may_go_through(rows.each.as_str()),
    }
}
