#!/usr/bin/env bash
# Sees to it that PostgreSQL's programs are here, for tests that start servers of their own (test/pgtest): installs them by
# apt-get where they are missing. Prints nothing when there is nothing to do.
#
# usage: scripts/postgres.sh
set -euo pipefail

cd "$(dirname "$0")/.."
log=$PWD/.cache/postgres.log
mkdir -p .cache

say() { printf 'postgres: %s\n' "$*" >&2; }

here() {
	local dir
	for dir in "$(dirname "$(readlink -f "$(command -v postgres || echo /)")")" /usr/lib/postgresql/*/bin; do
		if [ -x "$dir/postgres" ] && [ -x "$dir/initdb" ] && [ -x "$dir/psql" ]; then
			return 0
		fi
	done
	return 1
}

exec 9>.cache/postgres.lock
if ! flock -n 9; then
	say 'waiting for another installation'
	flock 9
fi

if here; then
	exit 0
fi
if [ "$(id -u)" != 0 ] || ! command -v apt-get >/dev/null; then
	say 'there is no PostgreSQL: install it, 15 or later with initdb and psql, in PATH or /usr/lib/postgresql/*/bin; only root can do it from here, by apt-get'
	exit 1
fi
say 'installing postgresql'
started=$SECONDS
{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends postgresql; } >"$log" 2>&1 9>&- ||
	{ tail -n 20 "$log" >&2; say "apt-get failed (whole log: $log)"; exit 1; }
here || { say "apt-get brought no postgres, initdb and psql (whole log: $log)"; exit 1; }
say "ready after $((SECONDS - started)) s"
