//! How a secret would be found in a log, whoever wrote it there.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

/// The digits of base64, and those that differ in what is made for URLs (RFC 4648).
const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const FOR_URLS: [(char, char); 2] = [('+', '-'), ('/', '_')];

/// How a secret may be written: as it is, in a URL, in base64 within something longer, in hexadecimal, as a list of bytes.
pub fn written(secret: &str) -> Vec<String> {
    let bytes = secret.as_bytes();
    let mut forms = vec![
        secret.to_owned(),
        secret.escape_debug().collect(),
        secret.escape_default().collect(),
        utf8_percent_encode(secret, NON_ALPHANUMERIC).to_string(),
        url::form_urlencoded::byte_serialize(bytes).collect(),
        bytes.iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat(),
        bytes.iter().map(u8::to_string).collect::<Vec<_>>().join(", "),
    ];
    let bits: Vec<u8> =
        bytes.iter().flat_map(|byte| (0..8).rev().map(move |place| byte >> place & 1)).collect();
    // A digit is six bits; those at either end may hold bits of what is beside it.
    for bits_of_another in [0, 2, 4] {
        let digits = bits[bits_of_another..].chunks_exact(6);
        let number = |six: &[u8]| six.iter().fold(0, |number, bit| number << 1 | usize::from(*bit));
        let standard: String = digits.map(|six| char::from(DIGITS[number(six)])).collect();
        let for_urls =
            FOR_URLS.iter().fold(standard.clone(), |text, &(from, to)| text.replace(from, &to.to_string()));
        forms.extend([standard, for_urls]);
    }
    forms
}
