package e2e

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"

	corev1 "k8s.io/api/core/v1"
)

const (
	// operatorRepository is under a name that no registry can ever have: what is not
	// loaded into the nodes is found nowhere.
	operatorRepository = "e2e.test/billing-operator"
	// propsImage holds what plays a part in tests alone.
	propsImage = "e2e.test/props:today"

	today    = "today"
	previous = "previous"
)

func operatorImage(tag string) string { return operatorRepository + ":" + tag }

// provide builds an image from the sources in tree and brings it to the nodes.
func provide(ctx context.Context, tree, name string, packages ...string) error {
	platform, err := nodePlatform(ctx)
	if err != nil {
		return err
	}
	file, err := os.CreateTemp("", "e2e-*.tar")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	build := append([]string{"run", "./hack/image", "-o", file.Name(), "--name", name, "--platform", platform}, packages...)
	if err := run(ctx, tree, "go", build...); err != nil {
		return err
	}
	return order(ctx, "E2E_LOAD_IMAGE", file.Name())
}

func nodePlatform(ctx context.Context) (string, error) {
	var nodes corev1.NodeList
	if err := cluster.List(ctx, &nodes); err != nil {
		return "", err
	}
	if len(nodes.Items) == 0 {
		return "", fmt.Errorf("the cluster has no nodes")
	}
	return "linux/" + nodes.Items[0].Status.NodeInfo.Architecture, nil
}

// order runs the command of a variable of the environment.
func order(ctx context.Context, variable string, args ...string) error {
	command := os.Getenv(variable)
	if command == "" {
		return fmt.Errorf("%s is not set", variable)
	}
	return run(ctx, root, "sh", append([]string{"-c", command + ` "$@"`, "sh"}, args...)...)
}

func run(ctx context.Context, dir, name string, args ...string) error {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%s %q: %w\n%s", filepath.Base(name), args, err, output)
	}
	return nil
}
