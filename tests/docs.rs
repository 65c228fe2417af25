//! What the documentation shows is what there is, and its pages lead to each other.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use tributary::export::openapi::{self, Service};
use tributary::model::inputs::Inputs;
use tributary::model::reply::outcome::Outcome;
use tributary::model::template::escape::Escape;
use tributary::settings::Settings;

const START: &str = include_str!("../docs/start.md");
const GUIDE: &str = include_str!("../docs/guide-configuration.md");
const REPLY: &str = include_str!("../docs/reply.md");
const STYLE: &str = include_str!("../docs/STYLE.md");
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
fn the_program_prints_the_schema_and_the_reference_that_are_shipped() {
    for (what, file) in
        [("config-schema", "config/schema.json"), ("config-reference", "docs/configuration.md")]
    {
        let output = Command::new(env!("CARGO_BIN_EXE_tributary")).args(["export", what]).output();
        let output = output.expect("the program was built");
        let shipped = std::fs::read_to_string(root().join(file)).unwrap();
        assert!(output.status.success(), "{output:?}");
        assert_eq!(
            String::from_utf8_lossy(&output.stdout).trim_end(),
            shipped.trim_end(),
            "{file}"
        );
    }
}

#[test]
fn every_shipped_configuration_names_the_schema_for_editors() {
    for file in ["config/default.toml", "config/examples/analytics.toml"] {
        let text = std::fs::read_to_string(root().join(file)).unwrap();
        let schema = text.lines().next().and_then(|line| line.strip_prefix("#:schema "));
        let schema = schema.unwrap_or_else(|| panic!("{file} names none"));
        assert!(root().join(file).parent().unwrap().join(schema).exists(), "{file}: {schema}");
    }
}

#[test]
fn the_first_steps_show_the_example_as_it_is() {
    assert!(START.contains(EXAMPLE), "docs/start.md and docs/example/three-sources.toml differ");
}

#[test]
fn every_escape_is_documented() {
    let rows: Vec<&str> = ESCAPES.lines().filter(|line| line.starts_with("| `")).collect();
    for escape in Escape::ALL.map(Escape::name) {
        let name = format!("`{escape}`");
        let in_first_cell =
            |row: &&str| row.split('|').nth(1).is_some_and(|cell| cell.contains(&name));
        assert!(rows.iter().any(in_first_cell), "docs/escapes.md does not have {escape}");
        assert!(GUIDE.contains(&name), "docs/guide-configuration.md does not have {escape}");
    }
}

#[test]
fn the_readme_and_the_glossary_stay_short() {
    for (page, most) in [("README.md", 220), ("docs/glossary.md", 40)] {
        let lines = read(Path::new(page)).lines().count();
        assert!(lines <= most, "{page} has {lines} lines, of {most} that it may have");
    }
}

#[test]
fn every_link_of_a_page_leads_somewhere() {
    let pages = pages();
    let mut dead = Vec::new();
    for (page, text) in &pages {
        for link in links(text) {
            let (file, anchor) = link.split_once('#').unwrap_or((link, ""));
            let target = if file.is_empty() { page.clone() } else { beside(page, file) };
            // Only pages have anchors, and only ours are looked into.
            let leads = match pages.get(&target) {
                Some(text) => anchor.is_empty() || anchors(text).contains(anchor),
                None => anchor.is_empty() && root().join(&target).exists(),
            };
            if !leads {
                dead.push(format!("{} links to {link}", page.display()));
            }
        }
    }
    assert!(dead.is_empty(), "\n{}\n", dead.join("\n"));
}

#[test]
fn every_page_can_be_reached_from_the_readme() {
    let pages = pages();
    let mut reached = BTreeSet::new();
    let mut ahead = vec![PathBuf::from("README.md")];
    while let Some(page) = ahead.pop() {
        if let Some(text) = pages.get(&page)
            && reached.insert(page.clone())
        {
            let files = links(text).into_iter().filter_map(|link| link.split('#').next());
            ahead.extend(files.map(|file| beside(&page, file)));
        }
    }
    let lost: Vec<_> = pages.keys().filter(|page| !reached.contains(*page)).collect();
    assert!(lost.is_empty(), "no link leads to {lost:?}");
}

