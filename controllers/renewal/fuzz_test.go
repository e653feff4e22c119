package renewal_test

import (
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

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
		from := new(renewaltest.Tape(data))
		facts := from.Facts()
		checkPlan(t, facts, renewal.Decide(facts))

		answer := answerFrom(from, facts.Now)
		if last := renewal.NextAttempt(facts, answer); last != nil && !last.NextTime.After(facts.Now) {
			t.Errorf("%s: asks again at %v, which is not after %v", answer.Outcome, last.NextTime, facts.Now)
		}
	})
}

// drawTape is any bytes, of which facts are made that need not have come about by any history.
func drawTape(t *rapid.T) *renewaltest.Tape {
	tape := renewaltest.Tape(rapid.SliceOfN(rapid.Byte(), 0, 300).Draw(t, "tape"))
	return &tape
}

// answerFrom is any answer of the endpoint.
func answerFrom(from *renewaltest.Tape, at time.Time) renewal.Result {
	a := renewal.Result{At: at, Outcome: renewaltest.Outcomes[from.Below(len(renewaltest.Outcomes))], PausedUntil: at.Add(m)}
	if a.Outcome == v1alpha1.OutcomeGranted {
		a.Grant = from.Grant(at)
	}
	return a
}

// seconds are so many, within limits.
func seconds(t *rapid.T, label string, from, to int) time.Duration {
	return time.Duration(rapid.IntRange(from, to).Draw(t, label)) * s
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
