// Package process helps to run other programs: to stop them gently, to make sure that
// they do not outlive their parent, and to explain why they failed.
package process

import (
	"context"
	"os"
	"os/exec"
	"strings"
	"time"
)

// interruptGrace is how long an interrupted program may take to end before it is killed.
const interruptGrace = 10 * time.Second

// Command is exec.CommandContext in a folder, except that the end of ctx interrupts
// the program instead of killing it, so that it can remove its temporary files.
func Command(ctx context.Context, dir, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Dir = dir
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = interruptGrace
	return cmd
}

// LogTail returns the last lines of a log file, at most as many as asked for. A file
// that cannot be read has none.
func LogTail(path string, lines int) []string {
	log, err := os.ReadFile(path)
	text := strings.TrimSpace(string(log))
	if err != nil || text == "" {
		return nil
	}
	all := strings.Split(text, "\n")
	return all[max(0, len(all)-lines):]
}
