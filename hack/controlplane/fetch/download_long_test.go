//go:build long

package fetch

import (
	"crypto/sha512"
	"encoding/hex"
	"errors"
	"io"
	"testing"
)

func TestADownloadIsUsed(t *testing.T) {
	real, err := Assets(t.Context(), io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	release := archive(t, real)
	digest := sha512.Sum512(release)
	dir := t.TempDir()
	err = obtain(t.Context(), publish(t, release, hex.EncodeToString(digest[:])), dir, io.Discard, func() error {
		return errors.New("the programs were built all the same")
	})
	if err := errors.Join(err, checkPrograms(dir)); err != nil {
		t.Error(err)
	}
}
