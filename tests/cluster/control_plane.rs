//! The control plane that all tests of this process share, and kubectl.

use std::{
    ffi::OsStr,
    fs,
    io::{BufRead, BufReader, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::OnceLock,
};

use serde::Deserialize;

use crate::support;

/// A running control plane. It stops when this is dropped, or this process ends, however it ends.
pub struct ControlPlane {
    up: Up,
    /// For the cache of kubectl.
    home: PathBuf,
    /// Ends with its standard input.
    up_process: Child,
}

impl Drop for ControlPlane {
    fn drop(&mut self) {
        // Closes its standard input.
        let _ = self.up_process.wait();
    }
}

/// Controllers that do nothing until this is dropped.
pub struct Stopped(u32);

impl Drop for Stopped {
    fn drop(&mut self) {
        signal("CONT", self.0);
    }
}

/// The child of a process whose name begins like this; Linux keeps 15 characters of a name.
fn child_of(parent: u32, name: &str) -> Option<u32> {
    let processes = fs::read_dir("/proc").expect("Linux").flatten();
    let mut ids = processes.filter_map(|entry| entry.file_name().to_str()?.parse().ok());
    ids.find(|id: &u32| {
        let stat = fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let ours = format!("{id} ({name}");
        // After the name: the state, and the parent.
        let parent_of = stat.rsplit(") ").next().and_then(|rest| rest.split(' ').nth(1));
        stat.starts_with(&ours) && parent_of == Some(&parent.to_string())
    })
}

/// Sends a signal to a process that this test started.
pub fn signal(name: &str, process: u32) {
    let sent = Command::new("kill")
        .args([&format!("-{name}"), &process.to_string()])
        .status();
    assert!(sent.expect("kill exists").success());
}

/// What `control-plane up` prints when the cluster is ready.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Up {
    kubeconfig: PathBuf,
    audit_log: PathBuf,
    kubectl: PathBuf,
}

/// A finished request to the API server.
#[derive(Clone, Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Request {
    pub verb: String,
    #[serde(rename = "requestURI")]
    pub uri: String,
    pub user: User,
    #[serde(default)]
    pub user_agent: String,
    /// None for what is no resource, such as discovery.
    pub object_ref: Option<ObjectRef>,
}

/// Who asked.
#[derive(Clone, Debug, Deserialize)]
pub struct User {
    pub username: String,
}

/// What was asked for.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct ObjectRef {
    pub resource: String,
    pub subresource: Option<String>,
    pub name: String,
}

impl Request {
    /// Verb and resource, such as `patch githubdeployments/status`.
    pub fn what(&self) -> String {
        match &self.object_ref {
            None => format!("{} {}", self.verb, self.uri),
            Some(ObjectRef {
                resource,
                subresource: None,
                ..
            }) => format!("{} {resource}", self.verb),
            Some(ObjectRef {
                resource,
                subresource: Some(part),
                ..
            }) => format!("{} {resource}/{part}", self.verb),
        }
    }

    /// True if it may have changed something.
    pub fn is_write(&self) -> bool {
        !matches!(self.verb.as_str(), "get" | "list" | "watch")
    }
}

/// The control plane, with the CustomResourceDefinition that the program prints; None where none can be built.
pub fn control_plane() -> Option<&'static ControlPlane> {
    static CONTROL_PLANE: OnceLock<Option<ControlPlane>> = OnceLock::new();
    CONTROL_PLANE.get_or_init(ControlPlane::with_definition).as_ref()
}

