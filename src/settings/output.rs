//! The fields of one `[actions.NAME.output]` table.

use crate::model::action::fields::{
    Extraction, FieldPath, FieldSpec, FieldType, OutputSpec, RowsSpec,
};
use crate::model::id::{Id, InputName};
use crate::model::inputs::{Conversion, InputKind, InputSpec};
use crate::model::json::{Json, Pointer};
use crate::model::reply::members::{self, Member};

use crate::config::form::{Flag, Text, Word};
use crate::config::key::Key;
use crate::config::list_form::AnyValue;
use crate::config::section::{Section, Shape};
use crate::config::table::Table;

/// What `path`, `each` and `item` may be, for messages.
const PATH_FORM: &str = "a JSON Pointer such as \"/account/tier\", a JSONPath such as \
                         \"$.account.tier\", or for an array `each` and `item` instead";
const EACH_FORM: &str = "a JSON Pointer to the list of the rows, such as \"/results\" (\"\" is the \
                         whole of the data)";
const ITEM_FORM: &str = "where the element stands in each row: a JSON Pointer such as \"/id\" (\"\" \
                         is the row itself) or a JSONPath";

/// `[actions.NAME.output.FIELD]`.
pub(super) static OUTPUT: Section = Section {
    shape: Shape::Named("FIELD"),
    ..Section::new(
        "output",
        "With this table the action answers with a flat object instead, which Architect can bind \
         directly: each field is always there, of its type and never null.",
        &[&FROM, &TYPE, &PATH, &COUNT, &EACH, &ITEM, &CONVERT, &DEFAULT, &TITLE, &DESCRIPTION],
    )
};

static FROM: Key<Text> = Key::new("from", Text, "The source whose data it is taken out of.")
    .required("one of the action's sources");

static TYPE: Key<Word<FieldType>> =
    Key::new("type", Word(&FieldType::WORDS), "The type of the field.").required("");

static PATH: Key<Text> = Key::new(
    "path",
    Text,
    "A JSON Pointer (`/account/tier`) or a JSONPath (`$.account.tier`) into the source's data.",
);

static COUNT: Key<Flag> = Key::new(
    "count",
    Flag,
    "Whether an `integer` is how many elements the list at `path` has, or how many values a JSONPath finds.",
)
.default(false);

static EACH: Key<Text> = Key::new(
    "each",
    Text,
    "For an array instead of `path`: a JSON Pointer to the list of the rows, each of which gives one element.",
);

static ITEM: Key<Text> =
    Key::new("item", Text, "With `each`: a JSON Pointer or JSONPath to the element within a row.");

static CONVERT: Key<Flag> = Key::new(
    "convert",
    Flag,
    "Whether a value of another type that can only mean one thing is taken: \"1500.00\" for a number, 42 for a text, \"true\".",
)
.default(false);

static DEFAULT: Key<AnyValue> = Key::new(
    "default",
    AnyValue,
    "What stands for what is absent or of another type; with `each` for the element of a row that has none.",
)
.derived("\"\", 0, false or []");

static TITLE: Key<Text> = Key::new("title", Text, "A short name for people.");

static DESCRIPTION: Key<Text> = Key::new("description", Text, "What it means, for people.");

