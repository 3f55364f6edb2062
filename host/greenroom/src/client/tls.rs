//! Whom a command trusts over TLS: those that the system trusts, or those in a file and nobody else.

use std::path::Path;
use std::sync::Arc;

use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};

use super::failure::Failure;

/// How to speak TLS.
pub(super) fn config(ca_file: Option<&Path>) -> Result<TlsConfig, Failure> {
    let roots = match ca_file {
        Some(file) => of_file(file)?,
        None => of_system()?,
    };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    Ok(TlsConfig::builder()
        .root_certs(RootCerts::new_with_certs(&roots))
        .unversioned_rustls_crypto_provider(provider)
        .build())
}

fn of_file(file: &Path) -> Result<Vec<Certificate<'static>>, Failure> {
    let place = file.display();
    let unusable = |why: String| Failure::Usage(format!("--ca-file {place}: {why}"));
    let bytes = std::fs::read(file).map_err(|error| unusable(error.to_string()))?;
    let mut certificates = Vec::new();
    for item in parse_pem(&bytes) {
        if let PemItem::Certificate(certificate) = item.map_err(|error| unusable(error.to_string()))? {
            certificates.push(certificate);
        }
    }
    if certificates.is_empty() {
        return Err(unusable(
            "it has no certificate; it is PEM, and begins with -----BEGIN CERTIFICATE-----".into(),
        ));
    }
    Ok(certificates)
}

fn of_system() -> Result<Vec<Certificate<'static>>, Failure> {
    let found = rustls_native_certs::load_native_certs();
    if found.certs.is_empty() {
        let why: Vec<String> = found.errors.iter().map(ToString::to_string).collect();
        return Err(Failure::Usage(format!(
            "this system has no certificates to know hosts by {}; install its ca-certificates, or name a file with \
             --ca-file",
            why.join("; ")
        )));
    }
    Ok(found.certs.iter().map(|certificate| Certificate::from_der(certificate).to_owned()).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_without_certificates_is_refused_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("ca.pem");
        for (text, why) in [(None, "No such file"), (Some("nothing"), "no certificate")] {
            if let Some(text) = text {
                std::fs::write(&file, text).unwrap();
            }
            let said = config(Some(&file)).unwrap_err().to_string();
            assert!(said.contains("ca.pem") && said.contains(why), "{said}");
        }
    }
}