impl ControlPlane {
    /// A cluster that knows nothing of this program, for one test; None where none can be built.
    pub fn start() -> Option<Self> {
        let programs = support::built::folder("hack/control-plane/build", "control plane")?;

        // `--ephemeral` removes the folder, also after a test process that was killed.
        let folder = tempfile::Builder::new()
            .prefix("control-plane-")
            .tempdir()
            .unwrap()
            .keep();
        let mut up = Command::new(programs.join("control-plane"))
            .args(["up", "--ephemeral", "--stdin-eof", "--dir"])
            .arg(&folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("start the control plane");
        let mut line = String::new();
        BufReader::new(up.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line)
            .unwrap_or_else(|error| panic!("the control plane is not up: {error}: {line:?}"));
        Some(Self {
            up: ready,
            home: folder.join("home"),
            up_process: up,
        })
    }

    fn with_definition() -> Option<Self> {
        let control_plane = Self::start()?;
        let crd = support::program(&control_plane.home).arg("crd").output().unwrap();
        assert!(crd.status.success(), "{}", String::from_utf8_lossy(&crd.stderr));
        control_plane.apply(&String::from_utf8(crd.stdout).unwrap());
        control_plane.kubectl([
            "wait",
            "--for=condition=Established",
            "crd/githubdeployments.github.decathlon.com",
        ]);
        control_plane.kubectl(["create", "namespace", RUNNERS]);
        Some(control_plane)
    }

    /// Stops the controllers until the answer is dropped: nothing observes what is applied meanwhile.
    pub fn stop_controllers(&self) -> Stopped {
        let process = child_of(self.up_process.id(), "kube-controller").expect("a controller manager that was started");
        signal("STOP", process);
        Stopped(process)
    }

    /// kubectl as administrator.
    pub fn kubectl_command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.up.kubectl);
        command
            .args(arguments)
            .env_clear()
            .env("HOME", &self.home)
            .env("KUBECONFIG", &self.up.kubeconfig);
        command
    }

    /// What kubectl prints. It has to succeed.
    pub fn kubectl<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> String {
        let mut command = self.kubectl_command(arguments);
        succeeded(&command.output().unwrap(), &command)
    }

    /// Applies YAML.
    pub fn apply(&self, yaml: &str) {
        let mut command = self.kubectl_command(["apply", "-f", "-"]);
        succeeded(&with_input(&mut command, yaml), &command);
    }

    /// Writes a kubeconfig for a service account with `namespace` as its own.
    pub fn kubeconfig_of(&self, namespace_of_account: &str, account: &str, namespace: &str, file: &Path) {
        let token = self.kubectl(["create", "token", "-n", namespace_of_account, account, "--duration=2h"]);
        let mut config: serde_json::Value =
            serde_json::from_str(&self.kubectl(["config", "view", "--raw", "--minify", "-o", "json"])).unwrap();
        config["users"] = serde_json::json!([{ "name": account, "user": { "token": token.trim() } }]);
        config["contexts"][0]["context"]["user"] = account.into();
        config["contexts"][0]["context"]["namespace"] = namespace.into();
        fs::write(file, config.to_string()).unwrap();
    }

    /// Length of the audit log at a moment when all requests of the past are in it.
    pub fn audit_mark(&self) -> u64 {
        // A request that nobody else makes comes after all others.
        let unique = tempfile::Builder::new().prefix("mark-").tempdir().unwrap();
        let name = unique
            .path()
            .file_name()
            .unwrap()
            .to_str()
            .unwrap()
            .to_ascii_lowercase();
        let mut command =
            self.kubectl_command(["get", "--raw", &format!("/api/v1/namespaces/default/configmaps/{name}")]);
        assert!(!command.output().unwrap().status.success());
        support::eventually("the audit log is written", || {
            fs::read_to_string(&self.up.audit_log)
                .unwrap()
                .contains(&name)
                .then_some(())
        });
        fs::metadata(&self.up.audit_log).unwrap().len()
    }

    /// The requests of a user between two marks.
    pub fn requests(&self, user: &str, from: u64, to: u64) -> Vec<Request> {
        let log = fs::read(&self.up.audit_log).unwrap();
        let range = usize::try_from(from).unwrap()..usize::try_from(to).unwrap();
        String::from_utf8_lossy(&log[range])
            .lines()
            // A mark may cut the line of somebody else's request.
            .filter_map(|line| serde_json::from_str::<Request>(line).ok())
            .filter(|request| request.user.username == user)
            .collect()
    }
}

/// Namespace of the service accounts that the program runs as: they outlive the namespaces that it reports.
pub const RUNNERS: &str = "runners";

/// Standard output of a command that has to succeed.
pub fn succeeded(output: &Output, command: &Command) -> String {
    let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{command:?}: {}\n{stdout}{}",
        output.status,
        String::from_utf8_lossy(&output.stderr)
    );
    stdout
}

/// Runs a command with text on its standard input.
pub fn with_input(command: &mut Command, input: &str) -> Output {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that does not read to the end says why.
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}