#[test]
fn every_piece_of_configuration_that_is_shown_is_right() {
    let folder = TempDir::new().expect("a temporary folder");
    let (file, shipped) = (folder.path().join("shown.toml"), root().join("config/default.toml"));
    let mut shown = 0;
    for (page, text) in pages() {
        for block in toml_blocks(&text) {
            std::fs::write(&file, whole(&block)).expect("a temporary file");
            let alone = Settings::load(std::slice::from_ref(&file), secrets(["CRM__SECRET"]));
            // Most are a part of something larger, for which the shipped configuration stands in.
            let on_top = Settings::load(
                &[shipped.clone(), file.clone()],
                secrets(["GENESYS__CLIENT_ID", "GENESYS__CLIENT_SECRET"]),
            );
            if let (Err(_), Err(problems)) = (alone, on_top) {
                let problems = problems.to_string();
                // Files that only a server has.
                let lines = problems.lines().filter(|line| line.starts_with("  "));
                let wrong: Vec<_> = lines.filter(|line| !line.contains("/run/secrets/")).collect();
                assert!(wrong.is_empty(), "{}:\n{block}\n{problems}", page.display());
            }
            shown += 1;
        }
    }
    assert!(shown > 10, "{shown}");
}

#[test]
fn the_configuration_of_the_readme_is_a_whole_one_and_not_warned_of() {
    let blocks = toml_blocks(&read(Path::new("README.md")));
    let settings =
        Settings::from_toml(&blocks[0], "README.md").unwrap_or_else(|all| panic!("{all}"));
    assert_eq!((settings.actions.len(), settings.warnings), (1, vec![]));
}

/// Variables with the secrets of credentials.
fn secrets<const N: usize>(keys: [&str; N]) -> impl Iterator<Item = (String, String)> {
    keys.map(|key| (format!("TRIBUTARY__CREDENTIALS__{key}"), "x".to_owned())).into_iter()
}

#[test]
fn every_rule_of_the_style_says_what_keeps_it() {
    let rules: Vec<&str> = STYLE.split("\n## ").skip(1).collect();
    assert!(rules.len() > 10, "{}", rules.len());
    for rule in rules {
        let (_, kept_by) = rule.split_once("\nKept by: ").unwrap_or_else(|| panic!("{rule}"));
        for named in kept_by.split('`').skip(1).step_by(2).filter(|name| name.contains('/')) {
            let (file, test) = named.split_once("::").unwrap_or((named, ""));
            assert!(root().join(file).exists(), "docs/STYLE.md names {file}");
            assert!(test.is_empty() || is_test(&read(Path::new(file)), test), "{named}");
        }
    }
}

/// The pages of the documentation and their texts, by their paths from the root.
fn pages() -> BTreeMap<PathBuf, String> {
    let mut files = vec![root().join("benches/README.md")];
    for folder in [root().to_owned(), root().join("docs")] {
        let entries = std::fs::read_dir(folder).expect("a folder").flatten();
        files.extend(entries.map(|entry| entry.path()));
    }
    files.retain(|file| file.extension().is_some_and(|end| end == "md"));
    let names = files.iter().map(|file| file.strip_prefix(root()).expect("below the root"));
    names.map(|name| (name.to_owned(), read(name))).collect()
}

