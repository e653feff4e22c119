// Package renewaltest makes facts of bytes, so that whatever depends on a decision can be
// fuzzed with the same corpus as the decision itself.
package renewaltest

import (
	"encoding/binary"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// Outcomes are all outcomes of a request.
var Outcomes = []v1alpha1.Outcome{
	v1alpha1.OutcomeGranted, v1alpha1.OutcomeRejected, v1alpha1.OutcomeThrottled, v1alpha1.OutcomeUnavailable,
	v1alpha1.OutcomeMalformed,
}

// Tape is what is left of the fuzzer's bytes; zeros follow its end.
type Tape []byte

func (t *Tape) next() byte {
	if len(*t) == 0 {
		return 0
	}
	b := (*t)[0]
	*t = (*t)[1:]
	return b
}

// Below is a number from 0 to n-1.
func (t *Tape) Below(n int) int { return int(t.next()) % n }

func (t *Tape) flag() bool { return t.next()&1 == 1 }

// duration is up to a lifetime of 68 years, either way.
func (t *Tape) duration() time.Duration {
	word := []byte{t.next(), t.next(), t.next(), t.next()}
	return time.Duration(int32(binary.LittleEndian.Uint32(word))) * time.Second
}

// near is mostly within hours.
func (t *Tape) near(at time.Time) time.Time {
	if t.flag() {
		return at.Add(t.duration())
	}
	return at.Add(time.Duration(int8(t.next())) * time.Duration(t.next()) * time.Second)
}

func (t *Tape) text() string { return []string{"", "a", "b"}[t.Below(3)] }

func (t *Tape) inputs() v1alpha1.Inputs {
	return v1alpha1.Inputs{
		KeySecretUID: "key-uid", KeySecretResourceVersion: t.text(), KeySecretKey: "api-key",
		Purge: v1alpha1.Purge(t.text()), ExpirationSeconds: 600, Endpoint: "https://api.example/v1/billings/billing_ui",
	}
}

// Grant is a grant that may have been given around an instant, or nil.
func (t *Tape) Grant(at time.Time) *renewal.Grant {
	if t.flag() {
		return nil
	}
	return &renewal.Grant{
		Issued: t.near(at), Expire: t.near(at), Offset: t.near(at).Sub(at), Inputs: t.inputs(), Fingerprint: t.print(),
	}
}

func (t *Tape) print() string { return []string{"", "today", "other"}[t.Below(3)] }

func (t *Tape) attempt(at time.Time) *v1alpha1.Attempt {
	if t.flag() {
		return nil
	}
	last := &v1alpha1.Attempt{
		Time:         metav1.NewTime(t.near(at)),
		Inputs:       t.inputs(),
		RenewRequest: t.text(),
		Outcome:      append(Outcomes, "Unheard")[t.Below(len(Outcomes)+1)],
		Failures:     int32(t.duration() / time.Second),
	}
	if t.flag() {
		next := metav1.NewTime(t.near(at))
		last.NextTime = &next
	}
	return last
}

// Facts are facts that need not have come about by any history.
func (t *Tape) Facts() renewal.Facts {
	at := time.Unix(1_500_000_000, 0).Add(t.duration())
	f := renewal.Facts{
		Now:             at,
		UID:             t.text(),
		Suspended:       t.flag(),
		RenewBefore:     max(t.duration(), 0),
		RenewRequest:    t.text(),
		HandledRequest:  t.text(),
		Inputs:          t.inputs(),
		Key:             renewal.KeyState(t.Below(int(renewal.KeyRead) + 1)),
		Fingerprint:     t.print(),
		Secret:          renewal.SecretState(t.Below(int(renewal.SecretOfPredecessor) + 1)),
		InSecret:        t.Grant(at),
		InStatus:        t.Grant(at),
		Unsaved:         t.Grant(at),
		Issued:          t.flag(),
		Last:            t.attempt(at),
		LastFingerprint: t.print(),
		Asked:           t.near(at),
		PausedUntil:     t.near(at),
	}
	if t.flag() {
		f.QueuedSince, f.Created, _, f.Observed = t.near(at), t.near(at), t.near(at), t.flag() // the corpus has one more
	}
	if t.flag() {
		f.Write = renewal.WriteState{Failed: true, Refused: t.flag(), RetryAt: t.near(at)}
	}
	return f
}
