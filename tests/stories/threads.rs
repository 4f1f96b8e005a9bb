//! Where a bot speaks: one thread a ticket, whose first message is written anew when something comes of the ticket (`E8`).

use crate::desk::{Desk, Opened, REPO, Setup, instant};
use crate::instance::Instance;
use partner_desk::sandbox::{BotHost, BotMood, BotPost, ChatAnswer};
use serde_json::Value;

const TOKEN: &str = "xoxb-story";
const SLACK: &str = "C012AB3CD";
const MATTERMOST: &str = "4xp9fdt77pncbef59f4k1qe83o";
const DOORS: [(&str, BotHost, &str); 2] = [("slack", BotHost::Slack, SLACK), ("mattermost", BotHost::Mattermost, MATTERMOST)];

/// Two bots; the channel `support` of every story speaks for nobody.
const BOTS: Setup = Setup {
    config: r#"
[[ladder]]
steps = [
  { at = "75%", chat = ["slack", "mattermost"] },
  { at = "90%", chat = ["slack", "mattermost"], mention = ["@here"] },
  { at = "due", chat = ["slack", "mattermost"], repeat = "1h", times = 12 },
]

[[chat]]
name = "slack"
kind = "slack"
url = "{chat}/slack"
token = "xoxb-story"
channel = "C012AB3CD"

[[chat]]
name = "mattermost"
kind = "mattermost"
url = "{chat}/mattermost"
token = "xoxb-story"
channel = "4xp9fdt77pncbef59f4k1qe83o"
"#,
    programme: Some(PROGRAMME),
};
const PROGRAMME: &str = "[[tier]]\nid = \"gold\"\nname = \"Gold\"\ntickets = \"unlimited\"\nresponse = \"4h\"\n";

/// Slack, for which `support` speaks.
const WITH_FALLBACK: Setup = Setup {
    config: r#"
[[ladder]]
steps = [{ at = "75%", chat = ["slack"] }, { at = "due", chat = ["slack"] }]

[[chat]]
name = "slack"
kind = "slack"
url = "{chat}/slack"
token = "xoxb-story"
channel = "C012AB3CD"
fallback = "support"
"#,
    programme: Some(PROGRAMME),
};

fn apis(desk: &Desk) {
    for (path, host, channel) in DOORS {
        desk.chat.is_an_api(path, host, TOKEN, channel);
    }
}

async fn a_ticket(desk: &Desk) -> Opened {
    apis(desk);
    desk.partner("acme", "gold", &["anna"]).await;
    desk.opens("anna", "Login is *broken* <!channel>").await
}

/// The headline of a post.
fn headline(post: &BotPost) -> String {
    let blocks = post.body["blocks"].as_array().into_iter().flatten();
    let header = blocks.filter(|block| block["type"] == "header").find_map(|block| block["text"]["text"].as_str());
    header
        .or_else(|| post.body["props"]["attachments"][0]["title"].as_str())
        .or_else(|| post.body["text"].as_str())
        .unwrap_or("?")
        .to_owned()
}

/// What people in the channel see: each thread's first message, and what hangs on it.
fn seen(desk: &Desk, path: &str) -> Vec<String> {
    let line = |post: &BotPost| {
        let mark = if post.root.is_some() { "  " } else { "" };
        let deleted = if post.deleted { " (deleted)" } else { "" };
        let broadcast = if post.broadcast { " (in the channel, too)" } else { "" };
        format!("{mark}{} {}{broadcast}{deleted}", post.at.strftime("%H:%M"), headline(post))
    };
    desk.chat.posts(path).iter().map(line).collect()
}

fn edits(desk: &Desk, path: &str) -> u32 {
    desk.chat.posts(path).iter().map(|post| post.edits).sum()
}

fn first(desk: &Desk, path: &str) -> String {
    let post = desk.chat.posts(path).into_iter().next().unwrap();
    serde_json::to_string_pretty(&post.body).unwrap().replace('\u{2060}', "\\u2060").replace(desk.sandbox.url(), "https://github.example")
}

