# All targets need Go, git, make and a Go module proxy, and nothing else.

SHELL := /bin/bash

# Long compilations report their progress.
PROGRESS = 2>&1 >/dev/null | awk -f "$(CURDIR)/hack/tools/progress.awk"
BUILD    = set -o pipefail; build() { go build -v "$$@" $(PROGRESS); }; build

# COMPILE compiles packages with their tests, which "go test" would do in silence, and links
# nothing, as "go build" of several packages would.
COMPILE  = set -o pipefail; compile() { go list -export -deps -test -v -f '' "$$@" $(PROGRESS); }; compile

# TEST lists the skipped tests at the end. In CI they fail, except for these, which take
# too long or too much memory: "make load" runs them.
OPTIONAL = ^(TestRenewalUnderLoad|TestRestartWhileManyAreDue|TestHostileObjectsTakeLittleMemory)$$
TEST     = go run ./hack/gotest --optional='$(OPTIONAL)' --

.PHONY: help
help: ## List the targets
	@awk -F ':.*## ' '/^[a-z0-9.-]+:.*## / { printf "  make %-12s %s\n", $$1, $$2 }' $(MAKEFILE_LIST)

##### Use

.PHONY: build
build: ## Build the commands into bin/
	@$(BUILD) -o bin/ ./cmd/...

.PHONY: plugin
plugin: ## Build kubectl-billing for the usual platforms into dist/
	@for os in linux darwin windows; do for arch in amd64 arm64; do \
	  export CGO_ENABLED=0 GOOS=$$os GOARCH=$$arch; file=dist/kubectl-billing-$$os-$$arch; \
	  if [ $$os = windows ]; then file=$$file.exe; fi; echo $$file; \
	  $(BUILD) -trimpath -ldflags='-s -w' -o $$file ./cmd/kubectl-billing || exit 1; \
	done; done

.PHONY: demo
demo: bin/demo ## See it work: an API server, an endpoint and the operator, for a minute
	@bin/demo

.PHONY: run
run: bin/demo ## The same, but it keeps running for kubectl until Ctrl-C
	@bin/demo --stay # not by "go run", which would report Ctrl-C as a failure

##### Release

.PHONY: image
image: ## Build the image for all platforms into dist/image.tar (no container engine needed)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) go run ./hack/image -o dist/image.tar --revision="$$(git rev-parse HEAD)"

.PHONY: install.yaml
install.yaml: bin/tools/kustomize ## Write everything that config/default installs to dist/install.yaml
	@mkdir -p dist
	bin/tools/kustomize build config/default --output dist/install.yaml

.PHONY: chart
chart: bin/tools/helm ## Package the Helm chart into dist/
	bin/tools/helm package config/chart --destination dist

.PHONY: release
release: bin/release bin/tools/helm bin/tools/kustomize ## Make all files of release VERSION (v0.1.0) in dist/
	bin/release build --version="$(VERSION)"

.PHONY: push
push: bin/release bin/tools/helm ## Push image and chart of VERSION from dist/ to REGISTRY (registry.example.com/team)
	bin/release push --version="$(or $(VERSION),$(shell go run ./hack/version show))" --registry="$(REGISTRY)"

.PHONY: sign
sign: ## Sign what was pushed, and the checksums, by cosign (COSIGN_FLAGS for a key instead of an identity)
	cosign sign --yes $(COSIGN_FLAGS) $$(cat dist/pushed-$(VERSION).txt)
	cosign sign-blob --yes $(COSIGN_FLAGS) --bundle dist/$(VERSION)/SHA256SUMS.sigstore.json dist/$(VERSION)/SHA256SUMS

