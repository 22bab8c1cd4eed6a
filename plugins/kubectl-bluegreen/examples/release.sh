#!/usr/bin/env bash
# A release in a CI job: release.sh NAMESPACE SERVICE CONTAINER=IMAGE
#
# A job that was cancelled or lost its runner is simply run again: the same command resumes the release.
set -uo pipefail

namespace=$1 service=$2 image=$3

kubectl bluegreen run "$service" -n "$namespace" --image "$image" --soak 2m --keep-old=10m --timeout 20m --yes
code=$?

case $code in
  0) echo "released $image" ;;
  1) echo "$image failed; the old version has the traffic" ;;
  4 | 130) echo "not finished; run the job again to resume" ;;
  5) echo "refused; nothing was changed" ;;
  6) echo "somebody else is releasing $service" ;;
  7) echo "the cluster cannot be reached, or a right is missing" ;;
esac
exit "$code"
