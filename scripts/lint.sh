#!/usr/bin/env bash
# Check the sources: gofmt, go.mod tidy, go vet, staticcheck, shellcheck. All findings are shown; the exit code is 1 when
# there is one.
#
#   scripts/lint.sh STATICCHECK MODULE...
#
# STATICCHECK is the package with its version, MODULE a folder with a go.mod.
# shellcheck disable=SC2317 # the functions are called by way of check
set -uo pipefail

staticcheck=$1
shift
failed=0

check() {
  echo "--- $*"
  "$@" || failed=1
}

# gofmt prints the names of the files that it would change, and succeeds.
formatted() {
  local files
  files=$(gofmt -l .) || return 1
  [ -z "$files" ] || { echo "gofmt would change:" && echo "$files" && return 1; }
}

in_module() {
  (cd "$1" && shift && "$@")
}

check formatted
for module in "$@"; do
  check in_module "$module" go mod tidy -diff
  check in_module "$module" go vet ./...
  check in_module "$module" go run "$staticcheck" ./...
done
if scripts/need.sh shellcheck; then
  mapfile -t scripts < <(find . -name '*.sh' -not -path './bin/*')
  check shellcheck .ci/run "${scripts[@]}"
else
  echo "NOT RUN: shellcheck"
fi
[ "$failed" = 0 ] && echo "lint: nothing found"
exit "$failed"
