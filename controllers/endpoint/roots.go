package endpoint

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"os"
	"sync"
)

// roots are the certificates by which the endpoint is verified: the system's and those
// of a file, as it is now. Without that, a rotated authority would need a restart.
type roots struct {
	file   string // "" for none
	report func(error)

	mu      sync.Mutex
	pool    *x509.CertPool // nil for the system's
	read    os.FileInfo    // of the file that was used last
	problem string         // why the file cannot be used now, or ""
}

// current returns the certificates to use now. If the file cannot be used, those that
// worked stay in use.
func (r *roots) current() *x509.CertPool {
	r.mu.Lock()
	defer r.mu.Unlock()
	isNew, err := r.refresh()
	switch {
	case err == nil && isNew:
		r.problem = ""
		r.report(nil)
	case err != nil && err.Error() != r.problem:
		r.problem = err.Error()
		r.report(err)
	}
	return r.pool
}

// refresh reads the file if it is another one or its time has changed, or if it could not be used before:
// it may have been read while it was being written.
func (r *roots) refresh() (isNew bool, err error) {
	if r.file == "" {
		return false, nil
	}
	info, err := os.Stat(r.file)
	if err != nil {
		return false, err
	}
	if r.problem == "" && isSame(info, r.read) {
		return false, nil
	}
	text, err := os.ReadFile(r.file)
	if err != nil {
		return false, err
	}
	pool, err := rootCAs(text)
	if err != nil {
		return false, err
	}
	r.pool, r.read = pool, info
	return true, nil
}

// isSame reports whether a file is still the one that was read. Another one may have its
// time and size: archives set a time of their own, and certificates are often of one size.
func isSame(now, read os.FileInfo) bool {
	return read != nil && os.SameFile(now, read) && now.ModTime().Equal(read.ModTime()) && now.Size() == read.Size()
}

// rootCAs returns the system's pool with the given certificates added.
func rootCAs(text []byte) (*x509.CertPool, error) {
	certificates, err := parseCertificates(text)
	if err != nil {
		return nil, err
	}
	pool, err := x509.SystemCertPool()
	if err != nil {
		return nil, fmt.Errorf("the system's certificates cannot be read: %w", err)
	}
	for _, certificate := range certificates {
		pool.AddCert(certificate)
	}
	return pool, nil
}

// parseCertificates reads all certificates or none. A file may be read while it is
// being written, and pem.Decode skips a block that is not complete: the first half of
// a file would silently replace the whole of it.
func parseCertificates(text []byte) ([]*x509.Certificate, error) {
	var certificates []*x509.Certificate
	blocks := 0
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		blocks++
		if block.Type != "CERTIFICATE" {
			continue
		}
		certificate, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, fmt.Errorf("certificate %d in it cannot be read; replace or remove it", len(certificates)+1)
		}
		certificates = append(certificates, certificate)
	}
	switch {
	case blocks != bytes.Count(text, []byte("-----BEGIN ")):
		return nil, errors.New("is not complete or damaged: a PEM block begins in it that has no sound end; write the file anew")
	case len(certificates) == 0:
		return nil, errors.New("holds no certificate; give a PEM file with one or more CERTIFICATE blocks")
	}
	return certificates, nil
}
