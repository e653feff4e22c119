package integration

import (
	"fmt"
	"strings"
	"sync"

	"github.com/go-logr/logr"
	"github.com/go-logr/logr/funcr"
)

// belowBodies is the highest verbosity at which client-go does not log the bodies
// of what it sends and gets. The manager's own levels end before it.
const belowBodies = 7

// logs keep every line that is logged.
type logs struct {
	mu    sync.Mutex
	lines strings.Builder
}

var testLogs logs

func (l *logs) logger() logr.Logger {
	return funcr.NewJSON(func(line string) {
		l.mu.Lock()
		defer l.mu.Unlock()
		fmt.Fprintln(&l.lines, line)
	}, funcr.Options{Verbosity: belowBodies})
}

func (l *logs) text() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.lines.String()
}
