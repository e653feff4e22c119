// Command assets gets etcd and kube-apiserver, which tests and the demo run:
//
//	go run ./hack/controlplane/assets
//
// It prints the folder that holds them, and its progress on standard error.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/go-logr/logr"
	"sigs.k8s.io/controller-runtime/pkg/log"

	"github.com/xtracta/billing-operator/hack/controlplane/fetch"
)

func main() {
	log.SetLogger(logr.Discard()) // the messages of libraries would only disturb
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := fetch.Assets(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
