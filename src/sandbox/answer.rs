//! Answers in GitHub's shape.

use super::render::segment;
use super::state::SandboxError;
use serde_json::{Value, json};

const DOCS: &str = "https://docs.github.com/rest";

/// What a request is answered with.
#[derive(Debug)]
pub(super) struct Answer {
    pub status: u16,
    pub headers: Vec<(&'static str, String)>,
    /// `null` is no body at all.
    pub body: Value,
    /// What the sandbox cannot do; a test has to hear of it.
    pub beyond: Option<String>,
}

impl Answer {
    pub(super) const fn new(status: u16, body: Value) -> Self {
        Self { status, headers: Vec::new(), body, beyond: None }
    }

    pub(super) const fn ok(body: Value) -> Self {
        Self::new(200, body)
    }

    pub(super) const fn nothing() -> Self {
        Self::new(204, Value::Null)
    }

    pub(super) fn created(body: Value) -> Self {
        let location = body["url"].as_str().map(str::to_owned);
        let mut answer = Self::new(201, body);
        answer.headers.extend(location.map(|url| ("location", url)));
        answer
    }

    pub(super) fn error(status: u16, message: &str) -> Self {
        Self::new(status, json!({ "message": message, "documentation_url": DOCS, "status": status.to_string() }))
    }

    pub(super) fn not_found() -> Self {
        Self::error(404, "Not Found")
    }

    /// 422 with one error of GitHub's list. `code` `custom` has a message, the others have none.
    pub(super) fn invalid(resource: &str, field: &str, code: &str, message: Option<&str>) -> Self {
        let mut error = json!({ "resource": resource, "code": code, "field": field });
        if let Some(message) = message {
            error["message"] = message.into();
        }
        let mut answer = Self::error(422, "Validation Failed");
        answer.body["errors"] = json!([error]);
        answer
    }

    /// Where something stands now: GitHub sends readers with 301 and writers with 307.
    pub(super) fn moved(get: bool, url: &str) -> Self {
        let status = if get { 301 } else { 307 };
        let mut answer = Self::new(status, json!({ "message": "Moved Permanently", "url": url, "documentation_url": DOCS }));
        answer.headers.push(("location", url.to_owned()));
        answer
    }

    /// Something that GitHub may well do, but this sandbox does not.
    pub(super) fn beyond(what: String) -> Self {
        let mut answer = Self::error(501, &format!("the sandbox cannot do this: {what}"));
        answer.beyond = Some(what);
        answer
    }
}

impl From<SandboxError> for Answer {
    fn from(error: SandboxError) -> Self {
        match error {
            SandboxError::NotThere(_) => Self::not_found(),
            SandboxError::Refused(why) => Self::error(422, &why),
        }
    }
}

/// The pages of a list, as the query asks for them.
#[derive(Debug)]
pub(super) struct Paging {
    per_page: usize,
    page: usize,
    url: String,
    /// The query without `page`.
    rest: Vec<(String, String)>,
}

impl Paging {
    pub(super) fn new(url: String, query: &[(String, String)]) -> Self {
        let number = |name: &str| query.iter().find(|(k, _)| k == name).and_then(|(_, v)| v.parse::<usize>().ok());
        Self {
            per_page: number("per_page").unwrap_or(30).clamp(1, 100),
            page: number("page").unwrap_or(1).max(1),
            url,
            rest: query.iter().filter(|(k, _)| k != "page").cloned().collect(),
        }
    }

    fn link(&self, page: usize, rel: &str) -> String {
        let mut url = format!("{}?", self.url);
        for (key, value) in &self.rest {
            url.extend([&segment(key), "=", &segment(value), "&"]);
        }
        format!("<{url}page={page}>; rel=\"{rel}\"")
    }

    /// One page of a list, with the `Link` header if there are more.
    pub(super) fn cut(&self, all: Vec<Value>, wrap: impl FnOnce(Value) -> Value) -> Answer {
        let last = all.len().div_ceil(self.per_page).max(1);
        let mut links = Vec::new();
        if self.page > 1 {
            links.push(self.link((self.page - 1).min(last), "prev"));
        }
        if self.page < last {
            links.push(self.link(self.page + 1, "next"));
            links.push(self.link(last, "last"));
        }
        if self.page > 1 {
            links.push(self.link(1, "first"));
        }
        let start = (self.page - 1).saturating_mul(self.per_page);
        let page: Value = all.into_iter().skip(start).take(self.per_page).collect();
        let mut answer = Answer::ok(wrap(page));
        if !links.is_empty() {
            answer.headers.push(("link", links.join(", ")));
        }
        answer
    }
}