.PHONY: publish
publish: ## Publish the files of VERSION as a release on GitHub (needs gh and GH_TOKEN)
	gh release create $(VERSION) --verify-tag --title $(VERSION) $(if $(findstring -,$(VERSION)),--prerelease) \
	  --notes-file dist/$(VERSION)/RELEASE-NOTES.md dist/$(VERSION)/*

.PHONY: bump
bump: ## Write VERSION (v0.2.0) to everything that says which version this is
	go run ./hack/version set "$(VERSION)"

##### Check

.PHONY: test
test: assets bin/tools/helm bin/tools/kustomize ## Run all tests
	@$(COMPILE) ./...
	@# -count=1: the cache of results does not notice changes of the programs that tests build.
	@# -p and -parallel: tests mostly wait, so that more of them can run than there are processors.
	$(TEST) -count=1 -p 4 -parallel 8 -timeout 20m ./...

# LONG are the tests that take a minute and more each.
LONG = /(hack/image|test/(chaos|documents|manifests/[a-z]+|observability|process/manager))$$

.PHONY: test-short
test-short: assets ## Run the tests without the folders that take minutes each, to see soon whether a change is sound
	@$(COMPILE) $$(go list ./... | grep -vE '$(LONG)')
	$(TEST) -count=1 -p 4 -parallel 8 -timeout 20m $$(go list ./... | grep -vE '$(LONG)')

.PHONY: race
race: assets bin/tools/helm bin/tools/kustomize ## Run all tests with the race detector (needs a C compiler)
	@$(COMPILE) -race ./...
	$(TEST) -race -parallel 8 -timeout 40m ./...

.PHONY: gitops
gitops: assets bin/tools/helm ## Run Flux's controller and Argo CD's and Flux's own code on the operator (compiles for minutes once)
	@for tool in argocd flux; do \
	  (cd test/gitops/$$tool && echo "go test ./test/gitops/$$tool" && $(BUILD) ./... && go test ./...) || exit 1; \
	done
	go test ./test/gitops/controllers -count=1 -timeout 20m -skip ArgoCD -gitops.run

.PHONY: gitops-long
gitops-long: gitops bin/tools/kustomize ## The same, and Argo CD's controllers (with Debian's redis-server)
	go test ./test/gitops/controllers -count=1 -timeout 20m -run ArgoCD -gitops.run

.PHONY: gitops-soak
gitops-soak: assets ## Let Flux's controller and the operator run side by side for SOAK (1h)
	go test ./test/gitops/controllers -v -count=1 -timeout 0 -run TestSoak -gitops.run -gitops.soak=$(or $(SOAK),1h)

.PHONY: release-test
release-test: assets bin/tools/helm bin/tools/kustomize ## Test that releases are reproducible, complete and can be installed
	@(cd hack/release && echo "go test ./hack/release" && $(COMPILE) ./... && go test -count=1 -timeout 20m ./...)

.PHONY: e2e
e2e: RENEWALS = 1
e2e: e2e-run ## Test everything in the cluster of KUBECONFIG, in eight minutes (see hack/README.md)

.PHONY: e2e-long
e2e-long: RENEWALS = 6
e2e-long: e2e-run ## The same, and watch mounted files for six renewals, in half an hour

.PHONY: e2e-run
e2e-run: bin/tools/helm bin/tools/kustomize
	@$(COMPILE) ./test/e2e
	@for tool in argocd flux; do (cd test/gitops/$$tool && $(BUILD) -o "$(CURDIR)/bin/e2e/$$tool-verdict" ./verdict) || exit 1; done
	go test ./test/e2e -v -count=1 -timeout 60m -e2e.renewals=$(RENEWALS)

.PHONY: chaos
chaos: assets ## Break everything around SESSIONS (200) sessions for DURATION (10m)
	go test ./test/chaos -run TestChaos -v -count=1 -timeout 60m \
	  -chaos.duration=$(or $(DURATION),10m) -chaos.sessions=$(or $(SESSIONS),200) -chaos.life=$(or $(LIFE),2m) -chaos.seed=$(or $(SEED),0)

.PHONY: bench
bench: assets ## Measure SESSIONS (1000,5000,10000) against a bare loop; dist/bench (Linux, 20 minutes; QUICK=1: under 3)
	@$(COMPILE) ./test/performance/bench ./cmd/manager
	go run ./test/performance/bench $(if $(QUICK),--sessions=1000 --rounds=1 --foreign=0) $(if $(SESSIONS),--sessions=$(SESSIONS))

.PHONY: latency
latency: assets ## Measure how long people wait for a URL: alone, among SESSIONS (5000) at rest and in trouble, in a burst, after an outage (10 minutes)
	@$(COMPILE) ./test/performance/bench ./cmd/manager
	go run ./test/performance/bench latency $(if $(SESSIONS),--sessions=$(SESSIONS)) $(if $(BURST),--burst=$(BURST))

.PHONY: load
load: assets ## Renew SESSIONS (10000) sessions under a limit, through an outage and restarts
	go test ./test/performance/load -v -count=1 -timeout 20m -load.sessions=$(or $(SESSIONS),10000)
	go test ./test/process/manager -run '$(OPTIONAL)|^TestRestartOverQuotaSpendsNoRequest$$' -v -count=1 -timeout 40m \
	  -load.sessions=$(or $(SESSIONS),10000)

.PHONY: fuzz
fuzz: ## Fuzz each parser for FUZZTIME (1m)
	@grep -rl --include='*_test.go' '^func Fuzz' api cmd controllers test | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' "$$file"); do \
	    echo "$$target ($$(dirname "$$file"))"; \
	    go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime "$(or $(FUZZTIME),1m)" || exit 1; \
	  done; \
	done

.PHONY: lint
lint: bin/tools/golangci-lint ## Run the linters
	bin/tools/golangci-lint run --allow-parallel-runners ./...

.PHONY: vulncheck
vulncheck: bin/tools/govulncheck bin/tools/indexdb ## Look for known faults in what the operator is built from
	@echo vulncheck; go run ./hack/vulncheck ./...

.PHONY: vulncheck-latest
vulncheck-latest: ## The same with today's database of faults
	cd hack/tools/vulncheck && go get golang.org/x/vulndb@latest && go mod tidy
	@$(MAKE) vulncheck

.PHONY: outdated
outdated: ## List direct dependencies of which there are newer versions
	@for module in $(MODULES); do \
	  (cd "$$module" && go list -m -u -f '{{if and .Update (not .Indirect)}}'"$$module"': {{.Path}} {{.Version}} -> {{.Update.Version}}{{end}}' all) || exit 1; \
	done | sed '/^$$/d'

.PHONY: roots
roots: ## Check the age of the root certificates that are compiled into the image
	@go run ./hack/roots

.PHONY: verify
verify: generate vulncheck bin/tools/kustomize bin/tools/actionlint ## Check generated files, modules, known faults, formatting and kustomizations
	@git diff --exit-code -- $(GENERATED) || { echo "Commit what 'make generate' has changed." >&2; exit 1; }
	@for module in $(MODULES); do \
	  echo "go mod tidy -diff ($$module)"; (cd "$$module" && go mod tidy -diff) || { echo "Run: cd $$module && go mod tidy" >&2; exit 1; }; \
	done
	@echo version; go run ./hack/version check
	@echo actionlint; bin/tools/actionlint -shellcheck= -pyflakes=
	@echo gofmt; unformatted=$$(gofmt -l api cmd controllers hack test); \
	  test -z "$$unformatted" || { echo "Run gofmt on $$unformatted" >&2; exit 1; }
	@for folder in $(KUSTOMIZATIONS); do \
	  echo "kustomize build $$folder"; bin/tools/kustomize build "$$folder" >/dev/null || exit 1; \
	done

##### Change

GENERATED      = api/v1alpha1/zz_generated.deepcopy.go api/v1alpha1/README.md config/crd/bases config/rbac/role.yaml config/grafana/dashboard.json config/chart/files
MODULES        = . hack/dashboard hack/release hack/tools hack/tools/helm hack/tools/crd-ref-docs hack/tools/actionlint hack/tools/vulncheck hack/controlplane/binaries test/gitops/argocd test/gitops/controllers/binaries test/gitops/flux test/performance/bench/plot
KUSTOMIZATIONS = $(patsubst %/kustomization.yaml,%,$(wildcard config/*/kustomization.yaml))

