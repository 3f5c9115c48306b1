//! Which gateway URLs are trusted with the token.

use reqwest::Url;

use super::GatewayError;

const OFFICIAL: &str = "https://discord.com";

/// The URL to connect to, with version and encoding, if `gateway` may receive the token that `api_url` receives.
pub(in crate::discord) fn trusted_gateway_url(api_url: &str, gateway: &str) -> Result<Url, GatewayError> {
    let foreign = || GatewayError::ForeignGateway { api: api_url.to_owned(), gateway: gateway.to_owned() };
    let api = Url::parse(api_url).map_err(|_| foreign())?;
    let mut url = Url::parse(gateway).map_err(|_| foreign())?;

    let is_local = is_loopback(&url);
    let is_host_trusted =
        is_local || api_url == OFFICIAL || (url.host() == api.host() && url.host().is_some());
    let is_scheme_trusted = match url.scheme() {
        "wss" => true,
        "ws" => is_local || api.scheme() == "http",
        _ => false,
    };
    // discord.com is trusted to name any host, but its gateway is never on this machine.
    if !is_host_trusted || !is_scheme_trusted || (api_url == OFFICIAL && is_local) {
        return Err(foreign());
    }
    url.set_query(Some("v=10&encoding=json"));
    Ok(url)
}

/// Whether traffic to `url` leaves this machine unencrypted.
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
    fn the_token_is_sent_only_to_the_configured_host() {
        let is_trusted = |api, gateway| trusted_gateway_url(api, gateway).is_ok();
        assert!(is_trusted("https://discord.com", "wss://gateway.discord.gg"));
        assert!(is_trusted("https://discord.com", "wss://gateway-us-east1-b.discord.gg/"));
        assert!(!is_trusted("https://discord.com", "ws://gateway.discord.gg"));
        assert!(!is_trusted("https://discord.com", "wss://127.0.0.1:9"));

        assert!(is_trusted("http://127.0.0.1:8080", "ws://127.0.0.1:9090"));
        assert!(is_trusted("http://127.0.0.1:8080", "ws://localhost:9090"));
        assert!(is_trusted("http://[::1]:8080", "ws://[::1]:9090/gateway"));
        assert!(!is_trusted("http://127.0.0.1:8080", "wss://gateway.discord.gg"));
        assert!(is_trusted("https://proxy.example", "wss://proxy.example/gateway"));
        assert!(!is_trusted("https://proxy.example", "ws://proxy.example/gateway"));
        assert!(!is_trusted("https://proxy.example", "wss://proxy.example.evil.test"));
        assert!(!is_trusted("https://proxy.example", "https://proxy.example"));
        assert!(!is_trusted("https://proxy.example", "not a url"));
    }

    #[test]
    fn version_and_encoding_replace_the_query_of_the_url() {
        let url =
            trusted_gateway_url("https://discord.com", "wss://gateway.discord.gg/?compress=zlib-stream")
                .unwrap();
        assert_eq!(url.as_str(), "wss://gateway.discord.gg/?v=10&encoding=json");
    }
}
