//! Whether one connection carries several exchanges (RFC 9112 section 9.3).

/// What becomes of a connection after an exchange.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Persistence {
    /// It may carry another one.
    KeepAlive,
    /// It is closed.
    Close,
}

/// Whether a connection has carried an exchange before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ConnectionUse {
    First,
    Again,
}
