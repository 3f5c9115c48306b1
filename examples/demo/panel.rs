//! The panel beside the channel: what the page of the simulated Discord shows of the patient.
//!
//! The state is sent as server-sent events, all of it each time; wishes come in as JSON, which a foreign web page
//! cannot post without being asked first.

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

use crate::first_minute::Step;
use crate::patient::Session;
use crate::trouble::{Known, Trouble};

/// The module that the page asks to fill its aside.
pub const MODULE: &str = "panel.js";

const JAVASCRIPT: &str = "text/javascript; charset=utf-8";
const FILES: [(&str, &str, &str); 7] = [
    ("/panel.js", JAVASCRIPT, include_str!("panel/panel.js")),
    ("/checklist.js", JAVASCRIPT, include_str!("panel/checklist.js")),
    ("/element.js", JAVASCRIPT, include_str!("panel/element.js")),
    ("/plot.js", JAVASCRIPT, include_str!("panel/plot.js")),
    ("/sessions.js", JAVASCRIPT, include_str!("panel/sessions.js")),
    ("/troubles.js", JAVASCRIPT, include_str!("panel/troubles.js")),
    (
        "/panel.css",
        "text/css; charset=utf-8",
        include_str!("panel/panel.css"),
    ),
];
/// Nobody presses faster than this fills up.
const WISHES: usize = 16;

/// What the panel shows.
#[derive(Serialize)]
pub struct Shown<'a> {
    pub steps: &'a [Step],
    pub sells: bool,
    /// Orders a second, twice a second, oldest first.
    pub takings: Vec<u64>,
    pub sessions: &'a [Session],
    pub troubles: Vec<Known>,
}

/// The demo's end of the panel.
pub struct Panel {
    shown: watch::Sender<String>,
    wishes: mpsc::Receiver<Trouble>,
}

/// The panel, and its routes. They show nothing until there is something to show.
pub fn open() -> (Panel, Router) {
    let shown = watch::Sender::new(String::new());
    let (wish, wishes) = mpsc::channel(WISHES);
    let doors = Doors {
        shown: shown.clone(),
        wish,
    };
    let mut routes = Router::new()
        .route("/state", get(state))
        .route("/trouble", post(trouble))
        .with_state(Arc::new(doors));
    for (path, kind, text) in FILES {
        let headers = [(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "no-cache")];
        routes = routes.route(path, get(async move || (headers, text)));
    }
    (Panel { shown, wishes }, routes)
}

impl Panel {
    pub fn show(&self, shown: &Shown<'_>) -> serde_json::Result<()> {
        self.shown.send_replace(serde_json::to_string(shown)?);
        Ok(())
    }

    /// Waits until somebody wants a trouble again.
    pub async fn wish(&mut self) -> Trouble {
        match self.wishes.recv().await {
            Some(trouble) => trouble,
            // The routes are gone, and with them whoever could wish for something.
            None => std::future::pending().await,
        }
    }
}

/// The routes' end of it.
struct Doors {
    shown: watch::Sender<String>,
    wish: mpsc::Sender<Trouble>,
}

#[derive(Deserialize)]
struct Wish {
    trouble: Trouble,
}

async fn trouble(State(doors): State<Arc<Doors>>, Json(wish): Json<Wish>) -> StatusCode {
    match doors.wish.send(wish.trouble).await {
        Ok(()) => StatusCode::NO_CONTENT,
        Err(_) => StatusCode::SERVICE_UNAVAILABLE,
    }
}

async fn state(State(doors): State<Arc<Doors>>) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let mut shown = doors.shown.subscribe();
    shown.mark_changed();
    let events = unfold(shown, |mut shown| async move {
        loop {
            // An error means that the demo ends, and with it the stream.
            shown.changed().await.ok()?;
            let state = shown.borrow_and_update().clone();
            if !state.is_empty() {
                return Some((Ok(Event::default().data(state)), shown));
            }
        }
    });
    Sse::new(events).keep_alive(KeepAlive::default())
}
