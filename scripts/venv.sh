#!/usr/bin/env bash
# Makes the Python environment .cache/venv-NAME from a requirements file, or leaves it as it is when it was made from the
# same file by the same Python. Prints nothing when there is nothing to do.
#
# usage: scripts/venv.sh NAME REQUIREMENTS
# PYTHON names the interpreter to build it with (python3).
set -euo pipefail
unset PYTHONDONTWRITEBYTECODE PYTHONHOME PYTHONPATH VIRTUAL_ENV

name=$1 requirements=$2
cd "$(dirname "$0")/.."
python=${PYTHON:-python3}
venv=$PWD/.cache/venv-$name
log=$PWD/.cache/venv-$name.log
mkdir -p .cache

say() { printf 'venv-%s: %s\n' "$name" "$*" >&2; }

[ -f "$requirements" ] || { say "there is no $requirements"; exit 1; }
command -v "$python" >/dev/null || { say "there is no $python: install Python 3, or name one with PYTHON=…"; exit 1; }

# Two verbs at once (test and demo) must not build one folder together.
exec 9>".cache/venv-$name.lock"
if ! flock -n 9; then
	say 'waiting for another build of this environment'
	flock 9
fi

stamp=$({ "$python" -c 'import sys; print(sys.version)'; cat "$requirements"; } | sha256sum | cut -d' ' -f1)
if [ "$(cat "$venv/.stamp" 2>/dev/null)" = "$stamp" ] && [ -x "$venv/bin/python" ]; then
	exit 0
fi

# Debian's python3 comes without ensurepip; it is in python3-venv.
if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
	if [ "$(id -u)" = 0 ] && command -v apt-get >/dev/null; then
		say 'installing python3-venv'
		{ apt-get update && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends python3-venv; } >"$log" 2>&1 9>&- ||
			{ tail -n 20 "$log" >&2; say "apt-get failed (whole log: $log)"; exit 1; }
	else
		say "$python has no venv module: install the package python3-venv as root, or name another interpreter with PYTHON=…"
		exit 1
	fi
fi

say "installing $requirements (a minute or so)"
rm -rf "$venv"
started=$SECONDS
build() {
	"$python" -m venv "$venv" &&
		"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --no-input -r "$requirements"
}
# A group of its own, so that an interrupted build ends whole.
set -m
build >"$log" 2>&1 9>&- &
builder=$!
set +m
trap 'kill -- "-$builder" 2>/dev/null; exit 130' INT TERM
while kill -0 "$builder" 2>/dev/null; do
	sleep 1
	passed=$((SECONDS - started))
	if [ $((passed % 15)) = 0 ]; then
		say "still installing, $passed s"
	fi
done
wait "$builder" || { tail -n 20 "$log" >&2; say "the installation failed (whole log: $log)"; exit 1; }
printf '%s\n' "$stamp" >"$venv/.stamp"
say "ready after $((SECONDS - started)) s"
