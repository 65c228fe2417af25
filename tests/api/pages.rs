//! Sources whose answer comes in pages: all of it in one aggregate, or what came and where to go on.

use std::time::Duration;

use serde_json::{Value, json};
use tributary::simulator::{Behaviour, Options, Received, Reply, Simulator};

use crate::checks::assert_others_whole;
use crate::client;
use crate::harness::{PROFILE, TestApp, assert_between, eventually};

/// The orders system with so many orders, in pages of 5.
fn orders(total: usize, more: &str) -> TestApp {
    let app = TestApp::start_with(&format!(
        "[sources.orders]\nretry = {{ max_attempts = 1 }}\n[sources.orders.paging]\n\
         kind = \"cursor\"\nitems = \"/results\"\nnext = \"/nextCursor\"\n\
         send_as = \"json:cursor\"\n{more}"
    ));
    app.sim.orders_settings().set_total(total);
    app
}

/// The CRM in the place of any API with pages by GET.
fn crm(paging: &str) -> TestApp {
    let config =
        "[sources.crm]\nretry = { max_attempts = 1 }\n[sources.crm.paging]\nitems = \"/items\"\n";
    TestApp::start_with(&format!("{config}{paging}"))
}

const BY_QUERY: &str = "kind = \"cursor\"\nnext = \"/next\"\nsend_as = \"query:after\"";

fn page(items: &Value, next: &Value) -> Behaviour {
    Behaviour::json(200, &json!({"items": items, "next": next}))
}

/// The one source's part, the others being whole.
#[track_caller]
fn part(reply: &client::Reply, source: &str, outcome: &str) -> Value {
    assert_others_whole(reply, source);
    let part = reply.source(source);
    assert_eq!(part["outcome"], outcome, "{part}");
    part
}

fn count(part: &Value) -> usize {
    part["data"]["items"].as_array().expect("a list").len()
}

#[test]
fn a_cursor_in_the_body_leads_through_all_pages() {
    let app = orders(12, "");
    let part = part(&app.profile("c-1"), "orders", "ok");
    assert_eq!((count(&part), &part["status"]), (12, &json!(200)));
    assert_eq!(part["attempts"], 3);
    let mut ids: Vec<_> = part["data"]["items"]
        .as_array()
        .expect("a list")
        .iter()
        .map(|o| o["id"].to_string())
        .collect();
    ids.dedup();
    assert_eq!(ids.len(), 12);
    assert_eq!((&part["data"]["pages"], &part["data"]["next_cursor"]), (&json!(3), &json!(null)));
    assert_eq!(part["data"].as_object().expect("an object").len(), 3);
    let calls = app.sim.orders().received();
    let sent: Vec<_> = calls.iter().filter_map(Received::json).collect();
    assert_eq!(sent[0].get("cursor"), None);
    assert!(sent[1]["cursor"].is_string() && sent[1]["cursor"] != sent[2]["cursor"]);
    assert!(sent.iter().all(|body| body["customerId"] == "c-1" && body["limit"] == 5));
}

