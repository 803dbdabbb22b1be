# Postern's commands. `make` alone lists them.

SHELL      := /bin/bash
GO         ?= go
BIN        := bin
TOOLS      := $(BIN)/tools
PROGRAMS   := $(notdir $(wildcard cmd/postern* cmd/entrasim))
ARTIFACTS  ?= $(CURDIR)/.artifacts
FUZZTIME   ?= 10s
BENCH      ?= .
RIG        ?= .
SEQUENCES  ?= 2000
CASES      ?= 500
SEED       ?= 1

export POSTERN_ARTIFACTS ?= $(ARTIFACTS)

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the commands
	@awk -F':.*## ' '/^[a-z0-9-]+:.*## /{printf "  make %-10s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: build
build: app ## build all programs into bin/
	@mkdir -p $(BIN)
	$(GO) build -o $(BIN)/ ./cmd/...
	@$(GO) run ./internal/extensionbuild

.PHONY: app
app: ## build the phone app alone, compressed and ready to be served, into phone/web/dist
	@$(GO) run ./internal/appbuild

.PHONY: extension
extension: ## build the browser extension alone: bin/extension to load unpacked, bin/postern-extension.zip
	@mkdir -p $(BIN)
	@$(GO) run ./internal/extensionbuild

.PHONY: packages
packages: ## make the installers of the desktop client, in bin/packages; VERSION=v1.0.0 CERTIFICATE=file KEY=file TIMESTAMP=address
	@$(GO) run ./internal/agentpackage -out $(BIN)/packages $(if $(VERSION),-version $(VERSION)) $(if $(CERTIFICATE),-certificate $(CERTIFICATE) -key $(KEY)) $(if $(TIMESTAMP),-timestamp $(TIMESTAMP))

.PHONY: demo
demo: build ## start Postern with an emulated tenant of 500 users; Ctrl-C stops it
	@$(BIN)/postern demo --data .demo

.PHONY: test
test: needs build packages lint unit model beside e2e rig ## every test: unit, scripts, browsers, independent clients, databases, a real kernel

.PHONY: needs
needs:
	@scripts/needs

# These three wait more than they work, so they do it at the same time.
.PHONY: beside
beside: needs build
	@$(MAKE) --no-print-directory -j3 --output-sync=target impact doctor-table windows

# What has a command of its own is not tested here. One package more than there are processors: many wait for a browser or a
# database now and then.
.PHONY: unit
unit: app $(TOOLS)/gotestsum
	@mkdir -p $(ARTIFACTS)
	$(TOOLS)/gotestsum --format pkgname-and-test-fails --hide-summary=skipped -- -p $$(($$(nproc) + 1)) -timeout 40m $$($(GO) list ./... | grep -vE '/test/(doctor|hand|impact|windows)$$')

.PHONY: model
model: ## random sequences of what happens to passkeys, and whether everybody agrees after; SEQUENCES=n SEED=n
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -c -o $(ARTIFACTS)/model.test ./test/model
	@cd test/model && SEQUENCES=$(SEQUENCES) SEED=$(SEED) $(ARTIFACTS)/model.test -test.run '^TestModel$$' -test.timeout 60m

.PHONY: impact
impact: ## random tenants and random changes of their policy: whom they lock out, predicted and then tried; CASES=n SEED=n
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -c -o $(ARTIFACTS)/impact.test ./test/impact
	@cd test/impact && CASES=$(CASES) SEED=$(SEED) $(ARTIFACTS)/impact.test -test.run '^TestImpact$$' -test.timeout 60m

.PHONY: doctor-table
doctor-table: ## a table of broken tenants, servers and workstations, and whether the doctors name what is wrong
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -c -o $(ARTIFACTS)/doctor.test ./test/doctor
	@cd test/doctor && $(ARTIFACTS)/doctor.test -test.run '^TestDoctorTable$$' -test.timeout 10m

.PHONY: windows
windows: build ## sign-ins at an emulated Windows computer with the phone as security key: Microsoft's nine steps, case by case
	@mkdir -p $(ARTIFACTS)
	@$(GO) test -c -o $(ARTIFACTS)/windows.test ./test/windows
	@cd test/windows && PROGRAMS=$(CURDIR)/$(BIN) $(ARTIFACTS)/windows.test -test.run '^TestWindows$$' -test.timeout 20m

.PHONY: e2e
e2e: needs build ## the story of the phone in the hand, in three browsers: console, app and extension
	@scripts/e2e

.PHONY: rig
rig: needs build ## the security key on a real Linux kernel, with libfido2, OpenSSH and a browser; RIG=name for some
	@$(GO) run ./internal/rig -bin $(BIN) -run '$(RIG)'

# The other tests take none: those of the console take two thirds longer with them.
.PHONY: pictures
pictures: needs build ## pictures of every page and screen, in .artifacts/pictures; scripts/pictures takes those of the guides from there
	@POSTERN_PICTURES=$(ARTIFACTS)/pictures $(GO) test -count=1 -timeout 40m ./agent/page ./center/web ./entrasim ./phone/web ./test ./test/extension ./test/hand

.PHONY: lint
lint: $(TOOLS)/golangci-lint $(TOOLS)/deadcode ## what a reviewer should not have to say
	$(TOOLS)/golangci-lint run ./...
	@dead="$$($(TOOLS)/deadcode -test ./...)"; if [ -n "$$dead" ]; then echo "Nothing reaches these:"; echo "$$dead"; exit 1; fi
	@scripts/vulncheck

.PHONY: bench
bench: build ## the table of measurements; BENCH=name for one
	@$(GO) run ./internal/bench -run '$(BENCH)'

.PHONY: fuzz
fuzz: ## every fuzz target, $(FUZZTIME) each
	@FUZZTIME=$(FUZZTIME) scripts/fuzz

.PHONY: generate
generate: $(TOOLS)/templ $(TOOLS)/sqlc ## generated code, after editing a template or SQL
	$(TOOLS)/templ generate -path center/web
	cd center/store && $(CURDIR)/$(TOOLS)/sqlc generate

.PHONY: clean
clean: ## remove what was built; .demo stays
	rm -rf $(BIN) $(ARTIFACTS)

# The tools have a module of their own, so that their dependencies stay out of the product's.
tool = $(GO) -C tools build -o $(CURDIR)/$(TOOLS)/ $(1)
$(TOOLS)/golangci-lint: tools/go.sum ; $(call tool,github.com/golangci/golangci-lint/v2/cmd/golangci-lint)
$(TOOLS)/deadcode: tools/go.sum ; $(call tool,golang.org/x/tools/cmd/deadcode)
$(TOOLS)/gotestsum: tools/go.sum ; $(call tool,gotest.tools/gotestsum)
$(TOOLS)/templ: tools/go.sum ; $(call tool,github.com/a-h/templ/cmd/templ)
$(TOOLS)/sqlc: tools/go.sum ; $(call tool,github.com/sqlc-dev/sqlc/cmd/sqlc)
$(TOOLS)/govulncheck: tools/go.sum ; $(call tool,golang.org/x/vuln/cmd/govulncheck)
