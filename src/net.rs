//! The way out to other machines: whom we trust by TLS, and the HTTP client.

use std::path::Path;
use std::time::Duration;

use rustls::pki_types::{CertificateDer, pem::PemObject};
use ureq::Agent;

/// Longest time to reach another machine.
const CONNECT_MAX: Duration = Duration::from_secs(10);

/// TLS by rustls with ring, that trusts the public authorities and those of `ca_file` (PEM).
/// An error says what is wrong with the file.
pub fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    if let Some(path) = ca_file {
        let bad =
            |e: &dyn std::fmt::Display| format!("the authority's file {}: {e}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))? {
            let certificate = certificate.map_err(|e| bad(&e))?;
            roots.add(certificate).map_err(|e| bad(&e))?;
        }
    }
    let provider = rustls::crypto::ring::default_provider();
    let config = rustls::ClientConfig::builder_with_provider(provider.into())
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// An HTTP client that follows nothing and takes every status as an answer. TLS by rustls with the
/// roots of webpki.
pub fn http_client(timeout: Duration) -> Agent {
    Agent::config_builder()
        .user_agent(concat!("offramp/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .timeout_connect(Some(CONNECT_MAX))
        .timeout_global(Some(timeout))
        .build()
        .into()
}
