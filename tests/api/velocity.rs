//! The exported request template, rendered by Apache Velocity as Genesys Cloud does it.

use std::io::Write as _;
use std::process::{Command, Stdio};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use tributary::export::data_action;

use crate::harness::{TestApp, settings};

const CLASS_PATH: &str = "/usr/share/java/velocity.jar:/usr/share/java/commons-lang.jar:\
                          /usr/share/java/commons-collections3.jar";
const NEEDED: &str = "java and Apache Velocity are needed \
                      (Debian: apt-get install default-jdk-headless velocity)";
const INPUTS: &str = "[actions.customer_profile.inputs]\n\
                      limit = { type = 'integer', echo = true }\n\
                      flag = { type = 'boolean', echo = true }\nnote-1 = { echo = true }";

/// What the template comes to with each of these objects of inputs.
fn render(template: &str, cases: &[Value]) -> Vec<String> {
    let program = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/velocity/Render.java");
    let mut java = Command::new("java")
        .args(["-cp", CLASS_PATH, program])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect(NEEDED);
    let mut stdin = java.stdin.take().expect("piped");
    for case in cases {
        let mut line = STANDARD.encode(template);
        for (name, value) in case.as_object().expect("an object") {
            let (name, value) = match value {
                Value::String(text) => (name.clone(), text.clone()),
                other => (format!("#{name}"), other.to_string()),
            };
            line = format!("{line} {} {}", STANDARD.encode(name), STANDARD.encode(value));
        }
        writeln!(stdin, "{line}").expect(NEEDED);
    }
    drop(stdin);
    let output = java.wait_with_output().expect("it ends");
    assert!(output.status.success(), "{NEEDED}");
    let lines = String::from_utf8(output.stdout).expect("Base64");
    let decode = |line| String::from_utf8(STANDARD.decode(line).expect("Base64")).expect("UTF-8");
    lines.lines().map(decode).collect()
}

#[test]
fn hostile_inputs_arrive_as_they_are_and_unset_ones_as_missing() {
    let app = TestApp::start_with(INPUTS);
    let settings = settings(&app.sim, INPUTS);
    let action = settings.actions.iter().find(|action| action.id.as_str() == "customer_profile");
    let file = data_action::file(action.expect("it is there"), "https://tributary.example.com");
    let template = file["config"]["request"]["requestTemplate"].as_str().expect("a template");
    let notes = [
        "plain",
        r#"", "customerId": "c-2"#,
        r"back\slash \u0041 \",
        "line\nbreak\ttab\u{1}",
        "Bäckerei 株式会社 😀",
        "$esc.jsonString(${input.customerId}) $!{x}",
        "#set($input.customerId = 'x') #if(true)y#end ## comment",
        "${input.limit}x",
        "</script>{{}}",
    ];
    let mut cases: Vec<Value> = notes
        .iter()
        .map(|note| {
            json!({"customerId": "c-1", "externalApiKey": "k", "note-1": note,
                   "limit": -5, "flag": false})
        })
        .collect();
    cases.push(json!({"customerId": "c-1", "externalApiKey": "k"}));
    let rendered = render(template, &cases);
    assert_eq!(rendered.len(), cases.len());
    for (case, body) in cases.iter().zip(&rendered) {
        let reply = app.post_with("/v1/actions/customer_profile", &[], body.as_bytes());
        assert_eq!(reply.status, 200, "{body}: {}", reply.text());
        let reply = reply.json();
        assert_eq!(reply["customerId"], "c-1", "{body}");
        for name in ["note-1", "limit", "flag"] {
            assert_eq!(reply.get(name), case.get(name), "{name} of {body}");
        }
    }
}

#[test]
fn a_required_input_that_a_flow_did_not_set_is_told_as_missing() {
    let app = TestApp::start();
    let settings = settings(&app.sim, "");
    let action = settings.actions.first().expect("one action");
    let file = data_action::file(action, "https://tributary.example.com");
    let template = file["config"]["request"]["requestTemplate"].as_str().expect("a template");
    let rendered = render(template, &[json!({"externalApiKey": "k"})]);
    let path = format!("/v1/actions/{}", action.id);
    let reply = app.post_with(&path, &[], rendered[0].as_bytes());
    assert_eq!(reply.status, 400, "{}: {}", rendered[0], reply.text());
    assert_eq!(reply.json()["errors"][0]["input"], "customerId");
}
