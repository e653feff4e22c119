package renewal_test

import (
	"encoding/binary"
	"testing"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// FuzzDecide decides on facts as users, clusters and endpoints may leave them:
// statuses and annotations can be edited by hand, so any instant may stand there.
func FuzzDecide(f *testing.F) {
	f.Add([]byte{})
	f.Add([]byte("a session, as it may be found in the status and in its Secret"))
	f.Fuzz(func(t *testing.T, data []byte) {
		from := tape(data)
		facts := from.facts()
		checkPlan(t, facts, renewal.Decide(facts))

		outcome := outcomes[from.below(len(outcomes))]
		answer := renewal.Result{At: facts.Now, Outcome: outcome, PausedUntil: facts.Now.Add(m)}
		if outcome == v1alpha1.OutcomeGranted {
			answer.Grant = from.grant(facts.Now)
		}
		if last := renewal.NextAttempt(facts, answer); last != nil && !last.NextTime.After(facts.Now) {
			t.Errorf("%s: asks again at %v, which is not after %v", outcome, last.NextTime, facts.Now)
		}
	})
}

// tape is what is left of the fuzzer's bytes; zeros follow its end.
type tape []byte

func (t *tape) next() byte {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return b
}

func (t *tape) below(n int) int { return int(t.next()) % n }

func (t *tape) flag() bool { return t.next()&1 == 1 }

// duration is up to a lifetime of 68 years, either way.
func (t *tape) duration() time.Duration {
	word := []byte{t.next(), t.next(), t.next(), t.next()}
	return time.Duration(int32(binary.LittleEndian.Uint32(word))) * s
}

// near is mostly within hours.
func (t *tape) near(at time.Time) time.Time {
	if t.flag() {
		return at.Add(t.duration())
	}
	return at.Add(time.Duration(int8(t.next())) * time.Duration(t.next()) * s)
}

func (t *tape) text() string { return []string{"", "a", "b"}[t.below(3)] }

func (t *tape) inputs() v1alpha1.Inputs {
	in := inputs
	in.KeySecretResourceVersion, in.Purge = t.text(), v1alpha1.Purge(t.text())
	return in
}

func (t *tape) grant(at time.Time) *renewal.Grant {
	if t.flag() {
		return nil
	}
	return &renewal.Grant{
		Issued: t.near(at), Expire: t.near(at), Offset: t.near(at).Sub(at), Inputs: t.inputs(), Fingerprint: t.print(),
	}
}

func (t *tape) print() string { return []string{"", todaysPrint, otherPrint}[t.below(3)] }

func (t *tape) attempt(at time.Time) *v1alpha1.Attempt {
	if t.flag() {
		return nil
	}
	last := &v1alpha1.Attempt{
		Time:         metav1.NewTime(t.near(at)),
		Inputs:       t.inputs(),
		RenewRequest: t.text(),
		Outcome:      append(outcomes, "Unheard")[t.below(len(outcomes)+1)],
		Failures:     int32(t.duration() / s),
	}
	if t.flag() {
		next := metav1.NewTime(t.near(at))
		last.NextTime = &next
	}
	return last
}

func (t *tape) facts() renewal.Facts {
	at := time.Unix(1_500_000_000, 0).Add(t.duration())
	f := renewal.Facts{
		Now:             at,
		UID:             t.text(),
		Suspended:       t.flag(),
		RenewBefore:     max(t.duration(), 0),
		RenewRequest:    t.text(),
		HandledRequest:  t.text(),
		Inputs:          t.inputs(),
		Key:             renewal.KeyState(t.below(int(renewal.KeyRead) + 1)),
		Fingerprint:     t.print(),
		Secret:          renewal.SecretState(t.below(int(renewal.SecretOfPredecessor) + 1)),
		InSecret:        t.grant(at),
		InStatus:        t.grant(at),
		Unsaved:         t.grant(at),
		Issued:          t.flag(),
		Last:            t.attempt(at),
		LastFingerprint: t.print(),
		Asked:           t.near(at),
		PausedUntil:     t.near(at),
	}
	if t.flag() {
		f.QueuedSince, f.Created, f.RecheckAt, f.Observed = t.near(at), t.near(at), t.near(at), t.flag()
	}
	if t.flag() {
		f.Write = renewal.WriteState{Failed: true, Refused: t.flag(), RetryAt: t.near(at)}
	}
	return f
}
