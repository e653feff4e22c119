package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/cmd/version"
)

func versionCommand(parsed *invocation) *cobra.Command {
	var op printVersion
	c := &cobra.Command{
		Use:   "version",
		Short: "Print the versions of the plugin, the CustomResourceDefinition and the manager",
		Long: `Prints the version of the plugin and those of the CustomResourceDefinition and of the
managers in the cluster, and warns if they do not fit together. What you may not read is
shown as unknown.`,
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
	build := version.Get()
	env.print("kubectl-billing %s", build)
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
	managers, err := c.managerVersions(ctx)
	if err != nil {
		return err
	}
	for _, m := range managers {
		env.print("manager         %s", m)
	}
	for _, warning := range misfits(build.Version, crd, managers) {
		env.warn("%s", warning)
	}
	return nil
}

const (
	crdName      = "billingsessions.billing.xtracta.com"
	versionLabel = "app.kubernetes.io/version"
	managerLabel = "app.kubernetes.io/name=billing-operator"
)

var crdKind = schema.GroupVersionKind{Group: "apiextensions.k8s.io", Version: "v1", Kind: "CustomResourceDefinition"}

// installed is a part of the operator in the cluster.
type installed struct {
	version string // empty if unknown
	unknown string // the reason why it is
	where   string // the namespace and name of a manager's Deployment
}

func (i installed) String() string {
	text := i.version
	if text == "" {
		text = fmt.Sprintf("unknown: %s", i.unknown)
	}
	if i.where != "" {
		text += " (" + i.where + ")"
	}
	return text
}

// crdVersion returns the version of the CustomResourceDefinition.
func (c *cluster) crdVersion(ctx context.Context) (installed, error) {
	crd := metav1.PartialObjectMetadata{}
	crd.SetGroupVersionKind(crdKind)
	err := c.client.Get(ctx, client.ObjectKey{Name: crdName}, &crd)
	switch {
	case apierrors.IsForbidden(err):
		return installed{unknown: "you may not read CustomResourceDefinitions"}, nil
	case apierrors.IsNotFound(err):
		return installed{}, errors.New("this cluster knows no BillingSessions: install the operator, or choose another cluster with --context")
	case err != nil:
		return installed{}, c.explainError(err, "")
	}
	return installed{version: crd.Labels[versionLabel], unknown: "it has no label " + versionLabel}, nil
}

// managerVersions returns the version of each manager in the cluster.
func (c *cluster) managerVersions(ctx context.Context) ([]installed, error) {
	var deployments appsv1.DeploymentList
	selector, _ := labels.Parse(managerLabel) // a constant
	err := c.client.List(ctx, &deployments, client.MatchingLabelsSelector{Selector: selector})
	switch {
	case apierrors.IsForbidden(err):
		return []installed{{unknown: "you may not list Deployments in all namespaces"}}, nil
	case err != nil:
		return nil, c.explainError(err, "")
	}
	var managers []installed
	for _, d := range deployments.Items {
		if i := slices.IndexFunc(d.Spec.Template.Spec.Containers, isManager); i >= 0 {
			managers = append(managers, managerOf(&d, d.Spec.Template.Spec.Containers[i].Image))
		}
	}
	if len(managers) == 0 {
		managers = []installed{{unknown: "no Deployment with the label " + managerLabel + " has a container \"manager\""}}
	}
	return managers, nil
}

func isManager(c corev1.Container) bool { return c.Name == "manager" }

// managerOf prefers the tag, as the image can be changed without the labels. An image
// that is named by its digest alone has none.
func managerOf(d *appsv1.Deployment, image string) installed {
	m := installed{where: d.Namespace + "/" + d.Name, version: tag(image)}
	if m.version == "" {
		m.version = d.Labels[versionLabel]
		m.unknown = "its image has no tag and the Deployment no label " + versionLabel
	}
	return m
}

// tag returns the tag of an image. A colon before the last slash belongs to the
// registry's port.
func tag(image string) string {
	name, _, _ := strings.Cut(image[strings.LastIndex(image, "/")+1:], "@")
	_, tag, _ := strings.Cut(name, ":")
	return tag
}
