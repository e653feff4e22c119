package controlplane

import (
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"
)

const (
	// binariesModule is a module of its own that pins what is built, so that
	// the API server's dependencies never mix with the operator's.
	binariesModule = "hack/controlplane/binaries"

	etcdPackage      = "go.etcd.io/etcd/server/v3"
	apiServerPackage = "k8s.io/kubernetes/cmd/kube-apiserver"
)

// build compiles the pinned programs into dir.
func build(ctx context.Context, root, dir string, out io.Writer) error {
	module := filepath.Join(root, binariesModule)
	progress := narrate(out)
	defer progress.stop()

	packages, err := goCommand(ctx, progress, module, "list", "-deps", etcdPackage, apiServerPackage)
	if err != nil {
		return err
	}
	version, err := goCommand(ctx, progress, module, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	version = strings.TrimSpace(version)

	fmt.Fprintf(out, "Building etcd and kube-apiserver %s once: about seven minutes on two cores, less where parts are built already.\n", version)
	progress.compiling(strings.Fields(packages))
	if _, err := goCommand(ctx, progress, module, "build", "-v", "-trimpath", "-ldflags", stamp(version), "-o", dir+string(filepath.Separator), etcdPackage, apiServerPackage); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "server"), filepath.Join(dir, "etcd"))
}

// stamp gives the API server the version that a release build would report;
// clients and the server's own feature gates ask for it.
func stamp(version string) string {
	parts := strings.SplitN(strings.TrimPrefix(version, "v"), ".", 3)
	flags := []string{"-s", "-w"}
	for _, pkg := range []string{"k8s.io/component-base/version", "k8s.io/client-go/pkg/version"} {
		flags = append(flags,
			"-X "+pkg+".gitVersion="+version,
			"-X "+pkg+".gitMajor="+parts[0],
			"-X "+pkg+".gitMinor="+parts[1],
			"-X "+pkg+".gitTreeState=clean")
	}
	return strings.Join(flags, " ")
}

// goCommand runs the go command in a module and returns what it prints. Progress
// hears of its other output, which becomes the error when the command fails.
func goCommand(ctx context.Context, progress *narrator, module string, args ...string) (string, error) {
	cmd := command(ctx, module, "go", args...)
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOFLAGS=", "GOWORK=off")
	cmd.Stderr = progress
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("go %s: %w\n%s", args[0], err, progress.complaints())
	}
	return string(printed), nil
}

// command is interrupted, not killed, when ctx ends, so that it can remove its
// temporary files.
func command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 10 * time.Second
	return cmd
}
