package main

import (
	"errors"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// An entry that exists but cannot be read must not be mistaken for one that was never
// issued: people would look for the fault in the operator.
func TestAnEntryThatCannotBeRead(t *testing.T) {
	for _, row := range []struct {
		why  string
		make func(dir string) error
		want string
	}{
		{"something else has the name of the URL", func(dir string) error { return os.Mkdir(filepath.Join(dir, "url"), 0o755) }, "entry url is unreadable"},
		{"something else has the name of the expiry", func(dir string) error {
			return errors.Join(os.WriteFile(filepath.Join(dir, "url"), []byte(secretURL), 0o600), os.Mkdir(filepath.Join(dir, "expire"), 0o755))
		}, "entry expire is unreadable"},
		{"links that lead to each other", func(dir string) error { return os.Symlink("url", filepath.Join(dir, "url")) }, "entry url is unreadable"},
	} {
		t.Run(row.why, func(t *testing.T) {
			h := newHarness(t)
			if err := row.make(h.volume.Dir); err != nil {
				t.Fatal(err)
			}
			answer := h.get(http.MethodGet, "/")
			expectNotice(t, answer, "cannot be opened")
			if !strings.Contains(answer.Body.String(), "may not be read") && !strings.Contains(answer.Body.String(), "cannot be read") {
				t.Errorf("the page does not say that the Secret cannot be read:\n%s", answer.Body)
			}
			if !strings.Contains(h.log.String(), row.want) || strings.Contains(h.log.String(), "TOKEN") {
				t.Errorf("the log says %s, want %q", h.log, row.want)
			}
		})
	}
}

func TestWhyAnEntryCannotBeRead(t *testing.T) {
	for _, row := range []struct {
		cause error
		want  error
	}{
		{syscall.ENOENT, errMissing},
		{syscall.ENOTDIR, errUnreadable},
		{syscall.EACCES, errForbidden},
		{syscall.EPERM, errForbidden},
		{syscall.EISDIR, errUnreadable},
		{syscall.EIO, errUnreadable},
		{syscall.ESTALE, errUnreadable},
	} {
		t.Run(row.cause.Error(), func(t *testing.T) {
			err := entryError("url", &fs.PathError{Op: "open", Path: "/billing/url", Err: row.cause})
			if !errors.Is(err, row.want) || !errors.Is(err, row.cause) {
				t.Errorf("%v, want %v", err, row.want)
			}
			page := string(renderNotice(err, time.Time{}))
			if strings.Contains(page, "was issued") != errors.Is(row.want, errMissing) {
				t.Errorf("the page of %v:\n%s", err, page)
			}
			if strings.Contains(page, "<code>fsGroup</code>") != errors.Is(row.want, errForbidden) {
				t.Errorf("the page of %v does not name the right cure:\n%s", err, page)
			}
		})
	}
}
