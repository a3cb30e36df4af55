//! Reading kubeconfigs as kubectl does, and what is to be corrected in them before a client is made of one.

use std::{
    ffi::OsStr,
    fs::File,
    io::Read as _,
    path::{Path, PathBuf},
};

use ::kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};
use http::HeaderValue;
use secrecy::ExposeSecret as _;

use super::ClusterError;
use crate::cli::config::ClusterConfig;

/// What there is of kubeconfigs.
pub(super) enum Read {
    /// Where it is from, and what is in it.
    Kubeconfig(String, Box<Kubeconfig>),
    /// The path at which there would be one.
    Nothing(String),
}

/// Reads the kubeconfig of `--kubeconfig`, else those of `KUBECONFIG`, else the one in the home folder.
pub(super) fn read(wanted: &ClusterConfig) -> Result<Read, ClusterError> {
    if let Some(path) = &wanted.kubeconfig {
        let origin = path.display().to_string();
        return Ok(Read::Kubeconfig(origin, Box::new(read_file(path)?)));
    }
    if let Some(listed) = listed(std::env::var_os("KUBECONFIG").as_deref())? {
        return Ok(Read::Kubeconfig("KUBECONFIG".to_owned(), Box::new(listed)));
    }
    let path = std::env::home_dir()
        .unwrap_or_else(|| PathBuf::from("~"))
        .join(".kube/config");
    let origin = path.display().to_string();
    if !path.exists() {
        return Ok(Read::Nothing(origin));
    }
    Ok(Read::Kubeconfig(origin, Box::new(read_file(&path)?)))
}

/// The files that `KUBECONFIG` lists, as one: what comes first wins. As with kubectl some may be missing, but not all of
/// them. None where nothing is listed.
fn listed(variable: Option<&OsStr>) -> Result<Option<Kubeconfig>, ClusterError> {
    let all: Vec<_> = std::env::split_paths(variable.unwrap_or_default())
        .filter(|path| !path.as_os_str().is_empty())
        .collect();
    let there: Vec<_> = all.iter().filter(|path| path.exists()).collect();
    let files = if there.is_empty() { all.iter().collect() } else { there };
    files.into_iter().try_fold(None, |merged: Option<Kubeconfig>, file| {
        let merged = merged.unwrap_or_default().merge(read_file(file)?);
        merged
            .map(Some)
            .map_err(|source| unusable(&file.display().to_string(), source))
    })
}

fn read_file(path: &Path) -> Result<Kubeconfig, ClusterError> {
    let origin = path.display().to_string();
    if is_half_utf16(path) {
        let place = ": it ends in the middle of a UTF-16 character".to_owned();
        return Err(ClusterError::Malformed { origin, place });
    }
    let mut kubeconfig = Kubeconfig::read_from(path).map_err(|source| unusable(&origin, source))?;
    // What is empty is not set: `kubectl config unset current-context` leaves it so.
    kubeconfig.current_context = kubeconfig.current_context.filter(|name| !name.is_empty());
    Ok(kubeconfig)
}

/// True for a file in UTF-16 with an odd number of bytes, on which kube's reader panics. A pipe is not opened: it can be
/// read only once.
fn is_half_utf16(path: &Path) -> bool {
    let is_odd = std::fs::metadata(path).is_ok_and(|about| about.is_file() && about.len() % 2 == 1);
    let mut mark = [0; 2];
    is_odd
        && File::open(path).and_then(|mut file| file.read_exact(&mut mark)).is_ok()
        && matches!(mark, [0xff, 0xfe] | [0xfe, 0xff])
}

/// The name of the context that counts.
///
/// # Errors
/// When the kubeconfig has none of that name, or none was chosen.
pub(super) fn context_name(
    origin: &str,
    kubeconfig: &Kubeconfig,
    wanted: Option<&str>,
) -> Result<String, ClusterError> {
    let names: Vec<_> = kubeconfig
        .contexts
        .iter()
        .map(|context| context.name.as_str())
        .collect();
    let (origin, known) = (origin.to_owned(), names.join(", "));
    if names.is_empty() {
        return Err(ClusterError::NoContexts { origin });
    }
    let Some(name) = wanted.or(kubeconfig.current_context.as_deref()) else {
        return Err(ClusterError::NoCurrentContext { origin, known });
    };
    if !names.contains(&name) {
        let context = name.to_owned();
        return Err(ClusterError::UnknownContext { origin, context, known });
    }
    Ok(name.to_owned())
}

