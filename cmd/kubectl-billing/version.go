package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/cmd/version"
)

func versionCommand(parsed *invocation) *cobra.Command {
	var clientOnly bool
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the plugin and of the CustomResourceDefinition",
		Long: `Prints the version of the plugin, and that of the CustomResourceDefinition in the
cluster. They belong together.`,
		Example: `  kubectl billing version
  kubectl billing version --client`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if !clientOnly {
				parsed.operation = crdVersion{}
			}
			// It is told whether or not there is a cluster.
			_, err := fmt.Fprintf(c.OutOrStdout(), "kubectl-billing %s\n", version.Get())
			return err
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().BoolVar(&clientOnly, "client", false, "print the version of the plugin only; needs no cluster")
	return c
}

const (
	crdName      = "billingsessions.billing.xtracta.com"
	versionLabel = "app.kubernetes.io/version"
)

// crdVersion prints the version of the CustomResourceDefinition, or why it is unknown.
type crdVersion struct{}

func (crdVersion) run(ctx context.Context, env *environment) error {
	var crd metav1.PartialObjectMetadata
	err := env.get(ctx, crdResource, metav1.NamespaceNone, crdName, &crd)
	found := cmp.Or(crd.Labels[versionLabel], "unknown: it has no label "+versionLabel)
	switch {
	case apierrors.IsForbidden(err):
		found = "unknown: you may not read CustomResourceDefinitions"
	case apierrors.IsNotFound(err):
		return errors.New("this cluster knows no BillingSessions: install the operator, or choose another cluster with --context")
	case err != nil:
		return env.explainError(err, "")
	}
	env.print("CRD             %s", found)
	return nil
}
