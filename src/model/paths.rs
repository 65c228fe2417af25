//! The templates of the public paths, as logs, traces and the `OpenAPI` document name them too.

/// An action.
pub const ACTION: &str = "/v1/actions/{action}";
/// Serverless events.
pub const EVENTS: &str = "/events";
/// The `OpenAPI` document.
pub const OPENAPI: &str = "/openapi.json";
/// Stands for the route of a request for which there is none.
pub const NONE: &str = "none";

/// The path of this action.
pub fn of_action(action: &str) -> String {
    ACTION.replace("{action}", action)
}
