package controlplane

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"time"
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

// download puts the published programs into dir. Where there is no internet it
// says so within seconds.
func download(ctx context.Context, root, dir string, out io.Writer) error {
	if err := probe(ctx, releaseIndex); err != nil {
		return err
	}
	fmt.Fprintf(out, "Downloading etcd and kube-apiserver %s ...\n", KubernetesVersion)
	return downloadFrom(ctx, releaseIndex, root, dir)
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

func downloadFrom(ctx context.Context, index, root, dir string) error {
	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	workshop, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(workshop)

	tool := filepath.Join(workshop, "setup-envtest")
	if _, err := run(ctx, filepath.Join(root, toolsModule), "go", "build", "-o", tool, setupEnvtest); err != nil {
		return err
	}
	archive, err := run(ctx, workshop, tool, "use", KubernetesVersion, "--index", index, "--bin-dir", workshop, "--print", "path")
	if err != nil {
		return err
	}
	for _, program := range programs {
		if err := os.Rename(filepath.Join(strings.TrimSpace(archive), program), filepath.Join(dir, program)); err != nil {
			return err
		}
	}
	return nil
}

// run returns what a command prints; its complaints become the error.
func run(ctx context.Context, dir, name string, args ...string) (string, error) {
	var complaints bytes.Buffer
	cmd := command(ctx, dir, name, args...)
	cmd.Stderr = &complaints
	printed, err := cmd.Output()
	if err != nil {
		return "", fmt.Errorf("%s: %w: %s", filepath.Base(name), err, strings.TrimSpace(complaints.String()))
	}
	return string(printed), nil
}
