//! The HTTP proxy through which Discord is reached, as `HTTPS_PROXY` and `NO_PROXY` say. The rules for `NO_PROXY` are
//! those of hyper-util, which follows curl; the REST API and the gateway use the same.

use std::fmt;

use hyper::Uri;
use hyper_util::client::proxy::matcher::{Intercept, Matcher};
use reqwest::{NoProxy, Proxy, Url};
use secrecy::{ExposeSecret, SecretString};

/// The proxy for `https://` and `wss://`. Connections to an unencrypted `api_url` do not use it.
#[derive(Clone, Debug)]
pub struct HttpsProxy {
    /// It may contain a password.
    url: SecretString,
    no_proxy: String,
    address: String,
}

impl HttpsProxy {
    /// Reads the two variables. The error says what is wrong, without the URL, which may contain a password.
    pub fn parse(https_proxy: &str, no_proxy: &str) -> Result<Self, &'static str> {
        let https_proxy = https_proxy.trim();
        let with_scheme = if https_proxy.contains("://") {
            https_proxy.to_owned()
        } else {
            format!("http://{https_proxy}")
        };
        let url = Url::parse(&with_scheme).map_err(|_| "it is not a URL")?;
        if url.scheme() != "http" {
            return Err("it is not an http:// URL");
        }
        let host = url.host_str().ok_or("it names no host")?;
        let address = format!("{host}:{}", url.port().unwrap_or(80));
        // The matcher reads a stricter form of URLs than people write: without `^`, for example, and in ASCII.
        if Matcher::builder()
            .https(url.as_str())
            .build()
            .intercept(&Uri::from_static("https://any"))
            .is_none()
        {
            return Err("its host contains characters that are not allowed in a host name");
        }
        Ok(Self { url: url.as_str().into(), no_proxy: no_proxy.to_owned(), address })
    }

    /// Whether connections to the https or wss `url` go through the proxy.
    pub fn applies_to(&self, url: &Url) -> bool {
        self.intercept(url).is_some()
    }

    /// The proxy's address and credentials, unless `NO_PROXY` or the scheme exempts `url`.
    pub(super) fn intercept(&self, url: &Url) -> Option<Intercept> {
        if !matches!(url.scheme(), "https" | "wss") {
            return None;
        }
        let destination = tunnel_destination(url).ok()?;
        let matcher = Matcher::builder().https(self.url.expose_secret()).no(self.no_proxy.as_str());
        matcher.build().intercept(&destination)
    }

    /// What went wrong with a connection through the proxy, whose error has this chain of causes, and what to do.
    pub(super) fn explain(&self, causes: &str) -> String {
        match TUNNEL_FAILURES.iter().find(|(text, _)| causes.contains(text)) {
            Some((_, meaning)) => format!("the proxy {self} {meaning}"),
            None if causes.contains("certificate") => format!(
                "{causes}, through the proxy {self}: if it inspects TLS, killgate does not trust its certificate authority; exempt Discord from inspection"
            ),
            None => format!("{causes}, through the proxy {self}: check that it runs, or correct HTTPS_PROXY"),
        }
    }

    /// The address, the credentials and the exemptions, for the client of the REST API.
    pub(super) fn for_rest_api(&self) -> reqwest::Result<Proxy> {
        Ok(Proxy::https(self.url.expose_secret())?.no_proxy(NoProxy::from_string(&self.no_proxy)))
    }
}

/// What the texts of hyper-util's errors have in common. The type is private.
const TUNNEL_FAILURES: [(&str, &str); 3] = [
    (
        "tunnel error: proxy authorization required",
        "requires credentials, or does not accept those it was given (407): correct user and password in HTTPS_PROXY",
    ),
    (
        "tunnel error: unsuccessful",
        "opens no connection to Discord: it forbids the host and port, or cannot reach them; allow them there, or correct HTTPS_PROXY and NO_PROXY",
    ),
    (
        "tunnel error: unexpected end of file",
        "closed the connection without an answer: check that it is an HTTP proxy, or correct HTTPS_PROXY",
    ),
];

/// The proxy's host and port, for people.
impl fmt::Display for HttpsProxy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// Where the tunnel for an https or wss `url` leads.
pub(super) fn tunnel_destination(url: &Url) -> Result<Uri, hyper::http::Error> {
    let host = url.host_str().unwrap_or_default();
    let port = url.port_or_known_default().unwrap_or(443);
    Uri::builder().scheme("https").authority(format!("{host}:{port}")).path_and_query("/").build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_encrypted_connections_that_no_proxy_does_not_exempt_use_the_proxy() {
        let proxy =
            HttpsProxy::parse("proxy.internal:3128", "localhost,.internal,10.0.0.0/8").expect("valid");
        assert_eq!(proxy.to_string(), "proxy.internal:3128");
        let is_used = |url: &str| proxy.applies_to(&Url::parse(url).expect("a URL"));
        assert!(is_used("https://discord.com"));
        assert!(is_used("wss://gateway.discord.gg/?v=10"));
        for exempt in [
            "http://discord.com",
            "ws://gateway",
            "https://sim.internal",
            "wss://localhost:9",
            "https://10.1.2.3",
        ] {
            assert!(!is_used(exempt), "{exempt}");
        }
    }

    #[test]
    fn characters_that_people_write_in_credentials_reach_the_proxy() {
        let gateway = Url::parse("wss://gateway.discord.gg/?v=10").expect("a URL");
        // The credentials are `me:pa^ss`, `me:a@b:c^d` and so on, in base64 (RFC 7617).
        for (written, credentials) in [
            (" http://me:pa^ss@p:3128\r", "bWU6cGFec3M="),
            ("me:pa^ss@p:3128 ", "bWU6cGFec3M="),
            ("http://me:a%40b%3Ac%5Ed@p:3128", "bWU6YUBiOmNeZA=="),
            ("http://me:{a|b}@p:3128", "bWU6e2F8Yn0="),
            ("http://me:pä@p:3128", "bWU6cMOk"),
            ("http://me:50%@p:3128", "bWU6NTAl"),
        ] {
            let proxy = HttpsProxy::parse(written, "").expect(written);
            assert_eq!(proxy.to_string(), "p:3128");
            let intercept = proxy.intercept(&gateway).expect(written);
            assert_eq!(intercept.uri(), "http://p:3128/");
            let header = intercept.basic_auth().expect(written);
            assert_eq!(header, &format!("Basic {credentials}"), "{written}");
        }
    }

    #[test]
    fn an_unusable_proxy_is_refused_without_repeating_its_password() {
        for (url, error) in [
            ("socks5://me:secret@proxy", "it is not an http:// URL"),
            ("https://me:secret@proxy", "it is not an http:// URL"),
            ("http://me:secret@", "it is not a URL"),
            ("http://me:secret@pro{xy", "its host contains characters that are not allowed in a host name"),
        ] {
            assert_eq!(HttpsProxy::parse(url, "").err(), Some(error), "{url}");
        }
        let shown = format!("{:?}", HttpsProxy::parse("http://me:secret@proxy", ""));
        assert!(!shown.contains("secret"), "{shown}");
    }
}
