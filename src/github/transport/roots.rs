//! The certificate authorities that are trusted.

use std::{
    env,
    ffi::OsString,
    path::{Path, PathBuf},
    sync::Arc,
};

use rustls::{RootCertStore, pki_types::CertificateDer};
use rustls_native_certs::{CertificateResult, ErrorKind, load_certs_from_paths, load_native_certs};

use crate::github::error::{Cause, GitHubError};

const FILE: &str = "SSL_CERT_FILE";
const FOLDERS: &str = "SSL_CERT_DIR";

/// The authorities in `SSL_CERT_FILE` and in the folders of `SSL_CERT_DIR`, or those of this machine where neither is
/// set. A variable replaces those of the machine, so that who trusts one authority trusts no other.
///
/// A file that is named has to be good to its end. In a folder anything may lie beside certificates: what can't be
/// read there is logged, as long as something can.
pub(super) fn load(variables: impl Fn(&str) -> Option<OsString>) -> Result<RootCertStore, GitHubError> {
    let set = |name| variables(name).filter(|value| !value.is_empty());
    let file = set(FILE).map(PathBuf::from);
    let folders: Vec<PathBuf> = set(FOLDERS)
        .map(|folders| {
            env::split_paths(&folders)
                .filter(|path| !path.as_os_str().is_empty())
                .collect()
        })
        .unwrap_or_default();
    let mut store = RootCertStore::empty();
    if file.is_none() && folders.is_empty() {
        let found = load_native_certs();
        for error in &found.errors {
            tracing::debug!(%error, "certificates of this machine that cannot be read are left out");
        }
        let (certificates, error) = taken_apart(found);
        store.add_parsable_certificates(certificates);
        if store.is_empty() {
            return Err(GitHubError::Certificates { source: error });
        }
        return Ok(store);
    }
    if let Some(path) = file {
        let found = load_certs_from_paths(Some(&path), None);
        let good = found.errors.is_empty();
        let (certificates, error) = taken_apart(found);
        if !good || add(&mut store, FILE, &path, certificates) == 0 {
            return Err(GitHubError::RootFile {
                variable: FILE,
                path,
                source: error,
            });
        }
    }
    let mut failed = None;
    let mut left_out = Vec::new();
    for path in folders {
        let found = load_certs_from_paths(None, Some(&path));
        left_out.extend(found.errors.iter().map(ToString::to_string));
        let (certificates, source) = taken_apart(found);
        add(&mut store, FOLDERS, &path, certificates);
        failed = Some(GitHubError::RootFile {
            variable: FOLDERS,
            path,
            source,
        });
    }
    match failed {
        Some(error) if store.is_empty() => Err(error),
        _ => {
            for error in left_out {
                tracing::warn!(error, "certificates that cannot be read are left out");
            }
            Ok(store)
        }
    }
}

/// Adds certificates, and says how many of them are some.
fn add(store: &mut RootCertStore, variable: &str, path: &Path, certificates: Vec<CertificateDer<'static>>) -> usize {
    let (added, ignored) = store.add_parsable_certificates(certificates);
    if ignored > 0 {
        tracing::warn!(variable, path = %path.display(), ignored, "certificates that cannot be read are left out");
    }
    added
}

/// What was found, and why there may be nothing in it.
fn taken_apart(found: CertificateResult) -> (Vec<CertificateDer<'static>>, Cause) {
    let cause = match found.errors.into_iter().next().map(|error| error.kind) {
        Some(ErrorKind::Io { inner, .. }) => Arc::new(inner),
        Some(ErrorKind::Pem(_)) => Arc::new(Broken) as Cause,
        Some(ErrorKind::Os(error)) => Arc::from(error),
        _ => Arc::new(Empty),
    };
    (found.certs, cause)
}

#[derive(Debug, thiserror::Error)]
#[error("it holds no certificate in PEM form")]
struct Empty;

#[derive(Debug, thiserror::Error)]
#[error("it holds a certificate that is cut off or damaged")]
struct Broken;

#[cfg(test)]
mod tests {
    use std::{fs, io, sync::Mutex};

    use super::*;

