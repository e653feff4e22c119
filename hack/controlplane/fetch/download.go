package fetch

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/xtracta/billing-operator/hack/gobuild"
	"github.com/xtracta/billing-operator/hack/process"
)

const (
	// releaseIndex lists the archives that envtest's maintainers publish, with
	// their digests.
	releaseIndex = "https://raw.githubusercontent.com/kubernetes-sigs/controller-tools/HEAD/envtest-releases.yaml"

	// toolsModule pins setup-envtest, which downloads and verifies an archive.
	toolsModule  = "hack/tools"
	setupEnvtest = "sigs.k8s.io/controller-runtime/tools/setup-envtest"

	probeTimeout    = 4 * time.Second
	downloadTimeout = 5 * time.Minute
)

// download puts the published programs into dir. It fails within seconds when there is
// no internet access.
func download(ctx context.Context, root, dir string, out io.Writer) error {
	if err := probe(ctx, releaseIndex); err != nil {
		return err
	}
	fmt.Fprintf(out, "Downloading etcd and kube-apiserver %s ...\n", KubernetesVersion)
	return downloadFrom(ctx, releaseIndex, root, dir, out)
}

func probe(ctx context.Context, url string) error {
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, http.MethodHead, url, nil)
	if err != nil {
		return err
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return err
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return fmt.Errorf("%s answers %s", url, response.Status)
	}
	return nil
}

func downloadFrom(ctx context.Context, index, root, dir string, out io.Writer) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	tmp, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	tool := filepath.Join(tmp, "setup-envtest")
	compile := gobuild.Command{Dir: filepath.Join(root, toolsModule), Progress: out}
	if _, err := compile.Output(ctx, "build", "-v", "-o", tool, setupEnvtest); err != nil {
		return err
	}
	archive, err := output(process.Command(ctx, tmp, tool, "use", KubernetesVersion,
		"--index", index, "--bin-dir", tmp, "--print", "path"))
	if err != nil {
		return err
	}
	for _, program := range programs {
		if err := os.Rename(filepath.Join(archive, program), filepath.Join(dir, program)); err != nil {
			return err
		}
	}
	return nil
}

// output returns the standard output of a command. Its standard error becomes the error.
func output(cmd *exec.Cmd) (string, error) {
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	stdout, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, strings.TrimSpace(stderr.String()))
	}
	return strings.TrimSpace(string(stdout)), nil
}
