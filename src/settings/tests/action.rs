//! `[actions.NAME]` tables: what is refused, at which key and in which words, and what is read.

use super::{BASE, assert_refused, good, problems};

#[test]
#[expect(clippy::too_many_lines, reason = "one table")]
fn rules_of_action_tables() {
    let cases = [
        ("sources = []", "sources", "an empty list"),
        ("sources = 'crm'", "sources", "a list of texts"),
        ("sources = ['crm', 'crm']", "sources", "\"crm\" twice"),
        (
            "sources = ['crm', 'none']",
            "sources",
            "\"none\", which is no source; allowed: one of crm",
        ),
        ("sources = ['crm', 'No']", "sources", "is not an id"),
        ("deadline = '0s'", "deadline", "from 1ms to 10m"),
        ("max_reply = '1GB'", "max_reply", "from 1KiB to 64MiB"),
        ("required = 'crm'", "required", "a list of texts"),
        ("required = ['crm', 'crm']", "required", "\"crm\" twice"),
        ("required = ['erp']", "required", "which the action does not ask; allowed: some of its"),
        ("on_required_failure = 'stop'", "on_required_failure", "\"partial\" or \"fail\""),
        ("on_required_failure = 'fail'", "on_required_failure", "without `required` sources"),
        ("required = []\non_required_failure = 'fail'", "on_required_failure", "a list of sources"),
        ("inputs.orgId = {}", "inputs.orgId", "reserved by Genesys Cloud"),
        ("inputs.1x = {}", "inputs.1x", "is not an input name"),
        ("inputs.ID = {}", "inputs.ID", "differs from `id` in case only"),
        ("inputs.id.type = 'text'", "inputs.id.type", "\"string\" or \"integer\""),
        ("inputs.id.secret = 'hunter2'", "inputs.id.secret", "found a text (not shown)"),
        ("inputs.id.max_length = 0", "inputs.id.max_length", "from 1"),
        ("inputs.id.pattern = '('", "inputs.id.pattern", "unclosed group"),
        ("inputs.n = { type = 'integer', default = 'x' }", "inputs.n.default", "an integer"),
        ("inputs.id.default = 'x'", "inputs.id", "is required and has a default"),
        ("inputs.n = { secret = true, echo = true }", "inputs.n", "is secret and is echoed"),
        ("inputs.n = { typ = 'integer' }", "inputs.n.typ", "did you mean `type`?"),
        (
            "output.x = { path = '', type = 'string' }",
            "output.x.from",
            "one of the action's sources",
        ),
        (
            "output.x = { from = 'erp', path = '', type = 'string' }",
            "output.x.from",
            "\"erp\", which the action does not ask; allowed: some of its sources: crm",
        ),
        ("output.x = { from = 'crm', type = 'string' }", "output.x.path", "a JSON Pointer"),
        (
            "output.x = { from = 'crm', path = 'a', type = 'string' }",
            "output.x.path",
            "begins with",
        ),
        ("output.x = { from = 'crm', path = '$.[', type = 'string' }", "output.x.path", "JSONPath"),
        ("output.x = { from = 'crm', path = '' }", "output.x.type", "\"string[]\""),
        ("output.x = { from = 'crm', path = '', type = 'null' }", "output.x.type", "\"integer\""),
        (
            "output.x = { from = 'crm', path = '', type = 'integer', default = 'x' }",
            "output.x.default",
            "a value of the field's type, integer",
        ),
        (
            "output.x = { from = 'crm', path = '', type = 'string[]', default = [['x']] }",
            "output.x.default",
            "a value of the field's type, string[]",
        ),
        ("output.orgId = { from = 'crm', path = '', type = 'string' }", "output.orgId", "reserved"),
        (
            "output.complete = { from = 'crm', path = '', type = 'string' }",
            "output.complete",
            "taken",
        ),
        (
            "output.crm_status = { from = 'crm', path = '', type = 'string' }",
            "output.crm_status",
            "taken",
        ),
        (
            "inputs.crm_status = { echo = true }\noutput = {}",
            "output",
            "besides the echoed input `crm_status`",
        ),
        ("inputs.complete = { echo = true }", "inputs.complete", "a key of the reply"),
        ("inputs.flow_latency_ms.echo = true", "inputs.flow_latency_ms", "or echo = false"),
    ];
    for (text, key, words) in cases {
        let key = format!("actions.profile.{key}");
        assert_refused(&format!("[actions.profile]\n{text}"), &key, words);
    }
    assert_refused("actions.x.deadline = '1s'", "actions.x.sources", "at least one source");
    let text = "actions.a-b.sources = ['crm']\nactions.a-b.inputs.id = {}";
    assert_refused(text, "actions.a-b", "lower-case letter");
}

#[test]
fn inputs_keep_their_order_and_customer_id_is_echoed_by_default() {
    let more = "inputs.zulu = {}\ninputs.customerId = {}\ninputs.alpha = { type = 'number' }\n";
    let settings = good(&format!("{BASE}{more}"));
    let [action] = settings.actions.as_slice() else { panic!("{settings:?}") };
    let inputs = action.inputs.iter().map(|input| (input.name.as_str(), input.echo));
    let expected = [("id", false), ("zulu", false), ("customerId", true), ("alpha", false)];
    assert_eq!(inputs.collect::<Vec<_>>(), expected);
    assert_eq!((action.deadline.as_secs(), action.max_reply), (3, 2_000_000));
}

#[test]
fn a_secret_customer_id_is_not_echoed_by_default() {
    let settings = good(&format!("{BASE}inputs.customerId = {{ secret = true }}"));
    let inputs: Vec<_> = settings.actions.iter().flat_map(|action| &action.inputs).collect();
    assert!(inputs.len() == 2 && inputs.iter().all(|input| !input.echo));
}

#[test]
fn an_action_need_not_declare_the_inputs_of_a_source_that_it_does_not_use() {
    let text = "[sources.other]\nurl = 'https://h/{unknown}'";
    assert_eq!(good(&format!("{text}{BASE}")).sources.len(), 2);
}

#[test]
fn a_source_with_a_mistake_of_its_own_is_not_also_a_missing_one() {
    let found = problems(&BASE.replace("https://crm", "crm"));
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["sources.crm.url"]);
}

#[test]
fn without_sources_and_actions_there_is_nothing_to_do() {
    let found = problems("");
    let keys: Vec<_> = found.iter().map(|problem| problem.key.as_str()).collect();
    assert_eq!(keys, ["sources", "actions"]);
    assert!(found.iter().all(|problem| problem.file == "t.toml"));
}

#[test]
fn a_default_must_be_fit_for_the_places_where_the_sources_put_it() {
    let text = |places: &str, default: &str| {
        format!(
            "sources.crm.url = 'https://crm.example/{places}\nactions.profile.sources = ['crm']\n\
             actions.profile.inputs.v.default = {default}\n"
        )
    };
    let key = "actions.profile.inputs.v.default";
    let (in_path, in_header) = ("{v}'", "'\nsources.crm.headers.X-V = '{v}'");
    for (places, default, words) in [
        (in_path, "'..'", "must not be `.` or `..`"),
        (in_header, "'ü'", "must be ASCII"),
        (in_header, "\"a\\nb\"", "must not have control characters"),
    ] {
        let problems = problems(&text(places, default));
        let [problem] = problems.as_slice() else { panic!("{problems:?}") };
        let shown = problem.to_string();
        assert!(shown.contains(key) && shown.contains(words), "{shown}");
    }
    good(&text(in_path, "'ü'"));
    good(&text(in_header, "'..'"));
}
