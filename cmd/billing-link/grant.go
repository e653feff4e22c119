package main

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// Entries of the generated Secret. They are repeated here, because importing the API
// package would link Kubernetes' libraries into this small program.
const (
	entryURL    = "url"
	entryExpire = "expire"
)

// Reasons why there is no URL to redirect to. Errors that wrap them name the entry and
// never its content, because they are logged.
var (
	errMissing    = errors.New("missing")
	errForbidden  = errors.New("forbidden to this user")
	errUnreadable = errors.New("unreadable")
	errInvalid    = errors.New("invalid")
	errExpired    = errors.New("expired")
)

// grant is a URL that logs in whoever opens it, with its expiry.
type grant struct {
	url    string
	expire time.Time
}

// maxReads bounds how often a folder is read again because it was replaced meanwhile.
const maxReads = 100

// readGrant reads the mounted Secret. Its errors are errMissing, errForbidden,
// errUnreadable and errInvalid.
func readGrant(dir string) (g grant, err error) {
	for range maxReads {
		folder := currentFolder(dir)
		if g, err = readFolder(folder); !errors.Is(err, fs.ErrNotExist) {
			return g, err
		}
		if folder == currentFolder(dir) {
			break // the kubelet did not remove the folder meanwhile: the entry does not exist
		}
	}
	return g, err
}

// currentFolder resolves the link that a kubelet points to another folder when the Secret
// changes (Kubernetes' AtomicWriter). Both entries must be read from the same folder:
// otherwise a URL could be paired with the expiry of another. A folder without the link
// was not made by a kubelet and is read itself. One readlink, and no stat before it,
// tells the two apart while the kubelet replaces folders.
func currentFolder(dir string) string {
	if folder, err := os.Readlink(filepath.Join(dir, "..data")); err == nil {
		return filepath.Join(dir, folder)
	}
	return dir
}

func readFolder(folder string) (grant, error) {
	address, err := readEntry(folder, entryURL)
	if err != nil {
		return grant{}, err
	}
	expire, err := readEntry(folder, entryExpire)
	if err != nil {
		return grant{}, err
	}
	return parseGrant(address, expire)
}

func readEntry(folder, name string) (string, error) {
	content, err := os.ReadFile(filepath.Join(folder, name))
	if err != nil {
		return "", entryError(name, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// entryError says why an entry could not be read. Only an entry that does not exist is
// missing: whoever reads that looks for the fault in the operator.
func entryError(name string, err error) error {
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return fmt.Errorf("entry %s is %w: %w", name, errMissing, err)
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("entry %s is %w: %w; set fsGroup in the pod's securityContext, or leave out defaultMode of the volume", name, errForbidden, err)
	}
	return fmt.Errorf("entry %s is %w: %w; mount the generated Secret as a whole volume", name, errUnreadable, err)
}

// maxExpire is the last second of the year 9999. Later times cannot be formatted.
const maxExpire = 253402300799

// parseGrant drops the errors of the parsers, because they quote their input. Somebody may
// have edited the Secret, so a URL must be one that the operator would accept from the
// endpoint, on any host: only the operator knows the allowed ones.
func parseGrant(address, expire string) (grant, error) {
	if (endpoint.URLPolicy{}).Check(address) != nil {
		return grant{}, fmt.Errorf("entry %s is %w: want an absolute https URL", entryURL, errInvalid)
	}
	seconds, err := strconv.ParseInt(expire, 10, 64)
	if err != nil || seconds <= 0 || seconds > maxExpire {
		return grant{}, fmt.Errorf("entry %s is %w: want UNIX seconds", entryExpire, errInvalid)
	}
	return grant{url: address, expire: time.Unix(seconds, 0)}, nil
}
