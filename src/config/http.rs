//! `[http]`: where health and metrics are served.

use std::net::SocketAddr;

use super::fault::Reported;
use super::section::ConfigSection;

pub(super) fn read(section: &ConfigSection<'_>) -> Result<Option<SocketAddr>, Reported> {
    if !section.is_present() {
        return Ok(None);
    }
    let listen = |text: &str| text.parse().map_err(|_| format!("{text:?} is not an address and a port"));
    section.required("listen", |value| value.parsed(listen)).map(Some)
}
