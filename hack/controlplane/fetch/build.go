package fetch

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/xtracta/billing-operator/hack/gobuild"
)

const (
	// toolsModule pins what is built, and all other tools. It is a separate module, so that
	// the operator does not get the API server's dependencies. Where both have a dependency,
	// they have the same version of it: the build cache then holds each package once, and
	// the operator is nearly compiled when the API server is.
	toolsModule = "hack/tools"

	etcdPackage      = "go.etcd.io/etcd/server/v3"
	apiServerPackage = "k8s.io/kubernetes/cmd/kube-apiserver"
)

// build compiles the pinned programs into dir. It has the flags of all other builds, so that
// what the API server and the operator have in common is compiled once.
func build(ctx context.Context, root, dir string, out io.Writer) error {
	command := gobuild.Command{Dir: filepath.Join(root, toolsModule), Progress: out}
	version, err := command.Output(ctx, "list", "-m", "-f", "{{.Version}}", "k8s.io/kubernetes")
	if err != nil {
		return err
	}
	version = strings.TrimSpace(version)
	fmt.Fprintf(out, "Building etcd and kube-apiserver %s, once.\n", version)
	flags := []string{"-ldflags", versionFlags(version), "-o", dir + string(filepath.Separator)}
	if err := command.Build(ctx, flags, etcdPackage, apiServerPackage); err != nil {
		return err
	}
	return os.Rename(filepath.Join(dir, "server"), filepath.Join(dir, "etcd"))
}

// versionFlags give the API server the version of a release build. Clients ask for it,
// and so do the server's own feature gates.
func versionFlags(version string) string {
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
