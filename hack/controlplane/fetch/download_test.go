package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
)

func TestWithoutADownloadTheProgramsAreBuilt(t *testing.T) {
	wrongDigest := publish(t, archive(t, t.TempDir()), strings.Repeat("0", 128))
	for why, index := range map[string]string{
		"there is no internet access":    "http://127.0.0.1:1/index",
		"there is no such release":       publish(t, nil, "") + "/other",
		"the archive has another digest": wrongDigest,
	} {
		dir, built := t.TempDir(), false
		err := obtain(t.Context(), index, dir, io.Discard, func() error {
			built = true
			return nil
		})
		if err != nil || !built {
			t.Errorf("%s: built %t, %v", why, built, err)
		}
		if left, _ := os.ReadDir(dir); len(left) > 0 {
			t.Errorf("%s: %v is left of the download", why, left)
		}
	}
}

// publish serves an archive and the index that lists it, as envtest's maintainers do.
func publish(t *testing.T, release []byte, digest string) (index string) {
	t.Helper()
	name := fmt.Sprintf("envtest-v%s.9-%s-%s.tar.gz", KubernetesVersion, runtime.GOOS, runtime.GOARCH)
	site := http.NewServeMux()
	server := httptest.NewServer(site)
	t.Cleanup(server.Close)
	site.HandleFunc("/index", func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, "releases: {v%s.9: {%s: {hash: %q, selfLink: %q}}}", KubernetesVersion, name, digest, server.URL+"/"+name)
	})
	site.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(release) })
	return server.URL + "/index"
}

// archive has the layout of envtest's releases, and the programs of a folder.
func archive(t *testing.T, dir string) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressed, err := gzip.NewWriterLevel(&buffer, gzip.NoCompression)
	if err != nil {
		t.Fatal(err)
	}
	files := tar.NewWriter(compressed)
	for _, program := range append([]string{"kubectl"}, programs...) {
		content, _ := os.ReadFile(filepath.Join(dir, program)) // we have no kubectl, and need none
		header := &tar.Header{Typeflag: tar.TypeReg, Name: "controller-tools/envtest/" + program, Mode: 0o755, Size: int64(len(content))}
		if err := files.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write(content); err != nil {
			t.Fatal(err)
		}
	}
	if err := files.Close(); err != nil {
		t.Fatal(err)
	}
	if err := compressed.Close(); err != nil {
		t.Fatal(err)
	}
	return buffer.Bytes()
}
