//! How payloads are put into WebSocket messages: as text, or compressed by zlib.

use std::io::Write;

use axum::extract::ws::{Message, Utf8Bytes};
use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};

/// The form of what is sent on one connection.
#[derive(Debug)]
pub(crate) enum Codec {
    Text,
    /// Each payload compressed for itself, asked for by `compress` in identify.
    Each,
    /// One zlib stream over the connection's life, asked for by `compress=zlib-stream` in the URL.
    Stream(Box<Compress>),
}

impl Codec {
    pub(crate) fn of_query(compress: Option<&str>) -> Self {
        match compress {
            Some("zlib-stream") => Self::Stream(Box::new(Compress::new(Compression::fast(), true))),
            _ => Self::Text,
        }
    }

    pub(crate) fn encode(&mut self, text: Utf8Bytes) -> std::io::Result<Message> {
        match self {
            Self::Text => Ok(Message::Text(text)),
            Self::Each => {
                let mut encoder = ZlibEncoder::new(Vec::new(), Compression::fast());
                encoder.write_all(text.as_bytes())?;
                Ok(Message::Binary(encoder.finish()?.into()))
            }
            Self::Stream(stream) => {
                deflate(stream, text.as_bytes()).map(|bytes| Message::Binary(bytes.into()))
            }
        }
    }
}

/// Compresses one payload and flushes, so that the message ends in `00 00 FF FF`.
fn deflate(stream: &mut Compress, input: &[u8]) -> std::io::Result<Vec<u8>> {
    let mut out = Vec::with_capacity(input.len() / 2 + 64);
    let start = stream.total_in();
    loop {
        let taken = usize::try_from(stream.total_in() - start).unwrap_or(input.len());
        let room_before = out.capacity() - out.len();
        stream.compress_vec(&input[taken..], &mut out, FlushCompress::Sync)?;
        // Output room left over means that everything, the flush included, is out.
        if room_before > 0 && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(out.capacity().max(256));
    }
}
