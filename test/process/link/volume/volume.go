// Package volume makes folders as a kubelet mounts a Secret: entries are links
// into ..data, which is itself a link that is swapped atomically.
package volume

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Volume is a mounted Secret. Use it from one goroutine.
type Volume struct {
	// Dir is where it is mounted.
	Dir string

	generation int
}

// Write replaces all entries at once, and then removes the folder of the former
// ones, in the order of a kubelet.
func (v *Volume) Write(entries map[string]string) error {
	former, _ := os.Readlink(filepath.Join(v.Dir, "..data"))
	v.generation++
	folder := "..generation_" + strconv.Itoa(v.generation)
	if err := os.Mkdir(filepath.Join(v.Dir, folder), 0o755); err != nil {
		return err
	}
	for name, content := range entries {
		if err := os.WriteFile(filepath.Join(v.Dir, folder, name), []byte(content), 0o644); err != nil {
			return err
		}
	}
	if err := v.point("..data", folder); err != nil {
		return err
	}
	for name := range entries {
		if err := v.point(name, filepath.Join("..data", name)); err != nil {
			return err
		}
	}
	if former == "" {
		return nil
	}
	return os.RemoveAll(filepath.Join(v.Dir, former))
}

// point makes a link lead elsewhere without a moment in which there is none.
func (v *Volume) point(link, to string) error {
	temporary := filepath.Join(v.Dir, "..link_tmp")
	if err := os.Symlink(to, temporary); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(v.Dir, link))
}

// WriteGrant writes the entries of a generated Secret.
func (v *Volume) WriteGrant(url string, expire time.Time) error {
	return v.Write(map[string]string{"url": url, "expire": fmt.Sprint(expire.Unix())})
}
