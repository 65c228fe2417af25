//! Asks a service that this process has just started.

use std::net::SocketAddr;
use std::time::Duration;

use serde::Deserialize;
use thiserror::Error;

/// A request for an action.
pub struct Question {
    /// The action's path.
    pub path: String,
    /// The inputs, JSON.
    pub body: String,
    /// More headers.
    pub headers: Vec<(&'static str, String)>,
    /// How long a reply may take: longer than the action's deadline.
    pub patience: Duration,
    /// How long it may be, bytes.
    pub longest: usize,
}

/// What the service said.
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// JSON: an aggregate or a problem.
    pub body: Vec<u8>,
}

impl Answer {
    /// Whether the aggregate says that every source had an answer.
    pub fn is_complete(&self) -> bool {
        // What else is in it is an upstream's, and may hold numbers that no tree could.
        serde_json::from_slice(&self.body).is_ok_and(|Completeness { complete }| complete)
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

/// The one member of a reply that says whether it is whole.
#[derive(Deserialize)]
struct Completeness {
    complete: bool,
}

/// Why there is no answer.
#[derive(Debug, Error)]
pub enum AskError {
    /// The request could not be sent, or no reply began in time.
    #[error("no reply from the service: {0}")]
    Send(#[from] awc::error::SendRequestError),
    /// The reply broke off or was too long.
    #[error("no whole reply from the service: {0}")]
    Body(#[from] awc::error::PayloadError),
}

/// Asks the service at this address.
///
/// # Errors
/// [`AskError`].
pub async fn ask(address: SocketAddr, question: &Question) -> Result<Answer, AskError> {
    let Question { path, body, headers, patience, longest } = question;
    let client = awc::Client::builder().timeout(*patience).disable_redirects().finish();
    let mut request = client
        .post(format!("http://{address}{path}"))
        .insert_header(("content-type", "application/json"));
    for (name, value) in headers {
        request = request.insert_header((*name, value.as_str()));
    }
    let mut response = request.send_body(body.clone()).await?;
    let status = response.status().as_u16();
    let body = response.body().limit(*longest).await?;
    Ok(Answer { status, body: body.to_vec() })
}

#[cfg(test)]
mod tests {
    use super::Answer;

    #[test]
    fn only_a_reply_that_says_so_is_a_whole_aggregate() {
        let answer = |body: &[u8]| Answer { status: 200, body: body.to_vec() };
        assert!(answer(br#"{"complete":true}"#).is_complete());
        assert!(answer(br#"{"complete":true,"sources":{"crm":{"data":1e400}}}"#).is_complete());
        for reply in [&br#"{"complete":false}"#[..], b"{}", b"[]", b"", b"not JSON"] {
            assert!(!answer(reply).is_complete(), "{}", String::from_utf8_lossy(reply));
        }
    }
}
