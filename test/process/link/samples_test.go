// Package link shows billing-link as it is met: the program by a real browser, its sample by
// whoever would pass the login.
package link

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/xtracta/billing-operator/test/env/manifests"
)

func containers(t *testing.T, pod corev1.PodSpec) (link, proxy corev1.Container) {
	t.Helper()
	if len(pod.Containers) != 2 || pod.Containers[0].Name != "billing-link" || pod.Containers[1].Name != "oauth2-proxy" {
		t.Fatal("want the program and its proxy, and nothing else")
	}
	return pod.Containers[0], pod.Containers[1]
}

func TestSampleRunsTheManagersImage(t *testing.T) {
	link, _ := containers(t, manifests.Only[appsv1.Deployment](t, manifests.Rendered(t, "samples/link"), "Deployment").Spec.Template.Spec)
	manager := manifests.Only[appsv1.Deployment](t, manifests.Rendered(t, "manager"), "Deployment").Spec.Template.Spec.Containers[0]
	of := func(image string) string { repository, _, _ := strings.Cut(image, ":"); return repository } // tags are the installer's
	if of(link.Image) != of(manager.Image) || !slices.Equal(link.Command, []string{"/billing-link"}) {
		t.Errorf("runs %v of %s, want /billing-link of %s", link.Command, link.Image, manager.Image)
	}
}

// Whoever reaches billing-link is logged in. So it listens to its own pod alone, and
// all that leads into the pod leads to the proxy.
func TestNobodyGetsPastTheLogin(t *testing.T) {
	objects := manifests.Rendered(t, "samples/link")
	pod := manifests.Only[appsv1.Deployment](t, objects, "Deployment").Spec.Template.Spec
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
	service := manifests.Only[corev1.Service](t, objects, "Service")
	if len(service.Spec.Ports) != 1 || service.Spec.Ports[0].TargetPort.StrVal != proxy.Ports[0].Name || service.Spec.Type != "" {
		t.Errorf("the Service leads elsewhere than to the proxy: %+v", service.Spec)
	}
	ingress := manifests.Only[networkingv1.Ingress](t, objects, "Ingress")
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
