//! The crate's files.

use std::fs;
use std::path::{Path, PathBuf};

/// A file of `src/`.
pub struct SourceFile {
    /// From the crate's root, with slashes.
    pub path: String,
    /// `src/api/problem.rs` is `["api", "problem"]`; `mod.rs` is its folder.
    pub module: Vec<String>,
    pub text: String,
}

/// All files of `src/`.
pub fn sources() -> Vec<SourceFile> {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut files = Vec::new();
    rust_files(&src, &mut files);
    assert!(files.len() > 100, "the sources were found: {}", files.len());
    files.sort();
    let read = |file: PathBuf| SourceFile {
        path: format!("src/{}", file.strip_prefix(&src).expect("below src").display()),
        module: module_of(&file, &src),
        text: fs::read_to_string(&file).expect("text"),
    };
    files.into_iter().map(read).collect()
}

fn rust_files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("the sources are there") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            rust_files(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn module_of(file: &Path, src: &Path) -> Vec<String> {
    let relative = file.strip_prefix(src).expect("below src").with_extension("");
    let parts = relative.components().map(|part| part.as_os_str().to_string_lossy().into_owned());
    parts.filter(|part| part != "mod").collect()
}
