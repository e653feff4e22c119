package endpoint_test

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	cryptorand "crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"math/big"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func tlsRows() []row {
	return []row{
		{name: "trusted", why: "a private authority is trusted where it is named", server: overTLS(func(*certificate) {}, nil, true), want: granted},
		{name: "HTTP/2", why: "what the server prefers is spoken", server: overTLSWith(func(*certificate) {}, func(s *httptest.Server) { s.EnableHTTP2 = true }, true, func(s *stage, w http.ResponseWriter, r *http.Request) {
			if r.ProtoMajor != 2 {
				s.t.Errorf("the client speaks %s", r.Proto)
			}
			soundly(s, w, r)
		}), want: granted},
		{name: "unknown authority", why: "a private authority is not trusted where it is not named", server: overTLS(func(*certificate) {}, nil, false), want: unavailable, says: "--endpoint-ca-file"},
		{name: "self-signed", why: "anybody can sign for himself", server: overTLS(func(c *certificate) { c.selfSigned = true }, nil, true), want: unavailable, says: "--endpoint-ca-file"},
		{name: "expired", why: "a key that is out of its time may have been stolen since", server: overTLS(func(c *certificate) { c.from, c.until = -48*time.Hour, -24*time.Hour }, nil, true), want: unavailable, says: "expired"},
		{name: "not valid yet", why: "or our clock is behind: the sentence says both", server: overTLS(func(c *certificate) { c.from, c.until = 24*time.Hour, 48*time.Hour }, nil, true), want: unavailable, says: "clock"},
		{name: "another host", why: "somebody else's certificate", server: overTLS(func(c *certificate) { c.address = net.IPv4(127, 0, 0, 2) }, nil, true), want: unavailable, says: "another host"},
		{name: "common name only", why: "names are in the alternative names since long", server: overTLS(func(c *certificate) { c.address = nil }, nil, true), want: unavailable},
		{name: "for clients only", why: "a certificate for another purpose", server: overTLS(func(c *certificate) { c.usage = x509.ExtKeyUsageClientAuth }, nil, true), want: unavailable, says: "not valid"},
		{name: "names the key in its subject", why: "the errors of x509 repeat what is in a certificate", server: overTLS(func(c *certificate) { c.name, c.selfSigned = testKey, true }, nil, true), want: unavailable},
		{name: "TLS 1.1", why: "broken versions are refused", server: overTLS(func(*certificate) {}, func(s *httptest.Server) {
			s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11
		}, true), want: unavailable},
		{name: "TLS 1.2", why: "the oldest version that is spoken", server: overTLS(func(*certificate) {}, func(s *httptest.Server) { s.TLS.MaxVersion = tls.VersionTLS12 }, true), want: granted},
		{name: "asks for a client certificate", why: "there is none to give", server: overTLS(func(*certificate) {}, func(s *httptest.Server) { s.TLS.ClientAuth = tls.RequireAnyClientCert }, true), want: unavailable},
		{name: "plain HTTP", why: "https to a port that speaks http", server: https(raw("HTTP/1.1 400 Bad Request\r\n\r\n")), want: unavailable},
		{name: "garbage", why: "something else on the port", server: https(listens(func(_ *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, "garbage\r\n")
			untilGone(c)
		})), want: unavailable, says: "does not speak TLS"},
		{name: "silent", why: "the handshake is within the deadline too", server: https(listens(func(_ *stage, c *net.TCPConn) { untilGone(c) })), config: hurried, want: unavailable},
		{name: "closes in the handshake", why: "a proxy that does not know the name", server: https(listens(func(*stage, *net.TCPConn) {})), want: unavailable},
		{name: "closes without goodbye", why: "popular servers do, and the XML tells that nothing is missing", server: overTLSHandling(withoutGoodbye(sound)), want: granted},
		{name: "closes without goodbye, too early", why: "anybody on the way can cut a connection; the XML tells that something is missing", server: overTLSHandling(withoutGoodbye(sound[:len(sound)-5])), want: unavailable, says: "too early"},
		{name: "http URL from an https endpoint", why: "a downgrade would send the login in the clear", server: overTLSHandling(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, s.fill(root("<url>http://api-app.xtracta.com/?t={token}</url><expire>{expire}</expire>")))
		}), want: malformed, says: "not https"},
		{name: "HTTP/2 header of a megabyte", why: "a header is bounded in either version", server: overTLSWith(func(*certificate) {}, func(s *httptest.Server) { s.EnableHTTP2 = true }, true, func(s *stage, w http.ResponseWriter, r *http.Request) {
			w.Header().Set("X", strings.Repeat("x", 1<<20))
			soundly(s, w, r)
		}), want: unavailable},
		{name: "HTTP/2 body that stops", why: "the deadline holds in either version", server: overTLSWith(func(*certificate) {}, func(s *httptest.Server) { s.EnableHTTP2 = true }, true, func(s *stage, w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "<documents_response>")
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}), config: hurried, want: unavailable, says: "within 200ms"},
		{name: "reset of an HTTP/2 stream", why: "part of an answer is none", server: overTLSWith(func(*certificate) {}, func(s *httptest.Server) { s.EnableHTTP2 = true }, true, func(s *stage, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, s.fill("<documents_response><url>{url}</url>"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}), want: unavailable},
	}
}

