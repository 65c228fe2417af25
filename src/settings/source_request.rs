//! The request of a source, but for its URL: method, headers, body, and by what it proves who it is.

use crate::config::form::{Flag, Text, Word};
use crate::config::key::Key;
use crate::config::list_form::{AnyValue, Entries};
use crate::config::shown::Shown;
use crate::config::table::Table;
use crate::config::toml_value::scalar_text;
use crate::model::id::{Id, InputName};
use crate::model::method::Method;
use crate::model::template::{HeaderTemplate, JsonTemplate};

use super::forms::ID_FORM;

pub(super) static METHOD: Key<Word<Method>> =
    Key::new("method", Word(METHODS), "The method of the request.").default(Method::Get);

const METHODS: &[(&str, Method)] = &[
    (Method::Get.as_str(), Method::Get),
    (Method::Post.as_str(), Method::Post),
    (Method::Put.as_str(), Method::Put),
    (Method::Patch.as_str(), Method::Patch),
    (Method::Delete.as_str(), Method::Delete),
];

pub(super) static IDEMPOTENT: Key<Flag> = Key::new(
    "idempotent",
    Flag,
    "Whether the request may be sent again after it may have been processed, as a query by POST may.",
)
.derived("true for GET, PUT and DELETE, else false");

pub(super) static HEADERS: Key<Entries> =
    Key::new("headers", Entries, "Headers of the request, each with a template.")
        .shown(Shown::Hidden);

pub(super) static JSON: Key<AnyValue> = Key::new(
    "json",
    AnyValue,
    "The JSON body, whose texts are templates; with POST, PUT and PATCH only.",
)
.shown(Shown::Hidden);

pub(super) static CREDENTIAL: Key<Text> = Key::new(
    "credential",
    Text,
    "The credential whose header goes with the request, or in braces the input that chooses one, such as \"{tenant}\".",
)
.shown(Shown::Name);

/// A JSON body: as it was configured and as a template.
pub(super) struct Body {
    /// As it was configured.
    pub(super) value: serde_json::Value,
    /// Ready to be rendered.
    pub(super) template: JsonTemplate,
}

/// A refused one counts as POST: with GET, its body would be refused too.
pub(super) fn method(table: &Table) -> Method {
    if table.is_good(&METHOD) {
        table.value(&METHOD)
    } else {
        table.value_or(&METHOD, Method::Post)
    }
}

pub(super) fn headers(table: &Table) -> Vec<HeaderTemplate> {
    let Some(table) = table.free(&HEADERS) else {
        return Vec::new();
    };
    let mut headers: Vec<HeaderTemplate> = Vec::new();
    for (name, value) in table.entries() {
        let Some(text) = scalar_text(value) else {
            table.refuse_entry(name, Shown::Hidden, "a text in quotes");
            continue;
        };
        match HeaderTemplate::try_new(name, &text) {
            Ok(header) if headers.iter().any(|known| known.name() == header.name()) => {
                let found = "a header that is there already";
                table.refuse_entry_found(name, found, "each header once");
            }
            Ok(header) => headers.push(header),
            Err(error) => {
                let allowed = format!("a header that can be sent ({error})");
                table.refuse_entry(name, Shown::Hidden, &allowed);
            }
        }
    }
    headers
}

pub(super) fn body(table: &Table, method: Method) -> Option<Body> {
    let value = table.optional(&JSON)?;
    let takes_body = match method {
        Method::Post | Method::Put | Method::Patch => true,
        Method::Get | Method::Delete => false,
    };
    if !takes_body {
        let found = format!("a body for a {} request", method.as_str());
        table.refuse_found(&JSON, &found, "a body with method POST, PUT or PATCH only");
        return None;
    }
    match JsonTemplate::try_new(&value) {
        Ok(template) => Some(Body { value, template }),
        Err(error) => {
            table.refuse(&JSON, &format!("JSON with good templates ({error})"));
            None
        }
    }
}

/// How a source proves who it is.
pub(super) struct Chosen {
    /// By this credential.
    pub(super) credential: Option<Id>,
    /// By the one that the value of this input stands for.
    pub(super) tenant: Option<InputName>,
    /// Whether an input is to choose, also one that was refused: its URL is not to be blamed as well.
    pub(super) by_tenant: bool,
}

/// The credential, or the input that chooses it: `"{tenant}"`.
pub(super) fn credential(table: &Table) -> Chosen {
    let text = table.optional(&CREDENTIAL).unwrap_or_default();
    let mut chosen = Chosen { credential: None, tenant: None, by_tenant: text.starts_with('{') };
    if !table.has(&CREDENTIAL) || !table.is_good(&CREDENTIAL) {
        return chosen;
    }
    if let Some(input) = text.strip_prefix('{').and_then(|rest| rest.strip_suffix('}')) {
        chosen.tenant = InputName::try_new(input).ok();
        if chosen.tenant.is_none() {
            table.refuse(&CREDENTIAL, "the name of an input in braces, such as \"{tenant}\"");
        }
        return chosen;
    }
    chosen.credential = Id::try_new(&text).ok();
    if chosen.credential.is_none() {
        table.refuse(&CREDENTIAL, ID_FORM);
    }
    chosen
}
