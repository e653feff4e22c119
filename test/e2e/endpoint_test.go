package e2e

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/xtracta/billing-operator/test/standin"
)

const (
	// pageHost is where granted URLs point to. It is another than the endpoint's, so that
	// the operator must be told to allow it.
	pageHost    = "billing.stand-in.test"
	allowedHost = "*.stand-in.test"
)

// endpoint is the stand-in as a pod. It is reached by the address of its Service, as not
// every cluster has DNS, over TLS with a certificate that only its own CA vouches for.
type endpoint struct {
	namespace string
	url       string
	ca        []byte // PEM
}

func newEndpoint(t *testing.T, namespace string) *endpoint {
	t.Helper()
	newNamespace(t, namespace)
	labels := map[string]string{"app.kubernetes.io/name": "stand-in"}
	service := &corev1.Service{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "stand-in"},
		Spec: corev1.ServiceSpec{Selector: labels, Ports: []corev1.ServicePort{
			{Name: "https", Port: 443, TargetPort: intstr.FromInt32(8443)},
		}},
	}
	create(t, service)
	ca, certificate, key := newCertificate(t, net.ParseIP(service.Spec.ClusterIP))
	create(t, &corev1.Secret{
		ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "tls"}, Type: corev1.SecretTypeTLS,
		Data: map[string][]byte{corev1.TLSCertKey: certificate, corev1.TLSPrivateKeyKey: key},
	})
	pod := newDeployment(namespace, "stand-in", labels, corev1.Container{
		Image:   propsImage,
		Command: []string{"/standin", "--listen=:8443", "--control", "--base-url=https://" + pageHost, "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"},
		ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
			HTTPGet: &corev1.HTTPGetAction{Scheme: corev1.URISchemeHTTPS, Port: intstr.FromInt32(8443), Path: "/_standin/"},
		}},
	})
	mount(pod, "tls", "/tls")
	create(t, pod)
	rolledOut(t, namespace, "stand-in")
	return &endpoint{namespace, "https://" + net.JoinHostPort(service.Spec.ClusterIP, "443") + standin.Path, ca}
}

// misbehave orders a fault for a key.
func (e *endpoint) misbehave(t *testing.T, key, fault string) {
	t.Helper()
	e.post(t, "misbehave", url.Values{"key": {key}, "fault": {fault}})
}

func (e *endpoint) revoke(t *testing.T, key string) {
	t.Helper()
	e.post(t, "keys", url.Values{"revoke": {key}})
}

func (e *endpoint) post(t *testing.T, what string, form url.Values) {
	t.Helper()
	_, err := cluster.core.CoreV1().RESTClient().Post().Namespace(e.namespace).Resource("services").Name("https:stand-in:443").
		SubResource("proxy").Suffix("_standin", what).SetHeader("Content-Type", "application/x-www-form-urlencoded").
		Body([]byte(form.Encode())).DoRaw(t.Context())
	if err != nil {
		t.Fatal(err)
	}
}

// request is what the stand-in tells of one.
type request struct {
	Time    time.Time
	Key     string
	Outcome standin.Outcome
	Life    float64
}

// requests are those that came with a key, in their order.
func (e *endpoint) requests(t *testing.T, key string) (found []request) {
	t.Helper()
	var said struct{ Log []request }
	eventually(t, "the stand-in answers", func(ctx context.Context) error {
		text, err := e.get(ctx, "/_standin/requests", nil)
		if err != nil {
			return err
		}
		return json.Unmarshal(text, &said)
	})
	for _, r := range said.Log {
		if r.Key == standin.KeyID(key) {
			found = append(found, r)
		}
	}
	return found
}

// page opens what a granted URL points to.
func (e *endpoint) page(t *testing.T, granted string) string {
	t.Helper()
	parsed, err := url.Parse(granted)
	if err != nil || parsed.Host != pageHost {
		t.Fatalf("the URL is not one that was granted (%v)", err)
	}
	page, err := e.get(t.Context(), parsed.Path, map[string]string{"t": parsed.Query().Get("t")})
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

func (e *endpoint) get(ctx context.Context, path string, query map[string]string) ([]byte, error) {
	return cluster.core.CoreV1().Services(e.namespace).ProxyGet("https", "stand-in", "443", strings.TrimPrefix(path, "/"), query).DoRaw(ctx)
}

// newCertificate makes a CA and a server's certificate, all in PEM.
func newCertificate(t *testing.T, address net.IP) (ca, certificate, key []byte) {
	t.Helper()
	template := func(name string) *x509.Certificate {
		return &x509.Certificate{
			SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		}
	}
	sign := func(wanted, by *x509.Certificate, public *ecdsa.PublicKey, private *ecdsa.PrivateKey) []byte {
		der, err := x509.CreateCertificate(rand.Reader, wanted, by, public, private)
		if err != nil {
			t.Fatal(err)
		}
		return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	}
	caKey, serverKey := newKey(t), newKey(t)
	authority := template("a private CA")
	authority.IsCA, authority.BasicConstraintsValid, authority.KeyUsage = true, true, x509.KeyUsageCertSign
	server := template("stand-in")
	server.IPAddresses = []net.IP{address}
	der, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatal(err)
	}
	return sign(authority, authority, &caKey.PublicKey, caKey), sign(server, authority, &serverKey.PublicKey, caKey),
		pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der})
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}
