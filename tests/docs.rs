//! What the documentation shows is what there is.

use tributary::settings::Settings;

const README: &str = include_str!("../README.md");
const EXAMPLE: &str = include_str!("../docs/example/three-sources.toml");

#[test]
fn the_example_with_its_secret_is_a_valid_configuration() {
    let secret = ("TRIBUTARY__CREDENTIALS__CRM__SECRET".to_owned(), "crm-secret".to_owned());
    let file = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/example/three-sources.toml");
    let settings = Settings::load(&[file.into()], [secret].into_iter()).unwrap();
    assert_eq!(settings.sources.len(), 3);
}

#[test]
fn the_readme_shows_the_example_as_it_is() {
    assert!(README.contains(EXAMPLE), "README.md and docs/example/three-sources.toml differ");
}

#[test]
fn every_file_that_the_documentation_links_to_is_there() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let architecture = include_str!("../docs/ARCHITECTURE.md");
    for (text, folder) in [(README, root.to_path_buf()), (architecture, root.join("docs"))] {
        let targets = text.split("](").skip(1).filter_map(|rest| rest.split(')').next());
        let targets = targets.filter(|target| !target.starts_with("https://"));
        let files = targets.filter_map(|target| target.split('#').next());
        let files: Vec<_> = files.filter(|file| !file.is_empty()).collect();
        assert!(!files.is_empty());
        for file in files {
            assert!(folder.join(file).exists(), "{file} in {}", folder.display());
        }
    }
}
