//! The conversation details of Genesys Cloud's analytics:
//! `POST /api/v2/analytics/conversations/details/query`. What a user's conversations are follows
//! from the user's id alone; as in Genesys Cloud, what there is none of has no member in the reply.

use serde_json::{Value, json};

use super::latency::{SplitMix64, seed_of};

/// The most conversations that a page may have.
const MOST_ON_A_PAGE: u64 = 100;
const ON_A_PAGE: u64 = 25;
/// A user has fewer conversations than this.
const MOST_CONVERSATIONS: u64 = 40;
const MEDIA: [&str; 4] = ["voice", "voice", "chat", "email"];
const DIRECTIONS: [&str; 3] = ["inbound", "inbound", "outbound"];

/// The page of conversations that a query asks for, or what is wrong with the query.
pub(super) fn details(query: Option<Value>) -> Result<Value, String> {
    let query = query.filter(Value::is_object).ok_or("The request body is not a JSON object")?;
    let day = first_day(&query["interval"])?;
    let number = |name: &str, default: u64| {
        let value = &query["paging"][name];
        let value = if value.is_null() { Some(default) } else { value.as_u64() };
        value.filter(|value| *value > 0).ok_or(format!("paging.{name} must be above 0"))
    };
    let (size, page) = (number("pageSize", ON_A_PAGE)?, number("pageNumber", 1)?);
    if size > MOST_ON_A_PAGE {
        return Err(format!("paging.pageSize must not be greater than {MOST_ON_A_PAGE}"));
    }
    let user = user_id(&query).unwrap_or_default();
    let total = conversations_of(user);
    let begin = size.saturating_mul(page - 1).min(total);
    let mut numbers: Vec<u64> = (0..total).collect();
    if query["order"] == "desc" {
        numbers.reverse();
    }
    let conversations: Vec<Value> = numbers
        .into_iter()
        .skip(usize::try_from(begin).unwrap_or(usize::MAX))
        .take(usize::try_from(size).unwrap_or(usize::MAX))
        .map(|number| conversation(user, number, day))
        .collect();
    let mut reply = json!({ "totalHits": total });
    if !conversations.is_empty() {
        reply["conversations"] = conversations.into();
    }
    Ok(reply)
}

/// The date with which an interval of ISO 8601 begins: `2026-03-01T00:00:00.000Z/…`.
fn first_day(interval: &Value) -> Result<&str, String> {
    let problem = || {
        "The interval must be two date-times of ISO 8601 in UTC: \
         yyyy-MM-ddTHH:mm:ss.SSSZ/yyyy-MM-ddTHH:mm:ss.SSSZ"
            .to_owned()
    };
    let (from, to) = interval.as_str().and_then(|text| text.split_once('/')).ok_or_else(problem)?;
    if from >= to || [from, to].iter().any(|time| !is_date_time(time)) {
        return Err(problem());
    }
    from.get(..10).ok_or_else(problem)
}

/// Whether it has the form `2026-03-01T00:00…Z`; whether there is such a day is not looked at.
fn is_date_time(text: &str) -> bool {
    let form = "0000-00-00T00:00";
    let begins = text.len() > form.len()
        && text.bytes().zip(form.bytes()).all(|(byte, like)| match like {
            b'0' => byte.is_ascii_digit(),
            _ => byte == like,
        });
    begins && text.ends_with('Z')
}

/// The user whom a predicate of a segment filter names.
fn user_id(query: &Value) -> Option<&str> {
    let filters = query["segmentFilters"].as_array()?.iter();
    let mut predicates = filters.filter_map(|filter| filter["predicates"].as_array()).flatten();
    let named = predicates.find(|predicate| predicate["dimension"] == "userId")?;
    named["value"].as_str()
}

/// How many conversations a user had: at least one, unless the id begins with `missing` or `quiet`.
fn conversations_of(user: &str) -> u64 {
    if user.starts_with("missing") || user.starts_with("quiet") {
        return 0;
    }
    1 + SplitMix64::new(seed_of(user)).next_u64() % MOST_CONVERSATIONS
}