.PHONY: generate
generate: bin/tools/crd-ref-docs ## Generate the CRD, the API reference, the manager's role, deep copies and the dashboard
	go tool controller-gen object crd paths=./api/... output:crd:dir=config/crd/bases
	bin/tools/crd-ref-docs --log-level ERROR --config hack/tools/crd-ref-docs/config.yaml --renderer markdown \
	  --source-path api --output-path api/v1alpha1/README.md
	go tool controller-gen rbac:roleName=billing-operator-manager paths=./controllers/... output:rbac:dir=config/rbac
	cd hack/dashboard && go run . ../../config/grafana/dashboard.json
	cp config/crd/bases/billing.xtracta.com_billingsessions.yaml config/chart/files/crd.yaml # Helm reads no files outside of the chart
	cp config/rbac/role.yaml config/chart/files/role.yaml
	cp config/prometheus/alerts.yaml config/chart/files/alerts.yaml
	cp config/grafana/dashboard.json config/chart/files/dashboard.json
	cp config/chart/values.yaml config/chart/files/values.yaml # missing values are filled from it

##### Prerequisites

# The demo itself compiles the operator.
.PHONY: bin/demo
bin/demo: assets
	@$(BUILD) -o $@ ./hack/demo

.PHONY: bin/release
bin/release:
	@(cd hack/release && $(BUILD) -o "$(CURDIR)/$@" .)