/// Reads the table of the fields of an action that asks these sources and has these inputs.
pub(super) fn read(action: &Table, sources: &[Id], inputs: &[InputSpec]) -> Option<OutputSpec> {
    if !action.has_section(&OUTPUT) {
        return None;
    }
    for input in inputs.iter().filter(|input| input.echo) {
        if is_of_source(input.name.as_str(), sources) {
            let found = format!("besides the echoed input `{}`", input.name);
            let allowed = "another name for the input, or echo = false: such a reply has a member \
                           of this name";
            action.refuse_section(&OUTPUT, &found, allowed);
        }
    }
    let mut fields: Vec<FieldSpec> = Vec::new();
    for (name, table) in action.named(&OUTPUT) {
        let taken = is_taken(name, sources, inputs);
        if taken {
            let allowed = "another name: this one is a member of every such reply, \
                           or an input that is echoed";
            table.refuse_table("a name that is taken", allowed);
        }
        if fields.iter().any(|field| field.name.as_str().eq_ignore_ascii_case(name)) {
            table.refuse_table("a field that differs from another in case only", "each field once");
        }
        let field = read_field(&table, name, sources);
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

fn read_field(table: &Table, name: &str, sources: &[Id]) -> Option<FieldSpec> {
    let name = InputName::try_new(name);
    if let Err(error) = &name {
        table.refuse_table("a name that no field may have", &error.to_string());
    }
    let from = source(table, sources);
    let kind = table.required(&TYPE);
    let value = extraction(table, kind);
    let conversion = Conversion::from(table.value(&CONVERT));
    let title = table.optional(&TITLE);
    let description = table.optional(&DESCRIPTION);
    let (extraction, default) = value?;
    Some(FieldSpec {
        name: name.ok()?,
        from: from?,
        extraction,
        kind: kind?,
        conversion,
        default,
        title,
        description,
    })
}

fn source(table: &Table, sources: &[Id]) -> Option<Id> {
    let name = table.required(&FROM)?;
    let found = sources.iter().find(|source| source.as_str() == name).cloned();
    if found.is_none() {
        let known: Vec<&str> = sources.iter().map(Id::as_str).collect();
        let found = format!("{name:?}, which the action does not ask");
        table.refuse_found(&FROM, &found, &format!("some of its sources: {}", known.join(", ")));
    }
    found
}

/// How the value is taken out of the data, and what stands for it where that gives none.
fn extraction(table: &Table, kind: Option<FieldType>) -> Option<(Extraction, Json)> {
    if !table.has(&EACH) && !table.has(&ITEM) {
        let path = path(table, &PATH, PATH_FORM);
        let default = default(table, kind, "the field's type");
        return if counts(table, kind) {
            Some((Extraction::Count(path?), default?))
        } else {
            Some((Extraction::Path(path?), default?))
        };
    }
    if table.value(&COUNT) {
        table.refuse_found(
            &COUNT,
            "both `count` and `each`",
            "either `count` with a `path`, or `each` and `item`",
        );
    }
    if table.has(&PATH) {
        table.refuse_found(&PATH, "both `path` and `each`", "either `path`, or `each` and `item`");
    }
    let rows = each(table);
    let item = path(table, &ITEM, ITEM_FORM);
    if let Some(kind) = kind.filter(|kind| !kind.is_array) {
        table.refuse(&TYPE, &format!("\"{}[]\": `each` gives an array", kind.as_str()));
    }
    let element = kind.map(FieldType::element);
    let default = default(table, element, "the elements' type");
    let rows = RowsSpec { each: rows?, item: item?, default: default? };
    // An array without rows is empty.
    Some((Extraction::Rows(rows), kind?.natural_default()))
}

/// Whether the field is a number of elements.
fn counts(table: &Table, kind: Option<FieldType>) -> bool {
    let counts = table.value(&COUNT);
    let is_integer = |kind: FieldType| kind.scalar == InputKind::Integer && !kind.is_array;
    if counts && !kind.is_none_or(is_integer) {
        table.refuse(&TYPE, "\"integer\": with `count` it is a number of elements");
    }
    counts
}

/// The list whose rows give one element each; an empty text is the whole of the data.
fn each(table: &Table) -> Option<Pointer> {
    if !table.has(&EACH) {
        table.refuse(&EACH, EACH_FORM);
    }
    let pointer = Pointer::try_new(&table.optional(&EACH)?);
    if pointer.is_err() {
        table.refuse(&EACH, EACH_FORM);
    }
    pointer.ok()
}

/// A path that must be there; an empty text is the whole.
fn path(table: &Table, key: &'static Key<Text>, allowed: &str) -> Option<FieldPath> {
    if !table.has(key) {
        table.refuse(key, allowed);
    }
    let path = FieldPath::try_new(&table.optional(key)?);
    if let Err(error) = &path {
        table.refuse(key, &format!("a JSON Pointer or a JSONPath ({error})"));
    }
    path.ok()
}

/// The default; `whose` says which type it has to be of.
fn default(table: &Table, kind: Option<FieldType>, whose: &str) -> Option<Json> {
    let value = table.optional(&DEFAULT);
    let kind = kind?;
    let Some(value) = value else { return Some(kind.natural_default()) };
    let default = kind.read(&Json::from_value(&value), Conversion::Strict);
    if default.is_none() {
        let allowed = format!("a value of {whose}, {}", kind.as_str());
        table.refuse_found(&DEFAULT, "a value of another type", &allowed);
    }
    default
}
