package process

import (
	"os"
	"syscall"
)

// WriteProgram writes a file that can be run at once. os.WriteFile does not promise that:
// a process that another goroutine forks meanwhile holds the file open for writing until it
// runs a program of its own, and Linux refuses to run such a file ("text file busy").
func WriteProgram(path string, content []byte) error {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	return os.WriteFile(path, content, 0o755)
}
