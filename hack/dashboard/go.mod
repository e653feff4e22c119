// The dashboard's generator has a module of its own: nothing else needs Grafana's SDK.
module github.com/xtracta/billing-operator/hack/dashboard

go 1.26.0

toolchain go1.26.11

require github.com/grafana/grafana-foundation-sdk/go v0.0.22