/// Brings what kubectl understands into the form that kube expects.
///
/// # Errors
/// When a token cannot be one.
pub(super) fn correct(origin: &str, kubeconfig: &mut Kubeconfig, context: &str) -> Result<(), ClusterError> {
    let Kubeconfig {
        contexts,
        clusters,
        auth_infos,
        ..
    } = kubeconfig;
    let context = contexts.iter_mut().find(|named| named.name == context);
    let Some(Context {
        cluster,
        user,
        namespace,
        ..
    }) = context.and_then(|named| named.context.as_mut())
    else {
        return Ok(());
    };
    namespace.take_if(|namespace| namespace.is_empty());
    let user = auth_infos.iter_mut().find(|named| Some(&named.name) == user.as_ref());
    let mut user = user.and_then(|named| named.auth_info.as_mut());
    if let Some(user) = &mut user {
        correct_token(origin, user)?;
    }
    let cluster = clusters.iter_mut().find(|named| named.name == *cluster);
    if let Some(cluster) = cluster.and_then(|named| named.cluster.as_mut()) {
        correct_server(cluster, user.as_deref());
    }
    Ok(())
}

/// Text blocks of YAML end with a line break, and no header can hold one.
fn correct_token(origin: &str, user: &mut AuthInfo) -> Result<(), ClusterError> {
    let Some(token) = &user.token else { return Ok(()) };
    let trimmed = token.expose_secret().trim();
    if HeaderValue::from_str(trimmed).is_err() {
        return Err(ClusterError::TokenIllegal {
            origin: origin.to_owned(),
        });
    }
    user.token = Some(trimmed.to_owned().into()).filter(|_| !trimmed.is_empty());
    Ok(())
}

/// An address without scheme is one of HTTPS where anything speaks of TLS, as with kubectl.
fn correct_server(cluster: &mut Cluster, user: Option<&AuthInfo>) {
    let Some(server) = cluster
        .server
        .as_mut()
        .filter(|server| !server.is_empty() && !server.contains("://"))
    else {
        return;
    };
    let has_certificate =
        user.is_some_and(|user| user.client_certificate.is_some() || user.client_certificate_data.is_some());
    let has_tls = cluster.insecure_skip_tls_verify == Some(true)
        || cluster.certificate_authority.is_some()
        || cluster.certificate_authority_data.is_some()
        || has_certificate;
    *server = format!("{}://{server}", if has_tls { "https" } else { "http" });
}

