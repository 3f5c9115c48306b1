//! Encodes payloads as WebSocket messages: as text, or compressed with zlib.

use std::io::Write;

use axum::extract::ws::{Message, Utf8Bytes};
use flate2::write::ZlibEncoder;
use flate2::{Compress, Compression, FlushCompress};

/// The encoding of one connection.
#[derive(Debug)]
pub(crate) enum Codec {
    Text,
    /// Each payload compressed separately, requested by `compress` in identify.
    Each,
    /// One zlib stream for the whole connection, requested by `compress=zlib-stream` in the URL.
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
        let consumed = usize::try_from(stream.total_in() - start).unwrap_or(input.len());
        let space_before = out.capacity() - out.len();
        stream.compress_vec(&input[consumed..], &mut out, FlushCompress::Sync)?;
        // Unused output space means that everything, including the flush, was written.
        if space_before > 0 && out.len() < out.capacity() {
            return Ok(out);
        }
        out.reserve(out.capacity().max(256));
    }
}
