# The image holds the static programs that run in clusters and nothing else. Root
# certificates are compiled into them, so there are no CA files to keep fresh.
# "make image" builds the same without a container engine.
ARG GO_VERSION=1.26.11
FROM --platform=$BUILDPLATFORM golang:${GO_VERSION} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN --mount=type=cache,target=/go/pkg/mod go mod download
COPY api api
COPY cmd cmd
COPY controllers controllers
# docker build --build-arg VERSION=v0.2.0 --build-arg REVISION="$(git rev-parse HEAD)" .
ARG TARGETOS TARGETARCH VERSION REVISION
RUN --mount=type=cache,target=/go/pkg/mod --mount=type=cache,target=/root/.cache/go-build \
    CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH} \
    go build -trimpath -gcflags=all=-dwarf=false -ldflags "-s -w -X github.com/xtracta/billing-operator/cmd/version.version=${VERSION} -X github.com/xtracta/billing-operator/cmd/version.revision=${REVISION}" \
    -o /servers/ ./cmd/manager ./cmd/billing-link

FROM scratch
COPY --from=build /servers/manager /manager
COPY --from=build /servers/billing-link /billing-link
USER 65532:65532
ENTRYPOINT ["/manager"]