    /// An authority's certificate.
    fn certificate() -> String {
        let key = rcgen::KeyPair::generate().unwrap();
        let mut parameters = rcgen::CertificateParams::default();
        parameters.is_ca = rcgen::IsCa::Ca(rcgen::BasicConstraints::Unconstrained);
        parameters.self_signed(&key).unwrap().pem()
    }

    fn loaded(file: Option<&Path>, folders: Option<OsString>) -> Result<usize, String> {
        let loaded = load(|name| match name {
            FILE => file.map(Into::into),
            FOLDERS => folders.clone(),
            _ => None,
        });
        loaded.map(|store| store.len()).map_err(|error| {
            let cause = std::error::Error::source(&error).map(ToString::to_string);
            format!("{error}: {}", cause.unwrap_or_default())
        })
    }

    #[test]
    fn a_file_has_to_be_good() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("ca.pem");
        let certificate = certificate();
        let cut = &certificate[..certificate.len() / 2];
        let no_certificate = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let rows = [
            (None, Err("No such file")),
            (Some(""), Err("holds no certificate")),
            (Some("hello"), Err("holds no certificate")),
            (Some(cut), Err("cut off or damaged")),
            (
                Some("-----BEGIN CERTIFICATE-----\n!\n-----END CERTIFICATE-----\n"),
                Err("cut off or damaged"),
            ),
            (Some(no_certificate), Err("holds no certificate")),
            (Some(&certificate), Ok(1)),
        ];
        for (content, expected) in rows {
            match content {
                Some(content) => fs::write(&path, content).unwrap(),
                None => assert!(!path.exists()),
            }
            match (loaded(Some(&path), None), expected) {
                (Ok(count), Ok(wanted)) => assert_eq!(count, wanted),
                (Err(message), Err(part)) => {
                    assert!(message.contains(part), "{content:?}: {message}");
                    assert!(message.contains(FILE) && message.contains("ca.pem"), "{message}");
                }
                (found, _) => panic!("{content:?}: {found:?}"),
            }
        }
        fs::write(&path, format!("{certificate}{no_certificate}")).unwrap();
        assert_eq!(
            loaded(Some(&path), None),
            Ok(1),
            "what is beside a certificate is left out"
        );
    }

    #[test]
    fn a_folder_that_cannot_be_read_is_told_where_another_one_can() {
        let good = tempfile::tempdir().unwrap();
        fs::write(good.path().join("ca.pem"), certificate()).unwrap();
        let absent = good.path().join("absent");
        let log = Arc::new(Mutex::new(Vec::new()));
        let written = Arc::clone(&log);
        let subscriber = tracing_subscriber::fmt()
            .with_writer(move || Written(Arc::clone(&written)))
            .finish();
        let folders = env::join_paths([absent.as_path(), good.path()]).unwrap();
        let count = tracing::subscriber::with_default(subscriber, || loaded(None, Some(folders)));
        assert_eq!(count, Ok(1));
        let log = String::from_utf8(log.lock().unwrap().clone()).unwrap();
        assert!(log.contains("WARN") && log.contains(absent.to_str().unwrap()), "{log}");
    }

    /// A log that can be read.
    struct Written(Arc<Mutex<Vec<u8>>>);

    impl io::Write for Written {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().unwrap().write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn folders_are_searched_for_certificates() {
        let good = tempfile::tempdir().unwrap();
        fs::write(good.path().join("ca.pem"), certificate()).unwrap();
        fs::write(good.path().join("README"), "-----BEGIN CERTIFICATE-----\n!").unwrap();
        let empty = tempfile::tempdir().unwrap();
        let absent = empty.path().join("absent");
        let list = |paths: &[&Path]| Some(env::join_paths(paths).unwrap());
        assert_eq!(loaded(None, list(&[good.path()])), Ok(1));
        assert_eq!(loaded(None, list(&[&absent, good.path(), empty.path()])), Ok(1));
        let file = good.path().join("ca.pem");
        assert_eq!(loaded(Some(&file), list(&[empty.path()])), Ok(1));
        assert_eq!(loaded(Some(&file), Some(OsString::new())), Ok(1));
        for path in [empty.path(), &absent] {
            let message = loaded(None, list(&[path])).unwrap_err();
            assert!(
                message.contains(FOLDERS) && message.contains(path.to_str().unwrap()),
                "{message}"
            );
        }
    }
}
