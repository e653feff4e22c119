package process

import (
	"path/filepath"
	"strconv"
	"strings"
)

// dieWithParentScript replaces itself by the program it is named after. It leaves a
// watcher behind that kills the program and removes its data once the parent is gone.
const dieWithParentScript = `#!/bin/sh
watch() {
	while kill -0 PARENT; do
		kill -0 $$ || return
		sleep 5
	done
	kill -9 $$
	rm -rf DIR
}
watch >/dev/null 2>&1 &
exec PROGRAM "$@"
`

// DieWithParent writes a script into dir that runs program until the process parent
// ends, even by SIGKILL. Then it kills the program and removes dir. Without it, a test
// binary that times out would leave its programs running, with their ports and memory.
func DieWithParent(dir, program string, parent int) (script string, err error) {
	program, err = filepath.Abs(program)
	if err != nil {
		return "", err
	}
	script = filepath.Join(dir, filepath.Base(program))
	text := strings.NewReplacer(
		"PARENT", strconv.Itoa(parent),
		"DIR", shellQuote(dir),
		"PROGRAM", shellQuote(program),
	).Replace(dieWithParentScript)
	return script, WriteProgram(script, []byte(text))
}

func shellQuote(s string) string { return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'" }
