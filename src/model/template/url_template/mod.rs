//! A URL with placeholders in its path and query.
//!
//! Scheme, host and port are fixed text and become an [`Endpoint`]; a rendering gives path and
//! query, percent-encoded (RFC 3986 section 2.1).

mod encode;
mod split;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::fmt;

use self::encode::{encode_fixed, push_value, table_text, url_text};
use self::split::{has_fragment, split, split_endpoint, split_query};
use crate::model::template::text_template::{Piece, constant, holes, parse, room, written};
use crate::model::template::unescaped::{
    decoded_pieces, is_syntax_of_paths, name_and_value, risks,
};
use crate::model::template::{
    Endpoint, InjectionRisk, Placeholder, Reference, RenderError, RiskReason, TemplateError,
    TextPlace, Values,
};

#[derive(Clone, PartialEq, Eq)]
enum PathPart {
    /// Segments without a placeholder, slashes included.
    Fixed(String),
    /// What stands between two slashes, with at least one placeholder.
    Segment(Vec<Piece>),
}

/// A URL with placeholders in its path and query.
#[derive(Clone, PartialEq, Eq)]
pub struct UrlTemplate {
    endpoint: Endpoint,
    path: Vec<PathPart>,
    /// `name=value`, one each. One that names a missing input is left out.
    parameters: Vec<Vec<Piece>>,
    /// How many of the parameters stand in the URL itself: the first ones.
    own_parameters: usize,
    room: usize,
    constant: Option<String>,
}

impl UrlTemplate {
    /// Reads `url` and the query table; the parameters of both are sent, the URL's own first.
    ///
    /// The URL's fixed text is sent as it is written, except that characters no URL may hold are
    /// percent-encoded. The table holds names and values, not syntax: `&`, `=`, `+`, `%`, `#` and
    /// `;` in it are encoded.
    ///
    /// # Errors
    /// [`TemplateError`]: a bad placeholder, or one in scheme, host or port; another scheme than
    /// http and https; user names; a bad host or port; a fragment; a parameter without a name.
    pub fn try_new(url: &str, query: &[(String, String)]) -> Result<Self, TemplateError> {
        if url.chars().any(char::is_control) || url.trim() != url {
            return Err(TemplateError::UrlText);
        }
        let (endpoint, rest) = split_endpoint(parse(url)?)?;
        if has_fragment(&rest) {
            return Err(TemplateError::Fragment);
        }
        let (path, own_query) = split_query(rest);
        let mut parameters = split(own_query, '&');
        parameters.retain(|parameter| !parameter.is_empty());
        for parameter in &mut parameters {
            encode_fixed(parameter, url_text);
        }
        let own_parameters = parameters.len();
        for (name, value) in query {
            parameters.push(table_parameter(name, value)?);
        }
        Ok(Self::assemble(endpoint, path_parts(path), parameters, own_parameters))
    }

    fn assemble(
        endpoint: Endpoint,
        path: Vec<PathPart>,
        parameters: Vec<Vec<Piece>>,
        own_parameters: usize,
    ) -> Self {
        let of_path = path.iter().map(|part| match part {
            PathPart::Fixed(text) => text.len(),
            PathPart::Segment(pieces) => room(pieces),
        });
        let of_query = parameters.iter().map(|parameter| room(parameter) + 1);
        let room = of_path.chain(of_query).sum();
        let constant = None;
        let mut template = Self { endpoint, path, parameters, own_parameters, room, constant };
        template.constant = template.constant_text();
        template
    }

    fn constant_text(&self) -> Option<String> {
        let mut out = String::with_capacity(self.room);
        for part in &self.path {
            match part {
                PathPart::Fixed(text) => out.push_str(text),
                PathPart::Segment(_) => return None,
            }
        }
        let mut separator = '?';
        for parameter in &self.parameters {
            out.push(separator);
            out.push_str(&constant(parameter)?);
            separator = '&';
        }
        Some(out)
    }

    /// The same path and query elsewhere.
    #[must_use]
    pub fn at(self, endpoint: Endpoint) -> Self {
        Self { endpoint, ..self }
    }

    /// Where the request goes.
    pub fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// Path and query, if they name nothing.
    pub fn constant(&self) -> Option<&str> {
        self.constant.as_deref()
    }

    /// What it names, in order; a name may come more than once.
    pub fn references(&self) -> impl Iterator<Item = &Reference> {
        let placeholders = self.placeholders_in_path().chain(self.placeholders_in_query());
        placeholders.map(|placeholder| &placeholder.reference)
    }

    /// What the query table names, in order; it comes behind what the URL itself names.
    pub fn references_in_table(&self) -> impl Iterator<Item = &Reference> {
        let of_table = self.parameters.iter().skip(self.own_parameters);
        of_table.flat_map(|parameter| holes(parameter)).map(|placeholder| &placeholder.reference)
    }

    /// The placeholders in its path, in order.
    pub fn placeholders_in_path(&self) -> impl Iterator<Item = &Placeholder> {
        self.path.iter().flat_map(|part| match part {
            PathPart::Fixed(_) => holes(&[]),
            PathPart::Segment(pieces) => holes(pieces),
        })
    }

    /// The placeholders in its query, in order.
    pub fn placeholders_in_query(&self) -> impl Iterator<Item = &Placeholder> {
        self.parameters.iter().flat_map(|parameter| holes(parameter))
    }

