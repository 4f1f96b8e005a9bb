//! Of several instances one ticks (`E2`).

use crate::desk::{Desk, Engine, Setup, run};
use crate::instance::Instance;
use crate::sqlite::beside;
use jiff::SignedDuration;
use partner_desk::clock::Clock;
use partner_desk::jobs::work;
use partner_desk::lead::Led;
use partner_desk::store::Store;

impl Desk {
    async fn leases(&self) -> Vec<(String, i64)> {
        let all = "SELECT holder, until_ms FROM leases ORDER BY name";
        match &self.app.desk.store {
            Store::Sqlite(sqlite) => crate::sqlite::all(&beside(sqlite), all, |row| row.try_into()),
            Store::Postgres(server) => sqlx::query_as(all).fetch_all(server.pool()).await.unwrap(),
        }
    }

    fn later(&self, seconds: i64) {
        self.clock.advance_to(self.clock.now() + SignedDuration::from_secs(seconds));
    }
}

#[test]
#[ignore = "needs PostgreSQL: tests/run"]
fn e2_one_instance_ticks_until_it_is_gone_hangs_or_ends() {
    run(async {
        let desk = Desk::start(Engine::Postgres, Setup::default()).await;
        let one = &desk.app.lead;
        let instance = desk.another_instance().await;
        let other = &instance.app.lead;
        assert_eq!((one.is_ours(), one.look(0).await.unwrap(), one.is_ours()), (false, Led::ByUsNow, true));
        assert_eq!((other.look(0).await.unwrap(), other.is_ours()), (Led::ByOthers, false));

        let taken = desk.leases().await;
        desk.later(3);
        assert_eq!((one.look(0).await.unwrap(), desk.leases().await), (Led::ByUs, taken.clone()), "nothing is written yet");
        desk.later(1);
        assert_eq!(one.look(0).await.unwrap(), Led::ByUs);
        let renewed = desk.leases().await;
        assert_eq!((&renewed[0].0, renewed[0].1), (&taken[0].0, taken[0].1 + 4000));
        assert_eq!((other.look(0).await.unwrap(), desk.leases().await), (Led::ByOthers, renewed), "looking on writes nothing");

        // It stands still; the other follows as soon as the lease has ended, and the first knows before it asks.
        desk.later(11);
        assert_eq!(other.look(0).await.unwrap(), Led::ByOthers);
        desk.later(1);
        assert!(!one.is_ours());
        assert_eq!(other.look(0).await.unwrap(), Led::ByUsNow);
        assert_eq!((one.look(0).await.unwrap(), one.is_ours(), other.is_ours()), (Led::ByOthers, false, true));

        // Its ticks hang, though it lives: it does not renew.
        desk.later(6);
        assert_eq!(other.look(11_000).await.unwrap(), Led::ByUs);
        desk.later(6);
        assert_eq!(other.look(17_000).await.unwrap(), Led::ByNobody, "nor does it take the lease again before others could");
        assert_eq!(one.look(0).await.unwrap(), Led::ByUsNow);
        assert_eq!(other.look(11_000).await.unwrap(), Led::ByOthers);
        // What is left of a clock that was ahead is nobody's.
        desk.execute("UPDATE leases SET holder = 'long gone', until_ms = until_ms + 10800000").await;
        desk.later(12);
        assert_eq!(other.look(0).await.unwrap(), Led::ByUsNow);
        desk.later(12);
        assert_eq!(one.look(0).await.unwrap(), Led::ByUsNow);

        // Where there are no others, it does at its next look, and its silence is not hidden.
        desk.later(12);
        assert_eq!(one.look(13_000).await.unwrap(), Led::ByNobody);
        desk.later(1);
        assert_eq!(one.look(14_000).await.unwrap(), Led::ByUsNow);

        // It ends: nobody has to wait, and it does not come back.
        one.let_go().await.unwrap();
        assert_eq!((one.look(0).await.unwrap(), one.is_ours()), (Led::ByOthers, false));
        assert_eq!(other.look(0).await.unwrap(), Led::ByUsNow);
        one.let_go().await.unwrap();
        assert_eq!(desk.leases().await.len(), 1, "nobody lets go what another holds");
        instance.stop().await;
        desk.end().await;
    });
}

#[test]
fn e2_one_process_on_sqlite_always_ticks_and_writes_nothing_for_it() {
    run(async {
        let desk = Desk::start(Engine::Sqlite, Setup::default()).await;
        for _ in 0..3 {
            assert_eq!((desk.app.lead.look(60_000).await.unwrap(), desk.app.lead.is_ours()), (Led::ByUs, true));
            desk.later(60);
        }
        assert_eq!(desk.leases().await, []);
        desk.end().await;
    });
}

story!(e7_instances_over_one_database_go_by_its_clock_however_their_hosts_are_set, |desk| {
    let (host, wrong) = (Clock::system(), Clock::wrong_by(SignedDuration::from_secs(-14)));
    let apart = || wrong.now().duration_since(host.now()).abs();
    let instance = Instance::build(desk.settings(), wrong.clone()).await;
    let in_common = matches!(desk.app.desk.store, Store::Postgres(_));
    let told = async || {
        // A machine that is slow at this moment learns nothing from an answer.
        for _ in 0..100 {
            work(&instance.app, "time").await.unwrap();
            if apart() < SignedDuration::from_secs(1) {
                break;
            }
        }
        apart() < SignedDuration::from_secs(1)
    };
    assert_eq!(told().await, in_common, "{}", apart());
    // Set wrong while it runs.
    assert!(wrong.put_right(wrong.now() + SignedDuration::from_mins(5), wrong.now(), wrong.now()).is_some());
    assert!(apart() > SignedDuration::from_mins(4));
    assert_eq!(told().await, in_common, "{}", apart());
    assert!(!in_common || instance.app.desk.clock_word() == "ok", "nothing is said of a quarter of a minute");
    instance.stop().await;
});

story!(r7_a_host_by_whose_clock_the_desk_does_not_go_is_told_of_all_the_same, |desk| {
    let instance = Instance::build(desk.settings(), Clock::wrong_by(SignedDuration::from_millis(91_500))).await;
    let wrong = matches!(desk.app.desk.store, Store::Postgres(_));
    for _ in 0..100 {
        work(&instance.app, "time").await.unwrap();
        if instance.app.desk.clock.machine_ahead() != SignedDuration::ZERO {
            break;
        }
    }
    let word = instance.app.desk.clock_word();
    assert_eq!(word, if wrong { "this host's is 91 s ahead of PostgreSQL's" } else { "ok" });
    for _ in 0..2 {
        instance.app.desk.mind_the_clock(false).await.unwrap();
    }
    let told =
        desk.everything().await.into_iter().filter(|row| row.starts_with("outbox ") && row.contains("is 91 s ahead of PostgreSQL's"));
    assert_eq!(told.count(), usize::from(wrong));
    instance.stop().await;
});
