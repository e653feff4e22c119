// Package version tells which version a program is. It is no command.
package version

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

// The linker sets these in releases and images, which are built without the repository:
//
//	-X github.com/xtracta/billing-operator/cmd/version.version=v0.2.0
//	-X github.com/xtracta/billing-operator/cmd/version.revision=4f1c…
var version, revision string

// development is the version of what was built from files that belong to no commit.
const development = "devel"

// Info identifies a build.
type Info struct {
	Version   string // such as v0.1.0, or a pseudo-version between two releases
	Revision  string // the commit; empty if unknown
	GoVersion string
}

// Get returns what the linker set, or else what the go command recorded of the repository.
func Get() Info {
	recorded, _ := debug.ReadBuildInfo()
	return identify(version, revision, recorded)
}

func identify(version, revision string, recorded *debug.BuildInfo) Info {
	info := Info{Version: version, Revision: revision, GoVersion: runtime.Version()}
	if recorded == nil {
		recorded = &debug.BuildInfo{}
	}
	if info.Version == "" {
		info.Version = recorded.Main.Version
	}
	if info.Version == "" || info.Version == "(devel)" {
		info.Version = development
	}
	for _, setting := range recorded.Settings {
		if setting.Key == "vcs.revision" && info.Revision == "" {
			info.Revision = setting.Value
		}
	}
	return info
}

// String returns what --version prints after the program's name.
func (i Info) String() string {
	if i.Revision == "" {
		return fmt.Sprintf("%s (%s)", i.Version, i.GoVersion)
	}
	return fmt.Sprintf("%s (revision %s, %s)", i.Version, i.Revision, i.GoVersion)
}

// UserAgent returns the User-Agent header of a program, with an address at which an
// operator of the server can learn what it is.
func (i Info) UserAgent(program string) string {
	return fmt.Sprintf("%s/%s (+https://github.com/xtracta/billing-operator)", program, i.Version)
}
