//! Reads the paths out of Rust source text, as far as that goes without a compiler.

use std::collections::BTreeSet;

/// A word or a sign of Rust source text, without comments, strings and white space.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Token {
    Word(String),
    Sign(char),
    /// `::`
    Path,
}

/// Splits source text into tokens.
fn tokens(source: &str) -> Vec<Token> {
    let chars: Vec<char> = source.chars().collect();
    let at = |index: usize| chars.get(index).copied().unwrap_or('\0');
    let mut found = Vec::new();
    let mut i = 0;
    while i < chars.len() {
        let c = at(i);
        if c == '/' && at(i + 1) == '/' {
            while i < chars.len() && at(i) != '\n' {
                i += 1;
            }
        } else if c == '/' && at(i + 1) == '*' {
            i = end_of_comment(&chars, i);
        } else if let Some(end) = end_of_raw_string(&chars, i) {
            i = end;
        } else if c == '"' {
            i += 1;
            while i < chars.len() && at(i) != '"' {
                i += if at(i) == '\\' { 2 } else { 1 };
            }
            i += 1;
        } else if c == '\'' {
            // A character, or a lifetime, which has no closing quote.
            if at(i + 1) == '\\' {
                i += 3;
                while i < chars.len() && at(i) != '\'' {
                    i += 1;
                }
                i += 1;
            } else {
                i += if at(i + 2) == '\'' { 3 } else { 1 };
            }
        } else if c.is_alphanumeric() || c == '_' {
            let start = i;
            while at(i).is_alphanumeric() || at(i) == '_' {
                i += 1;
            }
            found.push(Token::Word(chars[start..i].iter().collect()));
        } else if c == ':' && at(i + 1) == ':' {
            found.push(Token::Path);
            i += 2;
        } else {
            if !c.is_whitespace() {
                found.push(Token::Sign(c));
            }
            i += 1;
        }
    }
    found
}

/// Behind a block comment, which may hold others.
fn end_of_comment(chars: &[char], start: usize) -> usize {
    let (mut depth, mut i) = (0_usize, start);
    while i < chars.len() {
        match (chars[i], chars.get(i + 1)) {
            ('/', Some('*')) => (depth, i) = (depth + 1, i + 2),
            ('*', Some('/')) => (depth, i) = (depth - 1, i + 2),
            _ => i += 1,
        }
        if depth == 0 {
            break;
        }
    }
    i
}

/// Behind a raw string (`r"…"`, `br#"…"#`), if one begins here.
fn end_of_raw_string(chars: &[char], start: usize) -> Option<usize> {
    let within_word = start > 0 && (chars[start - 1].is_alphanumeric() || chars[start - 1] == '_');
    let mut i = start + usize::from(chars[start] == 'b');
    if within_word || chars.get(i) != Some(&'r') {
        return None;
    }
    i += 1;
    let hashes = chars[i..].iter().take_while(|c| **c == '#').count();
    i += hashes;
    if chars.get(i) != Some(&'"') {
        return None;
    }
    loop {
        i += 1;
        let closes = *chars.get(i)? == '"';
        let after = chars.get(i + 1..i + 1 + hashes).unwrap_or_default();
        if closes && after.len() == hashes && after.iter().all(|c| *c == '#') {
            return Some(i + 1 + hashes);
        }
    }
}

/// Every path in the text, groups in braces taken apart: `use a::{b, c::d};` gives `a::b` and
/// `a::c::d`. Paths of one word are left out unless they stand in a group or after `use`.
pub fn paths(source: &str) -> BTreeSet<String> {
    let tokens = tokens(source);
    let mut found = BTreeSet::new();
    let mut i = 0;
    while i < tokens.len() {
        let follows_path = i > 0 && tokens[i - 1] == Token::Path;
        match &tokens[i] {
            Token::Word(word) if word == "use" => i += 1,
            Token::Word(_) if !follows_path => i = path(&tokens, i, "", &mut found),
            Token::Word(_) | Token::Sign(_) | Token::Path => i += 1,
        }
    }
    found
}

/// Takes the path that begins at `i` below `prefix`; returns where it ends.
fn path(tokens: &[Token], mut i: usize, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    let mut path = prefix.to_owned();
    loop {
        match tokens.get(i) {
            Some(Token::Word(word)) => {
                if !path.is_empty() {
                    path.push_str("::");
                }
                path.push_str(word);
                i += 1;
                if tokens.get(i) != Some(&Token::Path) {
                    break;
                }
                i += 1;
            }
            Some(Token::Sign('{')) if !path.is_empty() => {
                return group(tokens, i + 1, &path, found);
            }
            // A glob takes everything; `::<T>` ends the path.
            _ => break,
        }
    }
    found.insert(path);
    i
}

/// Takes the paths of a group that has been opened below `prefix`; returns where it ends.
fn group(tokens: &[Token], mut i: usize, prefix: &str, found: &mut BTreeSet<String>) -> usize {
    while let Some(token) = tokens.get(i) {
        match token {
            Token::Sign('}') => return i + 1,
            Token::Word(word) if word == "as" => i += 2,
            Token::Word(_) => i = path(tokens, i, prefix, found),
            Token::Sign(_) | Token::Path => i += 1,
        }
    }
    i
}

/// The paths as seen from the crate: `super` and `self` resolved for a module such as
/// `api::problem`. A path that begins otherwise is left as it is.
pub fn absolute(path: &str, module: &[&str]) -> String {
    let mut parts: Vec<&str> = path.split("::").collect();
    let mut base: Vec<&str> = match parts[0] {
        "crate" | "tributary" => Vec::new(),
        "self" => module.to_vec(),
        "super" => module[..module.len().saturating_sub(1)].to_vec(),
        _ => return path.to_owned(),
    };
    parts.remove(0);
    while parts.first() == Some(&"super") {
        base.pop();
        parts.remove(0);
    }
    ["crate"].into_iter().chain(base).chain(parts).collect::<Vec<_>>().join("::")
}
