//! `tributary call`, the real program against simulated upstreams.
#![expect(clippy::disallowed_methods, reason = "real processes take real time")]

mod program;

use std::process::{Command, Output, Stdio};
use std::time::Duration;

use serde_json::{Value, json};
use tempfile::TempDir;
use tributary::simulator::{Behaviour, Options, Reply, Simulator};

use program::{configuration, path, program, text, write};

/// Upstreams, and a configuration that uses them.
struct Setup {
    sim: Simulator,
    folder: TempDir,
}

impl Setup {
    fn new(more: &str) -> Self {
        let sim = Simulator::start(Options::default()).expect("loopback has ports");
        let folder = TempDir::new().expect("a temporary folder");
        // Ports that belong to nobody: a call takes none of the configured ones.
        let shipped = configuration(&sim, 1, 2);
        write(&folder, "tributary.toml", &shipped);
        write(&folder, "more.toml", more);
        Self { sim, folder }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = program(&["call"]);
        for file in ["tributary.toml", "more.toml"] {
            command.args(["--config", path(&self.folder.path().join(file))]);
        }
        command.args(arguments);
        command
    }

    fn call(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().expect("the program was built")
    }

    /// The status, and the document of `--json`.
    fn document(&self, arguments: &[&str]) -> (i32, Value) {
        let output = self.call(&[arguments, &["--json"]].concat());
        let told = text(&output.stdout);
        let document = serde_json::from_str(&told).unwrap_or_else(|_| panic!("{output:?}"));
        assert_eq!(told.lines().count(), 1, "{told}");
        (status(&output), document)
    }
}

fn status(output: &Output) -> i32 {
    output.status.code().unwrap_or_else(|| panic!("ended by a signal: {output:?}"))
}

const PROFILE: [&str; 3] = ["customer_profile", "customerId=c-1", "externalApiKey=key-1"];

#[test]
fn a_whole_aggregate_comes_with_its_waterfall_and_status_0() {
    let setup = Setup::new("");
    // The token is asked for at the start: it must not be there before the call.
    setup.sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_millis(100)));
    let output = setup.call(&PROFILE);
    let told = text(&output.stdout);
    assert_eq!(status(&output), 0, "{told}{}", text(&output.stderr));
    assert!(told.starts_with("{\n  \"customerId\": \"c-1\",\n  \"complete\": true,"), "{told}");
    let (_, waterfall) = told.split_once("Where the time went (request call-").expect("one");
    for source in ["genesys", "crm", "orders"] {
        assert!(waterfall.lines().any(|line| line.starts_with(source)), "{source}: {waterfall}");
    }
    assert!(waterfall.contains("wait for token"), "{waterfall}");
    assert!(waterfall.contains("deadline 3000 ms"), "{waterfall}");
    assert!(waterfall.contains(" took longest: "), "{waterfall}");
    assert!(!told.contains('\x1b'), "no colours but in a terminal: {told}");
    let note = text(&output.stderr);
    assert!(note.starts_with("externalApiKey is secret, "), "{note}");
    assert!(!note.contains("key-1") && !told.contains("key-1"), "{note}{told}");
}

#[test]
fn a_part_has_status_1_and_says_what_was_done() {
    let setup = Setup::new("[sources.orders.retry]\nbase = '1ms'\ncap = '2ms'");
    setup.sim.orders().set_behaviour(Behaviour::status(503));
    setup.sim.crm().set_behaviour(Behaviour::Hang);
    let output = setup.call(&[&PROFILE[..], &["--timeout", "700ms"]].concat());
    let told = text(&output.stdout);
    assert_eq!(status(&output), 1, "{told}{}", text(&output.stderr));
    for part in [
        "crm took longest: ",
        "crm: attempt 1 failed (no reply); given up at the deadline: no reply within ",
        "orders: attempt 1 failed (503), sent again after ",
        "the reply has null instead.",
    ] {
        assert!(told.contains(part), "{part} is not in\n{told}");
    }
    assert!(told.contains("deadline 700 ms"), "{told}");
    assert!(told.lines().any(|line| line.starts_with("crm ") && line.contains('┃')), "{told}");
}

