//go:build tools

// Package binaries pins the versions from which etcd and kube-apiserver are built.
package binaries

import (
	_ "go.etcd.io/etcd/server/v3"
	_ "k8s.io/kubernetes/cmd/kube-apiserver"
)
