# What the demos share. To be sourced, in the root of the repository.
# shellcheck shell=bash

export CARGO_TARGET_DIR=${CARGO_TARGET_DIR:-${XDG_CACHE_HOME:-$HOME/.cache}/kube-status-to-github/target}
export PATH=$CARGO_TARGET_DIR/debug:$PATH

work=$(mktemp -d)
github_pid=

# Ends what was started here, and nothing else.
clean_up() {
  if [[ -n $github_pid ]]; then
    kill "$github_pid" 2>/dev/null || true
    wait "$github_pid" 2>/dev/null || true
  fi
  rm -rf "$work"
}
trap clean_up EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Tells the story.
say() { printf '\n' && printf '%s\n' "$@"; }

# Shows a command and runs it.
run() {
  printf '\n$ %s\n' "$*"
  "$@"
}

build_programs() {
  echo "Building kube-status-to-github and the emulated GitHub: minutes the first time, seconds later."
  cargo build --locked --quiet --package kube-status-to-github --package github-emulator
}

# Starts an empty GitHub, on which any repository and any ref exists, and makes it the one that is reported to.
start_github() {
  local line
  mkfifo "$work/github"
  github-emulator --port 0 --any >"$work/github" &
  github_pid=$!
  exec 3<"$work/github"
  if ! read -r line <&3; then
    echo "the emulated GitHub did not start" >&2
    exit 1
  fi
  export GITHUB_API=${line#listening on } GITHUB_TOKEN=demo
  export NO_PROXY=127.0.0.1${NO_PROXY:+,$NO_PROXY}
  unset GH_TOKEN GITHUB_ORG GITHUB_API_URL
  echo "An empty GitHub listens on $GITHUB_API; its page shows what this demo tells."
}

# Prints the answer to a GraphQL query. Without curl: it may be missing, and bash speaks HTTP well enough for this.
graphql() {
  local address=${GITHUB_API#http://} body="{\"query\":\"${1//\"/\\\"}\"}" line
  exec 4<>"/dev/tcp/${address%:*}/${address##*:}"
  printf 'POST /graphql HTTP/1.0\r\nHost: %s\r\nUser-Agent: demo\r\nAuthorization: Bearer %s\r\n' "$address" "$GITHUB_TOKEN" >&4
  printf 'Content-Type: application/json\r\nContent-Length: %d\r\n\r\n%s' "${#body}" "$body" >&4
  while read -r line <&4 && [[ -n ${line%$'\r'} ]]; do :; done
  cat <&4
  exec 4<&-
}

# Prints the deployments of a repository, newest first, as GitHub shows them: one line for each,
# with the states it went through.
show_github() {
  local order='orderBy: {field: CREATED_AT, direction: DESC}'
  local fields='environment commitOid ref { name } latestStatus { description } statuses(first: 10) { nodes { state } }'
  local answer node states state
  answer=$(graphql "{ repository(owner: \"${1%/*}\", name: \"${1#*/}\") { deployments(first: 10, $order) { nodes { $fields } } } }")

  # The fields come in the order in which they were asked for.
  local pattern='^"environment":"([^"]*)","commitOid":"([^"]*)","ref":(null|\{"name":"([^"]*)"\}),'
  pattern+='"latestStatus":(null|\{"description":"([^"]*)"\}),"statuses":(.*)$'
  printf '\nGitHub shows for %s:\n' "$1"
  while IFS= read -r node; do
    if [[ $node =~ $pattern ]]; then
      local environment=${BASH_REMATCH[1]} ref=${BASH_REMATCH[4]:-${BASH_REMATCH[2]}} description=${BASH_REMATCH[6]}
      local rest=${BASH_REMATCH[7]}
      # Newest first on GitHub; told in the order in which it happened.
      states=
      while [[ $rest =~ \"state\":\"([A-Z_]+)\"(.*) ]]; do
        state=$(tr '[:upper:]' '[:lower:]' <<<"${BASH_REMATCH[1]}")
        states=$state${states:+", $states"}
        rest=${BASH_REMATCH[2]}
      done
      printf '  %s  %s  %s%s\n' "$environment" "$ref" "${states:-no status}" "${description:+ ($description)}"
    fi
  done <<<"${answer//\{\"environment\"/$'\n"environment"'}"
}
