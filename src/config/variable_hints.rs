//! Warns of environment variables that look as if they were read, and are not.

use crate::config::report::Report;
use crate::config::toml_value::ENVIRONMENT;

/// Begins with our name, and is ours without two underscores.
const READ_OTHERWISE: [&str; 1] = ["TRIBUTARY_CONFIG"];

/// What other programs connect through.
const PROXIES: [&str; 3] = ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"];

/// Warns of them; the values are of no matter, and may be secrets. `sections` are the tables of the
/// configuration.
pub(crate) fn check(environment: &[(String, String)], sections: &[&str], report: &Report) {
    let mut names: Vec<&str> = environment
        .iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(name, _)| name.as_str())
        .collect();
    names.sort_unstable();
    for name in names {
        if let Some(meant) = meant(name, sections) {
            let text = format!(
                "is not read: two underscores stand between the parts of a key, as in {meant}"
            );
            report.warn(ENVIRONMENT, name, &text);
        } else if PROXIES.iter().any(|known| name.eq_ignore_ascii_case(known)) {
            let text = "is not used: upstreams are connected to without a proxy";
            report.warn(ENVIRONMENT, name, text);
        }
    }
}

/// The name of a variable with single underscores where double ones are meant.
fn meant(name: &str, sections: &[&str]) -> Option<String> {
    if READ_OTHERWISE.contains(&name) {
        return None;
    }
    let rest = name.strip_prefix("TRIBUTARY_").filter(|rest| !rest.starts_with('_'))?;
    let section = sections.iter().map(|section| section.to_uppercase());
    let section = section.into_iter().find(|section| rest.starts_with(section.as_str()))?;
    let key = rest.strip_prefix(section.as_str())?.trim_start_matches('_');
    (!key.is_empty()).then(|| format!("TRIBUTARY__{section}__{key}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn warned(names: &[&str]) -> Vec<String> {
        let report = Report::default();
        let environment: Vec<_> =
            names.iter().map(|name| ((*name).to_owned(), "secret-7".to_owned())).collect();
        check(&environment, &["server", "sources"], &report);
        report.take_warnings().iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_variable_with_single_underscores_is_warned_of_with_what_is_meant() {
        let told = warned(&["TRIBUTARY_SERVER_LISTEN", "TRIBUTARY_SOURCES__CRM__TIMEOUT"]);
        assert_eq!(told.len(), 2, "{told:?}");
        assert!(told[0].starts_with("environment: TRIBUTARY_SERVER_LISTEN: is not read"));
        assert!(told[0].ends_with("TRIBUTARY__SERVER__LISTEN"), "{told:?}");
        assert!(told[1].ends_with("TRIBUTARY__SOURCES__CRM__TIMEOUT"), "{told:?}");
    }

    #[test]
    fn a_proxy_is_warned_of_and_what_is_read_or_none_of_ours_is_not() {
        let told = warned(&["https_proxy", "HTTP_PROXY"]);
        assert!(
            told.len() == 2 && told.iter().all(|line| line.contains("is not used")),
            "{told:?}"
        );
        let none: [String; 0] = [];
        for name in
            ["TRIBUTARY_CONFIG", "TRIBUTARY__SERVER__LISTEN", "TRIBUTARY_VERSION", "NO_PROXY"]
        {
            assert_eq!(warned(&[name]), none, "{name}");
        }
    }
}
