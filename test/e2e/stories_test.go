package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	appsv1 "k8s.io/api/apps/v1"
	coordinationv1 "k8s.io/api/coordination/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
)

// What platform teams do with Kustomize over the years, as config/README.md shows it.
func TestInstallUpgradeUninstall(t *testing.T) {
	endpoint := newEndpoint(t, "e2e-kustomize-endpoint")
	installed := endpoint.overlay(t, root, operatorImage(today))
	t.Cleanup(func() {
		if t.Failed() {
			describe(t, systemNamespace)
		}
		_ = installed.delete(context.Background())
	})
	if tree := previousTree(t); tree != "" {
		if err := provide(t.Context(), tree, operatorImage(previous)); err != nil {
			t.Fatal(err)
		}
		endpoint.overlay(t, tree, operatorImage(previous)).apply(t)
	} else {
		installed.apply(t)
	}
	namespace := newNamespace(t, "e2e-kustomize")
	acme := declare(t, namespace, "acme")
	before := issued(t, acme)

	installed.apply(t)
	works(t, endpoint, namespace, "after-the-upgrade")
	if asked := endpoint.requests(t, keyOf(namespace, "acme")); len(asked) != 1 || urlIn(t, acme) != before {
		t.Errorf("the upgrade took %d requests", len(asked)-1)
	}

	if err := cluster.DeleteAllOf(t.Context(), &v1alpha1.BillingSession{}, client.InNamespace(namespace)); err != nil {
		t.Fatal(err)
	}
	gone(t, &corev1.Secret{ObjectMeta: metav1.ObjectMeta{Namespace: namespace, Name: "acme"}})
	if err := installed.delete(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, object := range installed {
		gone(t, object)
	}
	checkLeftOvers(t)
}

// What happens around pods that mount a Secret, with the operator installed by Helm.
// All the while they read the file.
func TestMountedFileNeverExpires(t *testing.T) {
	endpoint := newEndpoint(t, "e2e-endpoint")
	endpoint.helmInstall(t)
	namespace := newNamespace(t, "e2e")
	watched := newConsumers(t, namespace)

	t.Run("meanwhile", func(t *testing.T) {
		t.Run("a link opens the page", func(t *testing.T) { t.Parallel(); linkOpens(t, endpoint, namespace) })
		t.Run("a deleted session takes its Secret along", func(t *testing.T) { t.Parallel(); secretIsCollected(t, namespace) })
		t.Run("a namespace is deleted whole", func(t *testing.T) { t.Parallel(); namespaceGoes(t) })
		t.Run("GitOps tools see what people see", func(t *testing.T) { t.Parallel(); verdictsAgree(t, endpoint) })
	})
	t.Run("the pod that works is killed", func(t *testing.T) {
		killLeader(t, namespace)
		works(t, endpoint, namespace, "after-the-kill")
	})
	t.Run("the Deployment is rolled", func(t *testing.T) {
		rollDeployment(t)
		works(t, endpoint, namespace, "after-the-roll")
	})
	var away outage
	t.Run("the API server is killed and starts again", func(t *testing.T) {
		away = restartAPIServer(t, namespace)
		works(t, endpoint, namespace, "after-the-restart")
	})
	watch(t, watched)
	nothingWasted(t, endpoint, watched, away)
	leaksNothing(t, watched)

	if err := helmUninstall(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkLeftOvers(t, crdName)
	if err := cluster.Get(t.Context(), client.ObjectKeyFromObject(watched[0]), &corev1.Secret{}); err != nil {
		t.Errorf("uninstalling took the URLs along that pods use: %v", err)
	}
}

// works shows the operator a session, which takes one request.
func works(t *testing.T, e *endpoint, namespace, name string) {
	t.Helper()
	issued(t, declare(t, namespace, name))
	if asked := e.requests(t, keyOf(namespace, name)); len(asked) != 1 {
		t.Errorf("%s took %d requests, want one", name, len(asked))
	}
}

// linkOpens asks billing-link, as config/samples/link deploys it but for the login, whose
// image is elsewhere.
func linkOpens(t *testing.T, e *endpoint, namespace string) {
	session := declare(t, namespace, "linked")
	d := sample(t, "link/deployment.yaml", namespace, session.Name)
	pod := &d.Spec.Template.Spec
	pod.Containers = pod.Containers[:1]
	pod.Containers[0].Image = operatorImage(today)
	pod.Containers[0].Args[0] = "--listen=:8080"
	create(t, d)
	first := issued(t, session)
	opens(t, e, d, first)

	patch(t, session, func(s *v1alpha1.BillingSession) {
		metav1.SetMetaDataAnnotation(&s.ObjectMeta, v1alpha1.AnnotationRenewRequestedAt, "now")
	})
	eventually(t, "another URL is issued", func(context.Context) error {
		if urlIn(t, session) == first {
			return errors.New("it is the first one")
		}
		return nil
	})
	opens(t, e, d, urlIn(t, session))
}

// opens follows the links of all pods to the page behind a URL.
func opens(t *testing.T, e *endpoint, d *appsv1.Deployment, granted string) {
	t.Helper()
	rolledOut(t, d.Namespace, d.Name)
	eventually(t, "the link leads to the newest URL", func(ctx context.Context) error {
		pods, err := podsOf(ctx, d.Namespace, d.Name)
		if err != nil {
			return err
		}
		for _, pod := range pods {
			status, location, err := ask(ctx, pod)
			if err != nil {
				return err
			}
			if status != http.StatusSeeOther || location != granted {
				return fmt.Errorf("pod %s answers %d, and not with that URL", pod.Name, status)
			}
		}
		return nil
	})
	if page := e.page(t, granted); !strings.Contains(page, "Billing") {
		t.Errorf("behind the URL there is no billing page, but\n%s", page)
	}
}

// ask gets / of a pod's port 8080 through the API server.
func ask(ctx context.Context, pod corev1.Pod) (status int, location string, err error) {
	address := cluster.core.CoreV1().RESTClient().Get().Namespace(pod.Namespace).Resource("pods").
		Name("http:" + pod.Name + ":8080").SubResource("proxy").URL().String()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, address+"/", nil)
	if err != nil {
		return 0, "", err
	}
	response, err := cluster.http.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	_, err = io.Copy(io.Discard, response.Body)
	return response.StatusCode, response.Header.Get("Location"), err
}

func secretIsCollected(t *testing.T, namespace string) {
	session := declare(t, namespace, "deleted")
	issued(t, session)
	if err := cluster.Delete(t.Context(), session); err != nil {
		t.Fatal(err)
	}
	gone(t, &corev1.Secret{ObjectMeta: session.ObjectMeta})
}

func namespaceGoes(t *testing.T) {
	name := newNamespace(t, "e2e-deleted")
	issued(t, declare(t, name, "acme"))
	namespace := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}}
	if err := cluster.Delete(t.Context(), namespace); err != nil {
		t.Fatal(err)
	}
	gone(t, namespace)
}