pub(super) fn unusable(origin: &str, source: KubeconfigError) -> ClusterError {
    let origin = origin.to_owned();
    match source {
        KubeconfigError::Parse(error) => ClusterError::Malformed {
            origin,
            place: error
                .location()
                .map(|place| format!(" at line {}, column {}", place.line(), place.column()))
                .unwrap_or_default(),
        },
        source => ClusterError::Unusable { origin, source },
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    fn kubeconfig(text: &str) -> Kubeconfig {
        Kubeconfig::from_yaml(text).expect(text)
    }

    #[test]
    fn an_address_without_scheme_is_as_kubectl_takes_it() {
        for (cluster, user, expected) in [
            ("server: 'https://one:6443'", "", "https://one:6443"),
            ("server: 'http://one'", "client-certificate: c", "http://one"),
            ("server: 'one:8001'", "", "http://one:8001"),
            ("server: one/k8s", "token: t", "http://one/k8s"),
            ("server: 'one:6443', certificate-authority: ca", "", "https://one:6443"),
            (
                "server: 'one:6443', certificate-authority-data: aGk=",
                "",
                "https://one:6443",
            ),
            (
                "server: 'one:6443', insecure-skip-tls-verify: true",
                "",
                "https://one:6443",
            ),
            (
                "server: '[::1]:6443'",
                "client-certificate-data: aGk=",
                "https://[::1]:6443",
            ),
            ("server: ''", "", ""),
        ] {
            let mut known = kubeconfig(&format!(
                "clusters: [{{name: c, cluster: {{{cluster}}}}}, {{name: d, cluster: {{server: 'other:1'}}}}]
users: [{{name: u, user: {{{user}}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]"
            ));
            correct("here", &mut known, "x").expect(cluster);
            let servers: Vec<_> = known
                .clusters
                .iter()
                .map(|named| named.cluster.as_ref()?.server.as_deref())
                .collect();
            assert_eq!(servers, [Some(expected), Some("other:1")], "{cluster} {user}");
        }
    }

    #[test]
    fn what_is_empty_is_not_set() {
        let mut known = kubeconfig(
            "clusters: [{name: c, cluster: {server: 'https://one'}}]
users: [{name: u, user: {token: ' '}}]
contexts: [{name: x, context: {cluster: c, user: u, namespace: ''}}]",
        );
        correct("here", &mut known, "x").expect("nothing is wrong");
        let context = known.contexts[0].context.as_ref().expect("a context");
        assert_eq!(context.namespace, None);
        let user = known.auth_infos[0].auth_info.as_ref().expect("a user");
        assert!(user.token.is_none());
    }

    #[test]
    fn a_token_is_one_word() {
        for (token, expected) in [
            ("\"hunter2\"", Some("hunter2")),
            ("|\n        hunter2\n", Some("hunter2")),
            ("\"hunter2\\nhunter3\"", None),
            ("\"hunter2\\x07\"", None),
        ] {
            let mut known = kubeconfig(&format!(
                "users:
- name: u
  user:
    token: {token}
clusters: [{{name: c, cluster: {{server: 'https://one'}}}}]
contexts: [{{name: x, context: {{cluster: c, user: u}}}}]"
            ));
            let corrected = correct("here", &mut known, "x");
            match expected {
                Some(expected) => {
                    corrected.expect(token);
                    let user = known.auth_infos[0].auth_info.as_ref().expect("a user");
                    assert_eq!(user.token.as_ref().map(|token| token.expose_secret()), Some(expected));
                }
                None => {
                    let error = corrected.expect_err(token).to_string();
                    let expected =
                        "the token in the kubeconfig (here) holds line breaks or other characters of no token";
                    assert_eq!(error, expected);
                }
            }
        }
    }

    #[test]
    fn a_context_has_to_be_chosen_and_to_be_there() {
        let two = "contexts: [{name: a, context: {cluster: c}}, {name: b, context: {cluster: c}}]\n";
        for (text, wanted, expected) in [
            ("current-context: b\n", None, Ok("b")),
            ("current-context: b\n", Some("a"), Ok("a")),
            (
                "",
                None,
                Err("the kubeconfig (here) has no current-context: give --context with one of a, b"),
            ),
            (
                "current-context: c\n",
                None,
                Err("the kubeconfig (here) has no context \"c\": give --context with one of a, b"),
            ),
        ] {
            let known = kubeconfig(&format!("{two}{text}"));
            let name = context_name("here", &known, wanted).map_err(|error| error.to_string());
            assert_eq!(name.as_deref().map_err(String::as_str), expected, "{text:?} {wanted:?}");
        }
        let none = context_name("here", &Kubeconfig::default(), None).map_err(|error| error.to_string());
        let expected = "the kubeconfig (here) has no contexts: see whether it is the right file";
        assert_eq!(none, Err(expected.to_owned()));
    }

    #[test]
    fn of_several_kubeconfigs_some_may_be_missing() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = |name: &str| folder.path().join(name);
        let one = "contexts: [{name: plain, context: {cluster: one}}, {name: shop, context: {cluster: one}}]\n\
                   current-context: ''";
        fs::write(path("one"), one).expect("a kubeconfig");
        fs::write(path("two"), "contexts: [{name: other, context: {cluster: two}}]").expect("a kubeconfig");
        let listed = |names: &[&str]| {
            let paths = names.iter().map(|name| match *name {
                "" => PathBuf::new(),
                name => path(name),
            });
            let variable = std::env::join_paths(paths).expect("no separator in a name");
            let contexts = |kubeconfig: Kubeconfig| -> Vec<String> {
                kubeconfig.contexts.into_iter().map(|context| context.name).collect()
            };
            super::listed(Some(&variable)).map(|found| found.map(contexts))
        };
        for (names, expected) in [
            (&[][..], None),
            (&["", ""], None),
            (&["one"], Some(&["plain", "shop"][..])),
            (&["two", "one", ""], Some(&["other", "plain", "shop"])),
            (&["absent", "two"], Some(&["other"])),
            (&["two", "absent"], Some(&["other"])),
        ] {
            let found = listed(names).expect("what is there can be read");
            let expected = expected.map(|names| names.iter().map(ToString::to_string).collect());
            assert_eq!(found, expected, "{names:?}");
        }
        assert!(super::listed(None).expect("nothing").is_none());
        let error = listed(&["absent", "absent too"])
            .expect_err("none is there")
            .to_string();
        assert!(error.contains("absent"), "{error}");
        // `kubectl config unset` leaves an empty name behind.
        fs::write(path("two"), "current-context: other").expect("a kubeconfig");
        let variable = std::env::join_paths([path("one"), path("two")]).expect("no separator in a name");
        let found = super::listed(Some(&variable)).expect("two files").expect("two files");
        assert_eq!(found.current_context.as_deref(), Some("other"));
    }

    #[test]
    fn utf_16_is_read_and_half_a_character_is_an_error() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("config");
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend("current-context: x".encode_utf16().flat_map(u16::to_le_bytes));
        fs::write(&path, &bytes).expect("a file");
        let known = read_file(&path).expect("UTF-16");
        assert_eq!(known.current_context.as_deref(), Some("x"));
        bytes.push(0);
        fs::write(&path, &bytes).expect("a file");
        let error = read_file(&path).expect_err("half a character").to_string();
        let expected = "cannot be read as YAML: it ends in the middle of a UTF-16 character";
        assert!(error.ends_with(expected), "{error}");
    }
}
