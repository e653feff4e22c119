// Package link shows billing-link as it is met: its sample to a real API server,
// the program to a real browser.
package link

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
)

const root = "../../.."

// render is what kustomize makes of a folder of config/.
func render(t *testing.T, folder string) []*unstructured.Unstructured {
	t.Helper()
	path, err := filepath.Abs(filepath.Join(root, "config", folder))
	if err != nil {
		t.Fatal(err)
	}
	var stderr bytes.Buffer
	kustomize := exec.Command("go", "tool", "kustomize", "build", path)
	kustomize.Dir = filepath.Join(root, "hack", "tools")
	kustomize.Stderr = &stderr
	output, err := kustomize.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	var objects []*unstructured.Unstructured
	for decoder := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(output), 4096); ; {
		object := &unstructured.Unstructured{}
		err := decoder.Decode(&object.Object)
		if errors.Is(err, io.EOF) {
			return objects
		}
		if err != nil {
			t.Fatal(err)
		}
		objects = append(objects, object)
	}
}

// only puts the one object of a kind into a typed one.
func only[T any](t *testing.T, objects []*unstructured.Unstructured, kind string) (typed T) {
	t.Helper()
	ofKind := slices.DeleteFunc(slices.Clone(objects), func(o *unstructured.Unstructured) bool { return o.GetKind() != kind })
	if len(ofKind) != 1 {
		t.Fatalf("there are %d of kind %s, want one", len(ofKind), kind)
	}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(ofKind[0].Object, &typed, true); err != nil {
		t.Fatal(err)
	}
	return typed
}

func TestSampleIsAccepted(t *testing.T) {
	cluster, err := controlplane.Start(t.Context(), controlplane.Options{})
	if err != nil {
		t.Fatal("no API server:", err)
	}
	t.Cleanup(func() { _ = cluster.Stop() })
	objects := render(t, "samples/link")

	t.Run("as it is", func(t *testing.T) {
		warnings, err := apply(t, cluster, objects)
		if err != nil {
			t.Errorf("a sample must work as it is: %v", err)
		}
		if len(warnings) > 0 {
			t.Errorf("the API server warns: %q", warnings)
		}
	})
	// What the above relies on: that the API server is strict, and says so.
	t.Run("with a field that there is not", func(t *testing.T) {
		broken := copied(objects)
		broken[slices.IndexFunc(broken, isDeployment)].Object["spec"].(map[string]any)["unknown"] = "x"
		if _, err := apply(t, cluster, broken); err == nil || !strings.Contains(err.Error(), "unknown") {
			t.Errorf("accepted: %v", err)
		}
	})
	t.Run("less restricted than the Pod Security Standard asks for", func(t *testing.T) {
		broken := copied(objects)
		deployment := broken[slices.IndexFunc(broken, isDeployment)].Object
		unstructured.RemoveNestedField(deployment, "spec", "template", "spec", "securityContext")
		if warnings, err := apply(t, cluster, broken); err != nil || len(warnings) == 0 {
			t.Errorf("no warning: %v", err)
		}
	})
}

func isDeployment(object *unstructured.Unstructured) bool { return object.GetKind() == "Deployment" }

func copied(objects []*unstructured.Unstructured) []*unstructured.Unstructured {
	var copies []*unstructured.Unstructured
	for _, object := range objects {
		copies = append(copies, object.DeepCopy())
	}
	return copies
}

// apply is kubectl apply --server-side into a new namespace, in which the API server
// warns of what the restricted Pod Security Standard would refuse.
func apply(t *testing.T, to *controlplane.ControlPlane, objects []*unstructured.Unstructured) ([]string, error) {
	t.Helper()
	heard := &warnings{}
	config := to.Config()
	config.WarningHandler = heard
	plain, err := client.New(config, client.Options{})
	if err != nil {
		t.Fatal(err)
	}
	strict := client.WithFieldValidation(plain, metav1.FieldValidationStrict)
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		GenerateName: "link-", Labels: map[string]string{"pod-security.kubernetes.io/warn": "restricted"},
	}}
	if err := strict.Create(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	var refusals []error
	for _, object := range copied(objects) {
		object.SetNamespace(namespace.Name)
		refusals = append(refusals, applyOne(t.Context(), strict, object))
	}
	return heard.texts, errors.Join(refusals...)
}

