//! Header fields that mean something to the service.

pub mod header_number;
pub mod link_header;
pub mod rate_limit_headers;
pub mod retry_after;
pub mod trace_context;
pub mod trace_state;
