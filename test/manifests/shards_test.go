package manifests_test

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/env/builders"
	"github.com/xtracta/billing-operator/test/env/manifests"
)

const (
	shardLabel = "billing.xtracta.com/shard"
	shardOne   = operatorName + "-one"
)

// TestShards runs the managers of both shards: together they serve all sessions,
// each serves only its own, and one that moves is not asked for again.
func TestShards(t *testing.T) {
	in := newInstallation(t, manifests.Rendered(t, "shards"), "shards")
	managers := map[string]*process{}
	for _, name := range []string{operatorName, shardOne} {
		managers[name] = in.startManager(name, nil, "--metrics-secure=false")
		in.waitForHolder(name, "")
	}

	sessions := map[string][]string{ // by who is to serve them
		operatorName: {"unlabelled-1", "unlabelled-2", "mistyped", "moves-away"},
		shardOne:     {"one-1", "one-2", "moves-home"},
	}
	label := map[string]string{"mistyped": "won", "one-1": "one", "one-2": "one", "moves-home": "one"}
	in.Create(builders.KeySecretOf(in.Namespace, "key", "key-of-the-group"))
	for _, name := range slices.Concat(slices.Collect(maps.Values(sessions))...) {
		session := builders.Session(name, builders.In(in.Namespace), builders.Expiration(86400))
		if value, ok := label[name]; ok {
			builders.Labelled(shardLabel, value)(session)
		}
		in.Create(session)
	}
	for _, name := range slices.Concat(slices.Collect(maps.Values(sessions))...) {
		in.Ready(name)
	}
	for name, manager := range managers {
		if diff := cmp.Diff(slices.Sorted(slices.Values(sessions[name])), manager.measures(t)); diff != "" {
			t.Errorf("%s speaks of these sessions in its metrics (-want +got):\n%s", name, diff)
		}
	}
	asked := in.Standin.Total()
	if want := len(sessions[operatorName]) + len(sessions[shardOne]); asked != want {
		t.Errorf("%d requests for %d sessions", asked, want)
	}

	// What the next shard must know of a session is in its status: when it is due.
	in.move("moves-away", "one")
	in.move("moves-home", "")
	moved := map[string][]string{operatorName: {"moves-home"}, shardOne: {"moves-away"}}
	for name, manager := range managers {
		in.Eventually("the sessions that moved are served by "+name, func() string {
			got := manager.measures(t)
			missing := func(session string) bool { return !slices.Contains(got, session) }
			return env.Unless(!slices.ContainsFunc(moved[name], missing), fmt.Sprint(got))
		})
	}
	// Each is asked for once more, because somebody wants that.
	in.renew("moves-away", "in its new shard")
	in.renew("moves-home", "in its new shard")
	if got := in.Standin.Total() - asked; got != 2 {
		t.Errorf("%d requests, want one for each session that was to be renewed", got)
	}

	for _, manager := range managers {
		manager.Stop()
	}
	in.expectNothingRefused(operatorName)
}

// move changes which shard a session belongs to.
func (in *installation) move(name, shard string) {
	in.T.Helper()
	session := in.Get(name)
	before := session.DeepCopy()
	delete(session.Labels, shardLabel)
	if shard != "" {
		metav1.SetMetaDataLabel(&session.ObjectMeta, shardLabel, shard)
	}
	if err := in.Client.Patch(in.T.Context(), session, client.MergeFrom(before)); err != nil {
		in.T.Fatal(err)
	}
}

var readySeries = regexp.MustCompile(`(?m)^billingsession_ready\{name="([^"]*)"`)

// measures are the sessions that a manager has metrics of.
func (p *process) measures(t *testing.T) (names []string) {
	t.Helper()
	for _, series := range readySeries.FindAllStringSubmatch(env.Fetch(t, "http://"+p.metrics+"/metrics"), -1) {
		names = append(names, series[1])
	}
	slices.Sort(names)
	return names
}

// TestShardsLeaveNoSessionOut holds that any session belongs to exactly one shard,
// whatever its label says.
func TestShardsLeaveNoSessionOut(t *testing.T) {
	for _, row := range []struct {
		labels labels.Set
		why    string
	}{
		{nil, "nobody has to know of shards"},
		{labels.Set{shardLabel: "one"}, "that is what the label is for"},
		{labels.Set{shardLabel: "two"}, "a shard that was removed"},
		{labels.Set{shardLabel: ""}, "an empty value"},
	} {
		served := 0
		for _, deployment := range manifests.All[appsv1.Deployment](t, manifests.Rendered(t, "shards"), "Deployment") {
			if selectorOf(t, deployment).Matches(row.labels) {
				served++
			}
		}
		if served != 1 {
			t.Errorf("a session with labels %v is served by %d shards (%s)", row.labels, served, row.why)
		}
	}
}

func selectorOf(t *testing.T, deployment appsv1.Deployment) labels.Selector {
	t.Helper()
	for _, arg := range deployment.Spec.Template.Spec.Containers[0].Args {
		if text, ok := strings.CutPrefix(arg, "--watch-label-selector="); ok {
			selector, err := labels.Parse(text)
			if err != nil {
				t.Fatal(err)
			}
			return selector
		}
	}
	t.Fatalf("%s serves all sessions", deployment.Name)
	return nil
}
