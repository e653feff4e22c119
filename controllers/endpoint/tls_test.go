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
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/http2"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// tlsRows hold what we ask of TLS. Whether it keeps that is tested by Go.
func tlsRows() []row {
	as := func(*x509.Certificate) {}
	return []row{
		{name: "trusted", why: "a private authority is trusted where it is named", server: overTLS(as, true, soundly), want: granted},
		{name: "unknown authority", why: "a private authority is not trusted where it is not named", server: overTLS(as, false, soundly), want: unavailable, says: "--endpoint-ca-file"},
		{name: "expired", why: "a key that is out of its time may have been stolen since", server: overTLS(func(c *x509.Certificate) { c.NotAfter = time.Now().Add(-time.Hour) }, true, soundly), want: unavailable, says: "expired"},
		{name: "another host", why: "somebody else's certificate", server: overTLS(func(c *x509.Certificate) { c.IPAddresses = []net.IP{net.IPv4(127, 0, 0, 2)} }, true, soundly), want: unavailable, says: "another host"},
		{name: "TLS 1.1", why: "broken versions are refused", server: overTLS(func(c *x509.Certificate) { c.Subject.CommonName = oldTLS }, true, soundly), want: unavailable},
		{name: "garbage", why: "something else on the port", server: https(listens(func(_ *stage, c *net.TCPConn) {
			_, _ = io.WriteString(c, "garbage\r\n")
			untilGone(c)
		})), want: unavailable, says: "does not speak TLS"},
		{name: "silent", why: "the handshake is within the deadline too", server: https(listens(func(_ *stage, c *net.TCPConn) { untilGone(c) })), config: hurried, want: unavailable},
		{name: "closes without goodbye, too early", why: "anybody on the way can cut a connection; the XML tells that something is missing", server: overTLS(as, true, withoutGoodbye(sound[:len(sound)-5])), want: unavailable, says: "too early"},
		{name: "HTTP/2 that refuses a stream", why: "net/http would ask again by itself, as nothing was done", server: overHTTP2(func(to *http2.Framer, stream uint32) error {
			return to.WriteRSTStream(stream, http2.ErrCodeRefusedStream)
		}), config: hurried, want: unavailable},
		{name: "http URL from an https endpoint", why: "a downgrade would send the login in the clear", server: overTLS(as, true, func(s *stage, w http.ResponseWriter, _ *http.Request) {
			_, _ = io.WriteString(w, s.fill(root("<url>http://api-app.xtracta.com/?t={token}</url><expire>{expire}</expire>")))
		}), want: malformed, says: "not https"},
	}
}

// oldTLS is the name of a server that speaks no newer version than TLS 1.1.
const oldTLS = "old"

func overTLS(change func(*x509.Certificate), trusted bool, handler func(*stage, http.ResponseWriter, *http.Request)) server {
	return func(s *stage, config *endpoint.Config) string {
		issued, authority := selfSigned(s.t, change)
		server := httptest.NewUnstartedServer(s.handler(handler))
		server.TLS = &tls.Config{Certificates: []tls.Certificate{issued}, MinVersion: tls.VersionTLS10}
		if issued.Leaf.Subject.CommonName == oldTLS {
			server.TLS.MaxVersion = tls.VersionTLS11
		}
		server.Config.ErrorLog = log.New(io.Discard, "", 0)
		server.StartTLS()
		s.t.Cleanup(server.Close)
		if trusted {
			config.CAFile = filepath.Join(s.t.TempDir(), "ca.crt")
			must(s.t, os.WriteFile(config.CAFile, authority, 0o600))
		}
		return server.URL + "/"
	}
}

// overHTTP2 is a server that answers each request with a frame, and expects one.
func overHTTP2(answer func(to *http2.Framer, stream uint32) error) server {
	return func(s *stage, config *endpoint.Config) string {
		issued, authority := selfSigned(s.t, func(*x509.Certificate) {})
		listener, err := tls.Listen("tcp", "127.0.0.1:0", &tls.Config{Certificates: []tls.Certificate{issued}, NextProtos: []string{"h2"}})
		must(s.t, err)
		config.CAFile = filepath.Join(s.t.TempDir(), "ca.crt")
		must(s.t, os.WriteFile(config.CAFile, authority, 0o600))
		var requests atomic.Int32
		s.t.Cleanup(func() {
			if n := requests.Load(); n != 1 {
				s.t.Errorf("%d requests were sent for one call", n)
			}
		})
		s.accept(listener, func(connection net.Conn) {
			speakHTTP2(connection, func(to *http2.Framer, stream uint32) error {
				requests.Add(1)
				return answer(to, stream)
			})
		})
		return "https://" + listener.Addr().String() + "/"
	}
}

func speakHTTP2(connection net.Conn, answer func(to *http2.Framer, stream uint32) error) {
	_, err := io.CopyN(io.Discard, connection, int64(len(http2.ClientPreface)))
	framer := http2.NewFramer(connection, connection)
	if err == nil {
		err = framer.WriteSettings()
	}
	for err == nil {
		var frame http2.Frame
		frame, err = framer.ReadFrame()
		if headers, isRequest := frame.(*http2.HeadersFrame); isRequest && err == nil {
			err = answer(framer, headers.StreamID)
		}
	}
}

