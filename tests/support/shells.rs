//! What TAB does in real shells.

use std::process::Command;

use super::{Run, tool};

/// The shells that are tried.
pub const SHELLS: [&str; 3] = ["bash", "fish", "zsh"];

/// What bash does on TAB: the words, the one that is meant, and the function that is registered for the first.
const BASH: &str = r#"
    source <(printf %s "$REGISTERED")
    spec=($(complete -p kube-status-to-github))
    while [[ ${spec[0]} != -F ]]; do spec=("${spec[@]:1}"); done
    for line; do
      COMP_WORDS=($line) COMP_CWORD=$((${#COMP_WORDS[@]} - 1)) COMP_TYPE=9
      COMP_LINE="${COMP_WORDS[*]}" COMP_POINT=${#COMP_LINE} COMPREPLY=()
      "${spec[1]}" kube-status-to-github "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}" 2>/dev/null
      printf '%s\n' "${COMPREPLY[@]}"
    done
"#;

const FISH: &str = r"
    printf %s $REGISTERED | source
    for line in $argv
      complete --do-complete $line | string split --fields 1 \t; or true
    end
";

/// A terminal of its own, in which TAB is pressed, and the line that is left is printed.
const ZSH: &str = r#"
    zmodload zsh/zpty
    zpty shell 'zsh -f -i'
    until-it-says() { local text all; while zpty -r shell text; do all+=$text; [[ $all == *$1* ]] && break; done }
    say() { zpty -w shell "$1" }
    say 'PS1=; unsetopt zle_bracketed_paste; autoload -Uz compinit && compinit -u -D; source <(printf %s $REGISTERED)'
    say 'show() { print -r -- "<<$BUFFER>>"; BUFFER=; zle accept-line }; zle -N show; bindkey "^X" show; print REA""DY'
    until-it-says READY
    for line; do
      zpty -w -n shell "$line"$'\t\C-x'
      local all= text=
      while zpty -r shell text; do all+=$text; [[ $all == *'>>'* ]] && break; done
      all=${${all##*<<}%%>>*}
      print -r -- ${${=all}[-1]}
    done
    zpty -d shell
"#;

/// What a shell offers after each of these lines and TAB, one offer a line; none where this machine has no such shell.
/// `command` makes a command for which the program is on the PATH by its name.
pub fn offers(shell: &str, lines: &[&str], command: impl Fn(&str) -> Command) -> Option<String> {
    if !tool(shell) {
        return None;
    }
    let registered = Run::of(command("kube-status-to-github").args(["completions", shell]))
        .expect(0)
        .stdout;
    let mut command = command(shell);
    match shell {
        "bash" => command.args(["--norc", "-c", BASH, shell]),
        "fish" => command.args(["--no-config", "-c", FISH]),
        _ => command.args(["-f", "-c", ZSH, shell]),
    };
    let run = Run::of(command.env("REGISTERED", registered).args(lines));
    assert_eq!(run.code, 0, "{shell}: {}", run.stderr);
    Some(run.stdout)
}
