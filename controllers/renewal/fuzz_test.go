package renewal_test

import (
	"slices"
	"testing"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
	"github.com/xtracta/billing-operator/controllers/renewal/renewaltest"
)

// FuzzDecide decides on facts as users, clusters and endpoints may leave them:
// statuses and annotations can be edited by hand, so any instant may stand there.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a session, as it may be found in the status and in its Secret"))
	f.Fuzz(func(t *testing.T, data []byte) {
		from := renewaltest.Tape(data)
		facts := from.Facts()
		checkPlan(t, facts, renewal.Decide(facts))

		outcome := outcomes[from.Below(len(outcomes))]
		answer := renewal.Result{At: facts.Now, Outcome: outcome, PausedUntil: facts.Now.Add(m)}
		if outcome == v1alpha1.OutcomeGranted {
			answer.Grant = from.Grant(facts.Now)
		}
		if last := renewal.NextAttempt(facts, answer); last != nil && !last.NextTime.After(facts.Now) {
			t.Errorf("%s: asks again at %v, which is not after %v", outcome, last.NextTime, facts.Now)
		}
	})
}

// steps are how the corpus names them.
var steps = map[renewal.Step]string{
	renewal.Wait: "waits", renewal.ReadKey: "reads-key", renewal.Ask: "asks", renewal.Store: "stores",
	renewal.SyncMetadata: "syncs-metadata", renewal.DryRun: "dry-runs",
}

// A file of the corpus that decides something else than its name says leaves a rule without
// a seed.
func TestCorpusDecidesWhatItsNamesSay(t *testing.T) {
	corpus := renewaltest.Corpus(t)
	var rules []renewal.Rule
	for name, data := range corpus {
		from := renewaltest.Tape(data)
		plan := renewal.Decide(from.Facts())
		if got := string(plan.Rule) + "-" + steps[plan.Step]; got != name {
			t.Errorf("%s is %s", name, got)
		}
		rules = append(rules, plan.Rule)
	}
	for _, rule := range renewal.Rules() {
		if !slices.Contains(rules, rule) {
			t.Errorf("rule %s has no seed", rule)
		}
	}
}
