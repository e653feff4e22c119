package main

import (
	"cmp"
	"context"
	"errors"

	"github.com/spf13/cobra"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/cmd/version"
)

func versionCommand(parsed *invocation) *cobra.Command {
	var op printVersion
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the plugin and of the CustomResourceDefinition",
		Long: `Prints the version of the plugin, and that of the CustomResourceDefinition in the
cluster. They belong together.`,
		Example: `  kubectl billing version
  kubectl billing version --client`,
		Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			parsed.operation = op
			return nil
		},
		ValidArgsFunction: cobra.NoFileCompletions,
	}
	c.Flags().BoolVar(&op.clientOnly, "client", false, "print the version of the plugin only; needs no cluster")
	return c
}

type printVersion struct{ clientOnly bool }

func (p printVersion) run(ctx context.Context, env *environment) error {
	env.print("kubectl-billing %s", version.Get())
	if p.clientOnly {
		return nil
	}
	c, err := env.connect()
	if err != nil {
		return err
	}
	crd, err := c.crdVersion(ctx)
	if err != nil {
		return err
	}
	env.print("CRD             %s", crd)
	return nil
}

const (
	crdName      = "billingsessions.billing.xtracta.com"
	versionLabel = "app.kubernetes.io/version"
)

// crdVersion returns the version of the CustomResourceDefinition, or why it is unknown.
func (c *cluster) crdVersion(ctx context.Context) (string, error) {
	crd := metav1.PartialObjectMetadata{}
	switch err := c.get(ctx, crdResource, metav1.NamespaceNone, crdName, &crd); {
	case apierrors.IsForbidden(err):
		return "unknown: you may not read CustomResourceDefinitions", nil
	case apierrors.IsNotFound(err):
		return "", errors.New("this cluster knows no BillingSessions: install the operator, or choose another cluster with --context")
	case err != nil:
		return "", c.explainError(err, "")
	}
	return cmp.Or(crd.Labels[versionLabel], "unknown: it has no label "+versionLabel), nil
}
