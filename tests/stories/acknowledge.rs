//! Acknowledging by the link in a ping (`E5`): a page that asks, and what it answers to whom.

use crate::chats::{DOORS, EVERY_KIND, doors};
use crate::desk::{Desk, Opened, Setup, instant};
use crate::door::CLIENT;
use partner_desk::sandbox::{ChatAnswer, ChatMessage};
use reqwest::{Method, StatusCode};

const DESK: &str = "https://desk.example/help";

const EVERY_20M: Setup = Setup {
    config: "[[ladder]]\nsteps = [{ at = \"75%\" }, { at = \"due\", repeat = \"20m\", times = 5 }]\n\n[[chat]]\nname = \"pager\"\nkind = \"webhook\"\nurl = \"{chat}/pager\"\n",
    programme: None,
};

/// A Gold ticket that is due at 13:00, at a desk with an address.
async fn a_gold_ticket(desk: &mut Desk) -> Opened {
    desk.restart_at(DESK).await;
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login <b>is</b> broken").await
}

/// The steps that the pager was told since the last time, and the last link among them.
fn paged(desk: &Desk) -> (Vec<String>, Option<String>) {
    let messages: Vec<_> = desk.chat.take().into_iter().filter(|message| message.path == "/pager" && message.accepted()).collect();
    let link = messages.iter().rev().find_map(|message| Some(message.body["acknowledge_url"].as_str()?.to_owned()));
    let step = |body: &serde_json::Value| format!("{} {}", body["step"].as_str().unwrap_or("?"), body["occurrence"]);
    (messages.iter().map(|message| step(&message.body)).collect(), link)
}

/// Where the link leads in this story.
fn here(desk: &Desk, link: &str) -> String {
    link.replace(DESK, &desk.url)
}

/// Asks for a page, or sends its form: the status and the text.
async fn follow(desk: &Desk, method: Method, link: &str, form: &str) -> (u16, String) {
    let mut request = CLIENT.request(method.clone(), here(desk, link));
    if method == Method::POST {
        request = request.header("content-type", "application/x-www-form-urlencoded").body(form.to_owned());
    }
    let answer = request.send().await.unwrap();
    let status = answer.status().as_u16();
    let headers = answer.headers().clone();
    let policy = headers["content-security-policy"].to_str().unwrap();
    assert!(policy.starts_with("default-src 'none'; style-src 'sha256-") && policy.contains("frame-ancestors 'none'"), "{policy}");
    for (name, value) in [("referrer-policy", "no-referrer"), ("x-content-type-options", "nosniff"), ("cache-control", "no-store")] {
        assert_eq!(headers[name], value);
    }
    let page = answer.text().await.unwrap();
    assert!(!page.contains("<script") && !page.contains("<b>"), "{page}");
    desk.settle().await;
    (status, page)
}

/// What is among the operators' acts.
async fn audited(desk: &Desk) -> Vec<String> {
    desk.everything().await.into_iter().filter(|line| line.starts_with("admin_audit ") && line.contains("acknowledge")).collect()
}

async fn e5_lines(desk: &Desk, issue: &Opened) -> Vec<String> {
    desk.log(issue).await.into_iter().filter(|line| line.starts_with("E5")).collect()
}

story!(e5_the_link_asks_first_and_then_stops_the_reminders_for_the_time_that_was_chosen, EVERY_20M, |mut desk| {
    let issue = a_gold_ticket(&mut desk).await;
    desk.at("2026-11-18T13:00:00Z").await;
    let (steps, link) = paged(&desk);
    assert_eq!(steps, ["due soon 0", "breach 0"]);
    let link = link.unwrap();
    let before = desk.ticket(&issue).await;
    // A chat's preview, and whoever only looks.
    for method in [Method::HEAD, Method::GET, Method::GET] {
        let (status, page) = follow(&desk, method.clone(), &link, "").await;
        assert_eq!(status, 200);
        assert!(method == Method::HEAD || page.contains("Acknowledge 7x/support#1?") && page.contains("Login &lt;b&gt;is"), "{page}");
    }
    assert_eq!((desk.ticket(&issue).await, e5_lines(&desk, &issue).await), (before, vec![]));

    desk.clock.advance_to(instant("2026-11-18T13:05:00Z"));
    let (status, page) = follow(&desk, Method::POST, &link, "time=30m&name=+Ann+%3Cb%3E+").await;
    assert_eq!(status, 200);
    assert!(
        page.contains("<h1>Acknowledged</h1>") && page.contains("2026-11-18 13:35 UTC") && page.contains("again 2026-11-18 13:40 UTC"),
        "{page}"
    );
    // Once more, in vain: the same button, a shorter time.
    for form in ["time=30m", "time=30m&name=Ben"] {
        let (status, page) = follow(&desk, Method::POST, &link, form).await;
        assert!(status == 200 && page.contains("Acknowledged already") && page.contains("13:35 UTC"), "{page}");
    }
    let (_, page) = follow(&desk, Method::GET, &link, "").await;
    assert!(page.contains("It is acknowledged already: no reminders until 2026-11-18 13:35 UTC"), "{page}");
    insta::assert_snapshot!(e5_lines(&desk, &issue).await.join("\n"), @"E5 “Ann <b>”, as they say, acknowledged clock 1 by the link in the chat `pager`: no reminders until Wednesday 2026-11-18 13:35 UTC");
    let audit = audited(&desk).await;
    assert!(audit.len() == 1 && audit[0].contains("7x/support#1: “Ann <b>”, as they say, acknowledged clock 1"), "{audit:?}");

    desk.at("2026-11-18T13:39:00Z").await;
    assert_eq!(paged(&desk).0, Vec::<String>::new());
    desk.at("2026-11-18T13:40:00Z").await;
    let (steps, link) = paged(&desk);
    assert_eq!(steps, ["breach 2"], "silence past the promised time resumes");
    let (_, page) = follow(&desk, Method::POST, &link.unwrap(), "time=end").await;
    assert!(page.contains("until it is <strong>answered</strong>"), "{page}");
    desk.at("2026-11-19T13:40:00Z").await;
    assert_eq!(paged(&desk).0, Vec::<String>::new());
    desk.says("ann", &issue, "/why").await;
    assert!(
        desk.comments(&issue).last().unwrap().contains("reminders of clock 1 are silenced for good"),
        "{:?}",
        desk.comments(&issue).last()
    );
});

