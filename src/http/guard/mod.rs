//! Keeps from awc what it would take wrongly: interim replies, bodies cut short, bytes that nobody
//! asked for.

pub mod chunked;
pub mod framing;
pub mod head;
pub mod response_state;
pub mod stream;
