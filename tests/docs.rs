//! What the documentation shows is what there is.

use std::path::{Path, PathBuf};

use tributary::domain::escape::Escape;
use tributary::domain::inputs::Inputs;
use tributary::export::openapi::{self, Service};
use tributary::settings::Settings;

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../docs/example/three-sources.toml");
const ESCAPES: &str = include_str!("../docs/escapes.md");
const ARCHITECTURE: &str = include_str!("../docs/ARCHITECTURE.md");
const SECURITY: &str = include_str!("../docs/security.md");
const DOCKERFILE: &str = include_str!("../Dockerfile");

#[test]
fn the_example_with_its_secret_is_a_valid_configuration() {
    let secret = ("TRIBUTARY__CREDENTIALS__CRM__SECRET".to_owned(), "crm-secret".to_owned());
    let file = root().join("docs/example/three-sources.toml");
    let settings = Settings::load(&[file], [secret].into_iter()).unwrap();
    assert_eq!((settings.sources.len(), settings.warnings), (3, vec![]));
}

#[test]
fn every_shipped_configuration_is_right_with_the_variables_that_it_names_and_not_warned_of() {
    for file in configurations() {
        let text = std::fs::read_to_string(&file).unwrap();
        let exports = text
            .lines()
            .filter_map(|line| line.trim_start_matches('#').trim().strip_prefix("export "));
        let variables =
            exports.filter_map(|line| Some((line.split_once('=')?.0.to_owned(), "x".to_owned())));
        let settings = Settings::load(std::slice::from_ref(&file), variables);
        let settings = settings.unwrap_or_else(|all| panic!("{}: {all}", file.display()));
        assert_eq!(settings.warnings, [], "{}", file.display());
    }
}

/// Every configuration that somebody may begin with.
fn configurations() -> Vec<PathBuf> {
    let mut files = Vec::new();
    for folder in ["config", "docs"] {
        list(&root().join(folder), &mut files);
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "toml"));
    assert!(files.len() >= 3, "{files:?}");
    files
}

#[test]
fn every_shipped_action_takes_its_example_in_the_document() {
    let mut files = vec![root().join("config/default.toml")];
    list(&root().join("config/examples"), &mut files);
    for file in files {
        // What every one of them needs from the environment.
        let variables = ["CLIENT_ID", "CLIENT_SECRET"]
            .map(|key| (format!("TRIBUTARY__CREDENTIALS__GENESYS__{key}"), "x".to_owned()));
        let settings = Settings::load(std::slice::from_ref(&file), variables.into_iter()).unwrap();
        let document = openapi::document(Service {
            actions: &settings.actions,
            sources: &settings.sources,
            asks_for_key: false,
            url: None,
        });
        for action in &settings.actions {
            let body =
                &document["paths"][format!("/v1/actions/{}", action.id)]["post"]["requestBody"];
            let example = body["content"]["application/json"]["example"].as_object();
            let example = example.unwrap_or_else(|| panic!("{}: {}", file.display(), action.id));
            let inputs = Inputs::from_object(example, &action.inputs);
            assert!(inputs.is_ok(), "{}: {}", file.display(), inputs.unwrap_err());
        }
    }
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    assert!(README.contains(EXAMPLE), "README.md and docs/example/three-sources.toml differ");
}

#[test]
fn every_escape_is_documented() {
    let rows = |document: &'static str| document.lines().filter(|line| line.starts_with("| `"));
    for escape in Escape::ALL.map(Escape::name) {
        let name = format!("`{escape}`");
        let first_cell = |row: &str| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name));
        assert!(rows(README).any(first_cell), "README.md does not have {escape}");
        assert!(rows(ESCAPES).any(first_cell), "docs/escapes.md does not have {escape}");
    }
}

#[test]
fn every_file_that_the_readme_links_to_is_there() {
    let targets = README.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    let targets = targets.filter(|target| !target.starts_with("https://"));
    let files = targets.filter_map(|target| target.split('#').next());
    let files: Vec<_> = files.filter(|file| !file.is_empty()).collect();
    assert!(!files.is_empty());
    for file in files {
        assert!(root().join(file).exists(), "README.md links to {file}");
    }
}

#[test]
fn every_source_file_that_the_architecture_names_is_there() {
    let mut files = Vec::new();
    list(&root().join("src"), &mut files);
    let in_backticks = ARCHITECTURE.split('`').skip(1).step_by(2);
    let named: Vec<_> = in_backticks
        .filter(|name| Path::new(name).extension().is_some_and(|end| end == "rs"))
        .collect();
    assert!(!named.is_empty());
    for name in named {
        assert!(files.iter().any(|file| file.ends_with(name)), "ARCHITECTURE.md names {name}");
    }
}

#[test]
fn every_promise_of_the_threat_model_names_tests_that_are_there() {
    // What stands in a comment of it is not promised.
    let shown: String = SECURITY
        .split("<!--")
        .map(|part| part.split_once("-->").map_or(part, |(_, shown)| shown))
        .collect();
    let rows =
        shown.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| promise"));
    let promises: Vec<_> = rows.filter(|row| !row.starts_with("| ---")).collect();
    assert!(promises.len() > 30, "{promises:#?}");
    for promise in promises {
        let (_, held_by) =
            promise.trim_end_matches([' ', '|']).rsplit_once('|').expect("two columns");
        let tests: Vec<_> = held_by.split('`').skip(1).step_by(2).collect();
        assert!(!tests.is_empty(), "no test holds: {promise}");
        for test in tests {
            let (file, name) = test.split_once("::").unwrap_or_else(|| panic!("{test}"));
            let text = std::fs::read_to_string(root().join(file));
            let text = text.unwrap_or_else(|error| panic!("{file}: {error}"));
            assert!(is_test(&text, name), "docs/security.md names {test}");
        }
    }
}

/// Whether the text of a file has a test of this name: a function below an attribute.
fn is_test(text: &str, name: &str) -> bool {
    let function = format!("fn {name}(");
    let lines: Vec<&str> = text.lines().map(str::trim).collect();
    let at = lines.iter().position(|line| line.contains(&function));
    let before = at.map(|at| lines[..at].iter().rev().take_while(|line| line.starts_with("#[")));
    before.is_some_and(|mut attributes| attributes.any(|line| line.contains("test")))
}

#[test]
fn only_a_function_below_an_attribute_counts_as_a_test() {
    let text = "#[test]\nfn one() {}\n\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n\
                #[test]\n#[expect(x)]\nfn three() {}\nfn helper() {}\n";
    for name in ["one", "two", "three"] {
        assert!(is_test(text, name), "{name}");
    }
    for name in ["helper", "on", "four"] {
        assert!(!is_test(text, name), "{name}");
    }
}

#[test]
fn the_image_says_which_version_it_has() {
    let version = concat!("image.version=\"", env!("CARGO_PKG_VERSION"), "\"");
    assert!(DOCKERFILE.contains(version), "the Dockerfile has no label {version}");
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Adds the files of a folder and of those in it.
fn list(folder: &Path, files: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            list(&path, files);
        } else {
            files.push(path);
        }
    }
}
