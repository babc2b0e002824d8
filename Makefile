# `make` alone lists the verbs. Needed beforehand: Go 1.26, Python 3, git; `make test` also gcc, for the race detector.

SHELL := bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# Kedro starts three times slower where Python may not keep its compiled files.
unexport PYTHONDONTWRITEBYTECODE

PYTHON ?= python3
VERSION ?= $(shell git describe --tags --always --dirty 2>/dev/null || echo unknown)
EXAMPLE := examples/wine
EXAMPLE_PIPELINE := __default__
REQUIREMENTS := $(EXAMPLE)/requirements.txt
KEDRO_PYTHON := $(CURDIR)/.cache/venv-kedro/bin/python
YARDSTICK ?= $(firstword $(wildcard ../*/peers/seed-stack))

export CGO_ENABLED ?= 0
GO_BUILD := go build -trimpath -buildvcs=false -ldflags "-s -w -X main.version=$(VERSION)"
RELEASES := linux/amd64 linux/arm64 darwin/amd64 darwin/arm64

# The fast tests are those of the rooms, less the ones that run real Kedro: these are in files named *real_test.go.
FAST_PACKAGES = $$(go list ./... | grep -vE '/(test|bench|examples)(/|$$)')
REAL_TESTS = $$(find client cmd internal -name '*real_test.go' | xargs -r grep -hoE '^func Test[A-Za-z0-9_]+' | cut -c6- | paste -sd '|')

.PHONY: help build demo test test-fast lint fuzz schemathesis vulncheck docs docs-current bench history soak chaos release clean env-kedro env-contract env-postgres env-yardstick .cache/venv-kedro

help: ## list the verbs
	@awk -F ':.*## ' '/^[a-z-]+:.*## / { printf "  make %-10s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: ## bin/kedrod, static, with the version stamped in
	$(GO_BUILD) -o bin/kedrod ./cmd/kedrod

demo: build env-kedro ## serve the example project, run a pipeline of it through the service, show the result
	@scripts/demo.sh bin/kedrod $(KEDRO_PYTHON) $(EXAMPLE) $(EXAMPLE_PIPELINE)

test: env-kedro env-contract env-postgres ## go vet and every test, with the race detector, on real Kedro too
	go vet ./...
	CGO_ENABLED=1 go test -race -p 2 -timeout 10m ./...

test-fast: env-postgres ## the tests that need no Kedro, without the race detector; under a minute
	go test -timeout 60s -skip "^($(REAL_TESTS))$$" $(FAST_PACKAGES)

lint: bin/golangci-lint ## golangci-lint, other systems' builds, and the checks of scripts/lint.sh
	@scripts/lint.sh bin/golangci-lint

SECONDS_EACH ?= 60
fuzz: ## fuzz every parser of outside input, SECONDS_EACH=60 each; NAME=FuzzX for one
	@scripts/fuzz.sh $(SECONDS_EACH) $(NAME)

EXAMPLES ?= 500
schemathesis: env-kedro env-contract ## hold a live service against its document with EXAMPLES=500 of each call; make test does so with a few
	KEDROD_SCHEMATHESIS_EXAMPLES=$(EXAMPLES) go test -count 1 -timeout 48h -v -run '^TestSchemathesis$$' ./test/contract

vulncheck: bin/govulncheck ## hold the code against the database of known vulnerabilities; VULNDB=URL names another
	@scripts/vulncheck.sh bin/govulncheck

docs: ## write the generated documents anew
	@mkdir -p .cache
	go build -trimpath -buildvcs=false -o .cache/kedrod-docs ./cmd/kedrod
	.cache/kedrod-docs openapi > .cache/openapi.json
	cp .cache/openapi.json docs/openapi.json
	@rm .cache/openapi.json .cache/kedrod-docs

docs-current: docs # for CI: what is generated is committed
	@git diff --exit-code --stat -- docs || { echo 'make docs, and commit what it writes'; exit 1; }

bench: build env-kedro $(if $(YARDSTICK),env-yardstick) ## measure kedrod, beside the stack in YARDSTICK=DIR where there is one
	@mkdir -p .cache/bench
	go build -buildvcs=false -o .cache/bench/bench ./bench
	.cache/bench/bench --kedrod bin/kedrod --python $(KEDRO_PYTHON) --out .cache/bench/results \
		$(if $(YARDSTICK),--yardstick $(YARDSTICK) --yardstick-venv .cache/venv-yardstick) $(BENCH_FLAGS)

JOBS ?= 1000000
history: env-postgres ## lists, submissions and claims with JOBS=1000000 ended jobs in the store, lists on PostgreSQL too; SQLite's file stays in .cache/history
	@mkdir -p .cache/history
	KEDROD_HISTORY_JOBS=$(JOBS) KEDROD_HISTORY_DIR=$(CURDIR)/.cache/history go test -count 1 -timeout 2h -v -p 1 -run '^TestHistory$$' ./internal/store/sqlite ./internal/store/postgres

MINUTES ?= 60
soak: env-kedro ## steady load for MINUTES=60: memory, file handles, goroutines and the WAL must stay flat
	KEDROD_SOAK_MINUTES=$(MINUTES) go test -count 1 -timeout 48h -v -run '^TestSoak$$' ./test/e2e

chaos: env-kedro env-postgres ## break processes, database and disk for MINUTES=60 of load; make test does so for a short while
	KEDROD_CHAOS_SECONDS=$$(($(MINUTES) * 60)) go test -count 1 -timeout 48h -v ./test/chaos

release: ## static binaries for Linux and macOS with checksums, in dist/
	rm -rf dist && mkdir dist
	for target in $(RELEASES); do \
		export GOOS=$${target%/*} GOARCH=$${target#*/}; \
		echo "kedrod $(VERSION) for $$target"; \
		$(GO_BUILD) -o dist/kedrod-$$GOOS-$$GOARCH ./cmd/kedrod; \
	done
	cd dist && sha256sum kedrod-* > SHA256SUMS && cat SHA256SUMS

clean: ## remove what was built; the Python environments in .cache stay
	rm -rf bin dist .cache/bench .cache/history .cache/demo-*

env-kedro:
	@PYTHON=$(PYTHON) scripts/venv.sh kedro $(REQUIREMENTS)

.cache/venv-kedro: env-kedro

env-contract:
	@PYTHON=$(PYTHON) scripts/venv.sh contract test/contract/requirements.txt
	@scripts/npm.sh contract test/contract

env-postgres:
	@scripts/postgres.sh

env-yardstick:
	@command -v redis-server >/dev/null || { echo 'installing redis-server'; \
		apt-get update -qq && DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends redis-server >/dev/null; }
	@PYTHON=$(PYTHON) scripts/venv.sh yardstick bench/yardstick-requirements.txt

bin/govulncheck: tools/go.mod tools/go.sum
	cd tools && go build -buildvcs=false -o ../bin/govulncheck golang.org/x/vuln/cmd/govulncheck

bin/golangci-lint: tools/go.mod tools/go.sum
	cd tools && go build -buildvcs=false -o ../bin/golangci-lint github.com/golangci/golangci-lint/v2/cmd/golangci-lint
