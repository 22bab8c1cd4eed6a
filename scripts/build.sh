#!/usr/bin/env bash
# Build one static, stripped program and show how far it is.
#
#   scripts/build.sh OUTPUT FOLDER
#
# FOLDER holds the main package, in whatever module. LDFLAGS adds linker flags. A build with everything in Go's cache says
# nothing; a cold one shows a counter on a terminal and a line for every 100 packages elsewhere.
set -euo pipefail

output=$(realpath -m "$1")
mkdir -p "$(dirname "$output")"
terminal=0
[ -t 2 ] && terminal=1

# -v names every package that is compiled; errors and downloads come on the same stream.
CGO_ENABLED=0 go build -C "$2" -v -trimpath -ldflags "-s -w ${LDFLAGS:-}" -o "$output" . 2>&1 |
  awk -v name="$(basename "$output")" -v terminal="$terminal" '
    function show(text) { if (terminal) printf "\r\033[K%s", text > "/dev/stderr" }
    /^go: downloading / { downloads++; show(name ": " downloads " modules downloaded"); next }
    /^[A-Za-z0-9_.~\/-]+$/ {
      packages++
      show(name ": " packages " packages compiled")
      if (!terminal && packages % 100 == 0) print name ": " packages " packages compiled" > "/dev/stderr"
      next
    }
    { show(""); print > "/dev/stderr" }
    END { show("") }'
