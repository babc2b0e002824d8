#!/usr/bin/env bash
# Every check that needs no running program. All of them run; the exit code is 1 if any failed.
#
# usage: scripts/lint.sh GOLANGCI_LINT
set -euo pipefail

golangci=$1
cd "$(dirname "$0")/.."
export CGO_ENABLED=0
failed=0

check() {
	local name=$1 started=$SECONDS
	shift
	if "$@"; then
		printf 'ok    %s (%s s)\n' "$name" "$((SECONDS - started))"
	else
		printf 'FAIL  %s\n' "$name"
		failed=1
	fi
}

# Tracked and new files alike, less what git ignores and what was deleted.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r file; do [ ! -f "$file" ] || echo "$file"; done; }

formatted() {
	local unformatted
	unformatted=$(files '*.go' | xargs -r gofmt -l)
	[ -z "$unformatted" ] || { printf 'gofmt -w %s\n' $unformatted; return 1; }
}

tidy() { go mod tidy -diff && (cd tools && go mod tidy -diff); }

# The service is for Linux first, but must build for macOS; the client for Windows too.
other_systems() { GOOS=darwin go vet ./... && GOOS=windows go build -o /dev/null ./client ./cmd/kedrod; }

# A file has one subject: 500 lines at most, unless scripts/long-files.txt names it with the reason.
long_files() {
	local file lines bad=0
	while read -r file; do
		lines=$(wc -l <"$file")
		if [ "$lines" -gt 500 ] && ! grep -qE "^$file[[:space:]]+[^[:space:]]" scripts/long-files.txt; then
			echo "$file has $lines lines: split it, or give the reason in scripts/long-files.txt"
			bad=1
		fi
	done < <(files '*.go' '*.py' '*.sh' '*.sql' '*.templ' '*.css' '*.js' Makefile)
	while read -r file _; do
		case $file in '' | '#'*) continue ;; esac
		if [ ! -f "$file" ] || [ "$(wc -l <"$file")" -le 500 ]; then
			echo "scripts/long-files.txt names $file, which is no long file (any more)"
			bad=1
		fi
	done <scripts/long-files.txt
	return $bad
}

# Which registry packages come from, and where a checkout lies, are each machine's own affair.
no_places() {
	local places='pypi[.]org|pythonhosted[.]org|npmjs[.](org|com)|proxy[.]golang[.]org|sum[.]golang[.]org|deb[.]debian[.]org'
	places+='|(^|[^[:alnum:]_./-])/(work|root|home/[a-z][a-z]+)/|/tmp/[k]/'
	# xargs can't tell "found nothing" from an error, so what was found tells.
	local found
	found=$(files | tr '\n' '\0' | { xargs -0 -r grep -nIHE "$places" || true; })
	[ -z "$found" ] || { printf '%s\n' "$found"; return 1; }
}

# What reads text from outside carries //kedrod:parser FuzzX: a target of that name in the same folder, whose tests name the
# parser, or that which leads to it (FuzzX by NAME). A function called parse… must carry it, and a target that no parser names has nothing to do.
parsers_fuzzed() {
	local bad=0 what file line parser target folder
	while IFS=' ' read -r what file line parser target; do
		folder=${file%/*}
		case $what in
		bare)
			echo "$file:$line: $parser reads text: name its fuzz target above it, //kedrod:parser FuzzX"
			bad=1
			;;
		named)
			if ! grep -qhE "^func $target\(f \*testing\.F\)" "$folder"/*_test.go; then
				echo "$file:$line: there is no $target in $folder"
				bad=1
			elif ! grep -qhwF "$parser" "$folder"/*_test.go; then
				echo "$file:$line: no test in $folder calls $parser, which $target is to fuzz"
				bad=1
			fi
			;;
		target)
			if ! grep -qhE "^//kedrod:parser $target( by [A-Za-z]+)?\$" "$folder"/*.go; then
				echo "$file:$line: $target fuzzes no parser that names it"
				bad=1
			fi
			;;
		esac
	done < <(files '*.go' | xargs awk '
		FNR == 1 { target = "" }
		/^\/\/kedrod:parser / { target = $2; through = $4; next }
		!/^func / { if (!/^\/\//) target = ""; next }
		{
			name = $0
			sub(/^func (\([^)]*\) )?/, "", name)
			sub(/[^A-Za-z0-9_].*/, "", name)
			test = FILENAME ~ /_test\.go$/
			if (target != "") print "named", FILENAME, FNR, (through != "" ? through : name), target
			else if (test && name ~ /^Fuzz/) print "target", FILENAME, FNR, "-", name
			else if (!test && FILENAME ~ /^(client|internal)\// && name ~ /^([pP]arse|[uU]nmarshal)./) print "bare", FILENAME, FNR, name, "-"
			target = ""
		}')
	return $bad
}

python_compiles() {
	local cache
	cache=$(mktemp -d)
	files '*.py' | PYTHONPYCACHEPREFIX=$cache xargs -r python3 -m compileall -q -f || { rm -rf "$cache"; return 1; }
	rm -rf "$cache"
}

shell_parses() {
	local file bad=0
	while read -r file; do bash -n "$file" || bad=1; done < <(files '*.sh' .ci/run)
	return $bad
}

check 'gofmt' formatted
check 'shell scripts parse' shell_parses
check 'Python files compile' python_compiles
check 'files of at most 500 lines' long_files
check 'every parser is fuzzed' parsers_fuzzed
check 'no registry host or machine path' no_places
check 'go.mod is tidy' tidy
check 'golangci-lint' "$golangci" run ./...
check 'macOS build, Windows client' other_systems
exit $failed