/// The text without its blocks of code.
fn prose(text: &str) -> String {
    let mut in_code = false;
    let lines = text.lines().filter(|line| {
        let is_fence = line.trim_start().starts_with("```");
        in_code ^= is_fence;
        !in_code && !is_fence
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The targets of a page's links within the repository.
fn links(text: &str) -> Vec<&str> {
    let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.starts_with("https://")).collect()
}

/// The path from the root of a file that a page names.
fn beside(page: &Path, file: &str) -> PathBuf {
    let mut path = page.parent().unwrap_or(Path::new("")).to_owned();
    for part in Path::new(file).components() {
        match part {
            Component::ParentDir => _ = path.pop(),
            part => path.push(part),
        }
    }
    path
}

/// What GitHub makes of a page's headings: small letters, no punctuation, `-` for each space.
fn anchors(text: &str) -> BTreeSet<String> {
    let prose = prose(text);
    let headings = prose.lines().filter(|line| line.starts_with('#'));
    let kept = |c: &char| c.is_alphanumeric() || " -_".contains(*c);
    let anchor = |line: &str| -> String {
        let heading = line.trim_start_matches('#').trim().to_lowercase();
        heading.chars().filter(kept).map(|c| if c == ' ' { '-' } else { c }).collect()
    };
    headings.map(anchor).collect()
}

#[test]
fn an_anchor_is_what_github_makes_of_a_heading() {
    let text = "# One\n```sh\n# no heading\n```\n## Sources that need another's answer\n";
    let expected = ["one", "sources-that-need-anothers-answer"].map(str::to_owned);
    assert_eq!(anchors(text), BTreeSet::from(expected));
    assert_eq!(beside(Path::new("docs/a.md"), "../deny.toml"), Path::new("deny.toml"));
}

/// The blocks of TOML of a page, without what indents them.
fn toml_blocks(text: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if line.trim_start() == "```toml" {
            let block: Vec<_> = lines.by_ref().take_while(|line| line.trim() != "```").collect();
            blocks.push(block.join("\n"));
        }
    }
    blocks
}

/// The block in its table: one that begins with a key is of some source.
fn whole(block: &str) -> String {
    let first =
        block.lines().map(str::trim).find(|line| !line.is_empty() && !line.starts_with('#'));
    match first {
        Some(line) if !line.starts_with('[') => {
            format!("[sources.shown]\nurl = \"https://api.example.com/\"\n{block}")
        }
        _ => block.to_owned(),
    }
}

fn read(name: &Path) -> String {
    let text = std::fs::read_to_string(root().join(name));
    text.unwrap_or_else(|error| panic!("{}: {error}", name.display()))
}

#[test]
fn the_table_of_outcomes_is_that_of_the_program() {
    let rows = REPLY.lines().filter(|line| line.starts_with("| `"));
    let cells = rows.map(|row| row.split('|').map(str::trim).skip(1).take(2).collect::<Vec<_>>());
    let told: Vec<(String, String)> = cells
        .map(|cells| (cells[0].trim_matches('`').to_owned(), cells[1].to_owned()))
        .filter(|(word, _)| Outcome::ALL.iter().any(|outcome| outcome.as_str() == word))
        .collect();
    let there = Outcome::ALL
        .map(|outcome| (outcome.as_str().to_owned(), outcome.default_status().to_string()));
    assert_eq!(told, there);
}

#[test]
fn every_source_file_that_the_architecture_names_is_there() {
    let mut files = Vec::new();
    list(&root().join("src"), &mut files);
    list(&root().join("tests"), &mut files);
    let outside_of_pictures = ARCHITECTURE.split("```").step_by(2).collect::<String>();
    let in_backticks: Vec<_> = outside_of_pictures.split('`').skip(1).step_by(2).collect();
    let named = |name: &&str| Path::new(name).extension().is_some_and(|end| end == "rs");
    let named: Vec<_> = in_backticks.iter().copied().filter(named).collect();
    assert!(!named.is_empty());
    for name in named {
        assert!(files.iter().any(|file| file.ends_with(name)), "ARCHITECTURE.md names {name}");
    }
    let tests = in_backticks.iter().filter_map(|name| name.split_once(".rs::"));
    let tests: Vec<_> = tests.filter(|(file, _)| file.starts_with("tests/")).collect();
    assert!(tests.len() > 5, "{tests:?}");
    for (file, name) in tests {
        let text = read(&Path::new(file).with_extension("rs"));
        assert!(is_test(&text, name), "ARCHITECTURE.md names {file}.rs::{name}");
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
    // An attribute may be of several lines; an item before it ends with a brace or an empty line.
    let is_before = |line: &&&str| !line.is_empty() && !line.ends_with('}');
    let before = at.map(|at| lines[..at].iter().rev().take_while(is_before));
    let is_mark = |line: &str| line.starts_with("#[") && line.contains("test");
    before.is_some_and(|mut lines| lines.any(|line| is_mark(line)))
}

#[test]
fn only_a_function_below_an_attribute_counts_as_a_test() {
    let text = "#[test]\nfn one() {}\n\n#[tokio::test(start_paused = true)]\nasync fn two() {}\n\
                #[test]\n#[expect(x)]\nfn three() {}\n#[test]\n#[expect(\nx\n)]\nfn four() {}\n\
                /// No test.\nfn helper() {}\n";
    for name in ["one", "two", "three", "four"] {
        assert!(is_test(text, name), "{name}");
    }
    for name in ["helper", "on", "five"] {
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
