#!/usr/bin/env bash
# Makes .cache/npm-NAME/node_modules from a folder's package.json and package-lock.json, or leaves it as it is when it was
# made from the same files by the same Node. Prints nothing when there is nothing to do.
#
# usage: scripts/npm.sh NAME FOLDER
set -euo pipefail

name=$1 folder=$2
cd "$(dirname "$0")/.."
modules=$PWD/.cache/npm-$name
log=$PWD/.cache/npm-$name.log
mkdir -p .cache

say() { printf 'npm-%s: %s\n' "$name" "$*" >&2; }

exec 9>".cache/npm-$name.lock"
if ! flock -n 9; then
	say 'waiting for another build of this environment'
	flock 9
fi

if ! command -v node >/dev/null || ! command -v npm >/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say 'installing nodejs and npm'
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends nodejs npm; } >"$log" 2>&1 9>&- ||
			{ tail -n 20 "$log" >&2; say "apt-get failed (whole log: $log)"; exit 1; }
	else
		say 'there is no node or no npm: install Node 18 or later with npm; only root can do it from here, by apt-get'
		exit 1
	fi
fi

stamp=$({ node --version; cat "$folder/package.json" "$folder/package-lock.json"; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$modules/.stamp" 2>/dev/null)" = "$stamp" ]; then
	exit 0
fi

say "installing $folder/package-lock.json"
rm -rf "$modules"
mkdir -p "$modules"
cp "$folder/package.json" "$folder/package-lock.json" "$modules"
started=$SECONDS
(cd "$modules" && npm ci --ignore-scripts --no-audit --no-fund) >"$log" 2>&1 9>&- ||
	{ tail -n 20 "$log" >&2; say "the installation failed (whole log: $log)"; exit 1; }
printf '%s\n' "$stamp" >"$modules/.stamp"
say "ready after $((SECONDS - started)) s"
