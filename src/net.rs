//! The way out to other machines: whom we trust by TLS, and the HTTP client.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject};
use rustls::{DigitallySignedStruct, SignatureScheme};
use ureq::Agent;

/// Longest time to reach another machine.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How many answers in a row may point elsewhere when a file is fetched.
const REDIRECTS_MAX: u32 = 5;

/// TLS by rustls with ring, that trusts the public authorities, those of `ca_file` (PEM), and a server
/// that shows one of its certificates itself, as those do that signed their own. An error says what is
/// wrong with the file.
pub fn tls(ca_file: Option<&Path>) -> Result<rustls::ClientConfig, String> {
    let mut roots = rustls::RootCertStore {
        roots: webpki_roots::TLS_SERVER_ROOTS.to_vec(),
    };
    let mut known = Vec::new();
    if let Some(path) = ca_file {
        let bad =
            |e: &dyn std::fmt::Display| format!("the authority's file {}: {e}", path.display());
        for certificate in CertificateDer::pem_file_iter(path).map_err(|e| bad(&e))? {
            let certificate = certificate.map_err(|e| bad(&e))?;
            roots.add(certificate.clone()).map_err(|e| bad(&e))?;
            known.push(certificate);
        }
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let authorities =
        WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone())
            .build()
            .map_err(|e| e.to_string())?;
    let config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|e| e.to_string())?;
    let verifier = Trusted { authorities, known };
    Ok(config
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth())
}

/// Trusts what the authorities vouch for, and the very certificates that are known.
#[derive(Debug)]
struct Trusted {
    authorities: Arc<WebPkiServerVerifier>,
    known: Vec<CertificateDer<'static>>,
}

impl ServerCertVerifier for Trusted {
    fn verify_server_cert(
        &self,
        shown: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        // Whoever has its key, which the handshake proves, is the server that was meant: webpki takes
        // no authority as a server, and a certificate that signed itself is both.
        if self.known.iter().any(|known| known == shown) {
            return Ok(ServerCertVerified::assertion());
        }
        self.authorities
            .verify_server_cert(shown, intermediates, name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls12_signature(message, certificate, signed)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        self.authorities
            .verify_tls13_signature(message, certificate, signed)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.authorities.supported_verify_schemes()
    }
}

/// An HTTP client for a public file: as `http_client`, but it follows where a few answers point.
pub fn download_client(timeout: Duration) -> Agent {
    Agent::config_builder()
        .user_agent(concat!("offramp/", env!("CARGO_PKG_VERSION")))
        .http_status_as_error(false)
        .max_redirects(REDIRECTS_MAX)
        .timeout_connect(Some(CONNECT_MAX))
        .timeout_global(Some(timeout))
        .build()
        .into()
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

#[cfg(test)]
mod tests {
    use rustls::pki_types::PrivateKeyDer;
    use rustls::{ClientConnection, ServerConfig, ServerConnection};

    use super::*;

    /// Whether a client of ours ends its handshake with a server that signed its own certificate.
    fn trusts(ca_file: Option<&Path>, name: &'static str) -> bool {
        let data = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/tls");
        let certificate = CertificateDer::from_pem_file(data.join("own.pem")).unwrap();
        let key = PrivateKeyDer::from_pem_file(data.join("own.key")).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], key)
            .unwrap();
        let mut server = ServerConnection::new(Arc::new(server)).unwrap();
        let config = Arc::new(tls(ca_file).unwrap());
        let mut client = ClientConnection::new(config, name.try_into().unwrap()).unwrap();
        for _ in 0..5 {
            let mut wire = Vec::new();
            client.write_tls(&mut wire).unwrap();
            server.read_tls(&mut wire.as_slice()).unwrap();
            if server.process_new_packets().is_err() {
                return false;
            }
            let mut wire = Vec::new();
            server.write_tls(&mut wire).unwrap();
            client.read_tls(&mut wire.as_slice()).unwrap();
            if client.process_new_packets().is_err() {
                return false;
            }
        }
        !client.is_handshaking() && !server.is_handshaking()
    }

    #[test]
    fn a_server_that_signed_its_own_certificate_is_trusted_once_it_is_named() {
        let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/it/data/tls/own.pem");
        assert!(trusts(Some(&own), "own.example"));
        assert!(!trusts(None, "own.example"));
    }
}
