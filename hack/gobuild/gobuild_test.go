package gobuild

import (
	"io"
	"strings"
	"testing"
)

func TestOutput(t *testing.T) {
	got, err := Command{Env: []string{"GOFLAGS=-mod=vendor"}, Progress: io.Discard}.Output(t.Context(), "env", "GOFLAGS")
	if err != nil || got != "-mod=vendor\n" {
		t.Errorf("got %q, %v", got, err)
	}
}

func TestOutputFailsWithWhatTheGoCommandSays(t *testing.T) {
	_, err := Command{Progress: io.Discard}.Output(t.Context(), "build", "./no-such-folder")
	if err == nil || !strings.Contains(err.Error(), "no-such-folder") || !strings.HasPrefix(err.Error(), "go build: ") {
		t.Errorf("got %v", err)
	}
}