func applyOne(ctx context.Context, c client.Client, object *unstructured.Unstructured) error {
	return c.Apply(ctx, client.ApplyConfigurationFromUnstructured(object), client.FieldOwner("test"), client.ForceOwnership)
}

// warnings are what the API server has against an object that it accepts.
type warnings struct {
	mu    sync.Mutex
	texts []string
}

// HandleWarningHeader implements rest.WarningHandler.
func (w *warnings) HandleWarningHeader(_ int, _ string, text string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.texts = append(w.texts, text)
}

func containers(t *testing.T, pod corev1.PodSpec) (link, proxy corev1.Container) {
	t.Helper()
	if len(pod.Containers) != 2 || pod.Containers[0].Name != "billing-link" || pod.Containers[1].Name != "oauth2-proxy" {
		t.Fatal("want the program and its proxy, and nothing else")
	}
	return pod.Containers[0], pod.Containers[1]
}

func TestSampleFollowsRenewals(t *testing.T) {
	objects := render(t, "samples/link")
	pod := only[appsv1.Deployment](t, objects, "Deployment").Spec.Template.Spec
	link, _ := containers(t, pod)
	if len(pod.Volumes) != 1 || pod.Volumes[0].Secret == nil || len(pod.Volumes[0].Secret.Items) > 0 {
		t.Errorf("volumes are %+v, want one whole Secret", pod.Volumes)
	}
	if len(link.VolumeMounts) != 1 || link.VolumeMounts[0].SubPath+link.VolumeMounts[0].SubPathExpr != "" {
		t.Errorf("mounts are %+v, want the volume without a subPath", link.VolumeMounts)
	}
	if len(link.Env)+len(link.EnvFrom) > 0 {
		t.Error("an environment never follows a renewal")
	}
}

func TestSampleRunsTheManagersImage(t *testing.T) {
	link, _ := containers(t, only[appsv1.Deployment](t, render(t, "samples/link"), "Deployment").Spec.Template.Spec)
	manager := only[appsv1.Deployment](t, render(t, "manager"), "Deployment").Spec.Template.Spec.Containers[0]
	if link.Image != manager.Image || !slices.Equal(link.Command, []string{"/billing-link"}) {
		t.Errorf("runs %v of %s, want /billing-link of %s", link.Command, link.Image, manager.Image)
	}
}

// Whoever reaches billing-link is logged in. So it listens to its own pod alone, and
// all that leads into the pod leads to the proxy.
func TestNobodyGetsPastTheLogin(t *testing.T) {
	objects := render(t, "samples/link")
	pod := only[appsv1.Deployment](t, objects, "Deployment").Spec.Template.Spec
	link, proxy := containers(t, pod)
	if !slices.Contains(link.Args, "--listen=127.0.0.1:8080") || len(link.Ports) > 0 {
		t.Errorf("billing-link listens for others than its pod: %q, %v", link.Args, link.Ports)
	}
	if pod.HostNetwork {
		t.Error("the pod's loopback address is the node's")
	}
	if !slices.Contains(proxy.Args, "--upstream=http://127.0.0.1:8080") {
		t.Errorf("the proxy does not lead to billing-link: %q", proxy.Args)
	}
	for _, arg := range proxy.Args {
		for _, hole := range []string{"--skip-auth", "--reverse-proxy", "--trusted-ip", "--api-route", "--ping-user-agent"} {
			if strings.HasPrefix(arg, hole) {
				t.Errorf("%s is a way past the login", arg)
			}
		}
	}
	service := only[corev1.Service](t, objects, "Service")
	if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].TargetPort.StrVal != proxy.Ports[0].Name || service.Spec.Type != "" {
		t.Errorf("the Service leads elsewhere than to the proxy: %+v", service.Spec)
	}
	ingress := only[networkingv1.Ingress](t, objects, "Ingress")
	var backends []string
	for _, rule := range ingress.Spec.Rules {
		for _, path := range rule.HTTP.Paths {
			backends = append(backends, path.Backend.Service.Name+":"+path.Backend.Service.Port.Name)
		}
	}
	if diff := cmp.Diff([]string{service.Name + ":" + service.Spec.Ports[0].Name}, backends); diff != "" || ingress.Spec.DefaultBackend != nil {
		t.Errorf("the Ingress leads elsewhere:\n%s", diff)
	}
	if len(ingress.Spec.TLS) != 1 || ingress.Spec.TLS[0].Hosts[0] != ingress.Spec.Rules[0].Host {
		t.Error("without TLS the network reads the URL")
	}
}
