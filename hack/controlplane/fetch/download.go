package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"time"

	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

const (
	probeTimeout    = 4 * time.Second
	downloadTimeout = 5 * time.Minute
)

// download puts the programs that envtest's maintainers publish into dir. It fails within
// seconds when there is no internet access.
func download(ctx context.Context, index, dir string, out io.Writer) error {
	if err := probe(ctx, index); err != nil {
		return err
	}
	fmt.Fprintf(out, "Downloading etcd and kube-apiserver %s ...\n", KubernetesVersion)
	tmp, err := os.MkdirTemp(dir, "download-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)

	ctx, cancel := context.WithTimeout(ctx, downloadTimeout)
	defer cancel()
	tried := make(chan error, 1)
	go func() { tried <- try(index, tmp) }() // envtest knows no context
	select {
	case err = <-tried:
	case <-ctx.Done():
		err = ctx.Err()
	}
	if err != nil {
		return err
	}
	return move(tmp, dir)
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

// try has envtest download the programs and check their digest. It does so only to start
// them, which shows that they run on this machine.
func try(index, dir string) error {
	env := &envtest.Environment{
		UseExistingCluster:           new(bool), // whatever the environment says
		DownloadBinaryAssets:         true,
		DownloadBinaryAssetsVersion:  KubernetesVersion,
		DownloadBinaryAssetsIndexURL: index,
		BinaryAssetsDirectory:        dir,
		ControlPlaneStartTimeout:     time.Minute,
	}
	_, err := env.Start()
	return errors.Join(err, env.Stop())
}

// move takes the programs out of the folder that envtest made for their release.
func move(from, dir string) error {
	for _, program := range programs {
		found, err := filepath.Glob(filepath.Join(from, "*", program))
		if err != nil || len(found) != 1 {
			return fmt.Errorf("the download has %d of %s: %w", len(found), program, err)
		}
		if err := os.Rename(found[0], filepath.Join(dir, program)); err != nil {
			return err
		}
	}
	return nil
}