# etcd and kube-apiserver come first: a download needs hardly anything to be compiled.
.PHONY: assets
assets:
	@$(BUILD) -o bin/assets ./hack/controlplane/assets
	@bin/assets >/dev/null

bin/tools/golangci-lint: TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/tools/kustomize:     TOOL = sigs.k8s.io/kustomize/kustomize/v5
bin/tools/helm:          TOOL = helm.sh/helm/v4/cmd/helm
bin/tools/helm:          TOOLS = hack/tools/helm
bin/tools/helm:          hack/tools/helm/go.mod hack/tools/helm/go.sum
bin/tools/crd-ref-docs:  TOOL = github.com/elastic/crd-ref-docs
bin/tools/crd-ref-docs:  TOOLS = hack/tools/crd-ref-docs
bin/tools/crd-ref-docs:  hack/tools/crd-ref-docs/go.mod hack/tools/crd-ref-docs/go.sum
bin/tools/actionlint:    TOOL = github.com/rhysd/actionlint/cmd/actionlint
bin/tools/actionlint:    TOOLS = hack/tools/actionlint
bin/tools/actionlint:    hack/tools/actionlint/go.mod hack/tools/actionlint/go.sum
bin/tools/govulncheck:   TOOL = golang.org/x/vuln/cmd/govulncheck
bin/tools/govulncheck:   TOOLS = hack/tools/vulncheck
bin/tools/govulncheck:   hack/tools/vulncheck/go.mod hack/tools/vulncheck/go.sum
bin/tools/indexdb:       TOOL = golang.org/x/vulndb/cmd/indexdb
bin/tools/indexdb:       TOOLS = hack/tools/vulncheck
bin/tools/indexdb:       hack/tools/vulncheck/go.mod hack/tools/vulncheck/go.sum
TOOLS                    = hack/tools

bin/tools/%: hack/tools/go.mod hack/tools/go.sum
	@echo "Building $* (once per version) ..."
	@mkdir -p bin/tools
	@cd $(TOOLS) && { $(BUILD) -o "$(CURDIR)/$@.new" $(TOOL); }
	@mv $@.new $@
