//! The panel beside the channel, which shows the database.
//!
//! The complete state is sent with each server-sent event. Requests for trouble are posted as JSON, which a foreign web page
//! cannot do without a CORS preflight.

use std::convert::Infallible;
use std::sync::Arc;

use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::routing::{get, post};
use axum::{Json, Router};
use futures_util::Stream;
use futures_util::stream::unfold;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, watch};

use crate::database::Session;
use crate::first_minute::Step;
use crate::trouble::{Trouble, TroubleState};

/// The ES module that fills the page's side panel.
pub const MODULE: &str = "panel.js";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const FILES: [(&str, &str, &str); 8] = [
    ("/panel.js", JAVASCRIPT, include_str!("panel/panel.js")),
    ("/checklist.js", JAVASCRIPT, include_str!("panel/checklist.js")),
    ("/element.js", JAVASCRIPT, include_str!("panel/element.js")),
    ("/chart.js", JAVASCRIPT, include_str!("panel/chart.js")),
    ("/hint.js", JAVASCRIPT, include_str!("panel/hint.js")),
    ("/sessions.js", JAVASCRIPT, include_str!("panel/sessions.js")),
    ("/troubles.js", JAVASCRIPT, include_str!("panel/troubles.js")),
    ("/panel.css", "text/css; charset=utf-8", include_str!("panel/panel.css")),
];
/// The capacity of the queue of requests.
const QUEUE: usize = 16;

/// The state that the panel shows.
#[derive(Serialize)]
pub struct PanelState<'a> {
    pub steps: &'a [Step],
    pub sells: bool,
    /// Orders per second, sampled twice a second, oldest first.
    pub order_rates: Vec<u64>,
    pub sessions: &'a [Session],
    pub troubles: Vec<TroubleState>,
}

/// The demo's side of the panel.
pub struct Panel {
    shown: watch::Sender<String>,
    requests: mpsc::Receiver<Trouble>,
}

/// The panel and its routes.
pub fn open() -> (Panel, Router) {
    let shown = watch::Sender::new(String::new());
    let (sender, requests) = mpsc::channel(QUEUE);
    let route_state = RouteState { shown: shown.clone(), requests: sender };
    let mut routes = Router::new()
        .route("/state", get(state))
        .route("/trouble", post(trouble))
        .with_state(Arc::new(route_state));
    for (path, kind, text) in FILES {
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
        routes = routes.route(path, get(async move || (headers, text)));
    }
    (Panel { shown, requests }, routes)
}

impl Panel {
    pub fn show(&self, shown: &PanelState<'_>) -> serde_json::Result<()> {
        self.shown.send_replace(serde_json::to_string(shown)?);
        Ok(())
    }

    /// Waits until somebody requests trouble.
    pub async fn requested_trouble(&mut self) -> Trouble {
        match self.requests.recv().await {
            Some(trouble) => trouble,
            // The routes are closed, so nothing more can be requested.
            None => std::future::pending().await,
        }
    }
}

/// The routes' side of the panel.
struct RouteState {
    shown: watch::Sender<String>,
    requests: mpsc::Sender<Trouble>,
}

#[derive(Deserialize)]
struct TroubleRequest {
    trouble: Trouble,
}

async fn trouble(State(routes): State<Arc<RouteState>>, Json(request): Json<TroubleRequest>) -> StatusCode {
    match routes.requests.send(request.trouble).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn state(State(routes): State<Arc<RouteState>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut shown = routes.shown.subscribe();
    shown.mark_changed();
    let events = unfold(shown, |mut shown| async move {
        loop {
            // An error means that the demo ends, so the stream ends too.
            shown.changed().await.ok()?;
            let state = shown.borrow_and_update().clone();
            if !state.is_empty() {
                return Some((Ok(Event::default().data(state)), shown));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