#[test]
fn byte_order_marks_and_numbers_of_any_size_are_no_matter() {
    let app = crm(BY_QUERY);
    app.sim.crm().script(
        [r#"{"items": [1e400, -1e999], "next": 1e400}"#, r#"{"items": [ 3.00 ], "next": null}"#]
            .map(|page| Reply::status(200).with_body(format!("\u{feff}{page}"))),
    );
    let reply = app.profile("c-1");
    let data = r#""data":{"items":[1e400,-1e999,3.00],"pages":2,"next_cursor":null}"#;
    assert!(reply.text().contains(data), "{}", reply.text());
    assert!(reply.text().contains("\"complete\":true"), "{}", reply.text());
    let asked: Vec<_> = app.sim.crm().received().iter().map(|call| call.query("after")).collect();
    assert_eq!(asked, [None, Some("1e400".to_owned())]);
}

#[test]
fn a_cursor_in_the_query_is_encoded() {
    let app = crm(BY_QUERY);
    app.sim.crm().script([
        page(&json!([1, 2]), &json!("a&b=c d/ü")),
        page(&json!([3]), &json!(12_345_678_901_234_567_890_u64)),
        page(&json!([]), &json!("")),
    ]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part["data"], json!({"items": [1, 2, 3], "pages": 3, "next_cursor": null}));
    let calls = app.sim.crm().received();
    assert_eq!(calls[0].query("after"), None);
    assert_eq!(calls[1].query("after").as_deref(), Some("a&b=c d/ü"));
    assert_eq!(calls[2].query("after").as_deref(), Some("12345678901234567890"));
    assert!(calls.iter().all(|call| call.query("id").as_deref() == Some("c-1")));
}

#[test]
fn items_come_through_byte_for_byte() {
    let app = crm(BY_QUERY);
    let text = "{\"items\": [ {\"n\" : 1.00}, 12345678901234567890123 ], \"next\": null}";
    app.sim.crm().set_behaviour(Reply::status(200).with_body(text));
    let reply = app.profile("c-1");
    let expected = "\"data\":{\"items\":[{\"n\" : 1.00},12345678901234567890123],\"pages\":1,\"next_cursor\":null}";
    assert!(reply.text().contains(expected), "{}", reply.text());
}

#[test]
fn the_page_cap_leaves_a_cursor_to_go_on_with() {
    let app = orders(30, "max_pages = 2");
    let part = part(&app.profile("c-1"), "orders", "truncated");
    assert_eq!(
        (count(&part), &part["status"], &part["data"]["pages"]),
        (10, &json!(206), &json!(2))
    );
    assert_eq!(part["error"], "stopped after 2 pages (max_pages)");
    assert_eq!(app.sim.orders().hits(), 2);

    // Going on there gives exactly the next order.
    let all = orders(30, "").profile("c-1").source("orders");
    let body = json!({"customerId": "c-1", "limit": 1, "cursor": part["data"]["next_cursor"],
                      "status": ["ACTIVE", "PENDING"]});
    let headers = [("authorization", "Bearer k"), ("content-type", "application/json")];
    let next = client::send(
        app.sim.orders().addr(),
        "POST",
        "/v1/orders",
        &headers,
        body.to_string().as_bytes(),
    )
    .expect("a reply");
    assert_eq!(next.json()["results"][0]["id"], all["data"]["items"][10]["id"]);
}

#[test]
fn the_item_cap_cuts_within_a_page() {
    let app = orders(30, "max_items = 12");
    let part = part(&app.profile("c-1"), "orders", "truncated");
    assert_eq!((count(&part), &part["data"]["pages"]), (12, &json!(3)));
    assert_eq!(part["error"], "stopped at 12 items (max_items)");
    // The cursor of the page that was cut: going on repeats two orders and loses none.
    let asked = app.sim.orders().last_received().and_then(|call| call.json()).expect("JSON");
    assert_eq!(part["data"]["next_cursor"], asked["cursor"]);
}

#[test]
fn an_item_cap_that_is_reached_exactly_asks_for_no_further_page() {
    let app = orders(30, "max_items = 10");
    let part1 = part(&app.profile("c-1"), "orders", "truncated");
    assert_eq!((count(&part1), &part1["data"]["pages"]), (10, &json!(2)));
    assert!(part1["data"]["next_cursor"].is_string());
    assert_eq!(app.sim.orders().hits(), 2);
    // All there is, and not one more than allowed: nothing is cut.
    let app = orders(10, "max_items = 10");
    let part2 = part(&app.profile("c-1"), "orders", "ok");
    assert_eq!(count(&part2), 10);
}

#[test]
fn there_is_a_pause_between_pages() {
    let app = orders(15, "pause = \"150ms\"");
    part(&app.profile("c-1"), "orders", "ok");
    let calls = app.sim.orders().received();
    assert_eq!(calls.len(), 3);
    for pair in calls.windows(2) {
        assert_between(pair[1].at - pair[0].at, 150, 900);
    }
}

#[test]
fn a_later_page_that_fails_keeps_what_came() {
    let app = orders(12, "");
    app.sim.orders().script([Behaviour::Normal, Behaviour::Normal, Behaviour::status(500)]);
    let part = part(&app.profile("c-1"), "orders", "truncated");
    assert_eq!(
        (count(&part), &part["data"]["pages"], &part["status"]),
        (10, &json!(2), &json!(206))
    );
    assert_eq!(part["error"], "page 3: the upstream answered 500");
    let asked = app.sim.orders().last_received().and_then(|call| call.json()).expect("JSON");
    assert_eq!(part["data"]["next_cursor"], asked["cursor"]);
}

#[test]
fn a_later_page_that_is_not_usable_keeps_what_came() {
    let html = Reply::status(200).with_body("<html>");
    let without = Reply::json(200, &json!({"items": {}}));
    for (reply, error) in
        [(html, "page 2: the reply is not usable"), (without, "page 2: the page has no array")]
    {
        let app = crm(BY_QUERY);
        app.sim.crm().script([page(&json!([1]), &json!("x")), reply.into()]);
        let part = part(&app.profile("c-1"), "crm", "truncated");
        assert_eq!(part["data"], json!({"items": [1], "pages": 1, "next_cursor": "x"}));
        assert!(part["error"].as_str().expect("a sentence").starts_with(error), "{part}");
    }
}

#[test]
fn a_first_page_that_fails_is_a_failure_of_the_source() {
    let app = crm(BY_QUERY);
    app.sim.crm().set_behaviour(Behaviour::status(500));
    part(&app.profile("c-1"), "crm", "upstream_error");
    app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"items": 7})));
    let bad = part(&app.profile("c-1"), "crm", "bad_payload");
    assert_eq!(bad["error"], "the page has no array where its items should be");
}