#[test]
fn the_document_has_the_aggregate_as_it_came_and_where_the_time_went() {
    let setup = Setup::new("");
    setup.sim.oauth().set_behaviour(Behaviour::Delay(Duration::from_millis(100)));
    setup.sim.users().set_behaviour(Behaviour::Reply(
        tributary::simulator::Reply::status(200)
            .with_body(r#"{"id":12345678901234567890123,"n":1.00}"#),
    ));
    let output = setup.call(&[&PROFILE[..], &["--json"]].concat());
    let told = text(&output.stdout);
    assert_eq!(status(&output), 0, "{told}");
    assert!(told.contains(r#"{"id":12345678901234567890123,"n":1.00}"#), "{told}");
    let document: Value = serde_json::from_str(&told).expect("JSON");
    assert_eq!(document["status"], 200);
    assert_eq!(document["complete"], true);
    assert_eq!(document["problem"], Value::Null);
    assert_eq!(document["aggregate"]["sources"]["crm"]["outcome"], "ok");
    let record = &document["record"];
    assert_eq!(record["action"], "customer_profile");
    assert_eq!(record["sources"][0]["source"], "genesys");
    let spans = record["sources"][0]["spans"].as_array().expect("a list");
    let kinds: Vec<&str> = spans.iter().filter_map(|span| span["kind"].as_str()).collect();
    for kind in ["token", "connect", "attempt"] {
        assert!(kinds.contains(&kind), "{kind}: {kinds:?}");
    }
    for span in spans {
        assert!(span["start_ms"].as_f64() <= span["end_ms"].as_f64(), "{span}");
        assert!(span["end_ms"].as_f64() <= record["latency_ms"].as_f64(), "{span}");
    }
}

#[test]
fn a_failed_action_has_status_5_and_the_problem_with_its_aggregate() {
    let setup =
        Setup::new("[actions.customer_profile]\nrequired = ['crm']\non_required_failure = 'fail'");
    setup.sim.crm().set_behaviour(Behaviour::status(403));
    let (status, document) = setup.document(&PROFILE);
    assert_eq!(status, 5, "{document}");
    assert_eq!(document["status"], 502);
    assert_eq!(document["complete"], Value::Null);
    assert_eq!(document["aggregate"], Value::Null);
    assert_eq!(document["problem"]["aggregate"]["sources"]["crm"]["outcome"], "rejected");
    assert_eq!(document["record"]["sources"][1]["outcome"], "rejected");
}

#[test]
fn all_that_is_wrong_with_the_inputs_is_told_at_once_and_nothing_is_asked() {
    let setup = Setup::new("");
    let words = ["customer_profile", "timestamp_ms=soon", "customerid=c-1", "externalApiKey"];
    let output = setup.call(&words);
    assert_eq!(status(&output), 3);
    let takes = "customerId (string, required), externalApiKey (string, required), \
                 timestamp_ms (integer)";
    let expected = format!(
        "some inputs are missing or not as they should be:\n  \
         customerid is no input of this action; it takes {takes}\n  \
         externalApiKey has no value; write externalApiKey=VALUE or externalApiKey@env=VARIABLE\n  \
         customerId is required\n  \
         timestamp_ms must be an integer, got a string\n"
    );
    assert_eq!(text(&output.stderr), expected);
    assert!(output.stdout.is_empty());

    let (code, document) = setup.document(&[
        "customer_profile",
        "customerId=a",
        "customerId=b",
        "externalApiKey@env=NO_SUCH",
    ]);
    assert_eq!(code, 3);
    assert_eq!((&document["status"], &document["record"]), (&json!(400), &Value::Null));
    let errors = json!([
        {"input": "customerId", "problem": "is given twice"},
        {"input": "externalApiKey",
         "problem": "is to come from a variable that the environment does not have"},
    ]);
    assert_eq!(document["problem"]["errors"], errors);
    assert_eq!(setup.sim.users().hits() + setup.sim.crm().hits() + setup.sim.oauth().hits(), 0);
}

#[test]
fn an_unknown_action_has_status_4_and_those_that_there_are() {
    let setup = Setup::new("");
    let output = setup.call(&["customer_profil", "customerId=c-1"]);
    assert_eq!(status(&output), 4);
    assert_eq!(
        text(&output.stderr),
        "there is no action `customer_profil`; there are customer_profile, customer_card\n"
    );
    let (code, document) = setup.document(&["nothing"]);
    assert_eq!(code, 4);
    let known = json!(["customer_profile", "customer_card"]);
    assert_eq!(document["problem"]["known_actions"], known);
}

#[test]
fn values_are_sent_as_their_types_and_secrets_come_from_the_environment() {
    let setup = Setup::new(
        r#"
[sources.orders]
json = { id = "{customerId}", when = "{timestamp_ms}", share = "{share}", all = "{all}" }
[actions.customer_profile.inputs]
share = { type = "number" }
all = { type = "boolean" }
[actions.customer_card.inputs]
timestamp_ms = { type = "integer" }
share = { type = "number" }
all = { type = "boolean" }
"#,
    );
    let mut command = setup.command(&[
        "customer_profile",
        "customerId=007=b@c",
        "externalApiKey@env=CRM_KEY",
        "timestamp_ms=1700000000000",
        "share=0.5",
        "all=true",
    ]);
    let output = command.env("CRM_KEY", "s3cret").output().expect("the program was built");
    assert_eq!(status(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    assert_eq!(text(&output.stderr), "");
    let sent = setup.sim.orders().last_received().expect("a request");
    let sent_json = sent.json().expect("JSON");
    let expected =
        json!({"id": "007=b@c", "when": 1_700_000_000_000_i64, "share": 0.5, "all": true});
    for (name, value) in expected.as_object().expect("an object") {
        assert_eq!(&sent_json[name], value, "{name}: {sent_json}");
    }
    assert_eq!(sent.header("authorization"), Some("Bearer s3cret"));
}

#[test]
fn a_call_uses_the_first_key_and_neither_the_configured_port_nor_its_certificates() {
    let certificates = TempDir::new().expect("a temporary folder");
    let own = rcgen::generate_simple_self_signed(["tributary.example.com".to_owned()]).unwrap();
    let certificate = write(&certificates, "own.pem", &own.cert.pem());
    let key = write(&certificates, "own.key", &own.signing_key.serialize_pem());
    let (certificate, key) = (path(&certificate), path(&key));
    let setup = Setup::new(&format!(
        "[server]\nlisten = '203.0.113.1:8080'\n\
         tls = {{ certificate_file = '{certificate}', key_file = '{key}', client_ca_file = '{certificate}' }}\n\
         [[server.api_keys]]\nname = 'a'\nkey = 'first-key-0123456789'"
    ));
    let output = setup.call(&["customer_card", "customerId=c-1", "externalApiKey=k"]);
    let told = text(&output.stdout);
    assert_eq!(status(&output), 0, "{told}{}", text(&output.stderr));
    assert!(told.contains("\"complete\": true"), "{told}");
    assert!(!told.contains("first-key"), "{told}");
}

#[test]
fn a_wrong_configuration_and_a_senseless_time_are_told_apart_from_a_failed_call() {
    let setup = Setup::new("[sources.crm]\ntimeoutt = '1s'");
    let output = setup.call(&PROFILE);
    assert_eq!(status(&output), 78);
    assert!(text(&output.stderr).contains("timeoutt"), "{output:?}");
    let output = Setup::new("").call(&[&PROFILE[..], &["--timeout", "2"]].concat());
    assert_eq!(status(&output), 2);
    assert!(text(&output.stderr).contains("such as \"250ms\""), "{output:?}");
}

#[test]
fn a_reader_that_wants_no_more_is_no_failure() {
    let setup = Setup::new("");
    let mut child = setup
        .command(&PROFILE)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    drop(child.stdout.take());
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(status(&output), 0, "{output:?}");
    assert!(!text(&output.stderr).contains("panicked"), "{output:?}");
}

/// The output in a terminal of this width, with one more variable in the environment.
fn in_a_terminal(setup: &Setup, columns: u16, variable: (&str, &str)) -> String {
    let command = setup.command(&PROFILE);
    let words: Vec<String> = [command.get_program()]
        .into_iter()
        .chain(command.get_args())
        .map(|word| format!("'{}'", word.to_str().expect("UTF-8")))
        .collect();
    let line = format!("stty rows 50 cols {columns} && exec {}", words.join(" "));
    let mut script = Command::new("script");
    script.args(["--quiet", "--return", "--command", &line, "/dev/null"]);
    script.env("TERM", "xterm").env_remove("NO_COLOR").env(variable.0, variable.1);
    let output = script.stdin(Stdio::null()).output().expect("`script`, which Debian always has");
    let told = text(&output.stdout);
    assert!(told.contains("Where the time went"), "{told}");
    told
}

#[test]
fn in_a_terminal_there_are_colours_unless_they_are_not_wanted_and_lines_of_its_width() {
    let setup = Setup::new("");
    setup.sim.crm().set_behaviour(Behaviour::Delay(Duration::from_millis(50)));
    let widest = |told: &str| {
        let lines = told.lines().filter(|line| line.contains('│'));
        lines.map(|line| line.trim_end().chars().count()).max()
    };
    let plain = in_a_terminal(&setup, 80, ("NO_COLOR", "1"));
    assert!(!plain.contains('\x1b'), "{plain}");
    assert!(widest(&plain).is_some_and(|widest| widest <= 80), "{plain}");
    let wide = in_a_terminal(&setup, 150, ("NO_COLOR", "1"));
    assert!(widest(&wide).is_some_and(|widest| (120..=150).contains(&widest)), "{wide}");
    let coloured = in_a_terminal(&setup, 80, ("COLOUR", "yes"));
    assert!(coloured.contains("\x1b[32m"), "{coloured}");
}

#[test]
fn what_upstreams_send_gives_a_terminal_no_instruction() {
    let setup = Setup::new("");
    let hostile = "\u{9b}2J\u{9d}0;x\u{7f}\u{202e}\u{2066}abc";
    // Laid out, as some upstreams do: between the parts, line breaks are no text.
    let body = format!("{{\r\n\t\"name\":\t\"{hostile}\"\r\n}}");
    let reply = Reply::status(200).with_header("content-type", "application/json").with_body(body);
    setup.sim.users().set_behaviour(Behaviour::from(reply));
    let output = setup.call(&PROFILE);
    let (printed, said) = (text(&output.stdout), text(&output.stderr));
    let is_hostile = |c: char| (c.is_control() && c != '\n') || "\u{202e}\u{2066}".contains(c);
    assert!(!printed.contains(is_hostile) && !said.contains(is_hostile), "{printed}{said}");
    assert!(printed.contains("\\u009b2J\\u009d0;x\\u007f\\u202e\\u2066abc"), "{printed}");
    // The document for scripts is escaped too, and the same JSON; `document` checks its one line.
    let (_, document) = setup.document(&PROFILE);
    assert_eq!(document["aggregate"]["sources"]["genesys"]["data"]["name"], hostile);
    let printed = text(&setup.call(&[&PROFILE[..], &["--json"]].concat()).stdout);
    assert!(!printed.contains(is_hostile), "{printed}");
}

#[test]
fn a_word_that_is_no_input_is_not_repeated() {
    let setup = Setup::new("");
    for words in [
        &["customer_profile", "hunter2"][..],
        &["customer_profile", "hunter2=="],
        &["customer_profile", "X-API-Key: hunter2"],
        &["customer_profile", "externalApiKey@env=hunter2"],
        &["customer_profile", "hunter2@env=X"],
        &["externalApiKey=hunter2", "customerId=c-1"],
    ] {
        let output = setup.call(words);
        let code = if words[0] == "customer_profile" { 3 } else { 4 };
        assert_eq!(status(&output), code, "{words:?}");
        let said = text(&output.stderr);
        assert!(!said.contains("hunter2"), "{said}");
        let printed = text(&setup.call(&[words, &["--json"]].concat()).stdout);
        assert!(!printed.contains("hunter2") && !printed.is_empty(), "{printed}");
    }
    let said = text(&setup.call(&["customer_profile", "customerId=a", "hunter2"]).stderr);
    assert!(said.contains("the input number 2 is no input of this action"), "{said}");
}