story!(e8_one_thread_a_ticket_that_says_in_the_end_who_answered_and_when, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:40:00Z").await;
    assert_eq!(seen(&desk, "slack"), ["12:00 Due soon (75%): 7x/support#1", "  12:36 Due soon (90%): 7x/support#1 (in the channel, too)",]);
    assert_eq!(edits(&desk, "slack"), 0, "nothing has come of it yet");
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(
        seen(&desk, "slack"),
        [
            "12:00 🔴 Overdue: 7x/support#1",
            "  12:36 Due soon (90%): 7x/support#1 (in the channel, too)",
            "  13:00 Breach (due): 7x/support#1",
        ]
    );
    desk.at("2026-11-18T13:20:00Z").await;
    desk.says("ann", &issue, "Looking into it.").await;
    for (path, late) in [("slack", "🔴 Answered late: 7x/support#1"), ("mattermost", "Answered late: 7x/support#1")] {
        let seen = seen(&desk, path);
        assert_eq!((seen.len(), seen[0].as_str()), (3, &*format!("12:00 {late}")), "{path}");
        assert_eq!(edits(&desk, path), 2, "{path}");
    }
    insta::assert_snapshot!("slack", first(&desk, "slack"));
    insta::assert_snapshot!("mattermost", first(&desk, "mattermost"));
    desk.at("2026-11-18T23:00:00Z").await;
    assert_eq!((edits(&desk, "slack"), seen(&desk, "slack").len()), (2, 3), "and that was all");
});

story!(e8_in_time_acknowledged_closed_and_opened_again, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    let other = desk.opens("anna", "Another").await;
    desk.at("2026-11-18T12:10:00Z").await;
    desk.says("ben", &issue, "/ack 30m").await;
    assert_eq!(seen(&desk, "slack")[0], "12:00 🔵 Acknowledged until 2026-11-18 12:40 UTC: 7x/support#1");
    desk.says("ann", &issue, "It works again.").await;
    desk.closes("anna", &other).await;
    assert_eq!(seen(&desk, "slack"), ["12:00 🟢 Answered in time: 7x/support#1", "12:00 ⚪ Closed: 7x/support#2"]);
    assert_eq!(seen(&desk, "mattermost"), ["12:00 Answered in time: 7x/support#1", "12:00 Closed: 7x/support#2"]);
    let text = desk.chat.posts("slack")[0].body["text"].as_str().unwrap().to_owned();
    assert!(text.contains("Answered by: ann, Answered: 2026-11-18 12:10 UTC"), "{text}");
    // The same ticket, the same thread.
    desk.reopens("ann", &other).await;
    assert_eq!(seen(&desk, "slack")[1], "12:00 🟡 Waits for an answer: 7x/support#2");
    desk.at("2026-11-18T16:00:00Z").await;
    let lines = seen(&desk, "slack");
    assert!(lines.iter().filter(|line| line.starts_with("  ")).all(|line| line.contains("#2")) && lines.len() > 2, "{lines:?}");
});

story!(e8_a_first_message_that_people_deleted_makes_a_new_thread_once, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    for (path, ..) in DOORS {
        desk.chat.delete_post(path, &desk.chat.posts(path)[0].id);
    }
    desk.at("2026-11-18T12:40:00Z").await;
    for (path, ..) in DOORS {
        let posts = desk.chat.posts(path);
        assert_eq!(posts.iter().map(|post| post.root.is_none()).collect::<Vec<_>>(), [true, true], "{path}: the next one begins another");
    }
    desk.at("2026-11-18T13:00:00Z").await;
    for (path, ..) in DOORS {
        let posts = desk.chat.posts(path);
        assert_eq!(posts.last().unwrap().root.as_ref(), Some(&posts[1].id), "{path}: on which the others hang");
        // This one is deleted as well, and now the ticket is answered: there is nothing to write anew, and nothing is said for that.
        desk.chat.delete_post(path, &posts[1].id);
    }
    desk.says("ann", &issue, "It works again.").await;
    desk.at("2026-11-18T18:00:00Z").await;
    for (path, ..) in DOORS {
        assert_eq!(desk.chat.posts(path).len(), 3, "{path}");
    }
    assert_eq!(desk.rows("threads").await, 0);
});

story!(e8_a_message_that_cannot_be_changed_any_more_stays, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    for (path, ..) in DOORS {
        desk.chat.mood(path, &BotMood { fixed: Some("edit_window_closed"), ..BotMood::default() });
    }
    desk.at("2026-11-18T14:00:00Z").await;
    desk.says("ann", &issue, "It works again.").await;
    desk.at("2026-11-18T18:00:00Z").await;
    for (path, ..) in DOORS {
        let posts = desk.chat.posts(path);
        assert!(posts.len() == 4 && posts.iter().skip(1).all(|post| post.root.is_some()), "{path}: {posts:#?}");
        assert_eq!(edits(&desk, path), 0);
    }
    assert!(desk.chat.take().len() < 30, "nobody tries again and again");
});