#[test]
fn not_found_on_the_first_page_is_not_found() {
    let app = crm(BY_QUERY);
    app.sim.crm().set_behaviour(Behaviour::status(404));
    let part = part(&app.profile("c-1"), "crm", "not_found");
    assert_eq!(part["data"], json!({"error": "Account not found"}));
}

#[test]
fn a_later_page_that_is_not_found_was_one_behind_the_last() {
    let app = crm(BY_QUERY);
    app.sim.crm().script([page(&json!([1]), &json!("x")), Behaviour::status(404)]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part["data"], json!({"items": [1], "pages": 1, "next_cursor": null}));
}

#[test]
fn what_cannot_name_a_next_page_is_told_and_not_taken_for_the_end() {
    let by_uri = "kind = \"next_uri\"\nnext = \"/next\"";
    for (paging, next) in [
        (BY_QUERY, json!({"offset": 2})),
        (BY_QUERY, json!(["x"])),
        (BY_QUERY, json!(true)),
        (by_uri, json!({"href": "?page=2"})),
        (by_uri, json!(2)),
    ] {
        let app = crm(paging);
        app.sim.crm().set_behaviour(page(&json!([1]), &next));
        let part = part(&app.profile("c-1"), "crm", "truncated");
        let error = part["error"].as_str().expect("a sentence");
        assert!(error.starts_with("page 1: what names the next page is no"), "{next}: {error}");
        assert_eq!((count(&part), app.sim.crm().hits()), (1, 1), "{next}");
    }
    for none in [json!(null), json!(false), json!("")] {
        let app = crm(BY_QUERY);
        app.sim.crm().set_behaviour(page(&json!([1]), &none));
        part(&app.profile("c-1"), "crm", "ok");
    }
}

#[test]
fn the_deadline_in_the_middle_keeps_what_came() {
    let app = orders(30, "[actions.customer_profile]\ndeadline = \"500ms\"");
    eventually("there is a token", || app.sim.oauth_settings().issued() == 1);
    app.sim.orders().script([Behaviour::Normal, Behaviour::Normal, Behaviour::Hang]);
    let reply = app.profile("c-1");
    assert_between(reply.took, 500, 750);
    let part = part(&reply, "orders", "truncated");
    assert_eq!((count(&part), &part["data"]["pages"]), (10, &json!(2)));
    assert!(part["error"].as_str().expect("a sentence").starts_with("page 3: no reply within 5"));
    let asked = app.sim.orders().last_received().and_then(|call| call.json()).expect("JSON");
    assert_eq!(part["data"]["next_cursor"], asked["cursor"]);
}

