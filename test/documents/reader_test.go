package documents

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/test/env"
)

// What the documents ask of a reader between the commands, and what a reader then expects.

func (s *stage) writeKey() {
	s.must(os.WriteFile(filepath.Join(s.dir, "key.txt"), []byte(key+"\n"), 0o600))
}

// writeSession saves the session that the README shows.
func (s *stage) writeSession() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, readme))
	s.must(err)
	shown := regexp.MustCompile("(?s)\n```yaml\n(apiVersion: billing.+?)```\n").FindSubmatch(text)
	if shown == nil {
		s.t.Fatal("the README shows no session")
	}
	s.must(os.WriteFile(filepath.Join(s.dir, "acme.yaml"), shown[1], 0o600))
}

func (s *stage) declareAgain() { s.shell("kubectl apply -n finance -f acme.yaml") }

func (s *stage) outputOpensThePage() { env.Fetch(s.t, s.output) }

func (s *stage) aFreshURLComes() {
	s.t.Helper()
	env.Until(s.t, "the request for a fresh URL is answered", func() bool {
		s.shell("kubectl get billingsession acme -o jsonpath='{.status.lastHandledRenewRequest}'")
		return s.output != ""
	})
}

func (s *stage) clipboardHoldsURL() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.home, "clipboard"))
	s.must(err)
	if !strings.HasPrefix(string(text), s.endpoint) {
		s.t.Error("the clipboard holds no URL")
	}
}

func (s *stage) oneFileIsInstalled() {
	s.t.Helper()
	text, err := os.ReadFile(filepath.Join(s.dir, "dist", "install.yaml"))
	s.must(err)
	s.shell("bin/tools/kustomize build config/default")
	if string(text) != s.output || !strings.Contains(s.output, "image: "+image+"\n") {
		s.t.Error("dist/install.yaml is not config/default with the image")
	}
}

// playKubelet gives the cluster the operator's pod, and a node that serves its log.
func (s *stage) playKubelet() {
	s.t.Helper()
	kubelet := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/containerLogs/"+systemNamespace+"/billing-operator-0/") {
			http.NotFound(w, r)
			return
		}
		_, _ = io.WriteString(w, s.operator.Out.String())
	}))
	s.whole.Cleanup(kubelet.Close)
	node := &corev1.Node{ObjectMeta: metav1.ObjectMeta{Name: "a-node"}}
	node, err := s.cluster.CoreV1().Nodes().Create(s.t.Context(), node, metav1.CreateOptions{})
	s.must(err)
	node.Status.Addresses = []corev1.NodeAddress{{Type: corev1.NodeInternalIP, Address: "127.0.0.1"}}
	node.Status.DaemonEndpoints.KubeletEndpoint.Port = int32(kubelet.Listener.Addr().(*net.TCPAddr).Port)
	_, err = s.cluster.CoreV1().Nodes().UpdateStatus(s.t.Context(), node, metav1.UpdateOptions{})
	s.must(err)
	template := s.getDeployment("billing-operator").Spec.Template
	pod := &corev1.Pod{ObjectMeta: template.ObjectMeta, Spec: template.Spec}
	pod.Name, pod.Spec.NodeName = "billing-operator-0", node.Name
	_, err = s.cluster.CoreV1().Pods(systemNamespace).Create(s.t.Context(), pod, metav1.CreateOptions{})
	s.must(err)
}

// breakCAFile waits until the operator has noticed, which the next request makes it do.
func (s *stage) breakCAFile() {
	s.t.Helper()
	s.must(os.WriteFile(s.caFile, []byte("no certificate"), 0o600))
	s.shell("kubectl annotate billingsession acme -n finance --overwrite billing.xtracta.com/renew-requested-at=broken-file")
	env.Until(s.t, "the log speaks of the file", func() bool { return s.operator.Said("endpoint-ca-file") })
}

func (s *stage) getDeployment(name string) *appsv1.Deployment {
	s.t.Helper()
	deployment, err := s.cluster.AppsV1().Deployments(systemNamespace).Get(s.t.Context(), name, metav1.GetOptions{})
	s.must(err)
	return deployment
}

func (s *stage) runsImage(name, want string) {
	s.t.Helper()
	if got := s.getDeployment(name).Spec.Template.Spec.Containers[0].Image; got != want {
		s.t.Errorf("%s runs %s, want %s", name, got, want)
	}
}

func (s *stage) rememberDeployment() { s.deployment = s.getDeployment("billing-operator").UID }

func (s *stage) deploymentIsTheSame() {
	s.t.Helper()
	if s.getDeployment("billing-operator").UID != s.deployment {
		s.t.Error("the Deployment is another one")
	}
}

// installMonitoringCRDs installs as much of the Prometheus operator as a ServiceMonitor needs.
func (s *stage) installMonitoringCRDs() {
	s.t.Helper()
	for plural, kind := range map[string]string{"servicemonitors": "ServiceMonitor", "prometheusrules": "PrometheusRule"} {
		crd := fmt.Sprintf(`{"apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
			"metadata": {"name": "%[1]s.monitoring.coreos.com"},
			"spec": {"group": "monitoring.coreos.com", "scope": "Namespaced", "names": {"plural": %[1]q, "kind": %[2]q},
				"versions": [{"name": "v1", "served": true, "storage": true,
					"schema": {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": true}}}]}}`, plural, kind)
		if !json.Valid([]byte(crd)) {
			s.t.Fatal(crd)
		}
		s.must(os.WriteFile(filepath.Join(s.dir, plural+".json"), []byte(crd), 0o600))
		s.shell("kubectl apply --server-side -f " + plural + ".json && kubectl wait --for=condition=Established crd/" + plural + ".monitoring.coreos.com")
	}
}

// nothingIsLeft looks for the operator's objects that belong to no namespace.
func (s *stage) nothingIsLeft() {
	s.t.Helper()
	s.shell("kubectl get clusterroles,clusterrolebindings,crds -o name")
	for line := range strings.Lines(s.output) {
		if strings.Contains(line, "/billing") {
			s.t.Errorf("%s is left", strings.TrimSpace(line))
		}
	}
	_, err := s.cluster.AppsV1().Deployments(systemNamespace).Get(s.t.Context(), "billing-operator", metav1.GetOptions{})
	if !apierrors.IsNotFound(err) {
		s.t.Errorf("the Deployment is left: %v", err)
	}
}
