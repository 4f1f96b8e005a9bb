//! Traces by OpenTelemetry's protocol, over HTTP and as JSON: what a delivery, a batch, a ticket that is shown, a message and a request to
//! GitHub took, and what was logged meanwhile. Only where a collector is named; the standard's own variables say the rest.
//!
//! Nobody's `traceparent` is read: whoever knocks at the door could choose which traces are kept, and hang them into each other.

use super::CliError;
use crate::settings::Settings;
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{Bytes, HttpClient, HttpError, Request, Response};
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use std::pin::Pin;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tracing::Subscriber;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::{LevelFilter, Targets};
use tracing_subscriber::registry::LookupSpan;

/// Each of them names a collector.
const ENDPOINTS: [&str; 2] = ["OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT"];
/// A collector that does not answer keeps the desk from ending for so long.
const LONGEST_FLUSH: Duration = Duration::from_secs(3);
/// What a collector answers is of no interest beyond this.
const LARGEST_ANSWER: usize = 64 * 1024;

static TRACES: OnceLock<SdkTracerProvider> = OnceLock::new();

/// Has traces sent from the next [`super::log`] on, if a collector is named.
///
/// # Errors
/// What the variables say cannot be followed.
pub(super) fn begin() -> Result<(), CliError> {
    let is_off = Settings::process_variable("OTEL_SDK_DISABLED").is_some_and(|value| value.eq_ignore_ascii_case("true"));
    if is_off || ENDPOINTS.iter().all(|name| Settings::process_variable(name).is_none()) {
        return Ok(());
    }
    let wrong = |error: String| CliError::Failed(format!("traces: {error}; see OTEL_EXPORTER_OTLP_ENDPOINT and the variables beside it"));
    let _ = rustls::crypto::aws_lc_rs::default_provider().install_default();
    let client = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).timeout(Duration::from_secs(10)).build();
    let client =
        Collector { client: client.map_err(|error| wrong(error.to_string()))?, runtime: Handle::current(), fails: AtomicBool::new(false) };
    let exporter = SpanExporter::builder().with_http().with_http_client(client).with_protocol(Protocol::HttpJson).build();
    let exporter = exporter.map_err(|error| wrong(error.to_string()))?;
    let mut resource = Resource::builder();
    if Settings::process_variable("OTEL_SERVICE_NAME").is_none() {
        resource = resource.with_service_name("partner-desk");
    }
    let version = opentelemetry::KeyValue::new("service.version", env!("CARGO_PKG_VERSION"));
    let provider =
        SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource.with_attribute(version).build()).build();
    let _ = TRACES.set(provider);
    Ok(())
}

/// What hands spans on, where they are sent at all: the desk's own, and nobody else's.
pub(super) fn layer<S: Subscriber + for<'a> LookupSpan<'a>>() -> Option<impl Layer<S>> {
    let ours = Targets::new().with_target("otel", LevelFilter::INFO).with_target("partner_desk", LevelFilter::INFO);
    TRACES.get().map(|traces| tracing_opentelemetry::layer().with_tracer(traces.tracer("partner-desk")).with_filter(ours))
}

/// Sends what was not sent yet.
pub(super) async fn end() {
    let flushed = tokio::task::spawn_blocking(|| TRACES.get().map(|traces| traces.shutdown_with_timeout(LONGEST_FLUSH))).await;
    if let Ok(Some(Err(error))) = flushed {
        tracing::warn!(%error, "the last traces could not be sent");
    }
}

/// Sends to the collector on the desk's own runtime, since whoever asks for it is a thread without one.
#[derive(Debug)]
struct Collector {
    client: reqwest::Client,
    runtime: Handle,
    /// Whether the last try failed: told once.
    fails: AtomicBool,
}

impl HttpClient for Collector {
    fn send_bytes<'a, 'f>(
        &'a self,
        request: Request<Bytes>,
    ) -> Pin<Box<dyn Future<Output = Result<Response<Bytes>, HttpError>> + Send + 'f>>
    where
        'a: 'f,
        Self: 'f,
    {
        let client = self.client.clone();
        let sending = self.runtime.spawn(async move {
            let mut response = client.execute(request.try_into()?).await?;
            let mut answer = Response::builder().status(response.status());
            if let Some(headers) = answer.headers_mut() {
                headers.extend(response.headers().clone());
            }
            let mut body = Vec::new();
            while let Some(part) = response.chunk().await? {
                body.extend(part.iter().take(LARGEST_ANSWER.saturating_sub(body.len())));
            }
            Ok::<_, HttpError>(answer.body(Bytes::from(body))?)
        });
        Box::pin(async move {
            let answer = sending.await?;
            let why = match &answer {
                Ok(answer) => (!answer.status().is_success()).then(|| answer.status().to_string()),
                Err(error) => Some(error.to_string()),
            };
            let failed = self.fails.swap(why.is_some(), Ordering::Relaxed);
            if let Some(why) = why.filter(|_| !failed) {
                tracing::warn!(%why, "traces are not taken by their collector; they are let go until they are");
            }
            answer
        })
    }
}