#[test]
fn a_pause_that_ends_after_the_deadline_is_not_begun() {
    let app = orders(30, "pause = \"30s\"");
    let reply = app.profile("c-1");
    assert_between(reply.took, 0, 1_500);
    let part = part(&reply, "orders", "truncated");
    assert_eq!((count(&part), &part["error"]), (5, &json!("stopped at the deadline")));
    assert!(part["data"]["next_cursor"].is_string());
}

#[test]
fn a_cursor_that_comes_again_ends_it() {
    let app = crm(BY_QUERY);
    app.sim.crm().script([1, 2].map(|item| page(&json!([item]), &json!("again"))));
    let part = part(&app.profile("c-1"), "crm", "truncated");
    assert_eq!(part["error"], "page 2 repeats an earlier cursor");
    assert_eq!(part["data"]["items"], json!([1, 2]));
    assert_eq!(app.sim.crm().hits(), 2);
}

#[test]
fn a_page_that_comes_again_ends_the_list_and_contributes_nothing() {
    let numbers = "kind = \"page_number\"\nsend_as = \"query:page\"";
    let offsets = "kind = \"offset\"\nsend_as = \"query:offset\"";
    for (paging, items) in [
        // Beyond the end some upstreams send the last page again, others the first.
        (numbers, [json!([1, 2]), json!([3]), json!([3])]),
        (numbers, [json!([1, 2]), json!([3]), json!([1, 2])]),
        (offsets, [json!([1, 2]), json!([3]), json!([3])]),
        (BY_QUERY, [json!([1, 2]), json!([3]), json!([3])]),
    ] {
        let app = crm(paging);
        let pages =
            items.iter().enumerate().map(|(at, items)| page(items, &json!(format!("c{at}"))));
        app.sim.crm().script(pages);
        let part = part(&app.profile("c-1"), "crm", "ok");
        assert_eq!(part["data"], json!({"items": [1, 2, 3], "pages": 2, "next_cursor": null}));
        assert_eq!(app.sim.crm().hits(), 3, "{paging}");
    }
}

#[test]
fn what_is_configured_as_the_end_of_a_list_ends_it() {
    let cursor = |more: &str| format!("{BY_QUERY}\n{more}");
    let numbers = |more: &str| format!("kind = \"page_number\"\nsend_as = \"query:page\"\n{more}");
    let two = |first: Value, second: Value| vec![first, second];
    for (paging, pages) in [
        (
            cursor("more = \"/meta/has_more\""),
            two(
                json!({"items": [1], "next": "a", "meta": {"has_more": true}}),
                json!({"items": [2], "next": "a", "meta": {"has_more": false}}),
            ),
        ),
        (
            cursor("last = [0, -1, \"0\"]"),
            two(json!({"items": [1], "next": 5}), json!({"items": [2], "next": "0"})),
        ),
        (
            cursor("last = [0, -1, \"0\"]"),
            two(json!({"items": [1], "next": 5}), json!({"items": [2], "next": -1})),
        ),
        (
            numbers("total = \"/total_count\""),
            two(
                json!({"items": [1], "total_count": "2"}),
                json!({"items": [2], "total_count": 2.0}),
            ),
        ),
        (numbers("page_size = 2"), two(json!({"items": [1, 9]}), json!({"items": [2]}))),
        (
            numbers("page_count = \"/count\""),
            two(json!({"items": [1], "count": "2"}), json!({"items": [2], "count": 2.0})),
        ),
    ] {
        let app = crm(&paging);
        app.sim.crm().script(pages.iter().map(|page| Behaviour::json(200, page)));
        let part = part(&app.profile("c-1"), "crm", "ok");
        assert_eq!((&part["data"]["pages"], app.sim.crm().hits()), (&json!(2), 2), "{paging}");
    }
}

