//go:build gitops

package controllers

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"sync"
	"testing"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// artifacts serves commits, as source-controller does.
type artifacts struct {
	url    string
	byPath sync.Map // of []byte
}

func serveArtifacts(t *testing.T) *artifacts {
	t.Helper()
	a := &artifacts{}
	server := httptest.NewServer(a)
	t.Cleanup(server.Close)
	a.url = server.URL
	return a
}

// ServeHTTP implements http.Handler.
func (a *artifacts) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	archive, found := a.byPath.Load(r.URL.Path)
	if !found {
		http.NotFound(w, r)
		return
	}
	_, _ = w.Write(archive.([]byte)) //nolint:forcetypeassert // nothing else is stored
}

// commit publishes files as the newest commit of the repository "finance". $NAMESPACE and $KEY in
// them are the stage's.
func (s *stage) commit(files map[string]string) {
	s.T.Helper()
	s.revision = s.commitTo("finance", files)
}

// commitTo publishes files as the newest commit of a repository. The same files have the same revision.
func (s *stage) commitTo(name string, files map[string]string) (revision string) {
	s.T.Helper()
	archive := s.pack(files)
	sum := fmt.Sprintf("%x", sha256.Sum256(archive))
	path := s.fluxNamespace + "/" + name + "/" + sum + ".tar.gz"
	s.artifacts.byPath.Store("/"+path, archive)

	repository := object("source.toolkit.fluxcd.io/v1", "GitRepository")
	repository.SetNamespace(s.fluxNamespace)
	repository.SetName(name)
	repository.Object["spec"] = map[string]any{"url": "https://git.example.com/" + name + ".git", "interval": "1h"}
	if err := s.kube.Create(s.T.Context(), repository); err != nil && !apierrors.IsAlreadyExists(err) {
		s.T.Fatal(err)
	}
	now := time.Now().UTC().Format(time.RFC3339)
	revision = "main@sha1:" + sum[:40]
	repository.Object["status"] = map[string]any{
		"observedGeneration": int64(1),
		"artifact": map[string]any{
			"url": s.artifacts.url + "/" + path, "path": path, "digest": "sha256:" + sum, "revision": revision,
			"size": int64(len(archive)), "lastUpdateTime": now,
		},
		"conditions": []any{map[string]any{
			"type": "Ready", "status": "True", "reason": "Succeeded", "message": "stored artifact",
			"lastTransitionTime": now, "observedGeneration": int64(1),
		}},
	}
	s.Must(s.kube.Status().Patch(s.T.Context(), repository, client.Merge))
	return revision
}

func (s *stage) pack(files map[string]string) []byte {
	s.T.Helper()
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	out := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		text := s.fill(files[name])
		s.Must(out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text))}))
		_, err := out.Write([]byte(text))
		s.Must(err)
	}
	s.Must(out.Close())
	s.Must(zip.Close())
	return archive.Bytes()
}