func soundly(s *stage, w http.ResponseWriter, _ *http.Request) {
	_, _ = io.WriteString(w, s.fill(sound))
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

// selfSigned returns a certificate for 127.0.0.1, which is its own authority.
func selfSigned(t *testing.T, change func(*x509.Certificate)) (tls.Certificate, []byte) {
	t.Helper()
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
		NotBefore: time.Now().Add(-48 * time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	change(template)
	key, err := ecdsa.GenerateKey(elliptic.P256(), cryptorand.Reader)
	must(t, err)
	der, err := x509.CreateCertificate(cryptorand.Reader, template, template, &key.PublicKey, key)
	must(t, err)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: template}, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

// TestEachRequestOverTLSHasAConnection: README.md says why.
func TestEachRequestOverTLSHasAConnection(t *testing.T) {
	const requests = 3
	for _, http2 := range []bool{false, true} {
		var handshakes, resumed atomic.Int32
		server := httptest.NewUnstartedServer(http.NotFoundHandler())
		server.EnableHTTP2 = http2
		server.TLS = &tls.Config{VerifyConnection: func(state tls.ConnectionState) error {
			handshakes.Add(1)
			if state.DidResume {
				resumed.Add(1)
			}
			return nil
		}}
		server.StartTLS()
		defer server.Close()
		client := trusting(t, server, server.URL)
		key, _ := endpoint.ParseKey([]byte(testKey))
		for range requests {
			_, err := client.IssueURL(t.Context(), endpoint.Request{Key: key})
			if _, answered := endpoint.OutcomeOf(err); !answered {
				t.Fatal(err)
			}
		}
		if handshakes.Load() != requests || resumed.Load() > 0 {
			t.Errorf("with HTTP/2 %t: %d handshakes, %d of them resumed, want %d and none", http2, handshakes.Load(), resumed.Load(), requests)
		}
	}
}

// trusting is a client that trusts what a server of httptest shows.
func trusting(t *testing.T, server *httptest.Server, url string) *endpoint.Client {
	t.Helper()
	file := filepath.Join(t.TempDir(), "ca.crt")
	must(t, os.WriteFile(file, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}), 0o600))
	client, err := endpoint.New(endpoint.Config{URL: url, CAFile: file, Timeout: time.Minute, Clock: clocktesting.NewFakePassiveClock(time.Now())})
	must(t, err)
	return client
}

// TestCAFileIsReadAgain rotates the authority of a server under a client that goes on.
func TestCAFileIsReadAgain(t *testing.T) {
	formerOne, former := selfSigned(t, func(*x509.Certificate) {})
	nextOne, next := selfSigned(t, func(*x509.Certificate) {})
	url, presented := presenting(t)
	file := filepath.Join(t.TempDir(), "ca.crt")
	// replace puts another file in the place, as a kubelet does.
	replace := func(text []byte) {
		must(t, os.WriteFile(file+".new", text, 0o600))
		must(t, os.Rename(file+".new", file))
	}
	replace(next)
	var told []error
	client, err := endpoint.New(endpoint.Config{
		URL: url, AllowedURLHosts: []string{"*.xtracta.com"}, Timeout: time.Minute,
		CAFile: file, OnCAFile: func(err error) { told = append(told, err) },
		Clock: clocktesting.NewFakePassiveClock(documentedExpire.Add(-10 * time.Minute)),
	})
	must(t, err)
	key, _ := endpoint.ParseKey([]byte(testKey))
	// expect asks twice, as what is said of the file must be said once.
	expect := func(why string, shown *tls.Certificate, want endpoint.Outcome, says string) {
		t.Helper()
		told = nil
		presented.Store(shown)
		for range 2 {
			if _, err := client.IssueURL(t.Context(), endpoint.Request{Key: key}); outcomeOf(err) != want {
				t.Errorf("%s: %v", why, err)
			}
		}
		if got := fmt.Sprint(told); !strings.Contains(got, says) || len(told) > 1 || says == "" && len(told) > 0 {
			t.Errorf("%s: told %s, want %q", why, got, says)
		}
	}
	both := append(slices.Clone(former), next...)

	expect("an authority that nobody named", &formerOne, unavailable, "")
	replace(former)
	expect("an authority that was named since", &formerOne, granted, "nil")
	expect("a server that has got another authority", &nextOne, unavailable, "")
	replace(both)
	expect("both authorities, as while one replaces the other", &nextOne, granted, "nil")
	for why, text := range brokenFiles(former, next) {
		replace([]byte(text))
		expect("what worked stays, after a file that is "+why, &formerOne, granted, " ")
		replace(both)
		expect("a file that was mended after one that is "+why, &nextOne, granted, "nil")
	}
	must(t, os.Remove(file))
	expect("what worked stays, without a file", &nextOne, granted, "no such file")
	must(t, os.WriteFile(file, bytes.ToLower(next), 0o600))
	expect("a file that is written in place, and not ready", &formerOne, granted, "holds no certificate")
	must(t, os.WriteFile(file, next, 0o600))
	expect("an authority that is no longer named", &formerOne, unavailable, "nil")
}

// presenting is a server that grants, under the certificate that is presented now.
func presenting(t *testing.T) (url string, presented *atomic.Pointer[tls.Certificate]) {
	presented = &atomic.Pointer[tls.Certificate]{}
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, strings.NewReplacer("{url}", testURL, "{expire}", fmt.Sprint(documentedExpire.Unix())).Replace(sound))
	}))
	server.TLS = &tls.Config{GetConfigForClient: func(*tls.ClientHelloInfo) (*tls.Config, error) {
		return &tls.Config{Certificates: []tls.Certificate{*presented.Load()}}, nil
	}}
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	return server.URL, presented
}

// brokenFiles hold less than they should. They are made of two that are sound.
func brokenFiles(one, two []byte) map[string]string {
	both := string(one) + string(two)
	return map[string]string{
		"empty":                         "",
		"cut in the second certificate": both[:len(one)+len(two)/2],
		"a private key":                 string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: []byte("x")})),
		"of a damaged certificate":      string(one) + string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: []byte("x")})),
	}
}