// TestRootsAreReplaced rotates the authority of a server under a client that goes on.
func TestRootsAreReplaced(t *testing.T) {
	former, next := newAuthority(t), newAuthority(t)
	leaf := certificate{address: net.IPv4(127, 0, 0, 1), name: "test", from: -time.Hour, until: time.Hour, usage: x509.ExtKeyUsageServerAuth}
	var presented atomic.Pointer[tls.Certificate]
	present := func(by authority) {
		issued := leaf.issue(t, by)
		presented.Store(&issued)
	}
	present(former)
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.NewReplacer("{url}", testURL, "{expire}", fmt.Sprint(documentedExpire.Unix())).Replace(sound))
	}))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*presented.Load()}}, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	defer server.Close()
	client := newClient(t, server.URL)
	key, _ := endpoint.ParseKey([]byte(testKey))
	expect := func(want outcome, why string) {
		t.Helper()
		_, err := client.IssueURL(t.Context(), endpoint.Request{Key: key})
		if got := outcomeOf(err); got != want {
			t.Errorf("%s: %v", why, err)
		}
	}
	trust := func(text []byte) {
		t.Helper()
		if err := client.SetRootCAs(text); err != nil {
			t.Error(err)
		}
	}

	expect(unavailable, "an authority that nobody named")
	trust(former.pem)
	expect(granted, "an authority that was named since")
	present(next)
	expect(unavailable, "a server that was given its certificate by another authority")
	trust(append(slices.Clone(former.pem), next.pem...))
	expect(granted, "both authorities, as while one replaces the other")
	present(former)
	expect(granted, "both authorities, as while one replaces the other")
	for why, text := range brokenRoots(former.pem, next.pem) {
		if err := client.SetRootCAs([]byte(text)); err == nil {
			t.Errorf("%s: no error", why)
		}
		expect(granted, "what worked stays, after a file that is "+why)
	}
	trust(next.pem)
	expect(unavailable, "an authority that is no longer named")
	present(next)
	expect(granted, "the one that remains")
}

// brokenRoots are files that hold less than they should, made of two that are sound.
func brokenRoots(one, two []byte) map[string]string {
	both := string(one) + string(two)
	return map[string]string{
		"empty":                         "",
		"white space":                   "\n\n",
		"no PEM":                        "<html>404</html>",
		"cut in the first certificate":  both[:len(one)/2],
		"cut in the second certificate": both[:len(one)+len(two)/2],
		"cut in the last line":          both[:len(both)-5],
		"cut in the second first line":  both[:len(one)+len("-----BEGIN CERT")],
		"without the first end":         strings.Replace(both, "-----END CERTIFICATE-----\n", "", 1),
		"damaged inside":                strings.Replace(both, "M", "!", 3),
		"of a damaged certificate":      string(one) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})),
		"a private key":                 string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})),
	}
}

