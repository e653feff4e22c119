package controlplane

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
)

// tetherScript becomes the program it is named after, and leaves a watcher behind that
// ends the program, and removes its data, once the process that started it is gone.
// Envtest gives its children a process group of their own, so neither Ctrl-C nor
// a test binary that times out would reach them otherwise.
const tetherScript = `#!/bin/sh
watch() {
	while kill -0 PARENT; do
		kill -0 $$ || return
		sleep 1
	done
	kill -9 $$
	rm -rf DIR
}
watch >/dev/null 2>&1 &
exec PROGRAM "$@"
`

// tether writes a script into dir that runs program for as long as the process
// parent lives.
func tether(dir, program string, parent int) (string, error) {
	program, err := filepath.Abs(program)
	if err != nil {
		return "", err
	}
	script := filepath.Join(dir, filepath.Base(program))
	text := strings.NewReplacer(
		"PARENT", strconv.Itoa(parent),
		"DIR", shellQuote(dir),
		"PROGRAM", shellQuote(program),
	).Replace(tetherScript)
	return script, os.WriteFile(script, []byte(text), 0o700)
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
