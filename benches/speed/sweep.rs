//! The look at what is due, which must cost by what is due and not by what is open.

use crate::{Bench, median, stored};
use partner_desk::app::open_desk;
use partner_desk::clock::Clock;
use partner_desk::desk::Desk;
use partner_desk::desk::intake::Incoming;
use partner_desk::github::wire::{self, Read};
use partner_desk::settings::Settings;
use std::time::Instant;

/// Tickets whose step falls due at the same instant.
const DUE: usize = 100;
/// Such instants.
const TIMES: i32 = 9;

pub(crate) fn run(bench: &mut Bench) {
    let (few, many) = bench.sizes.open;
    let (short, long) = (measure(bench, few), measure(bench, many));
    let line = |ours: f64, base: f64| format!("**{:.2} ×** ({ours:.0} µs of {base:.0} µs)", ours / base);
    bench.line(format!("the sweep with {many} open tickets against {few}, nothing due"), line(long.0, short.0), "≤ 1.5 ×");
    bench.line(format!("the sweep with {many} open tickets against {few}, {DUE} due"), line(long.1, short.1), "≤ 2.5 ×");
}

/// Microseconds of a look with nothing due, and of one with a hundred due.
fn measure(bench: &mut Bench, open: usize) -> (f64, f64) {
    let (file, url) = bench.sqlite(&format!("sweep-{open}.db"));
    bench.import(&url, &["gold"]);
    let config = "agents = [\"ann\"]\n[[chat]]\nname = \"support\"\nkind = \"webhook\"\nurl = \"https://chat.example/hook\"\n";
    let env = |name: &str| match name {
        "DATABASE_URL" => Some(url.clone()),
        "PARTNER_DESK_CONFIG" => Some("partner-desk.toml".to_owned()),
        _ => None,
    };
    let settings = Settings::load(&env, &|_| Ok(config.to_owned())).unwrap_or_else(|problems| panic!("{problems}"));
    // A Wednesday: every tier has its allowance, whatever today is.
    let start: jiff::Timestamp = "2026-11-18T09:00:00Z".parse().unwrap();
    let clock = Clock::manual(start);
    let desk = bench.runtime.block_on(open_desk(&settings, clock.clone())).unwrap();
    let minute = jiff::SignedDuration::from_mins(1);
    // A hundred tickets each minute, whose first step comes minutes apart, too.
    for round in 0..TIMES {
        let at = start.checked_add(minute * round).unwrap();
        clock.advance_to(at);
        let text = at.strftime("%Y-%m-%dT%H:%M:%SZ").to_string();
        let mut batch = Vec::new();
        while batch.len() < DUE {
            let body = bench.maker.body(&text);
            match wire::read("issues", body.as_bytes(), at) {
                Ok(Read::News(news)) => batch.push(Incoming { delivery: None, news: *news }),
                _ => panic!("a payload of the benchmark's does not read"),
            }
        }
        for outcome in bench.runtime.block_on(desk.intake(&batch)) {
            outcome.unwrap();
        }
    }
    bench.runtime.block_on(desk.store.close());
    stored::fill(&file, open, true, bench.sizes.partners);
    let desk = bench.runtime.block_on(open_desk(&settings, clock.clone())).unwrap();
    let mut with_due = Vec::new();
    let mut with_none = Vec::new();
    for round in 0..TIMES {
        // 75 % of Gold's four hours.
        let at = start.checked_add(minute * (180 + round)).unwrap();
        for _ in 0..30 {
            with_none.push(look(bench, &desk, 0));
        }
        clock.advance_to(at);
        with_due.push(look(bench, &desk, DUE));
    }
    bench.runtime.block_on(desk.store.close());
    crate::remove(&file);
    (median(with_none), median(with_due))
}

fn look(bench: &Bench, desk: &Desk, expected: usize) -> f64 {
    let begun = Instant::now();
    let done = bench.runtime.block_on(desk.escalate()).unwrap();
    let took = begun.elapsed().as_secs_f64() * 1e6;
    assert_eq!(done, expected, "tickets that were due");
    took
}
