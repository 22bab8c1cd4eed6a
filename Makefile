# Build, install, test and show Switchyard. `make` alone prints the targets.

SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

PREFIX ?= /usr/local
VERSION ?= $(shell git describe --tags --match 'v*' --dirty 2>/dev/null || echo v0.0.0-dev)
COMMIT ?= $(shell git rev-parse HEAD 2>/dev/null || echo unknown)
STATICCHECK := honnef.co/go/tools/cmd/staticcheck@v0.8.2

MODULE := github.com/kubectl-switchyard/switchyard
PLUGINS := $(notdir $(wildcard plugins/kubectl-*))
# Every folder with a go.mod, without scripts/cluster's test programs.
MODULES := . scripts/cluster scripts/demoapp
BUILD := scripts/build.sh
export LDFLAGS := -X $(MODULE)/pkg/cli.Version=$(VERSION) -X $(MODULE)/pkg/cli.Commit=$(COMMIT)

# End-to-end tests are packages of that name.
E2E = $$(go list ./... | grep '/e2e$$')

.PHONY: help build tools install uninstall test unit e2e lint bench chaos demo demo-down clean need-go

help: ## list the targets
	@awk -F ':.*## ' '/^[a-z0-9-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

build: need-go ## build the plugins, static and stripped, into bin/
	@for plugin in $(PLUGINS); do $(BUILD) bin/$$plugin plugins/$$plugin && echo "bin/$$plugin $(VERSION)"; done

tools: need-go
	@for tool in cluster demo demoapp; do LDFLAGS= $(BUILD) bin/tools/$$tool scripts/$$tool; done

install: build ## install the plugins, with shell completion, into $(PREFIX)/bin (PREFIX=/usr/local)
	@install -d "$(DESTDIR)$(PREFIX)/bin"
	@for plugin in $(PLUGINS); do \
	  install -m 755 bin/$$plugin "$(DESTDIR)$(PREFIX)/bin/$$plugin"; \
	  ln -sf $$plugin "$(DESTDIR)$(PREFIX)/bin/kubectl_complete-$${plugin#kubectl-}"; \
	  echo "installed $(DESTDIR)$(PREFIX)/bin/$$plugin; try: kubectl $${plugin#kubectl-} --help"; \
	done
	@case ":$$PATH:" in *":$(PREFIX)/bin:"*) ;; *) echo "note: $(PREFIX)/bin is not on PATH, so kubectl does not find the plugins there" ;; esac

uninstall: ## remove what install installed
	@for plugin in $(PLUGINS); do rm -f "$(DESTDIR)$(PREFIX)/bin/$$plugin" "$(DESTDIR)$(PREFIX)/bin/kubectl_complete-$${plugin#kubectl-}"; done

test: unit e2e ## run all tests; the end-to-end ones need Linux and root

unit: need-go
	@for module in $(MODULES); do \
	  echo "--- unit tests of $$module"; \
	  (cd $$module && go test $$(go list ./... | grep -v '/e2e$$')); \
	done

e2e: need-go
	@echo "--- end-to-end tests"; \
	if [ "$$(uname)" != Linux ] || [ "$$(id -u)" != 0 ]; then \
	  echo "NOT RUN: the end-to-end tests boot a real cluster, which needs Linux and root; run make test as root to see them"; \
	else \
	  LDFLAGS= $(BUILD) bin/tools/cluster scripts/cluster; \
	  bin/tools/cluster build >/dev/null; \
	  if bin/tools/cluster status >/dev/null 2>&1; then \
	    echo "NOT RUN: the tests of scripts/cluster need a machine without a cluster; take it down with bin/tools/cluster down"; \
	  else \
	    (cd scripts/cluster && SWITCHYARD_CLUSTER_E2E=1 go test -count=1 -v -run EndToEnd .); \
	  fi; \
	  go test -count=1 -v -p 1 -timeout 60m $(E2E); \
	fi

lint: need-go ## vet, staticcheck, gofmt, shellcheck, go.mod tidy
	@scripts/lint.sh $(STATICCHECK) $(MODULES)

bench: need-go ## run the benchmarks; those on a cluster need Linux and root
	@go test -run '^$$' -bench . -benchmem $$(go list ./... | grep -v '/e2e$$')
	@if grep -qs '^func Benchmark' plugins/*/e2e/*_test.go; then go test -v -p 1 -timeout 60m -run '^$$' -bench . $(E2E); fi

chaos: need-go ## kill, cut and interrupt releases at every write, in the long form (root)
	@SWITCHYARD_CHAOS=long go test -count=1 -v -p 1 -timeout 4h -run Chaos $(E2E)

demo: build tools ## show a release and a rollback under load on a local cluster (Linux, root)
	@bin/tools/demo -bin bin

demo-down: tools ## take the demo's cluster down; nothing is left behind
	@bin/tools/cluster down

clean: ## remove bin/
	@rm -rf bin

need-go:
	@scripts/need.sh go