#[test]
fn a_status_that_ends_a_list_is_a_failure_of_the_first_page() {
    let app = crm(&format!("{BY_QUERY}\nend_statuses = [400, 404, 416]"));
    for status in [400, 416] {
        app.sim.crm().script([page(&json!([1]), &json!("a")), Behaviour::status(status)]);
        let whole = part(&app.profile("c-1"), "crm", "ok");
        assert_eq!(whole["data"], json!({"items": [1], "pages": 1, "next_cursor": null}));
        app.sim.crm().script([Behaviour::status(status)]);
        part(&app.profile("c-1"), "crm", "rejected");
    }
}

#[test]
fn a_page_number_within_the_body_goes_where_it_is_meant_to_go() {
    let app = TestApp::start_with(
        "[sources.orders]\njson = { paging = { pageSize = 2 } }\n[sources.orders.paging]\n\
         kind = \"page_number\"\nitems = \"/conversations\"\nitems_optional = true\n\
         send_as = \"json:/paging/pageNumber\"",
    );
    let pages = [json!({"conversations": [1, 2]}), json!({"conversations": [3]}), json!({})];
    app.sim.orders().script(pages.map(|page| Behaviour::json(200, &page)));
    let part = part(&app.profile("c-1"), "orders", "ok");
    assert_eq!(part["data"]["items"], json!([1, 2, 3]));
    let sent: Vec<Value> = app
        .sim
        .orders()
        .received()
        .iter()
        .map(|call| call.json().expect("JSON")["paging"].clone())
        .collect();
    let asked = |number: u32| json!({"pageSize": 2, "pageNumber": number});
    assert_eq!(sent, [asked(1), asked(2), asked(3)]);
}

#[test]
fn offsets_grow_by_what_came_or_by_a_step() {
    for (step, expected) in [("", ["0", "2", "3"]), ("\nstep = 10", ["0", "10", "20"])] {
        let app = crm(&format!("kind = \"offset\"\nsend_as = \"query:offset\"{step}"));
        let pages = [json!([1, 2]), json!([3]), json!([])];
        app.sim.crm().script(pages.iter().map(|items| page(items, &json!(null))));
        let part = part(&app.profile("c-1"), "crm", "ok");
        assert_eq!(part["data"]["items"], json!([1, 2, 3]));
        let received = app.sim.crm().received();
        let sent: Vec<_> = received.iter().filter_map(|call| call.query("offset")).collect();
        assert_eq!(sent, expected);
    }
}

#[test]
fn the_last_items_id_may_be_the_cursor() {
    let app = crm("kind = \"cursor\"\nnext = \"$.items[-1].id\"\nsend_as = \"query:after\"");
    let pages =
        [json!([{"id": 1}, {"id": 12_345_678_901_234_567_u64}]), json!([{"id": "z"}]), json!([])];
    app.sim.crm().script(pages.iter().map(|items| page(items, &json!(null))));
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(count(&part), 3);
    let received = app.sim.crm().received();
    let sent: Vec<_> = received.iter().filter_map(|call| call.query("after")).collect();
    assert_eq!(sent, ["12345678901234567", "z"]);
}

#[test]
fn a_cursor_without_end_stops_at_the_cap() {
    let app = crm(BY_QUERY);
    app.sim.crm().script((0..100).map(|n| page(&json!([n]), &json!(format!("next-{n}")))));
    let part = part(&app.profile("c-1"), "crm", "truncated");
    assert_eq!(part["error"], "stopped after 20 pages (max_pages)");
    assert_eq!((count(&part), &part["data"]["next_cursor"]), (20, &json!("next-19")));
    assert_eq!(app.sim.crm().hits(), 20);
}

#[test]
fn page_numbers_without_end_stop_at_the_cap() {
    for count in ["", "\npage_count = \"/count\""] {
        let app =
            crm(&format!("kind = \"page_number\"\nsend_as = \"query:page\"\nmax_pages = 7{count}"));
        let endless = |n: u32| json!({"items": [n, 2], "count": u64::MAX});
        app.sim.crm().script((0..100).map(|n| Behaviour::json(200, &endless(n))));
        let part = part(&app.profile("c-1"), "crm", "truncated");
        assert_eq!(part["error"], "stopped after 7 pages (max_pages)");
        assert_eq!(app.sim.crm().hits(), 7);
    }
}