// killLeader deletes the pod that holds the lease, without giving it time to end. That
// could cost a request that is under way, so none is.
func killLeader(t *testing.T, namespace string) {
	t.Helper()
	holder := func(ctx context.Context) (string, error) {
		var lease coordinationv1.Lease
		if err := cluster.Get(ctx, client.ObjectKey{Namespace: systemNamespace, Name: operatorName}, &lease); err != nil {
			return "", err
		}
		if lease.Spec.HolderIdentity == nil || *lease.Spec.HolderIdentity == "" {
			return "", errors.New("nobody holds the lease")
		}
		pod, _, _ := strings.Cut(*lease.Spec.HolderIdentity, "_")
		return pod, nil
	}
	quiet(t, namespace, 5*time.Second)
	killed, err := holder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	pod := &corev1.Pod{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: killed}}
	if err := cluster.Delete(t.Context(), pod, client.GracePeriodSeconds(0)); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the other replica takes over", func(ctx context.Context) error {
		now, err := holder(ctx)
		if err == nil && now == killed {
			err = errors.New("the lease is held by the pod that was killed")
		}
		return err
	})
}

// rollDeployment is kubectl rollout restart.
func rollDeployment(t *testing.T) {
	t.Helper()
	d := &appsv1.Deployment{ObjectMeta: metav1.ObjectMeta{Namespace: systemNamespace, Name: operatorName}}
	change := `{"spec":{"template":{"metadata":{"annotations":{"kubectl.kubernetes.io/restartedAt":"now"}}}}}`
	if err := cluster.Patch(t.Context(), d, client.RawPatch(client.Merge.Type(), []byte(change))); err != nil {
		t.Fatal(err)
	}
	rolledOut(t, systemNamespace, operatorName)
}

// outage is a time without an API server.
type outage struct{ from, to time.Time }

func (o outage) has(moment time.Time) bool { return !moment.Before(o.from) && !moment.After(o.to) }

// restartAPIServer kills the API server when no renewal will be due for a while: a replica
// that cannot renew its lease ends, and takes along what it was granted meanwhile.
func restartAPIServer(t *testing.T, namespace string) (away outage) {
	t.Helper()
	if os.Getenv("E2E_RESTART_API_SERVER") == "" {
		t.Skip("E2E_RESTART_API_SERVER is not set, so the API server is left alone")
	}
	quiet(t, namespace, 20*time.Second)
	away.from = time.Now()
	if err := order(t.Context(), "E2E_RESTART_API_SERVER"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the API server is ready", func(ctx context.Context) error {
		return cluster.core.CoreV1().RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
	})
	away.to = time.Now()
	return away
}
