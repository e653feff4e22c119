//go:build long

package manager

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/common/expfmt"
	"github.com/prometheus/common/model"
	"golang.org/x/sync/errgroup"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
)

// What a tenant makes, and how much more memory it may cost if all of it is as large as the
// API server takes.
const (
	crowdSecrets  = 450
	crowdSessions = 700
	maxMoreMemory = 30_000_000
)

// TestHostileObjectsTakeLittleMemory compares the resident memory of two managers that list and
// serve as many objects, of which those of the one are large. The sessions are suspended: with
// objects of this size, issuing takes the API server too long.
func TestHostileObjectsTakeLittleMemory(t *testing.T) {
	cluster := env.NewCluster(t, controlplane.Options{CRDDirs: []string{env.CRDs()}}) // which these objects fill
	ordinary := newCrowd(t, cluster, func(*corev1.Secret) {}, func(*v1alpha1.BillingSession) {})
	hostile := newCrowd(t, cluster, func(s *corev1.Secret) {
		s.Data = map[string][]byte{"x": make([]byte, 1<<20-1<<10)} // the API server takes no more than 1 MiB
	}, func(s *v1alpha1.BillingSession) {
		s.Annotations = map[string]string{"a": strings.Repeat("x", 256<<10-1<<10)} // and 256 KiB of annotations
		builders.LongestTemplate()(s)
	})
	ordinary.serve()
	hostile.serve()
	env.Eventually(t, "hostile objects take little more memory than others", func() string {
		little, much := ordinary.resident(), hostile.resident()
		t.Logf("%.1f MB with ordinary objects, %.1f MB with hostile ones", little/1e6, much/1e6)
		return env.Unless(much-little <= maxMoreMemory, fmt.Sprintf("%.0f bytes more", much-little))
	})
}

// crowd is a stage with many objects.
type crowd struct {
	*stage
	// metrics is where the manager serves them.
	metrics string
}

func newCrowd(t *testing.T, cluster *controlplane.ControlPlane, secret func(*corev1.Secret), session func(*v1alpha1.BillingSession)) *crowd {
	t.Helper()
	c := &crowd{newStageOn(t, cluster), env.FreeAddress(t)}
	c.create(secret, session)
	return c
}

// serve starts a manager, and waits until it has looked at all sessions: what is created last
// is looked at last.
func (c *crowd) serve() {
	c.T.Helper()
	c.StartManager("--log-level=error", "--metrics-secure=false", "--metrics-bind-address", c.metrics)
	c.Session("canary", builders.Suspended())
	env.EventuallyWithin(c.T, 5*time.Minute, "all sessions were looked at", func() string {
		return env.Unless(c.Get("canary").Status.ObservedGeneration > 0, "not the last one")
	})
}

// create creates the objects, some at a time.
func (c *crowd) create(secret func(*corev1.Secret), session func(*v1alpha1.BillingSession)) {
	c.T.Helper()
	var creating errgroup.Group
	creating.SetLimit(8)
	create := func(object client.Object) {
		creating.Go(func() error { return c.Client.Create(c.T.Context(), object) })
	}
	for i := range crowdSecrets {
		s := &corev1.Secret{ObjectMeta: metav1.ObjectMeta{
			Namespace: c.Namespace, Name: fmt.Sprintf("secret-%d", i), Labels: map[string]string{v1alpha1.LabelManagedBy: v1alpha1.ManagedBy},
		}}
		secret(s)
		create(s)
	}
	for i := range crowdSessions {
		create(builders.Session(fmt.Sprintf("session-%d", i), builders.In(c.Namespace), builders.Suspended(), session))
	}
	c.Must(creating.Wait())
}

// resident is the manager's memory as it reports it.
func (c *crowd) resident() float64 {
	c.T.Helper()
	parser := expfmt.NewTextParser(model.UTF8Validation)
	families, err := parser.TextToMetricFamilies(strings.NewReader(env.Fetch(c.T, "http://"+c.metrics+"/metrics")))
	if err != nil || len(families["process_resident_memory_bytes"].GetMetric()) != 1 {
		c.T.Fatalf("the manager does not report its memory: %v", err)
	}
	return families["process_resident_memory_bytes"].GetMetric()[0].GetGauge().GetValue()
}
