// Command verdict prints the health that Argo CD gives to the objects of a List in JSON:
//
//	cd test/gitops/argocd && kubectl get billingsessions -A -o json | go run ./verdict
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/argoproj/argo-cd/v3/util/lua"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/gitops/argocd"
)

func main() {
	if err := run(context.Background(), os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "verdict:", err)
		os.Exit(1)
	}
}

// run prints a line for each object: namespace/name, health and message, parted by tabs.
func run(ctx context.Context, in io.Reader, out io.Writer) error {
	var list unstructured.UnstructuredList
	if err := json.NewDecoder(in).Decode(&list); err != nil {
		return err
	}
	installed, err := argocd.Installed(ctx)
	if err != nil {
		return err
	}
	for _, object := range list.Items {
		health, err := lua.ResourceHealthOverrides(installed).GetResourceHealth(&object)
		if err != nil {
			return err
		}
		if health == nil {
			return fmt.Errorf("Argo CD has no health check for %s", object.GroupVersionKind())
		}
		fmt.Fprintf(out, "%s/%s\t%s\t%s\n", object.GetNamespace(), object.GetName(), health.Status, health.Message)
	}
	return nil
}
