//! Making the connection.

use reqwest::Url;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::GatewayTimeouts;
use crate::discord::api::chain;

pub(super) type GatewaySocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The library would set aside 128 KiB at once; most events are a few hundred bytes.
const BUFFER: usize = 8 * 1024;

/// The description of a guild is the largest message, and of a huge one a few MiB.
const LARGEST_MESSAGE: usize = 32 * 1024 * 1024;

/// Connects and upgrades, each within its limit. The error is a sentence for the log.
pub(super) async fn connect(url: &Url, pace: &GatewayTimeouts) -> Result<GatewaySocket, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(if url.scheme() == "ws" { 80 } else { 443 });
    let stream = timeout(
        pace.connect,
        TcpStream::connect((host.trim_matches(['[', ']']), port)),
    )
    .await
    .map_err(|_| format!("no TCP connection to {host}:{port} within {:?}", pace.connect))?
    .map_err(|error| format!("no TCP connection to {host}:{port}: {error}"))?;
    stream
        .set_nodelay(true)
        .map_err(|error| format!("TCP_NODELAY: {error}"))?;

    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER)
        .write_buffer_size(0)
        .max_message_size(Some(LARGEST_MESSAGE))
        .max_frame_size(Some(LARGEST_MESSAGE));
    let (socket, _) = timeout(
        pace.upgrade,
        client_async_tls_with_config(url.as_str(), stream, Some(config), None),
    )
    .await
    .map_err(|_| {
        format!(
            "{host}:{port} did not finish TLS and the WebSocket upgrade within {:?}",
            pace.upgrade
        )
    })?
    .map_err(|error| {
        format!(
            "{host}:{port} refused TLS or the WebSocket upgrade: {}",
            chain(&error)
        )
    })?;
    Ok(socket)
}
