package controlplane

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
)

// KubernetesVersion is the minor version of Kubernetes whose API server is run.
// Any of its patch releases serves; the module in the folder binaries says which
// one is built where none can be downloaded.
const KubernetesVersion = "1.36"

// AssetsVariable names the environment variable that, when set, says in which
// folder etcd and kube-apiserver are. It is envtest's own.
const AssetsVariable = "KUBEBUILDER_ASSETS"

// programs are what a control plane consists of here.
var programs = []string{"etcd", "kube-apiserver"}

// Assets returns a folder that holds etcd and kube-apiserver: the one that
// KUBEBUILDER_ASSETS names, else the project's cache under bin/k8s. An empty
// cache is filled first, by a download where the internet can be reached and by
// a build from Go modules elsewhere; out hears how far that is.
//
// Any number of processes may call it at once: one fills the cache, the others
// wait for it. When ctx ends the cache is left as it was.
func Assets(ctx context.Context, out io.Writer) (string, error) {
	if dir := os.Getenv(AssetsVariable); dir != "" {
		return dir, checkGiven(dir)
	}
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	cache := filepath.Join(root, "bin", "k8s", fmt.Sprintf("%s-%s-%s", KubernetesVersion, runtime.GOOS, runtime.GOARCH))
	return cache, ensure(ctx, cache, out, func(dir string) error { return obtain(ctx, root, dir, out) })
}

// ensure has the cache filled unless it is.
func ensure(ctx context.Context, cache string, out io.Writer, obtain func(dir string) error) error {
	if holdsPrograms(cache) == nil {
		return nil
	}
	unlock, err := lock(ctx, cache+".lock", out)
	if err != nil {
		return err
	}
	defer unlock()
	if holdsPrograms(cache) == nil {
		return nil // another process filled it meanwhile
	}
	if err := fill(cache, obtain); err != nil {
		return fmt.Errorf("get etcd and kube-apiserver %s: %w", KubernetesVersion, err)
	}
	return nil
}

func checkGiven(dir string) error {
	if err := holdsPrograms(dir); err != nil {
		return fmt.Errorf("%s is set to %q, but %w: point it at a folder that holds %s and %s, or unset it to have them fetched",
			AssetsVariable, dir, err, programs[0], programs[1])
	}
	return nil
}

func holdsPrograms(dir string) error {
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

// moduleRoot finds the project's root from anywhere inside it, as tests run in
// their package's folder.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, binariesModule, "go.mod")); err == nil {
			return dir, nil
		}
		parent := filepath.Dir(dir)
		if parent == dir {
			return "", fmt.Errorf("run this inside the project's checkout, or set %s", AssetsVariable)
		}
		dir = parent
	}
}

// lock is held by the one process that fills the cache. The kernel releases it
// when that process ends, however it ends.
func lock(ctx context.Context, path string, out io.Writer) (unlock func(), err error) {
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return nil, err
	}
	l := flock.New(path)
	held, err := l.TryLock()
	if err == nil && !held {
		fmt.Fprintln(out, "Waiting for another process that is getting etcd and kube-apiserver ...")
		_, err = l.TryLockContext(ctx, 200*time.Millisecond)
	}
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", path, err)
	}
	return func() { _ = l.Unlock() }, nil
}

// fill gathers the programs beside the cache and moves them there at once, so
// that the cache is never half full.
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

// obtain downloads the programs into dir, or builds them.
func obtain(ctx context.Context, root, dir string, out io.Writer) error {
	err := download(ctx, root, dir, out)
	if err == nil || ctx.Err() != nil {
		return errors.Join(err, ctx.Err())
	}
	fmt.Fprintf(out, "etcd and kube-apiserver cannot be downloaded (%v), so they are built from Go modules.\n", err)
	return build(ctx, root, dir, out)
}
