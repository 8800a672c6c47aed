//! OAuth 2.0 with PKCE: the addresses and texts of a sign-in, and the tokens it brings.
//! RFC 7636 for the challenge; scopes and lifetimes from X's documentation.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::clock::{Moment, SECOND};
use crate::networks::{SignIn, SignInPurpose};
use crate::random::Random;

/// Random bytes in a state or verifier (43 characters of text; RFC 7636 wants 43 to 128).
const RANDOM_BYTES: usize = 32;
/// A token that runs out within this time is renewed before use.
const RENEW_BEFORE: i64 = 60 * SECOND;
/// Lifetime assumed when an answer leaves it out, in seconds; X documents two hours.
const LIFETIME_SECONDS: i64 = 7_200;

/// What the desk needs on the brand account; `offline.access` brings the refresh token.
const CONNECT_SCOPES: &str = "tweet.read users.read tweet.write offline.access";
/// What proving a handle needs: `users/me` and nothing that lasts.
const PROVE_SCOPES: &str = "tweet.read users.read";

/// A user's tokens.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tokens {
    pub access_token: String,
    /// None when the scope `offline.access` was not granted.
    pub refresh_token: Option<String>,
    pub expires_at: Moment,
}

impl std::fmt::Debug for Tokens {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Tokens(hidden, until {})", self.expires_at.rfc3339())
    }
}

impl Tokens {
    /// Reads the token endpoint's answer. A renewal that brings no new refresh token keeps `old`.
    pub fn of_answer(answer: &Value, now: Moment, old: Option<&str>) -> Option<Tokens> {
        let text = |name: &str| {
            answer
                .get(name)
                .and_then(Value::as_str)
                .filter(|t| !t.is_empty())
                .map(str::to_owned)
        };
        let seconds = answer
            .get("expires_in")
            .and_then(Value::as_i64)
            .unwrap_or(LIFETIME_SECONDS);
        Some(Tokens {
            access_token: text("access_token")?,
            refresh_token: text("refresh_token").or_else(|| old.map(str::to_owned)),
            expires_at: now.plus(seconds.clamp(0, 365 * 24 * 3_600) * SECOND),
        })
    }

    pub fn runs_out_soon(&self, now: Moment) -> bool {
        self.expires_at.since(now) < RENEW_BEFORE
    }
}

/// Fresh random text for states and verifiers.
pub fn random_text(random: &Random) -> String {
    let mut bytes = [0u8; RANDOM_BYTES];
    random.fill(&mut bytes);
    URL_SAFE_NO_PAD.encode(bytes)
}

/// The S256 challenge of a verifier.
pub fn challenge(verifier: &str) -> String {
    URL_SAFE_NO_PAD.encode(Sha256::digest(verifier.as_bytes()))
}

/// Begins a sign-in at `authorize_url`.
pub fn begin(
    authorize_url: &str,
    client_id: &str,
    redirect_uri: &str,
    purpose: SignInPurpose,
    random: &Random,
) -> Option<SignIn> {
    let (state, verifier) = (random_text(random), random_text(random));
    let mut url = url::Url::parse(authorize_url).ok()?;
    let scopes = match purpose {
        SignInPurpose::Connect => CONNECT_SCOPES,
        SignInPurpose::Prove => PROVE_SCOPES,
    };
    url.query_pairs_mut()
        .append_pair("response_type", "code")
        .append_pair("client_id", client_id)
        .append_pair("redirect_uri", redirect_uri)
        .append_pair("scope", scopes)
        .append_pair("state", &state)
        .append_pair("code_challenge", &challenge(&verifier))
        .append_pair("code_challenge_method", "S256");
    Some(SignIn {
        url: url.into(),
        state,
        verifier,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn challenge_is_that_of_the_standards_appendix() {
        // RFC 7636, appendix B.
        assert_eq!(
            challenge("dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"),
            "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
        );
    }

    #[test]
    fn a_sign_in_asks_for_no_more_than_its_purpose() {
        let random = Random::seeded(1);
        let begin = |purpose| {
            let (page, back) = (
                "https://x.com/i/oauth2/authorize",
                "https://me.example/back",
            );
            begin(page, "app", back, purpose, &random).expect("an address")
        };
        let prove = begin(SignInPurpose::Prove);
        assert!(
            prove
                .url
                .contains("redirect_uri=https%3A%2F%2Fme.example%2Fback")
        );
        assert!(prove.url.contains("scope=tweet.read+users.read&"));
        assert!(prove.url.contains(&challenge(&prove.verifier)));
        assert!(!prove.url.contains(&prove.verifier));
        assert!(begin(SignInPurpose::Connect).url.contains("offline.access"));
        assert_ne!(begin(SignInPurpose::Prove).state, prove.state);
    }

    #[test]
    fn tokens_keep_the_old_refresh_token_when_no_new_one_comes() {
        let answer = serde_json::json!({"access_token": "a", "expires_in": 7200});
        let tokens = Tokens::of_answer(&answer, Moment(0), Some("r")).expect("tokens");
        assert_eq!(tokens.refresh_token.as_deref(), Some("r"));
        assert!(!tokens.runs_out_soon(Moment(7_100 * SECOND)));
        assert!(tokens.runs_out_soon(Moment(7_150 * SECOND)));
        assert_eq!(
            Tokens::of_answer(&serde_json::json!({}), Moment(0), None),
            None
        );
    }
}