story!(e8_e7_a_change_that_is_refused_each_time_holds_nothing_up, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    let other = desk.opens("anna", "Another").await;
    desk.at("2026-11-18T12:00:00Z").await;
    for (path, ..) in DOORS {
        desk.chat.mood(path, &BotMood { fixed: Some("block_mismatch"), ..BotMood::default() });
    }
    desk.says("ann", &issue, "It works again.").await;
    desk.at("2026-11-18T12:40:00Z").await;
    for (path, ..) in DOORS {
        let lines = seen(&desk, path);
        assert!(lines.len() == 3 && lines[2].starts_with("  12:36 Due soon (90%): 7x/support#2"), "{path}: {lines:?}");
        assert_eq!(edits(&desk, path), 0, "{path}");
        // It goes on as before when changes are taken again.
        desk.chat.mood(path, &BotMood::default());
    }
    desk.says("ann", &other, "This as well.").await;
    for (path, ..) in DOORS {
        assert!(seen(&desk, path)[1].contains("Answered in time: 7x/support#2"), "{path}: {:?}", seen(&desk, path));
    }
});

story!(e8_e7_a_revoked_token_with_a_change_that_waits_keeps_nothing_from_the_fallback, WITH_FALLBACK, |desk| {
    desk.chat.is_an_api("slack", BotHost::Slack, TOKEN, SLACK);
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.opens("anna", "Another").await;
    desk.at("2026-11-18T12:00:10Z").await;
    desk.chat.mood("slack", &BotMood { error: Some("token_revoked"), ..BotMood::default() });
    desk.says("ann", &issue, "It works again.").await;
    let _ = desk.chat.take();
    desk.at("2026-11-18T13:00:30Z").await;
    let texts: Vec<_> = desk.chat.take().into_iter().filter(|m| m.path == "/support").map(|m| m.body["text"].to_string()).collect();
    assert!(texts.iter().any(|text| text.contains("breach") && text.contains("support#2")), "{texts:#?}");
    // A new token: what waited is done, and the thread goes on.
    desk.chat.mood("slack", &BotMood::default());
    desk.at("2026-11-18T13:10:00Z").await;
    assert_eq!(seen(&desk, "slack"), ["12:00 🟢 Answered in time: 7x/support#1", "12:00 🔴 Overdue: 7x/support#2"]);
});

story!(e8_e2_a_first_message_whose_answer_is_lost_is_said_again_and_begins_the_thread, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    for path in ["/slack/chat.postMessage", "/mattermost/api/v4/posts"] {
        desk.chat.answer_next_at(path, ChatAnswer::Hangup);
    }
    desk.at("2026-11-18T12:40:00Z").await;
    desk.says("ann", &issue, "It works again.").await;
    for (path, ..) in DOORS {
        let posts = desk.chat.posts(path);
        let roots: Vec<_> = posts.iter().map(|post| post.root.clone()).collect();
        assert_eq!(roots, [None, None, Some(posts[1].id.clone())], "{path}: twice rather than never, and one thread");
        assert_eq!(posts[1].edits, 1, "{path}");
    }
});

story!(e8_e7_a_bot_that_is_asked_for_patience_has_it_and_is_no_refusal, BOTS, |desk| {
    a_ticket(&desk).await;
    desk.chat.answer_always("/slack/chat.postMessage", ChatAnswer::Status(429, Some(120)));
    desk.at("2026-11-18T12:01:00Z").await;
    desk.chat.answer_always("/slack/chat.postMessage", ChatAnswer::OK);
    // Now it says so inside of a 200.
    desk.chat.mood("slack", &BotMood { error: Some("ratelimited"), ..BotMood::default() });
    desk.at("2026-11-18T12:01:50Z").await;
    assert!(desk.chat.posts("slack").is_empty());
    desk.at("2026-11-18T12:02:10Z").await;
    desk.chat.mood("slack", &BotMood::default());
    desk.at("2026-11-18T12:09:00Z").await;
    for (path, ..) in DOORS {
        let lines = seen(&desk, path);
        assert!(lines.len() == 1 && lines[0].contains("Due soon (75%): 7x/support#1"), "{path}: nobody is told of a refusal: {lines:?}");
    }
});

