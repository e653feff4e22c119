// Command reader is an application that mounts a generated Secret: each second it
// reads what it would use, and logs when that expires. The URL itself is a password,
// so of it the log has a digest.
package main

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// sight is a line of the log.
type sight struct {
	Time   time.Time `json:"time"`
	Expire int64     `json:"expire,omitempty"` // UNIX seconds, as the file says
	Digest string    `json:"digest,omitempty"` // of the URL
	Error  string    `json:"error,omitempty"`
}

func main() {
	dir := "/billing"
	if len(os.Args) > 1 {
		dir = os.Args[1]
	}
	ended := make(chan os.Signal, 1)
	signal.Notify(ended, syscall.SIGTERM)
	log := json.NewEncoder(os.Stdout)
	for tick := time.NewTicker(time.Second); ; {
		select {
		case <-tick.C:
			_ = log.Encode(look(dir))
		case <-ended:
			return
		}
	}
}

// look reads both entries through the link that a kubelet swaps, followed once, so
// that they are of one renewal.
func look(dir string) sight {
	seen := sight{Time: time.Now()}
	folder, err := os.Readlink(filepath.Join(dir, "..data"))
	if err != nil {
		return seen.failed(err)
	}
	url, err := os.ReadFile(filepath.Join(dir, folder, "url"))
	if err != nil {
		return seen.failed(err)
	}
	expire, err := os.ReadFile(filepath.Join(dir, folder, "expire"))
	if err != nil {
		return seen.failed(err)
	}
	seen.Expire, err = strconv.ParseInt(strings.TrimSpace(string(expire)), 10, 64)
	if err != nil {
		return seen.failed(err)
	}
	sum := sha256.Sum256(url)
	seen.Digest = hex.EncodeToString(sum[:6])
	return seen
}

func (s sight) failed(err error) sight {
	s.Error = err.Error()
	return s
}
