//! Who may ask on loopback: whoever names this machine by its address.
//!
//! A foreign web page can have its own name resolve to 127.0.0.1 and would then count as coming from here. So no name
//! but `localhost` is answered while only this machine is listened to.

use std::net::IpAddr;

use axum::extract::Request;
use axum::http::uri::Authority;
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

pub(crate) async fn by_address_only(request: Request, next: Next) -> Response {
    let host = request.headers().get(header::HOST);
    if host.and_then(|host| host.to_str().ok()).is_some_and(is_address) {
        next.run(request).await
    } else {
        let why = "discord-sim listens on loopback: ask it by its address or as localhost";
        (StatusCode::MISDIRECTED_REQUEST, why).into_response()
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
    fn an_address_and_localhost_are_told_from_names() {
        for own in ["127.0.0.1:8686", "localhost:8686", "[::1]:8686", "127.0.0.1"] {
            assert!(is_address(own), "{own}");
        }
        for foreign in [
            "",
            "example.org",
            "127.0.0.1.example.org:8686",
            "localhost.example.org",
        ] {
            assert!(!is_address(foreign), "{foreign}");
        }
    }
}
