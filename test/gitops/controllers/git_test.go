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
)

// server serves artifacts, as source-controller does.
type server struct {
	*httptest.Server

	mu        sync.Mutex
	artifacts map[string][]byte
}

func serveGit() *server {
	s := &server{artifacts: map[string][]byte{}}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		artifact, found := s.artifacts[r.URL.Path]
		s.mu.Unlock()
		if !found {
			http.NotFound(w, r)
			return
		}
		_, _ = w.Write(artifact)
	}))
	return s
}

// artifact is what a GitRepository's status says of a commit.
type artifact struct {
	url, path, digest, revision string
	size                        int
}

// publish serves files as a commit of a repository. The same files have the same revision.
func (s *server) publish(repository string, files map[string]string) (artifact, error) {
	archive, err := pack(files)
	if err != nil {
		return artifact{}, err
	}
	sum := fmt.Sprintf("%x", sha256.Sum256(archive))
	path := "/" + repository + "/" + sum + ".tar.gz"
	s.mu.Lock()
	s.artifacts[path] = archive
	s.mu.Unlock()
	return artifact{url: s.URL + path, path: path[1:], digest: "sha256:" + sum, revision: "main@sha1:" + sum[:40], size: len(archive)}, nil
}

func pack(files map[string]string) ([]byte, error) {
	var archive bytes.Buffer
	zip := gzip.NewWriter(&archive)
	out := tar.NewWriter(zip)
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := out.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(files[name]))}); err != nil {
			return nil, err
		}
		if _, err := out.Write([]byte(files[name])); err != nil {
			return nil, err
		}
	}
	if err := out.Close(); err != nil {
		return nil, err
	}
	err := zip.Close()
	return archive.Bytes(), err
}
