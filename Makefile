# All targets need Go, git, make and a Go module proxy, and nothing else.

SHELL := /bin/bash

# All is compiled with the same flags, so that the build cache holds each library once, for the demo, the tests and
# releases, in whatever folder the checkout is. Leaving out what only debuggers need makes it a sixth faster.
export CGO_ENABLED = 0
export GOWORK      = off
export GOFLAGS    := $(strip $(GOFLAGS) -trimpath -gcflags=all=-dwarf=false -ldflags=-w)

# BUILD builds programs and says how far it is. COMPILE compiles packages with their tests, which "go test" would do in
# silence, and links nothing.
BUILD   = go run ./hack/gobuild/progress
COMPILE = $(BUILD) -test

.PHONY: help
help:
	@awk -F ':.*## ' '/^##### [^P]/ { printf "\n%s\n", substr($$0, 7) } /^[a-z0-9.-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### What a newcomer needs

.PHONY: demo
demo: bin/demo ## See it work: an API server, an endpoint and the operator, for a minute
	@bin/demo

.PHONY: run
run: bin/demo ## The same, but it keeps running for kubectl until Ctrl-C
	@bin/demo --stay # not by "go run", which would report Ctrl-C as a failure

.PHONY: build
build: ## Build the commands into bin/
	@$(BUILD) -o bin/ ./cmd/...

# TESTED are the packages to test: all, or those that PKG names. Results of those that start no programs come from
# Go's cache, which does not notice changes of a program.
TESTED   = $(or $(PKG),./...)
PROGRAMS = /(hack/.*|test/.*|cmd/version)$$
# Tests mostly wait, so that more of them can run than there are processors.
CPUS    := $(shell getconf _NPROCESSORS_ONLN)
WAITING  = -p $$((2 * $(CPUS))) -parallel $$((4 * $(CPUS)))
# GOTESTSUM lists failed and skipped tests at the end.
GOTESTSUM = bin/tools/gotestsum --format pkgname-and-test-fails --format-hide-empty-pkg --jsonfile bin/test.json

.PHONY: test
test: assets bin/tools/gotestsum bin/tools/helm bin/tools/kubectl bin/tools/kustomize ## Run the tests, or only those of PKG (./controllers/renewal) with ARGS (-run TestDecide -v)
	@$(COMPILE) $(TESTED)
	@$(GOTESTSUM) --raw-command -- hack/test.sh '$(PROGRAMS)' "$$(go list $(TESTED))" -vet=off $(WAITING) -timeout 20m $(ARGS)
	@$(NOTHING_SKIPPED)

# A machine may lack what a test needs, such as root or a browser. CI lacks nothing, and a test that it skips would
# never run anywhere.
NOTHING_SKIPPED = if [ "$$CI" = true ] && grep '"Action":"skip"' bin/test.json | grep '"Test":'; then echo "With CI=true no test may be skipped: give the machine what they need." >&2; exit 1; fi

.PHONY: lint
lint: bin/tools/golangci-lint ## Run the linters
	bin/tools/golangci-lint run --allow-parallel-runners ./...

.PHONY: verify
verify: generate bin/tools/kustomize bin/tools/actionlint ## Check generated files, modules, formatting and kustomizations
	@git diff --exit-code -- $(GENERATED) || { echo "Commit what 'make generate' has changed." >&2; exit 1; }
	@for module in $(MODULES); do \
	  echo "go mod tidy -diff ($$module)"; (cd "$$module" && go mod tidy -diff) || { echo "Run: cd $$module && go mod tidy" >&2; exit 1; }; \
	done
	@echo actionlint; bin/tools/actionlint -shellcheck= -pyflakes=
	@echo gofmt; unformatted=$$(gofmt -l api cmd controllers hack test); \
	  test -z "$$unformatted" || { echo "Run gofmt on $$unformatted" >&2; exit 1; }
	@for folder in $(KUSTOMIZATIONS); do \
	  echo "kustomize build $$folder"; bin/tools/kustomize build "$$folder" >/dev/null || exit 1; \
	done

