# Everything here needs Go, git and make, and a Go module proxy; nothing else.

SHELL := /bin/bash

# Long compilations say how far they are.
BUILD = set -o pipefail; build() { go build -v "$$@" 2>&1 | awk -f "$(CURDIR)/hack/tools/progress.awk"; }; build

.PHONY: help
help: ## Say what can be made
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
demo: compiled assets ## See it work: an API server, an endpoint and the operator, then the end
	@go run ./hack/demo

.PHONY: run
run: compiled assets ## The same, and it stays up for kubectl until Ctrl-C
	@go build -o bin/demo ./hack/demo
	@bin/demo --stay # "go run" would call Ctrl-C a failure

##### Release

.PHONY: image
image: ## Build the image for all platforms into dist/image.tar (no container engine needed)
	SOURCE_DATE_EPOCH=$$(git log -1 --format=%ct) go run ./hack/image -o dist/image.tar --revision="$$(git rev-parse HEAD)"

.PHONY: install.yaml
install.yaml: bin/tools/kustomize ## Write all that config/default installs into dist/install.yaml
	@mkdir -p dist
	bin/tools/kustomize build config/default --output dist/install.yaml

.PHONY: chart
chart: bin/tools/helm ## Package the Helm chart into dist/
	bin/tools/helm package config/chart --destination dist

##### Check

.PHONY: test
test: compiled assets bin/tools/helm bin/tools/kustomize ## Run all tests
	@# Many tests run programs that they build, which the cache of results does not see;
	@# and most of the time they wait, so more of them run than there are processors.
	go test -count=1 -p 4 -timeout 20m ./...

.PHONY: race
race: assets bin/tools/helm bin/tools/kustomize ## Run all tests with the race detector (needs a C compiler)
	go test -race -timeout 40m ./...

.PHONY: gitops
gitops: ## Show what GitOps tools see, by their own code (compiles for minutes once)
	@for tool in argocd flux; do \
	  (cd test/$$tool && echo "go test ./test/$$tool" && $(BUILD) ./... && go test ./...) || exit 1; \
	done

.PHONY: e2e
e2e: RENEWALS = 1
e2e: e2e-run ## Prove it all in the cluster of KUBECONFIG, in eight minutes (see the README)

.PHONY: e2e-long
e2e-long: RENEWALS = 6
e2e-long: e2e-run ## The same, with mounted files watched for six renewals, in half an hour

.PHONY: e2e-run
e2e-run: compiled bin/tools/helm bin/tools/kustomize
	@for tool in argocd flux; do (cd test/$$tool && $(BUILD) -o "$(CURDIR)/bin/e2e/$$tool-verdict" ./verdict) || exit 1; done
	go test ./test/e2e -v -count=1 -timeout 60m -e2e.renewals=$(RENEWALS)

.PHONY: chaos
chaos: assets ## Let everything go wrong for DURATION (10m) around SESSIONS (200) sessions
	go test ./test/chaos -run TestChaos -v -count=1 -timeout 60m \
	  -chaos.duration=$(or $(DURATION),10m) -chaos.sessions=$(or $(SESSIONS),200) -chaos.life=$(or $(LIFE),2m) -chaos.seed=$(or $(SEED),0)

.PHONY: bench
bench: compiled assets ## Measure SESSIONS (1000,5000,10000) beside a bare loop; dist/bench (Linux, 20 minutes)
	go run ./test/bench $(if $(SESSIONS),--sessions=$(SESSIONS))

.PHONY: load
load: assets ## Renew SESSIONS (10000) sessions under a limit, through an outage and after restarts
	go test ./test/load -v -count=1 -timeout 20m -load.sessions=$(or $(SESSIONS),10000)
	go test ./test/lifecycle -run 'TestRenewalUnderLoad|TestRestartWhileManyAreDue' -v -count=1 -timeout 40m \
	  -load.sessions=$(or $(SESSIONS),10000)

.PHONY: fuzz
fuzz: ## Feed bytes nobody thought of to each parser for FUZZTIME (1m)
	@grep -rl --include='*_test.go' '^func Fuzz' api cmd controllers test | while read -r file; do \
	  for target in $$(sed -n 's/^func \(Fuzz[A-Za-z]*\).*/\1/p' "$$file"); do \
	    echo "$$target ($$(dirname "$$file"))"; \
	    go test "./$$(dirname "$$file")" -run '^$$' -fuzz "^$$target\$$" -fuzztime "$(or $(FUZZTIME),1m)" || exit 1; \
	  done; \
	done

.PHONY: lint
lint: bin/tools/golangci-lint ## Run the linters
	bin/tools/golangci-lint run ./...

.PHONY: verify
verify: generate bin/tools/kustomize ## Check that what is generated is committed and that all is in order
	@git diff --exit-code -- $(GENERATED) || { echo "Commit what 'make generate' made." >&2; exit 1; }
	@for module in $(MODULES); do \
	  echo "go mod tidy -diff ($$module)"; (cd "$$module" && go mod tidy -diff) || { echo "Run: cd $$module && go mod tidy" >&2; exit 1; }; \
	done
	@echo gofmt; unformatted=$$(gofmt -l api cmd controllers hack test); \
	  test -z "$$unformatted" || { echo "Run gofmt on $$unformatted" >&2; exit 1; }
	@for folder in $(KUSTOMIZATIONS); do \
	  echo "kustomize build $$folder"; bin/tools/kustomize build "$$folder" >/dev/null || exit 1; \
	done

##### Change

GENERATED      = api/v1alpha1/zz_generated.deepcopy.go config/crd/bases config/rbac/role.yaml config/chart/files
MODULES        = . hack/tools hack/tools/helm hack/controlplane/binaries test/argocd test/flux test/bench/plot
KUSTOMIZATIONS = $(patsubst %/kustomization.yaml,%,$(wildcard config/*/kustomization.yaml))

.PHONY: generate
generate: ## Generate the CRD, the manager's role and deep copies
	go tool controller-gen object crd paths=./api/... output:crd:dir=config/crd/bases
	go tool controller-gen rbac:roleName=billing-operator-manager paths=./controllers/... output:rbac:dir=config/rbac
	cp config/crd/bases/billing.xtracta.com_billingsessions.yaml config/chart/files/crd.yaml # Helm reads nothing outside
	cp config/rbac/role.yaml config/chart/files/role.yaml
	cp config/prometheus/alerts.yaml config/chart/files/alerts.yaml

##### What the above needs

# The first compilation takes minutes, which tests and the demo would spend in silence.
.PHONY: compiled
compiled:
	@$(BUILD) ./...

.PHONY: assets
assets:
	@go run ./hack/controlplane/assets >/dev/null

bin/tools/golangci-lint: TOOL = github.com/golangci/golangci-lint/v2/cmd/golangci-lint
bin/tools/kustomize:     TOOL = sigs.k8s.io/kustomize/kustomize/v5
bin/tools/helm:          TOOL = helm.sh/helm/v4/cmd/helm
bin/tools/helm:          TOOLS = hack/tools/helm
bin/tools/helm:          hack/tools/helm/go.mod hack/tools/helm/go.sum
TOOLS                    = hack/tools

bin/tools/%: hack/tools/go.mod hack/tools/go.sum
	@echo "Building $* (once for each version; golangci-lint takes two minutes on two cores) ..."
	@mkdir -p bin/tools
	@cd $(TOOLS) && { $(BUILD) -o "$(CURDIR)/$@.new" $(TOOL); }
	@mv $@.new $@