    /// The placeholders whose values could be taken for syntax within their segment, or within the
    /// name or the value of their parameter, in order.
    pub fn injection_risks(&self) -> Vec<InjectionRisk> {
        let mut found = Vec::new();
        let mut add = |place: &TextPlace, risks: Vec<(&Placeholder, RiskReason)>| {
            found.extend(risks.into_iter().map(|(placeholder, reason)| InjectionRisk {
                place: place.clone(),
                placeholder: placeholder.clone(),
                reason,
            }));
        };
        for part in &self.path {
            let PathPart::Segment(segment) = part else { continue };
            let segment = decoded_pieces(segment);
            let is_syntax = is_syntax_of_paths(&segment);
            let mut of_segment = risks(&segment);
            of_segment.retain(|(_, reason)| is_syntax || *reason != RiskReason::NoEscape);
            add(&TextPlace::Url, of_segment);
        }
        for (index, parameter) in self.parameters.iter().enumerate() {
            let [name, value] = name_and_value(parameter).map(|pieces| decoded_pieces(&pieces));
            let place = if index < self.own_parameters {
                TextPlace::Url
            } else {
                TextPlace::Query(written(&name))
            };
            for text in [name, value] {
                add(&place, risks(&text));
            }
        }
        found
    }

    /// Path and query (the request target in origin form, RFC 9112 section 3.2.1). It begins with
    /// `/` and is ASCII. A query parameter that names a missing input is left out.
    ///
    /// # Errors
    /// In the path: [`RenderError::Missing`], [`RenderError::EmptySegment`] and
    /// [`RenderError::DotSegment`]. In the query: [`RenderError::Missing`] for another source's value.
    /// In both: [`RenderError::Refused`].
    pub fn render(&self, values: &Values<'_>) -> Result<Cow<'_, str>, RenderError> {
        if let Some(constant) = &self.constant {
            return Ok(Cow::Borrowed(constant));
        }
        let mut out = String::with_capacity(self.room);
        for part in &self.path {
            match part {
                PathPart::Fixed(text) => out.push_str(text),
                PathPart::Segment(pieces) => push_segment(&mut out, pieces, values)?,
            }
        }
        let mut separator = '?';
        for parameter in &self.parameters {
            let before = out.len();
            out.push(separator);
            if push_parameter(&mut out, parameter, values)? {
                separator = '&';
            } else {
                out.truncate(before);
            }
        }
        Ok(Cow::Owned(out))
    }
}

/// Endpoint and placeholders only: fixed text may hold a secret.
impl fmt::Debug for UrlTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "UrlTemplate({}) ", self.endpoint)?;
        let placeholders = self.placeholders_in_path().chain(self.placeholders_in_query());
        f.debug_list().entries(placeholders).finish()
    }
}

fn push_segment(
    out: &mut String,
    pieces: &[Piece],
    values: &Values<'_>,
) -> Result<(), RenderError> {
    let start = out.len();
    let mut last = None;
    for piece in pieces {
        match piece {
            Piece::Fixed(text) => out.push_str(text),
            Piece::Hole(placeholder) => {
                let text = values.text(placeholder)?;
                if matches!(text.as_ref(), "." | "..") {
                    return Err(RenderError::DotSegment(placeholder.reference.clone()));
                }
                push_value(out, &text);
                last = Some(&placeholder.reference);
            }
        }
    }
    // Values and fixed text may make together what none of them is alone.
    let segment = out.get(start..).unwrap_or_default();
    match last {
        Some(reference) if segment.is_empty() => Err(RenderError::EmptySegment(reference.clone())),
        Some(reference) if is_dots(segment) => Err(RenderError::DotSegment(reference.clone())),
        _ => Ok(()),
    }
}

/// `.` or `..`, an encoded dot being a dot (RFC 3986 section 6.2.2.2).
fn is_dots(segment: &str) -> bool {
    segment.len() <= 6 && {
        let decoded = segment.replace("%2e", ".").replace("%2E", ".");
        decoded == "." || decoded == ".."
    }
}

/// `false` if an input is missing; the caller then takes back what was written.
fn push_parameter(
    out: &mut String,
    pieces: &[Piece],
    values: &Values<'_>,
) -> Result<bool, RenderError> {
    for piece in pieces {
        match piece {
            Piece::Fixed(text) => out.push_str(text),
            Piece::Hole(placeholder) => match values.optional_text(placeholder)? {
                Some(text) => push_value(out, &text),
                None => return Ok(false),
            },
        }
    }
    Ok(true)
}

/// The path's segments, those without placeholders joined again. An absent path is `/`.
fn path_parts(path: Vec<Piece>) -> Vec<PathPart> {
    let mut parts = Vec::new();
    let mut fixed = String::new();
    // What stands before the first slash is empty: the host ended there.
    for mut segment in split(path, '/').into_iter().skip(1) {
        fixed.push('/');
        encode_fixed(&mut segment, url_text);
        if let Some(text) = constant(&segment) {
            fixed.push_str(&text);
        } else {
            parts.push(PathPart::Fixed(std::mem::take(&mut fixed)));
            parts.push(PathPart::Segment(segment));
        }
    }
    if parts.is_empty() && fixed.is_empty() {
        fixed.push('/');
    }
    parts.push(PathPart::Fixed(fixed));
    parts
}

fn table_parameter(name: &str, value: &str) -> Result<Vec<Piece>, TemplateError> {
    if name.is_empty() {
        return Err(TemplateError::EmptyParameterName);
    }
    // A value that has slipped into the name is left out.
    let shown = name.split(['=', ':', ' ']).next().unwrap_or_default();
    let place = |error: TemplateError| error.at(format!("query parameter {shown:?}"));
    let mut parameter = parse(name).map_err(place)?;
    encode_fixed(&mut parameter, table_text);
    let mut value = parse(value).map_err(place)?;
    encode_fixed(&mut value, table_text);
    parameter.push(Piece::Fixed("=".to_owned()));
    parameter.extend(value);
    Ok(parameter)
}
