// Command verdict prints the health that Flux gives to the objects of a List in JSON:
//
//	cd test/gitops/flux && kubectl get billingsessions -A -o json | go run ./verdict
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"

	"github.com/fluxcd/pkg/runtime/cel"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/xtracta/billing-operator/test/gitops/flux"
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
	expressions, err := flux.Expressions()
	if err != nil {
		return err
	}
	evaluator, err := cel.NewStatusEvaluator(&expressions.HealthCheckExpressions)
	if err != nil {
		return err
	}
	for _, object := range list.Items {
		health, err := evaluator.Evaluate(ctx, &object)
		if err != nil {
			return err
		}
		fmt.Fprintf(out, "%s/%s\t%s\t%s\n", object.GetNamespace(), object.GetName(), health.Status, health.Message)
	}
	return nil
}
