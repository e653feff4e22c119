// Command cmd gets the programs of the local control plane.
//
//	go run ./hack/controlplane/cmd assets
//
// prints the folder that holds etcd and kube-apiserver, and on its standard
// error how the getting goes.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

func main() {
	if len(os.Args) != 2 || os.Args[1] != "assets" {
		fmt.Fprintln(os.Stderr, "usage: go run ./hack/controlplane/cmd assets")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	dir, err := controlplane.Assets(ctx, os.Stderr)
	if err != nil {
		fmt.Fprintln(os.Stderr, "Error:", err)
		os.Exit(1)
	}
	fmt.Println(dir)
}
