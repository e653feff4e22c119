//go:build e2e

package e2e

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/image"
	"github.com/xtracta/billing-operator/test/env"
)

// cluster is the one of KUBECONFIG, with all rights.
type cluster struct {
	client.WithWatch
	core rest.Interface // for what the client has not: logs, proxies
}

// connect refuses a cluster that has sessions of others: the tests would delete them.
func connect(t *testing.T) *cluster {
	t.Helper()
	config, err := clientcmd.NewNonInteractiveDeferredLoadingClientConfig(clientcmd.NewDefaultClientConfigLoadingRules(), nil).ClientConfig()
	if err != nil {
		t.Fatalf("KUBECONFIG: %v", err)
	}
	config.QPS, config.WarningHandler = -1, rest.NoWarnings{}
	core, err := kubernetes.NewForConfig(config)
	if err != nil {
		t.Fatal(err)
	}
	c := &cluster{env.Client(t, config), core.CoreV1().RESTClient()}
	if err := c.Get(t.Context(), client.ObjectKeyFromObject(definition()), definition()); !apierrors.IsNotFound(err) {
		t.Fatalf("the cluster has a CustomResourceDefinition %s (%v); the tests install their own, and delete it", definition().Name, err)
	}
	return c
}

func definition() *apiextensionsv1.CustomResourceDefinition {
	return &apiextensionsv1.CustomResourceDefinition{ObjectMeta: metav1.ObjectMeta{Name: "billingsessions.billing.xtracta.com"}}
}

// The images are under names that no registry can ever have: what is not loaded into the nodes is
// found nowhere.
const (
	operatorRepository = "e2e.test/billing-operator"
	operatorImage      = operatorRepository + ":today"
	propsImage         = "e2e.test/props:today" // what plays a part in tests alone
)

// provide builds an image from today's sources and brings it to the nodes.
func (c *cluster) provide(t *testing.T, name string, packages ...string) {
	t.Helper()
	var nodes corev1.NodeList
	if err := c.List(t.Context(), &nodes); err != nil || len(nodes.Items) == 0 {
		t.Fatalf("the cluster has %d nodes: %v", len(nodes.Items), err)
	}
	built, err := image.Build(t.Context(), image.Spec{
		Root: env.Path(), Packages: packages, Name: name,
		Platforms: []string{"linux/" + nodes.Items[0].Status.NodeInfo.Architecture},
	})
	if err != nil {
		t.Fatal(err)
	}
	archive := filepath.Join(t.TempDir(), "image.tar")
	if err := os.WriteFile(archive, built.Archive, 0o600); err != nil {
		t.Fatal(err)
	}
	order(t, "E2E_LOAD_IMAGE", archive)
}

// order runs the command of a variable of the environment.
func order(t *testing.T, variable string, args ...string) {
	t.Helper()
	command := os.Getenv(variable)
	if command == "" {
		t.Fatalf("%s is not set: run hack/e2e-kind.sh make e2e, or see hack/README.md for other clusters", variable)
	}
	run(t, "", "sh", append([]string{"-c", command + ` "$@"`, "sh"}, args...)...)
}

// run runs a program in the project's root.
func run(t *testing.T, input, name string, args ...string) {
	t.Helper()
	command := exec.CommandContext(t.Context(), name, args...)
	command.Dir, command.Stdin = env.Path(), strings.NewReader(input)
	if output, err := command.CombinedOutput(); err != nil {
		t.Fatalf("%s %q: %v\n%s", filepath.Base(name), args, err, bytes.TrimSpace(output))
	}
}

// resource is the path of an object of a namespace, from which its logs and proxies are reached.
func (c *cluster) resource(namespace, kind, name string) *rest.Request {
	return c.core.Get().Namespace(namespace).Resource(kind).Name(name)
}

func helmProgram() string { return env.Path("bin", "tools", "helm") }

// helm runs the pinned Helm on the operator's release.
func helm(t *testing.T, values, command string, args ...string) {
	t.Helper()
	run(t, values, helmProgram(), append([]string{
		command, operatorName, "--namespace", systemNamespace, "--wait", "--timeout", fmt.Sprint(patience),
	}, args...)...)
}
