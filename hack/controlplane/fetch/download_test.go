package fetch

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"runtime"
	"strings"
	"testing"
)

func TestDownload(t *testing.T) {
	release := archive(t)
	digest := sha512.Sum512(release)
	name := fmt.Sprintf("envtest-v%s.9-%s-%s.tar.gz", KubernetesVersion, runtime.GOOS, runtime.GOARCH)

	rows := []struct {
		why    string
		digest string
		fails  string
	}{
		{why: "the published archive is used", digest: hex.EncodeToString(digest[:])},
		{why: "an archive with another digest is refused", digest: strings.Repeat("0", 128), fails: "checksum mismatch"},
	}
	for _, row := range rows {
		t.Run(row.why, func(t *testing.T) {
			site := http.NewServeMux()
			server := httptest.NewServer(site)
			defer server.Close()
			site.HandleFunc("/index", func(w http.ResponseWriter, _ *http.Request) {
				fmt.Fprintf(w, "releases: {v%s.9: {%s: {hash: %q, selfLink: %q}}}", KubernetesVersion, name, row.digest, server.URL+"/"+name)
			})
			site.HandleFunc("/"+name, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(release) })

			root, err := ModuleRoot()
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			err = downloadFrom(t.Context(), server.URL+"/index", root, dir, io.Discard)
			if row.fails == "" {
				if err == nil {
					err = checkPrograms(dir)
				}
				if err != nil {
					t.Error(err)
				}
				return
			}
			if err == nil || !strings.Contains(err.Error(), row.fails) {
				t.Errorf("got %v, want %q", err, row.fails)
			}
			if checkPrograms(dir) == nil {
				t.Error("the programs were used in spite of it")
			}
		})
	}
}

// archive has the layout of envtest's releases.
func archive(t *testing.T) []byte {
	t.Helper()
	var buffer bytes.Buffer
	compressed := gzip.NewWriter(&buffer)
	files := tar.NewWriter(compressed)
	for _, program := range append([]string{"kubectl"}, programs...) {
		header := &tar.Header{Typeflag: tar.TypeReg, Name: "controller-tools/envtest/" + program, Mode: 0o755, Size: int64(len(program))}
		if err := files.WriteHeader(header); err != nil {
			t.Fatal(err)
		}
		if _, err := files.Write([]byte(program)); err != nil {
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
