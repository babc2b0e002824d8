#!/usr/bin/env bash
# Serves the example project, submits one of its pipelines, follows it and shows the result. On a terminal it then keeps
# serving until Ctrl-C; elsewhere it stops and exits 0. Ends only the server it started.
#
# usage: scripts/demo.sh KEDROD PYTHON PROJECT PIPELINE
set -euo pipefail

kedrod=$1 python=$2 project=$3 pipeline=$4
cd "$(dirname "$0")/.."

# Settings of an installed kedrod, or of the caller's shell, are not the demo's.
for name in ${!KEDROD_@} KEDRO_PROJECT_PATH KEDRO_ENV PYTHONDONTWRITEBYTECODE; do
	unset "$name"
done

mkdir -p .cache
work=$(mktemp -d "$PWD/.cache/demo-XXXXXX")
server=
stop() {
	local code=$?
	if [ -n "$server" ]; then
		kill -TERM "$server" 2>/dev/null || true
		wait "$server" 2>/dev/null || true
		server=
	fi
	if [ "$code" != 0 ] && [ "$code" -lt 128 ] && [ -s "$work/log" ]; then
		printf '\nThe end of the server'\''s log:\n' >&2
		tail -n 30 "$work/log" >&2
	fi
	rm -rf "$work"
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

bold= plain=
if [ -t 1 ]; then bold=$'\e[1m' plain=$'\e[0m'; fi
show() {
	printf '\n%s$ %s%s\n' "$bold" "$*" "$plain"
	"$@"
}

# A process group of its own (set -m): Ctrl-C reaches this script alone, which then ends the server in order.
set -m
"$kedrod" serve --project "$project" --python "$python" --data-dir "$work/data" --listen 127.0.0.1:0 \
	>"$work/out" 2>"$work/log" </dev/null &
server=$!
set +m

url=
for _ in $(seq 300); do
	url=$(grep -oE 'https?://[0-9A-Za-z.:-]+' "$work/out" | head -n 1) || true
	[ -z "$url" ] || break
	if ! kill -0 "$server" 2>/dev/null; then break; fi
	sleep 0.1
done
if [ -z "$url" ]; then
	echo 'The server did not start.' >&2
	cat "$work/out" >&2
	exit 1
fi
cat "$work/out"
export KEDROD_URL=$url

# The registry is read in the background, by the project's own interpreter.
for _ in $(seq 600); do
	if "$kedrod" pipelines "$pipeline" -o json >/dev/null 2>&1; then break; fi
	sleep 0.1
done
show "$kedrod" pipelines
show "$kedrod" submit "$pipeline" --follow
show "$kedrod" ps
id=$("$kedrod" ps -o json | "$python" -c 'import json, sys
found = json.load(sys.stdin)
print((found["items"] if isinstance(found, dict) else found)[0]["id"])')
show "$kedrod" show "$id"

if [ -t 0 ] && [ -t 1 ]; then
	cat <<-END

		kedrod is serving $project at $url (API documentation: $url/docs).
		In another terminal:

		    export KEDROD_URL=$url
		    $kedrod submit $pipeline --wait

		Ctrl-C here stops it.
	END
	trap 'exit 0' INT
	wait "$server" || true
else
	printf '\nThe demo is over: the server stops. On a terminal it would go on serving.\n'
fi
