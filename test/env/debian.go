package env

import (
	"os/exec"
	"strings"
	"sync"
	"testing"
)

// Need skips the test where a package of Debian's, with the commands that it is wanted for,
// is not there and cannot be installed.
func Need(t testing.TB, debianPackage string, commands ...string) {
	t.Helper()
	install, _ := installs.LoadOrStore(debianPackage, sync.OnceValue(func() (lacking string) {
		output, err := exec.Command(Path("test", "env", "debian", "install.sh"), append([]string{debianPackage}, commands...)...).CombinedOutput()
		if err == nil {
			return ""
		}
		lines := strings.Split(strings.TrimSpace(string(output)), "\n")
		return lines[len(lines)-1]
	}))
	if lacking := install.(func() string)(); lacking != "" { //nolint:forcetypeassert // nothing else is stored
		t.Skipf("without %s: %s", debianPackage, lacking)
	}
}

// installs has what keeps each package from being on this machine; nothing when it is there.
var installs sync.Map
