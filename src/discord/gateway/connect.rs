//! Opens a connection: TCP, TLS and the WebSocket upgrade.

use reqwest::Url;
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, client_async_tls_with_config};

use super::GatewayTimeouts;
use crate::discord::api::error_chain;

pub(super) type GatewaySocket = WebSocketStream<MaybeTlsStream<TcpStream>>;

/// The library's default is 128 KiB. Most events are a few hundred bytes.
const READ_BUFFER_SIZE: usize = 8 * 1024;

/// The largest message describes a guild: a few MiB for a huge one.
const MAX_MESSAGE_SIZE: usize = 32 * 1024 * 1024;

/// Connects and upgrades, each with its time limit. The error is a sentence for the log.
pub(super) async fn connect(url: &Url, timeouts: &GatewayTimeouts) -> Result<GatewaySocket, String> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port().unwrap_or(if url.scheme() == "ws" { 80 } else { 443 });
    let stream = timeout(timeouts.connect, TcpStream::connect((host.trim_matches(['[', ']']), port)))
        .await
        .map_err(|_| format!("no TCP connection to {host}:{port} within {:?}", timeouts.connect))?
        .map_err(|error| format!("no TCP connection to {host}:{port}: {error}"))?;
    stream.set_nodelay(true).map_err(|error| format!("TCP_NODELAY: {error}"))?;

    let config = WebSocketConfig::default()
        .read_buffer_size(READ_BUFFER_SIZE)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE_SIZE))
        .max_frame_size(Some(MAX_MESSAGE_SIZE));
    let (socket, _) =
        timeout(timeouts.upgrade, client_async_tls_with_config(url.as_str(), stream, Some(config), None))
            .await
            .map_err(|_| {
                format!(
                    "{host}:{port} did not finish TLS and the WebSocket upgrade within {:?}",
                    timeouts.upgrade
                )
            })?
            .map_err(|error| {
                format!("{host}:{port} refused TLS or the WebSocket upgrade: {}", error_chain(&error))
            })?;
    Ok(socket)
}
