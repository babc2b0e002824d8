#!/usr/bin/env bash
# Fuzzes every target, one after the other, each for so many seconds. Stops at the first that fails: its input then lies in
# the package's testdata/fuzz, to be committed with the mend.
#
# usage: scripts/fuzz.sh SECONDS [NAME]
set -euo pipefail

seconds=$1 only=${2:-}
cd "$(dirname "$0")/.."

git ls-files --cached --others --exclude-standard -- '*_test.go' | xargs grep -HoE '^func Fuzz[A-Za-z0-9_]+' | sort | while IFS=: read -r file found; do
	name=${found#func }
	[ -z "$only" ] || [ "$only" = "$name" ] || continue
	echo "$name (${file%/*})"
	go test -run '^$' -fuzz "^$name\$" -fuzztime "${seconds}s" -parallel 2 "./${file%/*}" </dev/null | grep -vE '^fuzz: (elapsed: 0s|minimizing)' | tail -n 30
done
