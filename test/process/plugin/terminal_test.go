package plugin

import (
	"errors"
	"io"
	"os"
	"syscall"
)

// copyTerminal reads until the other side hangs up, which Linux tells by EIO.
func copyTerminal(to io.Writer, terminal *os.File) (int64, error) {
	n, err := io.Copy(to, terminal)
	if errors.Is(err, syscall.EIO) {
		err = nil
	}
	return n, err
}
