//! `[http]`: where health and metrics are served.

use std::net::SocketAddr;

use super::fault::Noted;
use super::section::Section;

pub(super) fn read(section: &Section<'_>) -> Result<Option<SocketAddr>, Noted> {
    if !section.is_present() {
        return Ok(None);
    }
    let listen = |text: &str| {
        text.parse()
            .map_err(|_| format!("{text:?} is not an address and a port"))
    };
    section.required("listen", |value| value.parsed(listen)).map(Some)
}
