//! OAuth 1.0a signatures (HMAC-SHA1), for apps that use an account's permanent keys.
//! RFC 5849; JSON bodies are not signed.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha1::Sha1;

/// The four keys of one app and one account.
#[derive(Clone, PartialEq, Eq)]
pub struct Keys {
    pub consumer_key: String,
    pub consumer_secret: String,
    pub token: String,
    pub token_secret: String,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Keys(consumer {}, secrets hidden)", self.consumer_key)
    }
}

/// RFC 3986: everything but letters, digits and `-._~` is escaped, in upper case.
pub fn percent_encode(text: &str) -> String {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    let mut out = String::with_capacity(text.len() + text.len() / 4);
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => {
                out.push(char::from(byte));
            }
            _ => {
                out.push('%');
                out.push(char::from(HEX[usize::from(byte >> 4)]));
                out.push(char::from(HEX[usize::from(byte & 15)]));
            }
        }
    }
    out
}

/// The base64 signature over method, address without query, and all parameters: those of the
/// query, of a form body, and the `oauth_*` ones except the signature itself.
pub fn signature(
    method: &str,
    url: &str,
    parameters: &[(String, String)],
    consumer_secret: &str,
    token_secret: &str,
) -> String {
    let mut pairs: Vec<(String, String)> = parameters
        .iter()
        .map(|(name, value)| (percent_encode(name), percent_encode(value)))
        .collect();
    pairs.sort();
    let joined: Vec<String> = pairs
        .iter()
        .map(|(name, value)| format!("{name}={value}"))
        .collect();
    let base = format!(
        "{}&{}&{}",
        method.to_ascii_uppercase(),
        percent_encode(url),
        percent_encode(&joined.join("&"))
    );
    let key = format!(
        "{}&{}",
        percent_encode(consumer_secret),
        percent_encode(token_secret)
    );
    match Hmac::<Sha1>::new_from_slice(key.as_bytes()) {
        Ok(mut mac) => {
            mac.update(base.as_bytes());
            STANDARD.encode(mac.finalize().into_bytes())
        }
        // HMAC takes keys of any length; an empty signature is refused by every server.
        Err(_) => String::new(),
    }
}

/// The `Authorization` header. `nonce` is fresh random text, `timestamp` Unix seconds.
pub fn authorization(
    keys: &Keys,
    method: &str,
    url: &str,
    query: &[(String, String)],
    nonce: &str,
    timestamp: i64,
) -> String {
    let mut oauth = vec![
        ("oauth_consumer_key".to_owned(), keys.consumer_key.clone()),
        ("oauth_nonce".to_owned(), nonce.to_owned()),
        ("oauth_signature_method".to_owned(), "HMAC-SHA1".to_owned()),
        ("oauth_timestamp".to_owned(), timestamp.to_string()),
        ("oauth_token".to_owned(), keys.token.clone()),
        ("oauth_version".to_owned(), "1.0".to_owned()),
    ];
    let signed: Vec<(String, String)> = oauth.iter().chain(query).cloned().collect();
    let signature = signature(
        method,
        url,
        &signed,
        &keys.consumer_secret,
        &keys.token_secret,
    );
    oauth.push(("oauth_signature".to_owned(), signature));
    let parts: Vec<String> = oauth
        .iter()
        .map(|(name, value)| format!("{name}=\"{}\"", percent_encode(value)))
        .collect();
    format!("OAuth {}", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The worked example of X's page on signatures, as figures: keys, parameters, result.
    #[test]
    fn documented_example_gives_the_documented_signature() {
        let fixture = include_str!("../../../tests/it/data/networks/oauth1_example.json");
        let fixture: serde_json::Value = serde_json::from_str(fixture).unwrap_or_default();
        let text = |name: &str| fixture[name].as_str().unwrap_or_default().to_owned();
        let parameters: Vec<(String, String)> = fixture["parameters"]
            .as_object()
            .into_iter()
            .flatten()
            .map(|(name, value)| (name.clone(), value.as_str().unwrap_or_default().to_owned()))
            .collect();
        let made = signature(
            &text("method"),
            &text("url"),
            &parameters,
            &text("consumer_secret"),
            &text("token_secret"),
        );
        assert_eq!(made, text("signature"));
    }

    #[test]
    fn encoding_is_rfc_3986() {
        assert_eq!(
            percent_encode("Ladies + Gentlemen"),
            "Ladies%20%2B%20Gentlemen"
        );
        assert_eq!(percent_encode("a-b._~"), "a-b._~");
        assert_eq!(percent_encode("☃"), "%E2%98%83");
    }

    #[test]
    fn header_names_every_part_and_hides_the_secrets() {
        let keys = Keys {
            consumer_key: "ck".into(),
            consumer_secret: "very secret".into(),
            token: "tk".into(),
            token_secret: "also secret".into(),
        };
        let query = [("since_id".to_owned(), "5".to_owned())];
        let header = authorization(&keys, "GET", "https://api.x.com/2/tweets", &query, "n", 1);
        assert!(header.starts_with("OAuth oauth_consumer_key=\"ck\", oauth_nonce=\"n\""));
        assert!(header.contains("oauth_signature=\""));
        assert!(!header.contains("secret") && !header.contains("since_id"));
        assert!(!format!("{keys:?}").contains("very secret"));
    }
}