// withoutGoodbye closes the connection below TLS, after a body without a length.
func withoutGoodbye(body string) func(*stage, http.ResponseWriter, *http.Request) {
	return func(s *stage, w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			s.t.Error(err)
			return
		}
		_, _ = io.WriteString(connection, s.fill("HTTP/1.1 200 OK\r\nDate: {date}\r\n\r\n"+body))
		_ = connection.(*tls.Conn).NetConn().Close()
	}
}

// https says that the server speaks TLS, whatever it does.
func https(plain server) server {
	return func(s *stage, config *endpoint.Config) string { return "https" + plain(s, config)[len("http"):] }
}

func overTLS(change func(*certificate), prepare func(*httptest.Server), trusted bool) server {
	return overTLSWith(change, prepare, trusted, soundly)
}

func overTLSHandling(handler func(*stage, http.ResponseWriter, *http.Request)) server {
	return overTLSWith(func(*certificate) {}, nil, true, handler)
}

func soundly(s *stage, w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, s.fill(sound))
}

func overTLSWith(change func(*certificate), prepare func(*httptest.Server), trusted bool, handler func(*stage, http.ResponseWriter, *http.Request)) server {
	return func(s *stage, config *endpoint.Config) string {
		authority := newAuthority(s.t)
		leaf := certificate{address: net.IPv4(127, 0, 0, 1), name: "test", from: -time.Hour, until: time.Hour, usage: x509.ExtKeyUsageServerAuth}
		change(&leaf)
		server := httptest.NewUnstartedServer(s.handler(handler))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{leaf.issue(s.t, authority)}}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		if prepare != nil {
			prepare(server)
		}
		server.StartTLS()
		s.t.Cleanup(server.Close)
		if trusted {
			config.RootCAs = authority.pem
		}
		return server.URL + "/"
	}
}

// certificate says what is particular about the certificate of a server.
type certificate struct {
	address     net.IP
	name        string
	from, until time.Duration // from now
	usage       x509.ExtKeyUsage
	selfSigned  bool
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
	pem         []byte
}

func newAuthority(t *testing.T) authority {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test authority"},
		NotBefore: time.Now().Add(-100 * time.Hour), NotAfter: time.Now().Add(100 * time.Hour),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	key, der := sign(t, template, template, nil)
	parsed, err := x509.ParseCertificate(der)
	must(t, err)
	var text bytes.Buffer
	must(t, pem.Encode(&text, &pem.Block{Type: "CERTIFICATE", Bytes: der}))
	return authority{parsed, key, text.Bytes()}
}

func (c certificate) issue(t *testing.T, by authority) tls.Certificate {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: c.name},
		NotBefore: time.Now().Add(c.from), NotAfter: time.Now().Add(c.until),
		ExtKeyUsage: []x509.ExtKeyUsage{c.usage}, KeyUsage: x509.KeyUsageDigitalSignature,
	}
	if c.address != nil {
		template.IPAddresses = []net.IP{c.address}
	}
	parent, parentKey := by.certificate, by.key
	if c.selfSigned {
		parent, parentKey = template, nil
	}
	key, der := sign(t, template, parent, parentKey)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

// sign makes a key and a certificate for it, signed by the parent's key or, where
// there is none, by itself.
func sign(t *testing.T, template, parent *x509.Certificate, parentKey *ecdsa.PrivateKey) (*ecdsa.PrivateKey, []byte) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	must(t, err)
	if parentKey == nil {
		parentKey = key
	}
	der, err := x509.CreateCertificate(cryptorand.Reader, template, parent, &key.PublicKey, parentKey)
	must(t, err)
	return key, der
}