story!(e8_r6_a_restart_and_an_answer_that_is_lost_lose_nothing, BOTS, |mut desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.restart().await;
    desk.at("2026-11-18T12:40:00Z").await;
    assert_eq!(desk.chat.posts("slack")[1].root.as_ref(), Some(&desk.chat.posts("slack")[0].id), "the thread is known");
    // Answered while Slack is away, and the desk ends before it is back.
    desk.chat.answer_always("/slack/chat.update", ChatAnswer::Down);
    desk.says("ann", &issue, "It works again.").await;
    assert_eq!(edits(&desk, "slack"), 0);
    desk.restart().await;
    // The change is taken, and its answer lost: it is simply repeated.
    desk.chat.answer_always("/slack/chat.update", ChatAnswer::OK);
    desk.chat.answer_next_at("/slack/chat.update", ChatAnswer::Hangup);
    desk.at("2026-11-18T12:50:00Z").await;
    assert_eq!(edits(&desk, "slack"), 2);
    assert_eq!(seen(&desk, "slack")[0], "12:00 🟢 Answered in time: 7x/support#1");
});

story!(e8_s3_what_is_written_is_what_is_true_by_then, BOTS, |desk| {
    let issue = a_ticket(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.chat.answer_always("/slack/chat.update", ChatAnswer::Status(429, Some(120)));
    desk.says("ben", &issue, "/ack 30m").await;
    desk.at("2026-11-18T12:01:00Z").await;
    let answer = desk.says("ann", &issue, "It works again.").await;
    desk.chat.answer_always("/slack/chat.update", ChatAnswer::OK);
    assert_eq!(edits(&desk, "slack"), 0, "when Slack asks for patience, it has it");
    desk.at("2026-11-18T12:05:00Z").await;
    assert_eq!(edits(&desk, "slack"), 1, "once, with how it is");
    assert_eq!(seen(&desk, "slack"), ["12:00 🟢 Answered in time: 7x/support#1"]);
    // An answer that is taken back: the promise stands again, and so it says.
    let taken_back = answer.comment.unwrap();
    desk.sandbox.delete_comment(REPO, taken_back, "ann").await.unwrap();
    desk.settle().await;
    assert_eq!(seen(&desk, "slack"), ["12:00 🔵 Acknowledged until 2026-11-18 12:30 UTC: 7x/support#1"]);
    assert_eq!(seen(&desk, "mattermost"), ["12:00 Acknowledged until 2026-11-18 12:30 UTC: 7x/support#1"]);
});

story!(e8_e4_a_digest_and_words_about_the_desk_stand_by_themselves, BOTS, |mut desk| {
    apis(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    for number in 1..=9 {
        desk.opens("anna", &format!("Number {number}")).await;
    }
    desk.stop().await;
    desk.clock.advance_to(instant("2026-11-18T14:30:00Z"));
    desk.go_on().await;
    desk.at("2026-11-18T14:30:10Z").await;
    for (path, ..) in DOORS {
        let lines = seen(&desk, path);
        assert_eq!(lines.len(), 2, "{path}: {lines:?}");
        assert!(lines[0].contains("9 tickets wait for an answer") && lines[1].contains("The desk was down"), "{path}: {lines:?}");
    }
    assert_eq!(desk.rows("threads").await, 0);
    desk.at("2026-11-18T15:00:00Z").await;
    assert_eq!(desk.rows("threads").await, 18, "from then on each has its own");
});

story!(e8_e7_a_bot_that_is_not_in_the_channel_is_spoken_for_and_the_operator_told_what_to_do, WITH_FALLBACK, |desk| {
    desk.chat.is_an_api("slack", BotHost::Slack, TOKEN, SLACK);
    desk.partner("acme", "gold", &["anna"]).await;
    let issue = desk.opens("anna", "Login is broken").await;
    desk.chat.mood("slack", &BotMood { member: false, ..BotMood::default() });
    desk.at("2026-11-18T12:00:10Z").await;
    let texts: Vec<_> = desk
        .chat
        .take()
        .iter()
        .filter(|m| m.path == "/support")
        .map(|m| m.body["text"].as_str().unwrap().replace('\u{2060}', ""))
        .collect();
    assert!(texts.iter().any(|text| text.starts_with("Sent here because the chat “slack” does not answer. due soon")), "{texts:#?}");
    insta::assert_snapshot!(texts.iter().find(|text| text.contains("refuses")).unwrap(), @"The chat ˋslackˋ refuses what it is sent: Slack answered not_in_channel: invite the bot there, by ˋ/invite ＠its-nameˋ in the channel. ˋpartner-desk doctor --pingˋ looks again, without posting. What is for it goes to ˋsupportˋ meanwhile (E7).");
    // It is invited: its next word is its own, and begins the thread.
    desk.chat.mood("slack", &BotMood::default());
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(seen(&desk, "slack"), ["13:00 Breach (due): 7x/support#1"]);
    // It loses its token with a thread that would have to be written anew: that waits, and nobody else can say it.
    desk.chat.mood("slack", &BotMood { error: Some("invalid_auth"), ..BotMood::default() });
    desk.at("2026-11-18T13:01:00Z").await;
    let _ = desk.chat.take();
    desk.says("ann", &issue, "It works again.").await;
    desk.at("2026-11-18T13:30:00Z").await;
    let said: Vec<_> = desk.chat.take().into_iter().filter(|message| message.path == "/support").collect();
    assert!(said.len() == 1 && said[0].body["text"].as_str().unwrap().contains("invalid_auth: the bot's token does not work"), "{said:#?}");
    desk.chat.mood("slack", &BotMood::default());
    desk.at("2026-11-18T13:40:00Z").await;
    assert_eq!(seen(&desk, "slack"), ["13:00 🔴 Answered late: 7x/support#1"]);
});

story!(e8_another_channel_gets_threads_of_its_own, BOTS, |mut desk| {
    a_ticket(&desk).await;
    desk.at("2026-11-18T12:00:00Z").await;
    desk.chat.is_an_api("elsewhere", BotHost::Slack, TOKEN, "C0ELSEWHERE");
    let config = BOTS.config.replace("{chat}/slack", "{chat}/elsewhere").replace(SLACK, "C0ELSEWHERE");
    desk.restart_with(Setup { config: Box::leak(config.into_boxed_str()), programme: BOTS.programme }).await;
    desk.at("2026-11-18T13:00:00Z").await;
    assert_eq!(seen(&desk, "elsewhere").iter().filter(|line| !line.starts_with("  ")).count(), 1);
    assert_eq!(seen(&desk, "slack"), ["12:00 Due soon (75%): 7x/support#1"]);
});

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn e8_of_two_instances_one_begins_the_thread() {
    crate::desk::run(async {
        let desk = Desk::start(crate::desk::Engine::Postgres, BOTS).await;
        let issue = a_ticket(&desk).await;
        let other: Instance = desk.another_instance().await;
        for time in ["12:00", "12:36", "13:00"] {
            desk.clock.advance_to(instant(&format!("2026-11-18T{time}:00Z")));
            let (one, next) = tokio::join!(desk.app.settle(), other.app.settle());
            one.and(next).unwrap();
        }
        desk.says("ann", &issue, "It works again.").await;
        let (one, next) = tokio::join!(desk.app.settle(), other.app.settle());
        one.and(next).unwrap();
        for (path, ..) in DOORS {
            let posts = desk.chat.posts(path);
            assert_eq!(posts.iter().map(|post| post.root.is_none()).collect::<Vec<_>>(), [true, false, false], "{path}");
            assert!(headline(&posts[0]).contains("Answered"), "{path}: {}", headline(&posts[0]));
        }
        other.stop().await;
        desk.end().await;
    });
}

story!(e8_what_a_bot_says_is_taken_whatever_people_wrote, BOTS, |desk| {
    apis(&desk);
    desk.partner("acme", "gold", &["anna"]).await;
    desk.execute("UPDATE partners SET name = '<@U1> & *Sons* 🎉 [x](https://e.vil) @all'").await;
    let mut issues = Vec::new();
    for filler in ["🎉", "&", "<!channel> ", "[x](https://e.vil)", "\"", "\\"] {
        issues.push(desk.opens("anna", &filler.repeat(256).chars().take(256).collect::<String>()).await);
    }
    desk.at("2026-11-18T13:00:00Z").await;
    for issue in &issues {
        desk.says("ann", issue, "On it.").await;
    }
    for message in desk.chat.take() {
        assert!(message.accepted(), "{} answered {} to {:#}", message.path, message.answered, message.body);
        let body = message.body.to_string();
        for mark in ["<!channel>", "<@U1>", "](https://e.vil", "@all", "*Sons*"] {
            assert!(!body.contains(mark), "{}: {mark} in {body}", message.path);
        }
    }
    let posts = desk.chat.posts("slack");
    assert!(posts.iter().filter(|post| post.root.is_none()).count() == 6 && !posts.iter().any(|post| post.body == Value::Null));
});
