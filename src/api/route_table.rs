//! What a port answers, as a table: methods and paths, and for whom there is which handler.
//!
//! The routes themselves, the refusal of other methods (405) and the list for whoever asked for
//! another path (404) are all read from it.

use actix_web::{Resource, Route, guard, web};

/// One row: a method of a path.
pub struct Endpoint {
    /// How it is asked.
    pub method: Method,
    /// The template of its path.
    pub path: &'static str,
    /// The route with its handler, without the method.
    pub route: fn() -> Route,
}

/// How an endpoint is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Method {
    /// `GET`, and `HEAD` with the same head (RFC 9110 section 9.3.2). The HTTP layer leaves out
    /// the body.
    Get,
    /// `POST`.
    Post,
}

impl Method {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
        }
    }

    /// As it stands in the header `Allow`.
    const fn allows(self) -> &'static str {
        match self {
            Self::Get => "GET, HEAD",
            Self::Post => "POST",
        }
    }

    fn guarded(self, route: Route) -> Route {
        match self {
            Self::Get => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            Self::Post => route.guard(guard::Post()),
        }
    }
}

/// One resource for each path of the table; `other` makes the route for methods that the path does
/// not take, from the path and what it does take.
pub fn resources(
    table: &'static [Endpoint],
    other: fn(&'static str, String) -> Route,
) -> Vec<Resource> {
    let mut paths: Vec<&'static str> = table.iter().map(|endpoint| endpoint.path).collect();
    paths.dedup();
    let resource = |path: &'static str| {
        let endpoints = table.iter().filter(move |endpoint| endpoint.path == path);
        let allowed: Vec<_> = endpoints.clone().map(|one| one.method.allows()).collect();
        // An id may hold what separates the parts of a path elsewhere.
        let resource = web::resource(path.replace("{id}", "{id:.+}"));
        let resource = resource.default_service(other(path, allowed.join(", ")));
        endpoints.fold(resource, |resource, one| resource.route(one.method.guarded((one.route)())))
    };
    paths.into_iter().map(resource).collect()
}

/// The rows for a person: `GET /livez`.
pub fn list<'a>(table: impl IntoIterator<Item = &'a Endpoint>) -> Vec<String> {
    let row = |one: &Endpoint| format!("{} {}", one.method.as_str(), one.path);
    table.into_iter().map(row).collect()
}