GENERATED      = api/v1alpha1/zz_generated.deepcopy.go api/v1alpha1/README.md config/crd/bases config/rbac/role.yaml config/grafana/dashboard.json config/chart/files config/chart/LICENSE
MODULES        = $(patsubst %/go.mod,%,$(subst ./,,$(shell git ls-files '*/go.mod'))) .
KUSTOMIZATIONS = $(patsubst %/kustomization.yaml,%,$(wildcard config/*/kustomization.yaml))

.PHONY: generate
generate: bin/tools/crd-ref-docs ## Generate the CRD, the API reference, the manager's role, deep copies and the dashboard
	go tool controller-gen object crd paths=./api/... output:crd:dir=config/crd/bases
	bin/tools/crd-ref-docs --log-level ERROR --config hack/tools/crd-ref-docs/config.yaml --renderer markdown \
	  --source-path api --output-path api/v1alpha1/README.md
	go tool controller-gen rbac:roleName=billing-operator-manager paths=./controllers/... output:rbac:dir=config/rbac
	cd hack/tools && go run ./dashboard ../../config/grafana/dashboard.json
	cp config/crd/bases/billing.xtracta.com_billingsessions.yaml config/chart/files/crd.yaml # Helm reads no files outside of the chart
	cp config/rbac/role.yaml config/chart/files/role.yaml
	cp config/prometheus/alerts.yaml config/chart/files/alerts.yaml
	cp config/grafana/dashboard.json config/chart/files/dashboard.json
	cp config/chart/values.yaml config/chart/files/values.yaml # missing values are filled from it
	cp LICENSE config/chart/

##### What the nightly run has, and measurements

# LONG are the tests that take a minute and more, or depend on the machine's pace. They run one package after the other.
LONG      = $(shell grep -rl --include='*_test.go' '^//go:build long' controllers cmd hack test)
LONG_RUN  = ^($(shell sed -n 's/^func \(Test[A-Za-z0-9]*\).*/\1/p' $(LONG) /dev/null | grep -v '^TestMain$$' | paste -sd'|' -))$$

.PHONY: test-long
test-long: export GOFLAGS += -tags=long
test-long: assets bin/tools/gotestsum bin/tools/helm bin/tools/kubectl bin/tools/kustomize ## Run the tests that "make test" leaves out, as they take minutes each
	@$(COMPILE) $(addprefix ./,$(sort $(dir $(LONG))))
	@$(GOTESTSUM) -- -vet=off -count=1 -p 1 -parallel $$((4 * $(CPUS))) -timeout 60m -run '$(or $(RUN),$(LONG_RUN))' $(addprefix ./,$(sort $(dir $(LONG))))
	@$(NOTHING_SKIPPED)

.PHONY: race
race: assets bin/tools/helm bin/tools/kubectl bin/tools/kustomize ## Run all tests with the race detector (needs a C compiler)
	@export CGO_ENABLED=1 GOFLAGS="$$GOFLAGS -race"; $(COMPILE) ./... && go test -vet=off $(WAITING) -timeout 40m ./...

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZTIME (1m)
	@grep -rl --include='*_test.go' '^func Fuzz' api cmd controllers test | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' "$$file"); do \
	    echo "$$target ($$(dirname "$$file"))"; \
	    go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime "$(or $(FUZZTIME),1m)" || exit 1; \
	  done; \
	done

.PHONY: gitops
gitops: assets bin/tools/helm bin/tools/kustomize ## Let Argo CD's and Flux's code and controllers work on the operator
	@$(COMPILE) -C test/gitops/argocd ./...
	cd test/gitops/argocd && go test -vet=off ./...
	@$(BUILD) -C test/gitops/controllers/binaries -o "$(CURDIR)/bin/gitops/kustomize-controller" github.com/fluxcd/kustomize-controller
	@$(BUILD) -C test/gitops/argocd -o "$(CURDIR)/bin/gitops/argocd" ./processes
	go test -vet=off -tags gitops ./test/gitops/controllers -count=1 -timeout 60m

.PHONY: e2e
e2e: export GOFLAGS += -tags=e2e
e2e: bin/tools/helm ## Test everything in a cluster: hack/e2e-kind.sh make e2e, or see hack/README.md; for RENEWALS (1)
	@$(COMPILE) ./test/e2e
	go test -vet=off ./test/e2e -v -count=1 -timeout 60m -e2e.renewals=$(or $(RENEWALS),1)

.PHONY: chaos
chaos: assets ## Break everything around SESSIONS (200) sessions for DURATION (10m)
	go test -tags long ./test/chaos -run TestChaos -v -count=1 -timeout 60m \
	  -chaos.duration=$(or $(DURATION),10m) -chaos.sessions=$(or $(SESSIONS),200) -chaos.life=$(or $(LIFE),2m) -chaos.seed=$(or $(SEED),0)

.PHONY: load
load: ## Renew SESSIONS (10000) sessions under a limit and through an outage, in stepped time
	go test ./test/performance/load -v -count=1 -timeout 20m -load.sessions=$(or $(SESSIONS),10000)

.PHONY: bench
bench: assets ## Measure SESSIONS (1000,5000,10000) against a bare loop (Linux, 15 minutes; QUICK=1: under 3)
	go test -tags bench ./test/performance/bench -run TestCost -v -count=1 -timeout 3h \
	  $(if $(QUICK),-cost.sessions=1000 -cost.rounds=1) $(if $(SESSIONS),-cost.sessions=$(SESSIONS))

.PHONY: latency
latency: assets ## Measure how long people wait for a URL, at rest and in trouble, among SESSIONS (5000) (10 minutes)
	go test -tags bench ./test/performance/bench -run TestLatency -v -count=1 -timeout 1h \
	  $(if $(SESSIONS),-latency.sessions=$(SESSIONS)) $(if $(BURST),-latency.burst=$(BURST))

.PHONY: vulncheck
vulncheck: bin/tools/govulncheck bin/tools/indexdb ## Look for known faults in what the operator is built from, by the pinned database
	@rm -rf bin/vulndb
	@bin/tools/indexdb -vulns "$$(cd hack/tools/vulncheck && go mod download && go list -m -f '{{.Dir}}' golang.org/x/vulndb)/data/osv" -out bin/vulndb
	@# The Go that releases are built with may have fewer faults than that of this machine.
	GOTOOLCHAIN=$$(sed -n 's/^toolchain //p' go.mod) bin/tools/govulncheck -db "file://$(CURDIR)/bin/vulndb" ./...

.PHONY: outdated
outdated: ## List direct dependencies of which there are newer versions
	@for module in $(MODULES); do \
	  (cd "$$module" && go list -m -u -f '{{if and .Update (not .Indirect)}}'"$$module"': {{.Path}} {{.Version}} -> {{.Update.Version}}{{end}}' all) || exit 1; \
	done | sed '/^$$/d'

##### Releases

.PHONY: plugin
plugin: ## Build kubectl-billing for the usual platforms into dist/
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  export GOOS=$$os GOARCH=$$arch; file=dist/kubectl-billing-$$os-$$arch; \
	  if [ $$os = windows ]; then file=$$file.exe; fi; echo $$file; \
	  go build -ldflags='-s -w' -o $$file ./cmd/kubectl-billing || exit 1; \
	done; done

.PHONY: image
image: bin/release ## Build the image for all platforms into dist/image.tar (no container engine needed)
	bin/release image --version="$(VERSION)"

.PHONY: install.yaml
install.yaml: bin/tools/kustomize ## Write everything that config/default installs to dist/install.yaml
	@mkdir -p dist
	bin/tools/kustomize build config/default --output dist/install.yaml

.PHONY: release
release: bin/release bin/tools/helm bin/tools/kustomize ## Make all files of release VERSION (v0.2.0) in dist/
	bin/release build --version="$(VERSION)"

.PHONY: push
push: bin/release bin/tools/helm ## Push image and chart of VERSION from dist/ to REGISTRY (registry.example.com/team)
	bin/release push --version="$(VERSION)" --registry="$(REGISTRY)"

.PHONY: sign
sign: ## Sign what was pushed, and the checksums, by cosign (COSIGN_FLAGS for a key instead of an identity)
	cosign sign --yes $(COSIGN_FLAGS) $$(cat dist/pushed-$(VERSION).txt)
	cosign sign-blob --yes $(COSIGN_FLAGS) --bundle dist/$(VERSION)/SHA256SUMS.sigstore.json dist/$(VERSION)/SHA256SUMS

.PHONY: publish
publish: ## Publish the files of VERSION as a release on GitHub (needs gh and GH_TOKEN)
	gh release create $(VERSION) --verify-tag --title $(VERSION) $(if $(findstring -,$(VERSION)),--prerelease) \
	  --notes-file dist/$(VERSION)/RELEASE-NOTES.md dist/$(VERSION)/*

.PHONY: release-test
release-test: assets bin/tools/helm bin/tools/kustomize ## Test that releases are reproducible, complete and can be installed
	@$(COMPILE) -C hack/release ./...
	cd hack/release && go test -count=1 -timeout 20m ./...


##### Prerequisites

# The demo itself compiles the operator.
.PHONY: bin/demo
bin/demo: assets
	@$(BUILD) -o $@ ./hack/demo

.PHONY: bin/release
bin/release:
	@$(BUILD) -C hack/release -o "$(CURDIR)/$@" .

# etcd and kube-apiserver come first: a download needs hardly anything to be compiled.
.PHONY: assets
assets:
	@go run ./hack/controlplane/assets >/dev/null

bin/tools/%: MODULE = hack/tools
bin/tools/golangci-lint: MODULE = hack/tools/lint
bin/tools/golangci-lint: hack/tools/lint/go.mod hack/tools/lint/go.sum
bin/tools/govulncheck bin/tools/indexdb: MODULE = hack/tools/vulncheck
bin/tools/govulncheck bin/tools/indexdb: hack/tools/vulncheck/go.mod hack/tools/vulncheck/go.sum

# A module's go.mod names its tools, of which one has the wanted name.
bin/tools/%: hack/tools/go.mod hack/tools/go.sum
	@echo "Building $* (once per version) ..."
	@mkdir -p bin/tools
	@$(BUILD) -C $(MODULE) -o "$(CURDIR)/$@.new" "$$(cd $(MODULE) && go list -f '{{.ImportPath}}' tool | grep -E '/$*(/v[0-9]+)?$$')"
	@mv $@.new $@
