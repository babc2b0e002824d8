#!/usr/bin/env bash
# Holds what kedrod is made of, and the Go that builds it, against the database of known vulnerabilities. Exits 3 where the
# code calls one, and 1 where the database can't be reached.
#
# usage: scripts/vulncheck.sh GOVULNCHECK
# VULNDB names another database, as a URL (https://vuln.go.dev).
set -euo pipefail

govulncheck=$1 database=${VULNDB:-https://vuln.go.dev}
cd "$(dirname "$0")/.."
said=$(mktemp)
trap 'rm -f "$said"' EXIT

code=0
"$govulncheck" -db "$database" ./... 2>"$said" || code=$?
cat "$said" >&2
if [ "$code" = 1 ] && grep -qE 'fetching vulnerabilities|creating client' "$said"; then
	cat >&2 <<-END

		Nothing was checked: the vulnerability database $database can't be reached from this machine.
		Run make vulncheck where it can, or name a copy: make vulncheck VULNDB=file:///DIR
		(the module golang.org/x/vulndb holds the data; its command indexdb makes DIR of its data/osv).
	END
fi
exit "$code"
