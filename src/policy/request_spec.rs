//! A source's request as it was configured: method, URL (`request_url.rs`), headers and body.

use crate::config::form::Word;
use crate::config::key::{AnyKey, Key};
use crate::config::list_form::{AnyValue, Entries};
use crate::config::plan_lines::PlanLines;
use crate::config::shown::{HARMLESS_HEADERS, REDACTED, Shown};
use crate::config::table::Table;
use crate::config::toml_value::scalar_text;
use crate::model::inputs::Place;
use crate::model::method::Method;
use crate::model::template::{HeaderTemplate, JsonTemplate, Placeholder, UrlTemplate};
use crate::policy::request_url::{self, Host, Target};

/// What a request is made of.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestSpec {
    /// Its method.
    pub method: Method,
    /// Where it goes.
    pub url: UrlTemplate,
    /// The same as it was configured, for people: values that may be secrets are left out.
    pub shown_url: String,
    /// Its own headers.
    pub headers: Vec<HeaderTemplate>,
    /// Its JSON body.
    pub json: Option<JsonTemplate>,
}

/// A placeholder of a source's templates, and where it stands.
pub struct Placed<'a> {
    /// The key in the source's table, such as `headers.accept`; `url` also where another key has the
    /// URL.
    pub key: String,
    /// What the upstream sees its value in.
    pub place: Place,
    /// The placeholder.
    pub placeholder: &'a Placeholder,
}

/// Its keys in the source's table, besides those of the URL.
pub(crate) const KEYS: &[&dyn AnyKey] = &[&METHOD, &HEADERS, &JSON];

static METHOD: Key<Word<Method>> =
    Key::new("method", Word(METHODS), "The method of the request.").default(Method::Get);

const METHODS: &[(&str, Method)] = &[
    (Method::Get.as_str(), Method::Get),
    (Method::Post.as_str(), Method::Post),
    (Method::Put.as_str(), Method::Put),
    (Method::Patch.as_str(), Method::Patch),
    (Method::Delete.as_str(), Method::Delete),
];

static HEADERS: Key<Entries> =
    Key::new("headers", Entries, "Headers of the request, each with a template.")
        .shown(Shown::Hidden);

static JSON: Key<AnyValue> = Key::new(
    "json",
    AnyValue,
    "The JSON body, whose texts are templates; with POST, PUT and PATCH only.",
)
.shown(Shown::Hidden);

/// What other keys of the source have to go with, whatever else is wrong with its request.
pub(crate) struct RequestParts {
    pub(crate) method: Method,
    /// Names and values in the order of the file.
    pub(crate) query: Vec<(String, String)>,
    pub(crate) body: Option<Body>,
}

/// A JSON body.
pub(crate) struct Body {
    /// As it was configured.
    pub(crate) value: serde_json::Value,
    template: JsonTemplate,
}

impl RequestParts {
    /// Reads what others go by; what is wrong is in the report.
    pub(crate) fn read(table: &Table) -> Self {
        let method = method(table);
        Self { method, query: request_url::query(table), body: body(table, method) }
    }
}

/// How a source's request goes to the API of its credential, and what it is.
pub(crate) struct ReadRequest {
    pub(crate) spec: RequestSpec,
    /// It has no host of its own: each tenant has its own.
    pub(crate) host_by_credential: bool,
}

/// Reads the rest of it; what is wrong is in the report.
pub(crate) fn read(table: &Table, parts: RequestParts, host: Host<'_>) -> Option<ReadRequest> {
    let target = request_url::read(table, &parts.query, host);
    let headers = headers(table);
    let Target { template: url, shown: shown_url, host_by_credential } = target?;
    let json = parts.body.map(|body| body.template);
    let spec = RequestSpec { method: parts.method, url, shown_url, headers, json };
    Some(ReadRequest { spec, host_by_credential })
}

impl RequestSpec {
    /// The placeholders of its templates.
    pub fn placeholders(&self) -> impl Iterator<Item = Placed<'_>> {
        let placed = |key: &str, place| {
            let key = key.to_owned();
            move |placeholder| Placed { key: key.clone(), place, placeholder }
        };
        let of_table = self.url.references_in_table().count();
        let of_url = self.url.placeholders_in_query().count() - of_table;
        let in_path = self.url.placeholders_in_path().map(placed("url", Place::Path));
        let in_url = self.url.placeholders_in_query().take(of_url);
        let in_table = self.url.placeholders_in_query().skip(of_url);
        let in_headers = self.headers.iter().flat_map(move |header| {
            let key = format!("headers.{}", header.name());
            header.placeholders().map(placed(&key, Place::Header))
        });
        let in_json = self.json.iter().flat_map(JsonTemplate::placeholders);
        in_path
            .chain(in_url.map(placed("url", Place::Other)))
            .chain(in_table.map(placed("query", Place::Other)))
            .chain(in_headers)
            .chain(in_json.map(placed("json", Place::Other)))
    }

    /// What it amounts to, for `tributary check`.
    pub(crate) fn plan(&self, lines: &mut PlanLines) {
        lines.add("request", format!("{} {}", self.method.as_str(), self.shown_url));
        for header in &self.headers {
            lines.add("header", format!("{}: {}", header.name(), header_value(header)));
        }
        if let Some(json) = &self.json {
            let names = names(json.placeholders());
            let from = if names.is_empty() { "fixed" } else { &names };
            lines.add("json body", format!("with {from}"));
        }
    }
}

/// The value of a header if it is no secret: fixed values are, unless known to be harmless.
fn header_value(header: &HeaderTemplate) -> String {
    match header.constant() {
        Some(value) if HARMLESS_HEADERS.contains(&header.name()) => value.to_owned(),
        Some(_) => REDACTED.to_owned(),
        None => format!("from {}", names(header.placeholders())),
    }
}

fn names<'a>(placeholders: impl Iterator<Item = &'a Placeholder>) -> String {
    placeholders.map(|placeholder| format!("{{{placeholder}}}")).collect::<Vec<_>>().join(", ")
}

/// A refused one counts as POST: with GET, its body would be refused too.
fn method(table: &Table) -> Method {
    if table.is_good(&METHOD) {
        table.value(&METHOD)
    } else {
        table.value_or(&METHOD, Method::Post)
    }
}

fn headers(table: &Table) -> Vec<HeaderTemplate> {
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

fn body(table: &Table, method: Method) -> Option<Body> {
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
        Err(_) if value.as_str().is_some_and(is_json_itself) => {
            let allowed = "a table, such as json = { id = \"{customerId}\" }: braces in a text are \
                           placeholders";
            table.refuse_found(&JSON, "JSON as a text (not shown)", allowed);
            None
        }
        Err(error) => {
            let allowed =
                format!("JSON whose texts have placeholders such as {{customerId}} ({error})");
            table.refuse(&JSON, &allowed);
            None
        }
    }
}

fn is_json_itself(text: &str) -> bool {
    matches!(
        serde_json::from_str(text),
        Ok(serde_json::Value::Object(_) | serde_json::Value::Array(_))
    )
}