fn conversation(user: &str, number: u64, day: &str) -> Value {
    let mut random = SplitMix64::new(seed_of(&format!("{user} {number}")));
    let at = |minute: u64, second: u64| {
        // Ten minutes apart from 8 o'clock on: the last of them ends before the evening.
        let minutes = 8 * 60 + number * 10 + minute;
        format!("{day}T{:02}:{:02}:{second:02}.000Z", minutes / 60, minutes % 60)
    };
    let (start, end) = (at(0, 0), at(6, 30));
    let direction = random.pick(&DIRECTIONS);
    let media = random.pick(&MEDIA);
    let queue = random.next_uuid();
    let talk = 60_000 + random.next_u64() % 240_000;
    let segment = |kind: &str| {
        json!({
            "segmentStart": start, "segmentEnd": end, "segmentType": kind, "queueId": queue,
            "conference": false, "disconnectType": "peer",
        })
    };
    let mut session = |metrics: Value, kind: &str| {
        json!({
            "mediaType": media, "sessionId": random.next_uuid(), "direction": direction,
            "metrics": metrics, "segments": [segment(kind)],
        })
    };
    let metric = |name: &str, value: u64| json!({"emitDate": end, "name": name, "value": value});
    let customer = session(json!([metric("nConnected", 1)]), "interact");
    let mut of_agent = vec![metric("tTalk", talk), metric("tHandle", talk + 30_000)];
    // The time to answer of an email that was opened at once is not there.
    if media != "email" {
        of_agent.push(metric("tAnswered", 4_000));
    }
    // An agent who did not respond did not talk.
    if number % 4 == 2 {
        of_agent = vec![metric("tNotResponding", 20_000)];
    }
    let agent = session(of_agent.into(), "interact");
    json!({
        "conversationId": random.next_uuid(),
        "conversationStart": start,
        "conversationEnd": end,
        "divisionIds": [random.next_uuid()],
        "originatingDirection": direction,
        "participants": [
            {
                "participantId": random.next_uuid(), "participantName": "Zoë Müller",
                "purpose": "customer", "sessions": [customer],
            },
            {
                "participantId": random.next_uuid(), "participantName": user, "userId": user,
                "purpose": "agent", "sessions": [agent],
            },
        ],
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: &str = "2026-03-01T00:00:00.000Z/2026-03-02T00:00:00.000Z";

    fn query(user: &str, paging: &Value) -> Value {
        let predicate = json!({"type": "dimension", "dimension": "userId", "value": user});
        json!({
            "interval": DAY, "order": "desc", "paging": paging,
            "segmentFilters": [{"type": "and", "predicates": [predicate]}],
        })
    }

    #[test]
    fn pages_hold_each_conversation_once_and_the_one_after_the_last_has_no_list() {
        let total = conversations_of("c-1");
        let mut ids = Vec::new();
        for page in 1.. {
            let reply = details(Some(query("c-1", &json!({"pageSize": 7, "pageNumber": page}))));
            let reply = reply.expect("a page");
            assert_eq!(reply["totalHits"], total);
            let Some(conversations) = reply.get("conversations") else { break };
            for conversation in conversations.as_array().expect("a list") {
                assert!(conversation["conversationStart"].as_str() > Some(&DAY[..10]));
                ids.push(conversation["conversationId"].to_string());
            }
        }
        let count = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!((ids.len(), u64::try_from(count)), (count, Ok(total)));
    }

    #[test]
    fn nobody_else_has_a_users_conversations_and_a_quiet_one_has_none() {
        let of = |user: &str| details(Some(query(user, &Value::Null))).expect("a page");
        assert_eq!(of("c-1"), of("c-1"));
        assert_ne!(of("c-1"), of("c-2"));
        assert_eq!(of("quiet-1"), json!({"totalHits": 0}));
    }

    #[test]
    fn a_query_that_genesys_cloud_would_refuse_is_refused() {
        for (query, part) in [
            (None, "JSON object"),
            (Some(json!([])), "JSON object"),
            (Some(json!({})), "interval"),
            (Some(json!({"interval": "2026-03-01/2026-03-02"})), "interval"),
            (Some(json!({"interval": "2026-03-02T00:00Z/2026-03-01T00:00Z"})), "interval"),
            (Some(query("c-1", &json!({"pageSize": 101}))), "100"),
            (Some(query("c-1", &json!({"pageNumber": 0}))), "pageNumber"),
        ] {
            let problem = details(query.clone()).expect_err("a refusal");
            assert!(problem.contains(part), "{query:?}: {problem}");
        }
    }
}
