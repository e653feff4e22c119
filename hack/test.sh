#!/usr/bin/env bash
# Prints the results of "go test -json" for packages, those that match a pattern without Go's cache of results:
#
#   hack/test.sh PATTERN PACKAGES [flag of go test ...]
set -uo pipefail
pattern=$1 packages=$2
shift 2

status=0
run() { # by a list of packages on standard input
	mapfile -t selected
	[ ${#selected[@]} -eq 0 ] || go test -json "$@" "${selected[@]}" || status=1
}
run "$@" < <(grep -vE "$pattern" <<<"$packages")
run "$@" -count=1 < <(grep -E "$pattern" <<<"$packages")
exit $status
