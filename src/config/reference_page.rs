//! The page of all keys, from their sections.

use std::fmt::{self, Write};

use crate::config::key::{Absent, AnyKey, Change};
use crate::config::layers::variable;
use crate::config::section::{Section, Shape};
use crate::config::shown::Shown;

/// The version that every key is from that says no other.
const FIRST_VERSION: &str = "0.1";

/// A page in Markdown: a table of keys for each section.
pub fn page(title: &str, root: &'static Section) -> String {
    let mut out = String::new();
    // Writing to a `String` cannot fail.
    let _ = write_page(&mut out, title, root);
    out
}

fn write_page(out: &mut String, title: &str, root: &'static Section) -> fmt::Result {
    writeln!(out, "# {title}\n\n{}\n", root.help)?;
    writeln!(out, "A key is there since version {FIRST_VERSION}, unless it says otherwise.")?;
    let mut result = Ok(());
    for section in root.sections {
        section.visit("", &mut |path, section| {
            result = result.and_then(|()| write_section(out, path, section));
        });
    }
    result
}

fn write_section(out: &mut String, path: &str, section: &Section) -> fmt::Result {
    let header = match section.shape {
        Shape::List => format!("[[{path}]]"),
        Shape::Table | Shape::Named(_) => format!("[{path}]"),
    };
    let restart = if section.change == Change::AtRestart { " *restart*" } else { "" };
    writeln!(out, "\n## `{header}`\n\n{}{restart}\n", section.help)?;
    match section.shape {
        Shape::List => writeln!(out, "A list of tables stays in files.\n")?,
        Shape::Table | Shape::Named(_) => {
            let variable = variable(&format!("{path}.KEY"));
            writeln!(out, "From the environment: `{variable}`.\n")?;
        }
    }
    write_keys(out, &section.common_keys().collect::<Vec<_>>())?;
    for kind in section.kinds {
        let name = section.kind_key(kind).map_or("kind", AnyKey::name);
        writeln!(out, "\n### `{name} = \"{}\"`\n\n{}\n", kind.word, kind.help)?;
        write_keys(out, kind.keys)?;
    }
    Ok(())
}

fn write_keys(out: &mut String, keys: &[&dyn AnyKey]) -> fmt::Result {
    if keys.is_empty() {
        return writeln!(out, "It has no further keys.");
    }
    writeln!(out, "| key | what it is | allowed | default |\n| --- | --- | --- | --- |")?;
    for key in keys {
        let cells = [format!("`{}`", key.name()), what(*key), key.allowed().into(), default(*key)];
        writeln!(out, "| {} |", cells.map(|cell| cell.replace('|', "\\|")).join(" | "))?;
    }
    Ok(())
}

/// What the key is, and what is special about it.
fn what(key: &dyn AnyKey) -> String {
    let about = key.about();
    let mut parts = vec![about.help.to_owned()];
    if about.shown == Shown::Secret {
        parts.push("*secret*".to_owned());
    }
    if about.change == Change::AtRestart {
        parts.push("*restart*".to_owned());
    }
    if about.since != FIRST_VERSION {
        parts.push(format!("Since {}.", about.since));
    }
    if let Some(rename) = about.was {
        parts.push(format!("Before {} it was called `{}`.", rename.version, rename.old));
    }
    parts.join(" ")
}

fn default(key: &dyn AnyKey) -> String {
    match key.absent() {
        Absent::Is(text) => format!("`{text}`"),
        Absent::Derived(words) => words.to_owned(),
        Absent::Nothing => "none".to_owned(),
        Absent::Required(_) => "must be there".to_owned(),
        Absent::Unless(others) => format!("this or {others} must be there"),
    }
}
