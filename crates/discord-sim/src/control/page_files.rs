//! Serves the page's files from `src/page`.

use axum::Router;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::IntoResponse;
use axum::routing::get;

/// The page may load and run only its own files.
const POLICY: HeaderValue =
    HeaderValue::from_static("default-src 'self'; base-uri 'none'; form-action 'none'; object-src 'none'");

/// Pairs of a path and the file's text.
macro_rules! files {
    ($($path:literal,)*) => { &[$(($path, include_str!(concat!("../page/", $path)))),*] };
}

const INDEX: &str = include_str!("../page/index.html");

const FILES: &[(&str, &str)] = files![
    "favicon.svg",
    "style/base.css",
    "style/composer.css",
    "style/controls.css",
    "style/dialog.css",
    "style/embed.css",
    "style/layout.css",
    "style/message.css",
    "style/reactions.css",
    "style/text.css",
    "script/announcer.js",
    "script/api.js",
    "script/aside.js",
    "script/avatar.js",
    "script/column.js",
    "script/components.js",
    "script/composer.js",
    "script/confirm.js",
    "script/dom.js",
    "script/draft.js",
    "script/embed.js",
    "script/history.js",
    "script/icons.js",
    "script/inline.js",
    "script/keys.js",
    "script/listbox.js",
    "script/main.js",
    "script/markdown.js",
    "script/marks.js",
    "script/menu.js",
    "script/message.js",
    "script/modal.js",
    "script/timestamps.js",
    "script/options.js",
    "script/pending.js",
    "script/people.js",
    "script/picker.js",
    "script/pill.js",
    "script/popover.js",
    "script/reactions.js",
    "script/shortcuts.js",
    "script/suggestions.js",
    "script/theme.js",
    "script/timeline.js",
    "script/world.js",
];

/// Serves the page at `/`, and every other file at its path.
pub(crate) fn router<S: Clone + Send + Sync + 'static>() -> Router<S> {
    let page = Router::new().route("/", get(async || file_response("index.html", INDEX)));
    FILES.iter().fold(page, |router, &(path, text)| {
        router.route(&format!("/{path}"), get(async move || file_response(path, text)))
    })
}

fn file_response(path: &str, text: &'static str) -> impl IntoResponse + use<> {
    let kind = match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("svg") => "image/svg+xml",
        _ => "text/javascript; charset=utf-8",
    };
    let headers: [(HeaderName, HeaderValue); 4] = [
        (header::CONTENT_TYPE, HeaderValue::from_static(kind)),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-cache")),
        (header::CONTENT_SECURITY_POLICY, POLICY),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ];
    (headers, text)
}