#[test]
fn null_items_are_items_and_pages_may_shrink_to_nothing() {
    let app = crm(BY_QUERY);
    app.sim.crm().script([
        page(&json!([1, null, 2]), &json!("b")),
        page(&json!([null]), &json!("c")),
        page(&json!([]), &json!("d")),
        page(&json!([3]), &json!(null)),
    ]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    let items = json!([1, null, 2, null, 3]);
    assert_eq!(part["data"], json!({"items": items, "pages": 4, "next_cursor": null}));
}

#[test]
fn a_page_whose_items_are_null_or_missing_is_not_an_empty_page() {
    for lie in [json!({"items": null, "next": "x"}), json!({"next": "x"}), json!(null), json!([])] {
        let app = crm(BY_QUERY);
        app.sim.crm().set_behaviour(Behaviour::json(200, &lie));
        let first = part(&app.profile("c-1"), "crm", "bad_payload");
        let error = first["error"].as_str().expect("a sentence");
        assert!(error.starts_with("the page has no array where its items should be"), "{error}");

        app.sim.crm().script([page(&json!([1]), &json!("a"))]);
        let later = part(&app.profile("c-1"), "crm", "truncated");
        let kept = json!({"items": [1], "pages": 1, "next_cursor": "a"});
        assert_eq!(later["data"], kept, "{lie}");
    }
}

#[test]
fn a_page_count_that_is_no_number_is_told() {
    for count in [json!(null), json!(-1), json!(1.5), json!("many"), json!([])] {
        let app = crm("kind = \"page_number\"\nsend_as = \"query:page\"\npage_count = \"/count\"");
        app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"items": [7], "count": count})));
        let part = part(&app.profile("c-1"), "crm", "truncated");
        let error = part["error"].as_str().expect("a sentence");
        assert!(error.contains("does not tell how many pages there are"), "{count}: {error}");
        assert_eq!(app.sim.crm().hits(), 1, "{count}");
    }
}

#[test]
fn a_next_uri_is_followed_relative_or_absolute() {
    let app = crm("kind = \"next_uri\"\nnext = \"/next\"");
    let absolute = format!("{}/v2/accounts?page=3", app.sim.crm().base_url());
    app.sim.crm().script([
        page(&json!([1]), &json!("?page=2&q=%C3%BC")),
        page(&json!([2]), &json!(absolute)),
        page(&json!([3]), &json!(null)),
    ]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part["data"], json!({"items": [1, 2, 3], "pages": 3, "next_cursor": null}));
    let calls = app.sim.crm().received();
    assert_eq!(calls[1].target, "/v2/accounts?page=2&q=%C3%BC");
    assert_eq!(calls[2].target, "/v2/accounts?page=3");
    assert!(calls.iter().all(|call| call.header("x-api-key") == Some("key-1")));
}

#[test]
fn a_relative_next_uri_is_relative_to_the_page_that_has_it() {
    let app = crm("kind = \"next_uri\"\nnext = \"/next\"");
    app.sim.crm().script([
        page(&json!([1]), &json!("/v2/accounts/pages/2")),
        page(&json!([2]), &json!("3")),
        page(&json!([3]), &json!(null)),
    ]);
    part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(app.sim.crm().received()[2].target, "/v2/accounts/pages/3");
}

#[test]
fn a_link_header_is_followed() {
    let app = crm("kind = \"link\"");
    let body = |n: u32| Reply::json(200, &json!({"items": [n]}));
    let first = body(1)
        .with_header("link", "</v2/accounts?p=0>; rel=\"prev\", </v2/accounts?p=2>; rel=\"next\"");
    app.sim.crm().script([first, body(2).with_header("link", "</v2/accounts?p=1>; rel=prev")]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part["data"], json!({"items": [1, 2], "pages": 2, "next_cursor": null}));
    assert_eq!(app.sim.crm().received()[1].target, "/v2/accounts?p=2");
}

