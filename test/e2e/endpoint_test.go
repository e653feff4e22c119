//go:build e2e

package e2e

import (
	"encoding/json"
	"net"
	"strings"
	"testing"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	certutil "k8s.io/client-go/util/cert"

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
	*stage
	url string
	ca  []byte // PEM
}

func newEndpoint(t *testing.T, on *cluster, namespace string) *endpoint {
	t.Helper()
	s := newStage(t, on, namespace)
	const name = "stand-in"
	labels := map[string]string{"app.kubernetes.io/name": name}
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name}
	service := &corev1.Service{ObjectMeta: meta, Spec: corev1.ServiceSpec{
		Selector: labels, Ports: []corev1.ServicePort{{Name: "https", Port: 443, TargetPort: intstr.FromInt32(8443)}},
	}}
	s.Create(service)
	address := service.Spec.ClusterIP
	certificates, key, err := certutil.GenerateSelfSignedCertKey(address, []net.IP{net.ParseIP(address)}, nil)
	s.Must(err)
	s.Create(&corev1.Secret{ObjectMeta: meta, Type: corev1.SecretTypeTLS, Data: map[string][]byte{
		corev1.TLSCertKey: certificates, corev1.TLSPrivateKeyKey: key,
	}})
	s.Create(&appsv1.Deployment{ObjectMeta: meta, Spec: appsv1.DeploymentSpec{
		Selector: &metav1.LabelSelector{MatchLabels: labels},
		Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: corev1.PodSpec{
			Containers: []corev1.Container{harmless(corev1.Container{
				Name: name, Image: propsImage,
				Command: []string{"/standin", "--listen=:8443", "--control", "--base-url=https://" + pageHost, "--tls-cert=/tls/tls.crt", "--tls-key=/tls/tls.key"},
				ReadinessProbe: &corev1.Probe{PeriodSeconds: 1, ProbeHandler: corev1.ProbeHandler{
					HTTPGet: &corev1.HTTPGetAction{Scheme: corev1.URISchemeHTTPS, Port: intstr.FromInt32(8443), Path: requestLog},
				}},
				VolumeMounts: []corev1.VolumeMount{{Name: "tls", MountPath: "/tls", ReadOnly: true}},
			})},
			Volumes: []corev1.Volume{{Name: "tls", VolumeSource: corev1.VolumeSource{Secret: &corev1.SecretVolumeSource{SecretName: name}}}},
		}},
	}})
	s.rolledOut(name)
	// The certificates are the server's and, after it, that of the CA.
	return &endpoint{s, "https://" + net.JoinHostPort(address, "443") + standin.Path, certificates}
}

// in is the endpoint for a subtest.
func (e *endpoint) in(t *testing.T) *endpoint { return &endpoint{e.stage.in(t), e.url, e.ca} }

// requestLog is where the stand-in tells of its requests.
const requestLog = "/_standin/requests"

// requests are those that came with a key, in their order.
func (e *endpoint) requests(key string) (found []standin.Request) {
	e.T.Helper()
	var said struct{ Log []standin.Request }
	e.eventually("the stand-in answers", func() error {
		text, err := e.get(requestLog)
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

func (e *endpoint) get(path string) ([]byte, error) {
	return e.cluster.resource(e.Namespace, "services", "https:stand-in:443").SubResource("proxy").Suffix(strings.TrimPrefix(path, "/")).DoRaw(e.T.Context())
}

// worksFor shows the operator a session, which takes one request.
func (e *endpoint) worksFor(s *stage, name string) {
	s.T.Helper()
	s.issued(name)
	if asked := e.in(s.T).requests(s.keyOf(name)); len(asked) != 1 {
		s.T.Errorf("%s took %d requests, want one", name, len(asked))
	}
}
