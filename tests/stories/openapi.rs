//! GitHub's own description of its API, held against every request of every story where it is at hand (`tests/run` brings it).

#[path = "../common/openapi.rs"]
#[allow(dead_code, reason = "answers and webhooks are checked where the sandbox itself is tested")]
pub mod description;

use description::OpenApi;
use partner_desk::sandbox::{Check, RecordedRequest};
use std::sync::{Arc, LazyLock};

pub static GITHUB: LazyLock<Option<Arc<OpenApi>>> = LazyLock::new(|| {
    let path = std::env::var("PARTNER_DESK_OPENAPI").ok()?;
    Some(Arc::new(OpenApi::load(path).unwrap()))
});

/// The check of the stories; none without the description, which `tests/run` says.
pub fn check() -> Option<Check> {
    let github = GITHUB.clone()?;
    Some(Arc::new(move |request: &RecordedRequest| {
        github.check(request.method.as_str(), &request.path, &request.query, request.body.as_ref())
    }))
}
