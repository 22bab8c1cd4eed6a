#!/usr/bin/env bash
# See that a program is there; as root on Debian, install it when it is not.
#
#   scripts/need.sh go | shellcheck
set -euo pipefail

program=$1
case $program in
  go) packages=(golang-go) ;;
  shellcheck) packages=(shellcheck) ;;
  *)
    echo "error: need.sh $program: go or shellcheck" >&2
    exit 2
    ;;
esac

if ! command -v "$program" >/dev/null; then
  if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
    echo "error: $program is not on PATH; install it (as root on Debian this is done for you)" >&2
    exit 1
  fi
  echo "installing ${packages[*]}" >&2
  export DEBIAN_FRONTEND=noninteractive
  apt-get update -qq >&2
  apt-get install -y -qq --no-install-recommends "${packages[@]}" >&2
fi

if [ "$program" = go ]; then
  # From 1.21 on, Go fetches the version that go.mod asks for by itself.
  version=$(go env GOVERSION)
  minor=${version#go1.}
  minor=${minor%%[!0-9]*}
  if [ "${minor:-0}" -lt 21 ]; then
    echo "error: $version is too old: Go 1.26 is needed; with 1.21 or newer on PATH it is fetched by itself" >&2
    exit 1
  fi
fi
