//! A desk behind its doors; stories may have several over one database.

use partner_desk::app::{App, Workers};
use partner_desk::clock::Clock;
use partner_desk::settings::Settings;
use partner_desk::web;
use partner_desk::web::front::Front;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

/// Another instance of the desk.
pub struct Instance {
    pub app: App,
    pub url: String,
    workers: Workers,
    server: JoinHandle<()>,
    stop: oneshot::Sender<()>,
}

impl Instance {
    pub async fn build(settings: &Settings, clock: Clock) -> Self {
        let (app, workers) = App::build(settings, clock).await.unwrap();
        let (stop, stopped) = oneshot::channel::<()>();
        let (url, server) = serve_until(&app, async move { drop(stopped.await) }).await;
        Self { app, url, workers, server, stop }
    }

    /// Starts its scheduler and its senders, as `serve` does.
    pub async fn start(&mut self) {
        self.app.start(&mut self.workers).await.unwrap();
    }

    /// It ends as `serve` does when it is told to.
    pub async fn stop_gracefully(self) {
        drop(self.stop);
        self.server.await.unwrap();
        let store = self.app.desk.store.clone();
        drop(self.app);
        self.workers.stop().await;
        store.close().await;
    }

    /// It goes away without a word.
    pub async fn stop(self) {
        self.server.abort();
        let _ = self.server.await;
        drop(self.workers);
        self.app.desk.store.close().await;
    }
}

/// Opens the doors, for good.
pub async fn serve(app: &App) -> (String, JoinHandle<()>) {
    serve_until(app, std::future::pending()).await
}

async fn serve_until(app: &App, stop: impl Future<Output = ()> + Send + 'static) -> (String, JoinHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = web::router(app.clone());
    let front = Front::new(app.clone());
    (url, tokio::spawn(web::serving::serve(listener, router, web::serving::Limits::default(), move || front.turns_away(), stop)))
}
