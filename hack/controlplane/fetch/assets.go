// Package fetch provides etcd and kube-apiserver.
package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/gofrs/flock"
	"sigs.k8s.io/controller-runtime/pkg/envtest"
)

// KubernetesVersion is the minor version of the API server. A download takes its latest
// patch release; a build takes the one that hack/tools/go.mod pins.
const KubernetesVersion = "1.37"

// AssetsVariable names the environment variable that overrides where etcd and
// kube-apiserver are. It is envtest's own.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// programs are the parts of a control plane that we run.
var programs = []string{"etcd", "kube-apiserver"}

// Assets returns the folder that holds etcd and kube-apiserver: the one that
// KUBEBUILDER_ASSETS names, or else the cache under bin/k8s. It first fills an empty
// cache, by a download or, without internet access, by a build from Go modules. It
// reports progress to out.
//
// Processes may call it concurrently: one fills the cache while the others wait. When
// ctx ends, the cache is left as it was.
func Assets(ctx context.Context, out io.Writer) (string, error) {
	if dir := os.Getenv(AssetsVariable); dir != "" {
		return dir, checkOverride(dir)
	}
	root, err := ModuleRoot()
	if err != nil {
		return "", fmt.Errorf("%w, or set %s", err, AssetsVariable)
	}
	cache := filepath.Join(root, "bin", "k8s", fmt.Sprintf("%s-%s-%s", KubernetesVersion, runtime.GOOS, runtime.GOARCH))
	return cache, ensure(ctx, cache, out, func(dir string) error {
		return obtain(ctx, envtest.DefaultBinaryAssetsIndexURL, dir, out, func() error { return build(ctx, root, dir, out) })
	})
}

// ensure fills the cache unless it is complete.
func ensure(ctx context.Context, cache string, out io.Writer, obtain func(dir string) error) error {
	if checkPrograms(cache) == nil {
		return nil
	}
	unlock, err := lock(ctx, cache+".lock", out)
	if err != nil {
		return err
	}
	defer unlock()
	if checkPrograms(cache) == nil {
		return nil // another process has filled it in the meantime
	}
	if err := fill(cache, obtain); err != nil {
		return fmt.Errorf("get etcd and kube-apiserver %s: %w", KubernetesVersion, err)
	}
	return nil
}

func checkOverride(dir string) error {
	if err := checkPrograms(dir); err != nil {
		return fmt.Errorf("%s is set to %q, but %w: point it at a folder that holds %s and %s, or unset it to have them fetched",
			AssetsVariable, dir, err, programs[0], programs[1])
	}
	return nil
}

// checkPrograms returns an error unless dir holds all programs.
func checkPrograms(dir string) error {
	for _, program := range programs {
		info, err := os.Stat(filepath.Join(dir, program))
		if err != nil {
			return err
		}
		if !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			return fmt.Errorf("%s is not an executable file", filepath.Join(dir, program))
		}
	}
	return nil
}

// ModuleRoot finds the root of the checkout from any folder inside it: tests run in their
// package's folder.
func ModuleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, toolsModule, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", errors.New("run this inside the project's checkout")
		}
		dir = parent
	}
}

// lock is held by the process that fills the cache. It is a lock of the kernel's, which
// releases it even when that process is killed.
func lock(ctx context.Context, path string, out io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := flock.New(path)
	held, err := l.TryLock()
	if err == nil && !held {
		fmt.Fprintln(out, "Waiting for another process to get etcd and kube-apiserver ...")
		_, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// fill collects the programs in a folder beside the cache, which it renames at the end.
// A failure never leaves a cache with only one of them.
func fill(cache string, obtain func(dir string) error) error {
	staging := cache + ".incomplete"
	if err := errors.Join(os.RemoveAll(staging), os.Mkdir(staging, 0o755)); err != nil {
		return err
	}
	defer os.RemoveAll(staging)

	if err := obtain(staging); err != nil {
		return err
	}
	return errors.Join(os.RemoveAll(cache), os.Rename(staging, cache))
}

// obtain downloads the programs into dir, or else builds them.
func obtain(ctx context.Context, index, dir string, out io.Writer, build func() error) error {
	err := download(ctx, index, dir, out)
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	fmt.Fprintf(out, "etcd and kube-apiserver cannot be downloaded (%v), so they are built from Go modules.\n", err)
	return build()
}