story!(e5_a_link_is_good_until_it_expires_and_while_its_clock_runs_also_after_a_restart, EVERY_20M, |mut desk| {
    let issue = a_gold_ticket(&mut desk).await;
    desk.at("2026-11-18T13:00:00Z").await;
    let link = paged(&desk).1.unwrap();
    desk.restart_at(DESK).await;
    assert_eq!(follow(&desk, Method::GET, &link, "").await.0, 200, "the key is kept");
    desk.at("2026-11-18T13:10:00Z").await;
    desk.says("ann", &issue, "On it.").await;
    for (method, form) in [(Method::GET, ""), (Method::POST, "time=1h")] {
        let (status, page) = follow(&desk, method, &link, form).await;
        assert_eq!(status, 410);
        assert!(page.contains("There is nothing to acknowledge") && page.contains("answered 2026-11-18 13:10 UTC, late"), "{page}");
    }
    desk.at("2026-11-19T13:00:01Z").await;
    for (method, form) in [(Method::GET, ""), (Method::POST, "time=1h")] {
        let (status, page) = follow(&desk, method, &link, form).await;
        assert!(status == 410 && page.contains("This link has expired") && page.contains("until 2026-11-19 13:00 UTC"), "{page}");
    }
    assert_eq!((e5_lines(&desk, &issue).await, audited(&desk).await), (vec![], vec![]));
});

story!(e5_a_forged_link_and_a_form_that_is_none_do_nothing_and_strangers_are_few, EVERY_20M, |mut desk| {
    let issue = a_gold_ticket(&mut desk).await;
    desk.at("2026-11-18T13:00:00Z").await;
    let link = paged(&desk).1.unwrap();
    for form in ["time=2h", "time=", "x", ""] {
        let (status, page) = follow(&desk, Method::POST, &link, &format!("{form}&time=never")).await;
        assert!(status == 400 && page.contains("expected <code>time</code> to be one of 30m, 1h, 4h, 12h, end"), "{form}: {page}");
    }
    let large = format!("name={}", "x".repeat(5000));
    assert_eq!(follow(&desk, Method::POST, &link, &large).await.0, 400);
    let mut forged = link.clone();
    let last = forged.pop().unwrap();
    forged.push(if last == 'A' { 'Q' } else { 'A' });
    let (status, page) = follow(&desk, Method::POST, &forged, "time=1h").await;
    assert!(status == 403 && page.contains("This is no link of this desk"), "{page}");
    let mut statuses = Vec::new();
    for _ in 0..40 {
        statuses.push(follow(&desk, Method::GET, &forged, "").await.0);
    }
    assert_eq!((statuses[0], statuses[39]), (403, StatusCode::TOO_MANY_REQUESTS.as_u16()));
    assert_eq!(follow(&desk, Method::GET, &link, "").await.0, 200, "who has a link does not wait for those who have none");
    assert_eq!(e5_lines(&desk, &issue).await, Vec::<String>::new());
    desk.at("2026-11-18T13:20:00Z").await;
    assert_eq!(paged(&desk).0, ["breach 1"]);
});

story!(e5_a_reminder_that_waits_for_its_chat_is_not_said_after_somebody_took_the_ticket_on, EVERY_20M, |mut desk| {
    a_gold_ticket(&mut desk).await;
    desk.at("2026-11-18T13:00:00Z").await;
    let link = paged(&desk).1.unwrap();
    desk.chat.answer_always("pager", ChatAnswer::Status(503, None));
    desk.at("2026-11-18T13:20:00Z").await;
    let (status, _) = follow(&desk, Method::POST, &link, "time=1h").await;
    assert_eq!(status, 200);
    desk.chat.answer_always("pager", ChatAnswer::Status(200, None));
    desk.at("2026-11-18T14:19:00Z").await;
    assert_eq!(paged(&desk).0, Vec::<String>::new());
    desk.at("2026-11-18T14:20:00Z").await;
    assert_eq!(paged(&desk).0, ["breach 4"]);
});

story!(e5_each_kind_of_chat_has_the_link_where_there_is_an_address_and_none_without, EVERY_KIND, |mut desk| {
    doors(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is broken").await;
    let pinged = |desk: &Desk| {
        let messages = desk.chat.take();
        assert!(messages.iter().all(ChatMessage::accepted), "{messages:#?}");
        assert_eq!(messages.len(), DOORS.len());
        let is_linked = |message: &&ChatMessage| message.body.to_string().contains("/ack/");
        messages.iter().filter(is_linked).map(|message| message.path.clone()).collect::<Vec<_>>()
    };
    desk.at("2026-11-18T12:00:00Z").await;
    assert_eq!(pinged(&desk), [""; 0], "without PUBLIC_URL");
    desk.restart_at(DESK).await;
    desk.at("2026-11-18T12:36:00Z").await;
    assert_eq!(pinged(&desk).len(), DOORS.len());
    desk.restart_at("http://127.0.0.1:1/ a'b").await;
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(
        pinged(&desk),
        ["/receiver"],
        "an address that would break out of a link is left out, and in JSON is nothing to break out of"
    );
});
