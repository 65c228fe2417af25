//! One idea a file, and a folder that one can look over.

use std::collections::BTreeMap;

use crate::sources::{SourceFile, sources};

/// A longer file has a second idea in it, which somebody looks for elsewhere.
const MOST_LINES: usize = 350;
/// A longer list is looked through from top to bottom, and the next file is put anywhere.
const MOST_FILES: usize = 25;

/// The files whose name says nothing but where they stand.
fn is_named_by_its_folder(file: &SourceFile) -> bool {
    ["/mod.rs", "/tests.rs"].iter().any(|name| file.path.ends_with(name))
        || file.path.contains("/tests/")
}

#[test]
fn no_file_has_more_than_350_lines_its_tests_included() {
    let lines = |file: &SourceFile| file.text.lines().count();
    let files = sources();
    let long = files.iter().filter(|file| lines(file) > MOST_LINES);
    let long: Vec<_> = long.map(|file| format!("{}: {}", file.path, lines(file))).collect();
    assert!(long.is_empty(), "take them apart:\n{}", long.join("\n"));
}

#[test]
fn no_folder_has_more_than_25_files() {
    let mut folders: BTreeMap<String, usize> = BTreeMap::new();
    for file in sources() {
        let folder = file.path.rsplit_once('/').map_or("", |(folder, _)| folder);
        *folders.entry(folder.to_owned()).or_default() += 1;
    }
    folders.retain(|_, files| *files > MOST_FILES);
    assert!(folders.is_empty(), "find the ideas in them: {folders:?}");
}

#[test]
fn a_files_name_is_there_once() {
    let mut names: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for file in sources().into_iter().filter(|file| !is_named_by_its_folder(file)) {
        let name = file.path.rsplit('/').next().unwrap_or_default().to_owned();
        names.entry(name).or_default().push(file.path);
    }
    names.retain(|_, files| files.len() > 1);
    let twice: Vec<_> = names.values().map(|files| files.join(" and ")).collect();
    assert!(twice.is_empty(), "in an editor these look alike:\n{}", twice.join("\n"));
}
