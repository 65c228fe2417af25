//! What `deploy/` has for Prometheus and Grafana fits what the service measures.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use regex::Regex;
use serde_json::{Value, json};
use tempfile::TempDir;
use tributary::model::reply::outcome::{Outcome, Quality};
use tributary::simulator::Behaviour;

use crate::checks::at_once;
use crate::harness::{TestApp, eventually};

const DASHBOARD: &str = include_str!("../../deploy/grafana-dashboard.json");
const ALERTS: &str = include_str!("../../deploy/prometheus-alerts.yml");
/// What Prometheus adds to each series, or reads out of a histogram.
const LABELS_OF_PROMETHEUS: [&str; 2] = ["job", "le"];

/// `/metrics` of a service in which everything has happened that is measured.
fn everything_measured() -> String {
    let app = TestApp::start_with(
        "[sources.orders.retry]\nbase = '1ms'\ncap = '2ms'\n\
         [sources.crm.rate_limit]\nrequests = 1\nper = '300ms'\nburst = 1\nmax_wait = '2s'",
    );
    let large = json!({"name": 5, "pad": "x".repeat(300_000)});
    app.sim.users().set_behaviour(Behaviour::json(200, &large));
    app.sim.orders().script([Behaviour::status(503)]);
    // Of two at once, one has to wait for the rate limit.
    at_once(2, |number| app.profile(&format!("c-{number}")));
    app.post("/v1/actions/customer_card", &json!({"customerId": "c", "externalApiKey": "k"}));
    app.next_fetches_panic(1, "crm");
    let mut text = String::new();
    eventually("a restart is counted", || {
        app.profile("c-3");
        text = app.admin_get("/metrics").text();
        text.contains(r#"tributary_actor_restarts_total{actor="source crm"} 1"#)
    });
    text
}

fn dashboard() -> Value {
    serde_json::from_str(DASHBOARD).expect("JSON")
}

fn panels(dashboard: &Value) -> &Vec<Value> {
    dashboard["panels"].as_array().expect("a list")
}

/// Every expression of the dashboard's panels, with values for the dashboard's variables.
fn expressions(dashboard: &Value) -> Vec<String> {
    let targets = panels(dashboard).iter().filter_map(|panel| panel["targets"].as_array());
    let filled = |target: &Value| {
        let text = target["expr"].as_str().expect("an expression");
        let text = text.replace("$__rate_interval", "5m");
        ["job", "action", "source"]
            .iter()
            .fold(text, |text, name| text.replace(&format!("${name}"), ".*"))
    };
    targets.flatten().map(filled).collect()
}

/// What the variables look for, such as `label_values(tributary_build_info, job)`.
fn variable_queries(dashboard: &Value) -> Vec<String> {
    let variables = dashboard["templating"]["list"].as_array().expect("a list").iter();
    let queries = variables.filter_map(|variable| variable["query"]["query"].as_str());
    queries.map(str::to_owned).collect()
}

fn names_in(text: &str) -> BTreeSet<String> {
    let name = Regex::new(r"\b(?:tributary|http_server)_[a-z_]+").expect("a pattern");
    name.find_iter(text).map(|found| found.as_str().to_owned()).collect()
}

/// The names and the labels of the series.
fn exposed(metrics: &str) -> (BTreeSet<String>, BTreeSet<String>) {
    let series = metrics.lines().filter(|line| !line.starts_with('#'));
    let names = series.filter_map(|line| line.split(['{', ' ']).next()).map(str::to_owned);
    let label = Regex::new(r#"[{,]([a-z_]+)=""#).expect("a pattern");
    let labels = label.captures_iter(metrics).map(|found| found[1].to_owned());
    (names.collect(), labels.collect())
}

/// The labels that an expression or a variable's query chooses or groups by.
fn labels_in(text: &str) -> BTreeSet<String> {
    let chosen = Regex::new(r#"[{ ]([a-z_]+)\s*(?:=~|!~|!=|=)""#).expect("a pattern");
    let grouped = Regex::new(r"\bby \(([a-z_, ]+)\)").expect("a pattern");
    let chosen = chosen.captures_iter(text).map(|found| found[1].to_owned());
    let grouped = grouped.captures_iter(text).flat_map(|found| {
        found[1].split(',').map(|label| label.trim().to_owned()).collect::<Vec<_>>()
    });
    chosen.chain(grouped).collect()
}

#[test]
fn the_dashboard_and_the_alerts_ask_for_what_is_measured_and_leave_nothing_out() {
    let dashboard = dashboard();
    let (exposed_names, exposed_labels) = exposed(&everything_measured());
    let asked = [expressions(&dashboard), variable_queries(&dashboard)].concat();
    assert!(asked.len() > 25, "{asked:?}");
    let asked: Vec<String> = asked.into_iter().chain([ALERTS.to_owned()]).collect();
    let mut used = BTreeSet::new();
    for text in &asked {
        for name in names_in(text) {
            assert!(exposed_names.contains(&name), "{name} is not measured: {text}");
            used.insert(family(&name).to_owned());
        }
        for label in labels_in(text) {
            let known =
                exposed_labels.contains(&label) || LABELS_OF_PROMETHEUS.contains(&label.as_str());
            assert!(known, "no metric has the label {label}: {text}");
        }
    }
    let unused: Vec<&String> =
        exposed_names.iter().filter(|name| !used.contains(family(name))).collect();
    assert!(unused.is_empty(), "on no panel: {unused:?}");
}

#[test]
fn the_alert_for_failing_sources_counts_what_is_no_answer_at_all() {
    let of_use = Outcome::ALL.into_iter().filter(|outcome| outcome.quality() != Quality::Bad);
    let words: Vec<&str> = of_use.map(Outcome::as_str).collect();
    let chosen = format!(r#"outcome!~"{}""#, words.join("|"));
    assert!(ALERTS.contains(&chosen), "no alert has {chosen}");
}

#[test]
fn the_documents_table_has_every_metric_and_no_other() {
    let operating = include_str!("../../docs/operating.md");
    let rows = operating.lines().filter(|line| line.starts_with("| `") && line.contains('_'));
    let named: BTreeSet<String> = rows.flat_map(names_in).collect();
    let named: BTreeSet<&str> = named.iter().map(|name| family(name)).collect();
    let metrics = everything_measured();
    let (exposed, _) = exposed(&metrics);
    let exposed: BTreeSet<&str> = exposed.iter().map(|name| family(name)).collect();
    assert_eq!(named, exposed);
}

/// A histogram's name without what its three kinds of series add.
fn family(name: &str) -> &str {
    ["_bucket", "_sum", "_count"].iter().find_map(|end| name.strip_suffix(end)).unwrap_or(name)
}

#[test]
fn prometheus_can_read_every_expression_of_the_dashboard() {
    let rules = expressions(&dashboard()).into_iter().enumerate().map(
        |(number, expr)| json!({"record": format!("dashboard:expression:{number}"), "expr": expr}),
    );
    let rules: Vec<Value> = rules.collect();
    // JSON is YAML.
    let file = json!({"groups": [{"name": "dashboard", "rules": rules}]}).to_string();
    let folder = TempDir::new().expect("a temporary folder");
    promtool(&folder, &[("rules.yml", &file)], &["check", "rules", "rules.yml"]);
}

#[test]
fn the_alerts_fire_when_they_should_and_not_before() {
    let folder = TempDir::new().expect("a temporary folder");
    let files =
        [("prometheus-alerts.yml", ALERTS), ("alerts_test.yml", include_str!("alerts_test.yml"))];
    promtool(&folder, &files, &["check", "rules", "prometheus-alerts.yml"]);
    promtool(&folder, &files, &["test", "rules", "alerts_test.yml"]);
}

/// Runs promtool on these files; it has to be content.
#[track_caller]
fn promtool(folder: &TempDir, files: &[(&str, &str)], arguments: &[&str]) {
    for (name, text) in files {
        let path: PathBuf = folder.path().join(name);
        std::fs::write(path, text).expect("a temporary file");
    }
    let run = Command::new("promtool").args(arguments).current_dir::<&Path>(folder.path()).output();
    let output = run.expect("promtool is needed (Debian: apt-get install prometheus)");
    let said = [output.stdout, output.stderr].concat();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&said));
}

#[test]
fn panels_have_ids_of_their_own_and_do_not_cover_each_other() {
    let dashboard = dashboard();
    let mut ids = BTreeSet::new();
    let mut covered = BTreeSet::new();
    for panel in panels(&dashboard) {
        let title = &panel["title"];
        assert!(ids.insert(panel["id"].as_u64()), "{title}: its id is another's as well");
        let side = |name: &str| panel["gridPos"][name].as_u64().expect("a number");
        assert!(side("x") + side("w") <= 24, "{title} is beyond the grid of 24 columns");
        for x in side("x")..side("x") + side("w") {
            for y in side("y")..side("y") + side("h") {
                assert!(covered.insert((x, y)), "{title} covers another panel");
            }
        }
    }
}
