//! On loopback, accepts only requests that address this machine by IP address or as `localhost`.
//!
//! This prevents DNS rebinding: a foreign web page could make its own name resolve to 127.0.0.1 and would then be treated as
//! local.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) async fn require_address(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    if host.and_then(|host| host.to_str().ok()).is_some_and(is_address) {
        next.run(request).await
    } else {
        let message = "discord-sim listens on loopback: use its IP address or localhost";
        (StatusCode::MISDIRECTED_REQUEST, message).into_response()
    }
}

fn is_address(host: &str) -> bool {
    host.parse::<Authority>().is_ok_and(|authority| {
        let name = authority.host().trim_matches(['[', ']']);
        name == "localhost" || name.parse::<IpAddr>().is_ok()
    })
}

#[cfg(test)]
mod tests {
    use super::is_address;

    #[test]
    fn addresses_and_localhost_are_accepted_and_other_names_are_not() {
        for own in ["127.0.0.1:8686", "localhost:8686", "[::1]:8686", "127.0.0.1"] {
            assert!(is_address(own), "{own}");
        }
        for foreign in ["", "example.org", "127.0.0.1.example.org:8686", "localhost.example.org"] {
            assert!(!is_address(foreign), "{foreign}");
        }
    }
}
