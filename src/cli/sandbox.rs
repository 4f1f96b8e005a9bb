//! `sandbox`: the GitHub of the demo and the tests, alone, by the machine's own clock, with pages on which an issue can be opened and
//! looked at. What the set-up is tried against; hidden, since nobody needs it to run a desk.

use super::CliError;
use super::serve::told_to_stop;
use crate::clock::Clock;
use crate::sandbox::{Deliver, Options, Sandbox};
use axum::Router;
use axum::extract::{Form, Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;
use std::collections::HashMap;
use std::io::Write;
use tokio::net::TcpListener;

/// The repository that is there.
const REPO: &str = "acme/support";
/// Who may open issues in it.
const PEOPLE: [&str; 2] = ["alice", "ann"];

/// Runs it until it is told to stop.
///
/// # Errors
/// No port is free.
pub async fn run(out: &mut (dyn Write + Send)) -> Result<(), CliError> {
    let sandbox = Sandbox::start(Clock::system(), Options::default()).await?;
    sandbox.repository(REPO);
    for login in PEOPLE {
        sandbox.person(login);
    }
    sandbox.deliveries_go(Deliver::AtOnce);
    let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
    writeln!(out, "GITHUB_URL={0} GITHUB_API_URL={0}", sandbox.url())?;
    writeln!(out, "issues: http://{}/{REPO}/issues/new", listener.local_addr()?)?;
    let pages = Router::new()
        .route("/{owner}/{repo}/issues/new", get(write).post(open))
        .route("/{owner}/{repo}/issues/{number}", get(show))
        .with_state(sandbox);
    tokio::select! {
        served = async { axum::serve(listener, pages).await } => served?,
        () = told_to_stop() => {}
    }
    Ok(())
}

const STYLE: &str = "*{box-sizing:border-box}body{font:16px/1.5 system-ui,'DejaVu Sans',sans-serif;max-width:48rem;margin:1.5rem auto;padding:0 1rem;color:#1f2328}\
    h1{font-size:1.5rem}small{color:#59636e;font-weight:400}.label{display:inline-block;border:1px solid #d1d9e0;border-radius:1rem;padding:0 .7rem;margin:0 .4rem .4rem 0;font-size:.85rem}\
    .label::before{content:'';display:inline-block;width:.7em;height:.7em;border-radius:50%;margin-right:.4em;background:var(--color)}\
    sub{font-size:.8rem;vertical-align:baseline}code{background:#eff1f3;border-radius:4px;padding:0 .3em}article{border:1px solid #d1d9e0;border-radius:8px;margin:1rem 0;overflow:hidden}article h2{font-size:.95rem;margin:0;padding:.5rem 1rem;background:#f6f8fa;border-bottom:1px solid #d1d9e0}\
    article div{white-space:pre-wrap;overflow-wrap:anywhere;margin:0;padding:.75rem 1rem}input,textarea,select,button{font:inherit;width:100%;padding:.4rem;margin:.2rem 0 .8rem}";

fn page(title: &str, body: &str) -> Html<String> {
    let viewport = "<meta name=viewport content='width=device-width'>";
    Html(format!(
        "<!doctype html><html lang=en><head><meta charset=utf-8>{viewport}<title>{title}</title><style>{STYLE}</style></head><body><main>{body}</main></body></html>"
    ))
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace('"', "&quot;")
}

async fn write() -> Html<String> {
    let people = PEOPLE.map(|login| format!("<option>{login}</option>")).concat();
    let form = format!(
        "<form method=post><label>Signed in as <select name=author>{people}</select></label><label>Title <input name=title required></label>\
         <label>Text <textarea name=text rows=4></textarea></label><button>Create issue</button></form>"
    );
    page("New issue", &format!("<h1>New issue <small>{REPO}</small></h1>{form}"))
}

async fn open(
    State(sandbox): State<Sandbox>,
    Path((owner, repo)): Path<(String, String)>,
    Form(form): Form<HashMap<String, String>>,
) -> Response {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    match sandbox.open_issue(&format!("{owner}/{repo}"), field("author"), field("title"), field("text")).await {
        Ok(opened) => Redirect::to(&format!("/{owner}/{repo}/issues/{}", opened.number())).into_response(),
        Err(error) => (StatusCode::UNPROCESSABLE_ENTITY, error.to_string()).into_response(),
    }
}

async fn show(State(sandbox): State<Sandbox>, Path((owner, repo, number)): Path<(String, String, u64)>) -> Response {
    let repo = format!("{owner}/{repo}");
    let Some(issue) = sandbox.issue(&repo, number) else { return StatusCode::NOT_FOUND.into_response() };
    let known = sandbox.labels(&repo);
    let label = |name: &String| {
        let color = known.iter().find(|label| label.name == *name).map_or("ededed", |label| &label.color);
        format!("<span class=label style='--color:#{}'>{}</span>", escaped(color), escaped(name))
    };
    let labels: String = issue.labels.iter().map(label).collect();
    let said = |author: &str, text: &str| {
        // What only programs read, and mark-up of the simplest kind.
        let hidden = text.split("<!--").enumerate().map(|(place, part)| match part.split_once("-->") {
            Some((_, rest)) if place > 0 => rest,
            _ => part,
        });
        let mut shown = escaped(hidden.collect::<String>().replace("**", "").trim());
        for tag in ["details", "summary", "sub"] {
            shown = shown.replace(&format!("&lt;{tag}&gt;"), &format!("<{tag}>")).replace(&format!("&lt;/{tag}&gt;"), &format!("</{tag}>"));
        }
        let code =
            shown.split('`').enumerate().map(|(place, part)| if place % 2 == 1 { format!("<code>{part}</code>") } else { part.to_owned() });
        format!("<article><h2>{}</h2><div>{}</div></article>", escaped(author), code.collect::<String>())
    };
    let mut body = format!("<h1>{} <small>#{number}</small></h1><div>{labels}</div>", escaped(&issue.title));
    body.push_str(&said(&issue.author, issue.body.as_deref().unwrap_or_default()));
    body.extend(issue.comments.iter().map(|comment| said(&comment.author, &comment.body)));
    page(&escaped(&issue.title), &body).into_response()
}
