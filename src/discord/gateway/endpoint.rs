//! Where the gateway may be.

use reqwest::Url;

use super::GatewayError;

const OFFICIAL: &str = "https://discord.com";

/// The URL to connect to, with version and encoding, if `gateway` may be told the token that `api_url` is told.
pub(in crate::discord) fn trusted_gateway_url(api_url: &str, gateway: &str) -> Result<Url, GatewayError> {
    let foreign = || GatewayError::ForeignGateway {
        api: api_url.to_owned(),
        gateway: gateway.to_owned(),
    };
    let api = Url::parse(api_url).map_err(|_| foreign())?;
    let mut url = Url::parse(gateway).map_err(|_| foreign())?;

    let here = is_loopback(&url);
    let host_is_trusted = here || api_url == OFFICIAL || (url.host() == api.host() && url.host().is_some());
    let private_enough = match url.scheme() {
        "wss" => true,
        "ws" => here || api.scheme() == "http",
        _ => false,
    };
    // What discord.com says over TLS is true; it has no business on this machine.
    if !host_is_trusted || !private_enough || (api_url == OFFICIAL && here) {
        return Err(foreign());
    }
    url.set_query(Some("v=10&encoding=json"));
    Ok(url)
}

/// Whether what is sent to `url` leaves this machine as plain text.
pub(in crate::discord) fn is_exposed(url: &str) -> bool {
    Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "ws") && !is_loopback(&url))
}

fn is_loopback(url: &Url) -> bool {
    match url.host_str() {
        Some("localhost") => true,
        Some(host) => host
            .trim_matches(['[', ']'])
            .parse::<std::net::IpAddr>()
            .is_ok_and(|address| address.is_loopback()),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_token_stays_with_the_host_that_was_configured() {
        let admitted = |api, gateway| trusted_gateway_url(api, gateway).is_ok();
        assert!(admitted("https://discord.com", "wss://gateway.discord.gg"));
        assert!(admitted(
            "https://discord.com",
            "wss://gateway-us-east1-b.discord.gg/"
        ));
        assert!(!admitted("https://discord.com", "ws://gateway.discord.gg"));
        assert!(!admitted("https://discord.com", "wss://127.0.0.1:9"));

        assert!(admitted("http://127.0.0.1:8080", "ws://127.0.0.1:9090"));
        assert!(admitted("http://127.0.0.1:8080", "ws://localhost:9090"));
        assert!(admitted("http://[::1]:8080", "ws://[::1]:9090/gateway"));
        assert!(!admitted("http://127.0.0.1:8080", "wss://gateway.discord.gg"));
        assert!(admitted("https://proxy.example", "wss://proxy.example/gateway"));
        assert!(!admitted("https://proxy.example", "ws://proxy.example/gateway"));
        assert!(!admitted(
            "https://proxy.example",
            "wss://proxy.example.evil.test"
        ));
        assert!(!admitted("https://proxy.example", "https://proxy.example"));
        assert!(!admitted("https://proxy.example", "not a url"));
    }

    #[test]
    fn version_and_encoding_are_asked_for_whatever_the_url_said() {
        let url = trusted_gateway_url(
            "https://discord.com",
            "wss://gateway.discord.gg/?compress=zlib-stream",
        )
        .unwrap();
        assert_eq!(url.as_str(), "wss://gateway.discord.gg/?v=10&encoding=json");
    }
}
