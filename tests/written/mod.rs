//! How a secret would be found in a log, whoever wrote it there.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// How a secret may be written: as it is, in a URL, in base64 within something longer, in hexadecimal, as a list of bytes.
pub fn written(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        secret.to_owned(),
        secret.escape_debug().collect(),
        secret.escape_default().collect(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        bytes
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect::<Vec<_>>()
            .concat(),
        bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
    ];
    for before in 0..3 {
        let mut within = vec![0; before];
        within.extend(bytes);
        // The characters at either end hold bits of what is beside it.
        let certain = (before * 8).div_ceil(6)..within.len() * 8 / 6;
        for alphabet in [STANDARD, URL_SAFE] {
            forms.push(alphabet.encode(&within)[certain.clone()].to_owned());
        }
    }
    forms
}
