//! Addresses of posts: the one where a person posts a prepared reply, and those people paste.

use super::oauth1::percent_encode;
use crate::networks::PostAddress;

/// Longest pasted address we look at, in bytes.
const ADDRESS_BYTES_MAX: usize = 2_000;

/// Where a person posts `text` as a reply to post `id` with their own hands.
pub fn reply_url(web_base: &str, id: &str, text: &str) -> String {
    format!(
        "{}/intent/tweet?in_reply_to={}&text={}",
        web_base.trim_end_matches('/'),
        percent_encode(id),
        percent_encode(text)
    )
}

/// Reads the address of a post on x.com or twitter.com, or on `other_base` (the stand-in's).
/// The scheme may be missing; anything after the id (photo, tracking) is ignored.
pub fn parse_post_address(text: &str, other_base: Option<&str>) -> Option<PostAddress> {
    let text = text.trim();
    if text.len() > ADDRESS_BYTES_MAX {
        return None;
    }
    let with_scheme = if text.contains("://") {
        text.to_owned()
    } else {
        format!("https://{text}")
    };
    let url = url::Url::parse(&with_scheme).ok()?;
    if !matches!(url.scheme(), "http" | "https") {
        return None;
    }
    let host = url.host_str()?;
    let bare = host
        .strip_prefix("www.")
        .or_else(|| host.strip_prefix("mobile."))
        .unwrap_or(host);
    let other = other_base.and_then(|base| url::Url::parse(base).ok());
    let same_site = other.is_some_and(|other| {
        other.host_str() == Some(host)
            && other.port_or_known_default() == url.port_or_known_default()
    });
    if !matches!(bare, "x.com" | "twitter.com") && !same_site {
        return None;
    }
    let parts: Vec<&str> = url
        .path_segments()?
        .filter(|part| !part.is_empty())
        .collect();
    let (username, id) = match parts.as_slice() {
        ["i", "web", "status" | "statuses", id, ..] => (None, id),
        ["i", "status" | "statuses", id, ..] => (None, id),
        [name, "status" | "statuses", id, ..] => (Some(name), id),
        _ => return None,
    };
    let username = match username {
        Some(name) if is_username(name) => Some((*name).to_owned()),
        Some(_) => return None,
        None => None,
    };
    super::wire::is_id(id).then(|| PostAddress {
        id: (*id).to_owned(),
        username,
    })
}

/// X's rule for usernames; old accounts have up to 20 characters.
pub fn is_username(text: &str) -> bool {
    (1..=20).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reply_address_carries_text_and_post() {
        assert_eq!(
            reply_url("https://x.com/", "12", "Hi & sorry: 100 % ours"),
            "https://x.com/intent/tweet?in_reply_to=12&text=Hi%20%26%20sorry%3A%20100%20%25%20ours"
        );
    }

    #[test]
    fn pasted_addresses_give_their_id() {
        let ada = |id: &str| {
            Some(PostAddress {
                id: id.into(),
                username: Some("ada".into()),
            })
        };
        for text in [
            "https://x.com/ada/status/2080765813578191303",
            "http://twitter.com/ada/status/2080765813578191303?s=20&t=abc",
            "  mobile.twitter.com/ada/status/2080765813578191303/photo/1 ",
            "https://www.x.com/ada/statuses/2080765813578191303#m",
        ] {
            assert_eq!(
                parse_post_address(text, None),
                ada("2080765813578191303"),
                "{text}"
            );
        }
        let nameless = Some(PostAddress {
            id: "7".into(),
            username: None,
        });
        assert_eq!(
            parse_post_address("https://x.com/i/web/status/7", None),
            nameless
        );
        assert_eq!(parse_post_address("x.com/i/status/7", None), nameless);
        let here = "http://127.0.0.1:4000";
        assert_eq!(
            parse_post_address("http://127.0.0.1:4000/ada/status/9", Some(here)),
            ada("9")
        );
        assert_eq!(
            parse_post_address("http://127.0.0.1:4001/ada/status/9", Some(here)),
            None
        );
    }

    #[test]
    fn other_texts_are_no_address() {
        for text in [
            "",
            "https://example.org/ada/status/1",
            "https://x.com.example.org/ada/status/1",
            "https://x.com/ada/status/abc",
            "https://x.com/ada/status/12345678901234567890",
            "https://x.com/ada",
            "javascript://x.com/ada/status/1",
            "https://x.com/a b/status/1",
        ] {
            assert_eq!(parse_post_address(text, None), None, "{text}");
        }
    }
}
