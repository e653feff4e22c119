//go:build unix

package link

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/hack/process"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/process/link/volume"
)

// nobody is a user that owns none of the test's files.
const nobody = 65534

// A Secret that is mounted with a mode for another user: page and log name that, and do
// not send people to look for a URL that was issued long ago.
func TestASecretOfAnotherUser(t *testing.T) {
	for _, row := range []struct {
		why      string
		withhold func(t *testing.T, dir string)
		entry    string
	}{
		{"one entry has mode 0400", func(t *testing.T, dir string) { chmod(t, dir, "expire", 0o400) }, "expire"},
		{"the folder has mode 0700", func(t *testing.T, dir string) { chmod(t, dir, "..data", 0o700) }, "url"},
	} {
		t.Run(row.why, func(t *testing.T) {
			base := publicFolder(t)
			mounted := &volume.Volume{Dir: filepath.Join(base, "billing")}
			if err := os.Mkdir(mounted.Dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := mounted.WriteGrant("https://billing.example.com/?t=TOKEN", time.Now().Add(time.Hour)); err != nil {
				t.Fatal(err)
			}
			row.withhold(t, mounted.Dir)
			link := start(t, asNobody(t, publicProgram(t, base), "--listen=127.0.0.1:0", "--secret-dir="+mounted.Dir))
			page := fetched(t, link.url)
			if !strings.Contains(page, "may not be read") || !strings.Contains(page, "fsGroup") || strings.Contains(page, "was issued") {
				t.Errorf("the page says\n%s", page)
			}
			log := link.stop()
			if !strings.Contains(log, "entry "+row.entry+" is forbidden") || !strings.Contains(log, "set fsGroup") || strings.Contains(log, "TOKEN") {
				t.Errorf("the log says %s", log)
			}
		})
	}
	t.Run("not even the mount point", func(t *testing.T) {
		base := publicFolder(t)
		program, dir := publicProgram(t, base), filepath.Join(base, "private", "billing")
		if err := os.MkdirAll(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		chmod(t, base, "private", 0o700)
		output, err := asNobody(t, program, "--listen=127.0.0.1:0", "--secret-dir="+dir).CombinedOutput()
		if err == nil || !strings.Contains(string(output), "--secret-dir: this user may not read it") {
			t.Errorf("%v\n%s", err, output)
		}
	})
}

// publicFolder is one that every user may reach; t.TempDir is for its owner alone.
func publicFolder(t *testing.T) string {
	t.Helper()
	base, err := os.MkdirTemp("", "link-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(base) })
	chmod(t, base, ".", 0o755)
	return base
}

// publicProgram is billing-link in a folder that every user may reach.
func publicProgram(t *testing.T, dir string) (program string) {
	t.Helper()
	program = filepath.Join(dir, "billing-link")
	text, err := os.ReadFile(env.Program(t, "billing-link"))
	if err == nil {
		err = process.WriteProgram(program, text)
	}
	if err != nil {
		t.Fatal(err)
	}
	return program
}

func chmod(t *testing.T, dir, name string, mode os.FileMode) {
	t.Helper()
	if err := os.Chmod(filepath.Join(dir, name), mode); err != nil {
		t.Fatal(err)
	}
}

// asNobody is the program as another user runs it. Only root can start one.
func asNobody(t *testing.T, program string, args ...string) *exec.Cmd {
	t.Helper()
	if os.Geteuid() != 0 {
		t.Skip("only root can run the program as another user")
	}
	command := exec.Command(program, args...)
	command.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	return command
}
