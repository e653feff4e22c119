package controllers

import (
	"errors"
	"time"

	"k8s.io/apimachinery/pkg/util/resourceversion"
)

const (
	// maxCacheLag is how long a pass waits for a cache to show our own last write: an API server
	// under load lets its watches fall behind for seconds. After that the object is read live.
	maxCacheLag = 10 * time.Second
	// maxAbsence is the same where the cache shows no object: it may have been deleted since.
	maxAbsence = 2 * time.Second
)

// errBehind: a cache has not shown our own last write yet. The pass ends, as a decision on older
// data could undo what was written or spend a second request.
var errBehind = errors.New("the cache is behind our own last write")

// fence is what this process wrote last of an object, until a cache has shown it.
type fence struct {
	// version is the version that was written, empty if there is nothing to wait for.
	version string
	at      time.Time
}

func (f *fence) wrote(version string, now time.Time) { f.version, f.at = version, now }

// check compares the version that a cache shows, empty for none, with our last write. It returns
// errBehind if the cache can be expected to show that soon, and otherwise whether the object must
// be read live.
func (f *fence) check(shown string, now time.Time) (mustReadLive bool, err error) {
	lag := maxCacheLag
	if shown == "" {
		lag = maxAbsence
	}
	switch {
	case f.version == "":
		return false, nil
	case shown != "" && !newer(f.version, shown):
		f.version = ""
		return false, nil
	case now.Sub(f.at).Abs() < lag:
		return false, errBehind
	default:
		return true, nil
	}
}

// newer reports whether resource version a is later than b.
func newer(a, b string) bool {
	order, err := resourceversion.CompareResourceVersion(a, b)
	return err == nil && order > 0
}