#[test]
fn a_next_page_on_another_origin_is_not_asked_for() {
    let elsewhere = Simulator::start(Options::default()).expect("loopback has ports");
    let foreign = elsewhere.crm().base_url();
    let authority = foreign.trim_start_matches("http:").to_owned();
    let same_port = |app: &TestApp| app.sim.crm().base_url().replace("127.0.0.1", "localhost");
    let app = crm("kind = \"next_uri\"\nnext = \"/next\"");
    for uri in [
        format!("{foreign}/v2/accounts"),
        format!("{authority}/v2/accounts"),
        same_port(&app),
        app.sim.crm().base_url().replace("http:", "https:"),
    ] {
        app.sim.crm().clear();
        app.sim.crm().script([page(&json!([1]), &json!(uri))]);
        let part = part(&app.profile("c-1"), "crm", "truncated");
        assert_eq!(
            part["error"],
            "page 1: the next page is on another origin and was not followed"
        );
        assert_eq!(part["data"]["items"], json!([1]));
        assert_eq!(app.sim.crm().hits(), 1, "{uri}");
    }
    let app = crm("kind = \"link\"");
    let link = format!("<{foreign}/v2/accounts>; rel=\"next\"");
    app.sim.crm().set_behaviour(Reply::json(200, &json!({"items": [1]})).with_header("link", link));
    part(&app.profile("c-1"), "crm", "truncated");
    assert_eq!(elsewhere.crm().total_connections(), 0);
}

#[test]
fn a_next_page_on_another_origin_may_be_asked_for_at_the_sources_own() {
    let app = crm("kind = \"next_uri\"\nnext = \"/next\"\nnext_origin = \"replace\"");
    let internal = json!("http://crm-internal.invalid:8080/v2/accounts?page=2");
    app.sim.crm().script([page(&json!([1]), &internal), page(&json!([2]), &json!(null))]);
    let part = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part["data"]["items"], json!([1, 2]));
    let second = app.sim.crm().received().pop().expect("two calls");
    assert_eq!(second.query("page").as_deref(), Some("2"));
}

#[test]
fn pages_may_be_counted() {
    let app = crm("kind = \"page_number\"\nsend_as = \"query:page\"");
    app.sim.crm().script([[1, 2], [3, 4]].map(|items| page(&json!(items), &json!(null))));
    app.sim.crm().set_behaviour(page(&json!([]), &json!(null)));
    let part1 = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part1["data"], json!({"items": [1, 2, 3, 4], "pages": 3, "next_cursor": null}));
    let numbers: Vec<_> = app.sim.crm().received().iter().filter_map(|c| c.query("page")).collect();
    assert_eq!(numbers, ["1", "2", "3"]);

    let app =
        crm("kind = \"page_number\"\nsend_as = \"query:page\"\nfirst = 0\npage_count = \"/count\"");
    app.sim.crm().set_behaviour(Behaviour::json(200, &json!({"items": [7], "count": 2})));
    let part2 = part(&app.profile("c-1"), "crm", "ok");
    assert_eq!(part2["data"], json!({"items": [7, 7], "pages": 2, "next_cursor": null}));
    let numbers: Vec<_> = app.sim.crm().received().iter().filter_map(|c| c.query("page")).collect();
    assert_eq!(numbers, ["0", "1"]);
}

#[test]
fn a_page_that_fails_in_passing_is_tried_again_alone() {
    let app = TestApp::start_with(
        "[sources.orders]\nretry = { max_attempts = 2, base = \"1ms\" }\n[sources.orders.paging]\n\
         kind = \"cursor\"\nitems = \"/results\"\nnext = \"/nextCursor\"\nsend_as = \"json:cursor\"",
    );
    app.sim.orders_settings().set_total(8);
    app.sim.orders().script([Behaviour::Normal, Behaviour::status(503).after(Duration::ZERO)]);
    let reply = app.post(PROFILE, &json!({"customerId": "c-1", "externalApiKey": "key-1"}));
    let part = part(&reply, "orders", "ok");
    assert_eq!((count(&part), &part["attempts"]), (8, &json!(3)));
}
