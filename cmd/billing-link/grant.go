package main

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// Entries of the generated Secret. Users rely on their names, so they do not change;
// written here because the API's package would bring Kubernetes' libraries along.
const (
	entryURL    = "url"
	entryExpire = "expire"
)

// Why there is no URL to send anybody to. Wrapping errors name the entry, never
// what is in it.
var (
	errMissing = errors.New("missing")
	errGarbled = errors.New("garbled")
	errExpired = errors.New("expired")
)

// grant is a URL that logs in whoever opens it, and when that ends.
type grant struct {
	url    string
	expire time.Time
}

// attempts bounds how often a folder is read that is replaced meanwhile.
const attempts = 100

// readGrant reads the mounted Secret. Its errors are errMissing and errGarbled.
func readGrant(dir string) (g grant, err error) {
	for range attempts {
		folder := newestFolder(dir)
		if g, err = readFolder(folder); !errors.Is(err, fs.ErrNotExist) {
			return g, err
		}
		if folder == newestFolder(dir) {
			break // not removed under our hands: it has never been there
		}
	}
	return g, err
}

// newestFolder follows, once for both entries, the link that a kubelet points to
// another folder when the Secret changes (Kubernetes' AtomicWriter). What is read
// there is of one renewal. It takes one step, so that a folder which is removed
// meanwhile is not mistaken for one that no kubelet made, which has no such link.
func newestFolder(dir string) string {
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
		return "", fmt.Errorf("entry %s is %w: %w", name, errMissing, err)
	}
	return strings.TrimSpace(string(content)), nil
}

// lastSecond of the last year that has four digits: what is later is no time of day.
const lastSecond = 253402300799

// parseGrant drops the errors of the parsers, as they repeat what they were given.
func parseGrant(address, expire string) (grant, error) {
	if !mayBeOpened(address) {
		return grant{}, fmt.Errorf("entry %s is %w: want an absolute https URL", entryURL, errGarbled)
	}
	seconds, err := strconv.ParseInt(expire, 10, 64)
	if err != nil || seconds <= 0 || seconds > lastSecond {
		return grant{}, fmt.Errorf("entry %s is %w: want UNIX seconds", entryExpire, errGarbled)
	}
	return grant{url: address, expire: time.Unix(seconds, 0)}, nil
}

// mayBeOpened says whether a browser may be sent there: over https, or over http
// to the machine itself, as in tests and trials.
func mayBeOpened(address string) bool {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.User != nil {
		return false
	}
	return u.Scheme == "https" || u.Scheme == "http" && isLoopback(u.Hostname())
}

func isLoopback(host string) bool {
	return host == "localhost" || net.ParseIP(host).IsLoopback()
}
