//! Opens a connection: TCP, TLS and the WebSocket upgrade.

use std::future::poll_fn;

use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::proxy::Tunnel;
use hyper_util::client::proxy::matcher::Intercept;
use reqwest::Url;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::http::HeaderValue;
use tokio_tungstenite::tungstenite::http::header::USER_AGENT;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};
use tower_service::Service;

use super::GatewayTimeouts;
use crate::discord::api::{self, error_chain};
use crate::discord::https_proxy::{HttpsProxy, tunnel_destination};

pub(super) type GatewaySocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// tungstenite's default is 128 KiB. Most events are a few hundred bytes.
const READ_BUFFER_SIZE: usize = 8 * 1024;

/// The largest message describes a guild: a few MiB for a huge one.
const MAX_MESSAGE_SIZE: usize = 32 * 1024 * 1024;

/// Connects, through the proxy if there is one for `url`, and upgrades, each with its time limit. The error is a sentence
/// for the log.
pub(super) async fn connect(
    url: &Url,
    proxy: Option<&HttpsProxy>,
    timeouts: &GatewayTimeouts,
) -> Result<GatewaySocket, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(if url.scheme() == "ws" { 80 } else { 443 });
    let tunnel = proxy.and_then(|proxy| proxy.intercept(url).map(|intercept| (proxy, intercept)));
    let way = tunnel.as_ref().map(|(proxy, _)| format!(" through the proxy {proxy}")).unwrap_or_default();
    let connecting = async {
        if let Some((_, intercept)) = &tunnel {
            return open_tunnel(intercept, url).await;
        }
        let address = (host.trim_matches(['[', ']']), port);
        TcpStream::connect(address).await.map_err(|error| error.to_string())
    };
    let stream = timeout(timeouts.connect, connecting)
        .await
        .unwrap_or_else(|_| Err(format!("no answer within {:?}", timeouts.connect)))
        .map_err(|error| match &tunnel {
            Some((proxy, _)) => proxy.explain(&error),
            None => error,
        })
        .map_err(|error| format!("no TCP connection to {host}:{port}: {error}"))?;
    stream.set_nodelay(true).map_err(|error| format!("TCP_NODELAY: {error}"))?;

    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_SIZE))
        .max_frame_size(Some(MAX_MESSAGE_SIZE));
    let mut request = url.as_str().into_client_request().map_err(|error| error.to_string())?;
    request.headers_mut().insert(USER_AGENT, HeaderValue::from_static(api::USER_AGENT));
    let (socket, _) =
        timeout(timeouts.upgrade, client_async_tls_with_config(request, stream, Some(config), None))
            .await
            .map_err(|_| {
                format!(
                    "{host}:{port}{way} did not finish TLS and the WebSocket upgrade within {:?}",
                    timeouts.upgrade
                )
            })?
            .map_err(|error| {
                format!(
                    "TLS or the WebSocket upgrade with {host}:{port}{way} failed: {}",
                    error_chain(&error)
                )
            })?;
    Ok(socket)
}

/// A connection to the host of `url` through the proxy, by HTTP CONNECT.
async fn open_tunnel(intercept: &Intercept, url: &Url) -> Result<TcpStream, String> {
    let destination = tunnel_destination(url).map_err(|error| error.to_string())?;
    let mut tunnel = Tunnel::new(intercept.uri().clone(), HttpConnector::new());
    if let Some(credentials) = intercept.basic_auth() {
        tunnel = tunnel.with_auth(credentials.clone());
    }
    let stream = async {
        poll_fn(|context| tunnel.poll_ready(context)).await?;
        tunnel.call(destination).await
    };
    let stream = stream.await.map_err(|error| error_chain(&error))?;
    Ok(stream.into_inner())
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    /// Accepts a connection, and reads until `end`.
    async fn accept(listener: &TcpListener, end: &str) -> (TcpStream, String) {
        let (mut stream, _) = listener.accept().await.expect("a connection");
        let mut head = Vec::new();
        while !head.ends_with(end.as_bytes()) {
            head.push(stream.read_u8().await.expect("the head of a request"));
        }
        (stream, String::from_utf8(head).expect("text").to_lowercase())
    }

    #[tokio::test]
    async fn the_upgrade_names_the_bot_as_the_rest_api_does() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let url = format!("ws://{}/", listener.local_addr().expect("an address"));
        let url = Url::parse(&url).expect("a URL");
        let timeouts = GatewayTimeouts::default();
        let (_stream, head) = tokio::select! {
            biased;
            request = accept(&listener, "\r\n\r\n") => request,
            connected = connect(&url, None, &timeouts) => panic!("{:?}", connected.err()),
        };
        assert!(head.contains("user-agent: discordbot (killgate, "), "{head}");
    }

    #[tokio::test]
    async fn a_gateway_behind_a_proxy_is_reached_by_a_tunnel() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let proxy = HttpsProxy::parse(&format!("http://me:secret@{address}"), "").expect("a proxy");
        let url = Url::parse("wss://gateway.discord.test/?v=10").expect("a URL");
        let timeouts = GatewayTimeouts::default();
        let tunnel = async {
            let (mut stream, head) = accept(&listener, "\r\n\r\n").await;
            stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await.expect("an answer");
            (head, stream.read_u8().await.expect("the first byte through the tunnel"))
        };
        let (head, first) = tokio::select! {
            biased;
            tunnel = tunnel => tunnel,
            connected = connect(&url, Some(&proxy), &timeouts) => panic!("{:?}", connected.err()),
        };
        assert!(head.starts_with("connect gateway.discord.test:443 http/1.1\r\n"), "{head}");
        assert!(head.contains("proxy-authorization: basic "), "{head}");
        // The type of a TLS handshake record (RFC 8446, 5.1).
        assert_eq!(first, 22);
    }

    #[tokio::test]
    async fn a_proxy_that_refuses_is_named_without_its_password() {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a listener");
        let address = listener.local_addr().expect("an address");
        let proxy = HttpsProxy::parse(&format!("me:secret@{address}"), "").expect("a proxy");
        let url = Url::parse("wss://gateway.discord.test").expect("a URL");
        let refuse = async {
            let (mut stream, _) = accept(&listener, "\r\n\r\n").await;
            stream.write_all(b"HTTP/1.1 403 Forbidden\r\n\r\n").await.expect("an answer");
        };
        let timeouts = GatewayTimeouts::default();
        let (connected, ()) = tokio::join!(connect(&url, Some(&proxy), &timeouts), refuse);
        let error = connected.expect_err("an error");
        assert!(error.contains(&format!("the proxy {address} opens no connection to Discord")), "{error}");
        assert!(!error.contains("secret"), "{error}");
    }
}
