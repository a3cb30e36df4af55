//! TAB in real shells completes what the real cluster has.

use std::{path::Path, process::Command};

use crate::{
    namespace::{Namespace, deployment},
    support::shells,
};

#[test]
fn shells_complete_the_name_of_a_deployment() {
    let Some(test) = Namespace::create("completion") else {
        return;
    };
    test.apply(&deployment("storefront", "v1", None));
    let program = Path::new(env!("CARGO_BIN_EXE_kube-status-to-github"));
    let home = tempfile::tempdir().unwrap();
    let command = |name: &str| {
        let mut command = Command::new(name);
        let path = format!("{}:/usr/local/bin:/usr/bin:/bin", program.parent().unwrap().display());
        command.env_clear().env("HOME", home.path()).env("PATH", path);
        command.env("KUBECONFIG", test.kubeconfig()).current_dir(home.path());
        command
    };
    for shell in shells::SHELLS {
        if let Some(offered) = shells::offers(shell, &["kube-status-to-github sync deployment/st"], command) {
            assert_eq!(offered, "deployment/storefront\n", "{shell}");
        }
    }
}
