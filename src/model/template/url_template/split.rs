//! Takes a URL apart at what is syntax in its fixed text; placeholders are left whole.

use crate::model::template::text_template::Piece;
use crate::model::template::{Endpoint, Scheme, TemplateError};

/// Takes scheme, host and port off the front.
pub(super) fn split_endpoint(pieces: Vec<Piece>) -> Result<(Endpoint, Vec<Piece>), TemplateError> {
    let mut pieces = pieces.into_iter();
    let Some(Piece::Fixed(first)) = pieces.next() else {
        return Err(TemplateError::NotAbsolute);
    };
    let (scheme, after) = first.split_once("://").ok_or(TemplateError::NotAbsolute)?;
    let scheme = Scheme::of(scheme).ok_or(TemplateError::NotAbsolute)?;
    let end = after.find(['/', '?', '#']);
    if end.is_none() && pieces.len() > 0 {
        return Err(TemplateError::PlaceholderInAuthority);
    }
    let (authority, path) = after.split_at(end.unwrap_or(after.len()));
    let endpoint = Endpoint::try_new(scheme, authority).map_err(|error| {
        // Not repeated: it may be the beginning of a password with a `/` in it.
        let problem = "host cannot be read, and there is an `@` behind it: user and password do not \
                       belong in a URL";
        if path.contains('@') { TemplateError::Authority { problem: problem.to_owned() } } else { error }
    })?;
    let mut rest = vec![Piece::Fixed(path.to_owned())];
    rest.extend(pieces);
    Ok((endpoint, rest))
}

/// Whether there is a `#` outside of the placeholders.
pub(super) fn has_fragment(pieces: &[Piece]) -> bool {
    pieces.iter().any(|piece| match piece {
        Piece::Fixed(text) => text.contains('#'),
        Piece::Hole(_) => false,
    })
}

/// What stands before and behind the first `?`.
pub(super) fn split_query(pieces: Vec<Piece>) -> (Vec<Piece>, Vec<Piece>) {
    let (mut path, mut query) = (Vec::new(), Vec::new());
    let mut in_query = false;
    for piece in pieces {
        match piece {
            Piece::Fixed(text) if !in_query => match text.split_once('?') {
                Some((before, after)) => {
                    in_query = true;
                    path.push(Piece::Fixed(before.to_owned()));
                    query.push(Piece::Fixed(after.to_owned()));
                }
                None => path.push(Piece::Fixed(text)),
            },
            piece if in_query => query.push(piece),
            piece => path.push(piece),
        }
    }
    (path, query)
}

/// Splits fixed text at a separator; a placeholder stays with the text around it.
pub(super) fn split(pieces: Vec<Piece>, separator: char) -> Vec<Vec<Piece>> {
    let mut done = Vec::new();
    let mut current = Vec::new();
    for piece in pieces {
        match piece {
            Piece::Hole(_) => current.push(piece),
            Piece::Fixed(text) => {
                for (index, part) in text.split(separator).enumerate() {
                    if index > 0 {
                        done.push(std::mem::take(&mut current));
                    }
                    if !part.is_empty() {
                        current.push(Piece::Fixed(part.to_owned()));
                    }
                }
            }
        }
    }
    done.push(current);
    done
}
