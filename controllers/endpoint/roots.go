package endpoint

import (
	"bytes"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
)

// SetRootCAs replaces the certificates of Config.RootCAs. Requests that are under way
// go on with the former ones. If it returns an error, the former ones stay in use.
func (c *Client) SetRootCAs(text []byte) error {
	roots, err := rootCAs(text)
	if err != nil {
		return err
	}
	c.transport.Store(newTransport(c.proxy, roots, c.timeout))
	return nil
}

// rootCAs returns the system's pool with the given certificates added. A nil pool
// makes crypto/tls use the system's.
func rootCAs(text []byte) (*x509.CertPool, error) {
	if text == nil {
		return nil, nil
	}
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
