package renewal_test

import (
	"math/rand/v2"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

// now is somewhere in this century and not on a whole second: a decision that
// looked at the machine's own clock would show.
var now = time.Unix(978307200+rand.Int64N(90*365*24*3600), 250_000_000).UTC()

// inputs are today's unless a row says otherwise.
var inputs = v1alpha1.Inputs{
	KeySecretUID:             "key-uid",
	KeySecretResourceVersion: "100",
	KeySecretKey:             "api-key",
	Purge:                    v1alpha1.PurgeProcess,
	ExpirationSeconds:        600,
	Endpoint:                 "https://api.example/v1/billings/billing_ui",
}

const (
	todaysPrint = "today"
	otherPrint  = "other"
	uid         = "3f1c9d7e"
)

// grant was issued so long ago for so long; it is for today's inputs.
func grant(ago, life time.Duration, options ...func(*renewal.Grant)) *renewal.Grant {
	issued := now.Add(-ago).Truncate(time.Second)
	g := &renewal.Grant{Expire: issued.Add(life), Issued: issued, Inputs: inputs, Fingerprint: todaysPrint}
	for _, o := range options {
		o(g)
	}
	return g
}

// Grants of the default life, told by where they stand in it.
func fresh(options ...func(*renewal.Grant)) *renewal.Grant {
	return grant(time.Minute, 10*time.Minute, options...)
}
func due(options ...func(*renewal.Grant)) *renewal.Grant {
	return grant(9*time.Minute, 10*time.Minute, options...)
}
func dead(options ...func(*renewal.Grant)) *renewal.Grant {
	return grant(time.Hour, 10*time.Minute, options...)
}

// older makes a grant one for another purge than today's.
func older(g *renewal.Grant) {
	g.Inputs.Purge, g.Fingerprint = v1alpha1.PurgeDelete, otherPrint
}

// unprinted is how a grant comes back from the status: nothing in it is derived
// from the key.
func unprinted(g *renewal.Grant) { g.Fingerprint = "" }

// serverAhead keeps the life, as told by an endpoint whose clock is ahead.
func serverAhead(by time.Duration) func(*renewal.Grant) {
	return func(g *renewal.Grant) { g.Expire, g.Offset = g.Expire.Add(by), by }
}

type fact func(*renewal.Facts)

// rest is a session at rest: a fresh URL in its Secret and in its status.
func rest(changes ...fact) renewal.Facts {
	f := renewal.Facts{
		Now:         now,
		UID:         uid,
		Inputs:      inputs,
		Key:         renewal.KeyRead,
		Fingerprint: todaysPrint,
		Issued:      true,
	}
	holds(fresh())(&f)
	for _, change := range changes {
		change(&f)
	}
	return f
}

// holds puts the grant into the Secret, and into the status as it is kept there.
func holds(g *renewal.Grant) fact {
	return func(f *renewal.Facts) {
		shown := *g
		shown.Fingerprint = ""
		f.Secret, f.InSecret, f.InStatus = renewal.SecretOurs, g, &shown
	}
}

// empty is a session that has nothing yet.
func empty(f *renewal.Facts) {
	f.Secret, f.InSecret, f.InStatus, f.Unsaved, f.Issued = renewal.SecretAbsent, nil, nil, nil, false
}

// secret is the state of the Secret; only one that is ours tells its grant.
func secret(s renewal.SecretState) fact {
	return func(f *renewal.Facts) {
		f.Secret = s
		if s != renewal.SecretOurs && s != renewal.SecretDrifted {
			f.InSecret = nil
		}
	}
}

// hidden is spec.urlInStatus Hidden.
func hidden(f *renewal.Facts) { f.InStatus = nil }

func shows(g *renewal.Grant) fact { return func(f *renewal.Facts) { f.InStatus = g } }

func remembers(g *renewal.Grant) fact { return func(f *renewal.Facts) { f.Unsaved = g } }

func key(s renewal.KeyState) fact {
	return func(f *renewal.Facts) {
		f.Key = s
		if s != renewal.KeyRead {
			f.Fingerprint = ""
		}
		if s == renewal.KeyMissing {
			f.Inputs.KeySecretUID, f.Inputs.KeySecretResourceVersion = "", ""
		}
	}
}

// reapplied is the key's Secret applied again with the value it had.
func reapplied(f *renewal.Facts) { f.Inputs.KeySecretResourceVersion = "101" }

// rotated is a new value of the key.
func rotated(f *renewal.Facts) { reapplied(f); f.Fingerprint = otherPrint }

func suspended(f *renewal.Facts) { f.Suspended = true }

func token(t string) fact { return func(f *renewal.Facts) { f.RenewRequest = t } }

func handled(t string) fact { return func(f *renewal.Facts) { f.HandledRequest = t } }

func renewBefore(d time.Duration) fact { return func(f *renewal.Facts) { f.RenewBefore = d } }

func asked(ago time.Duration) fact { return func(f *renewal.Facts) { f.Asked = now.Add(-ago) } }

func paused(d time.Duration) fact { return func(f *renewal.Facts) { f.PausedUntil = now.Add(d) } }

func writeFailed(retry time.Duration) fact {
	return func(f *renewal.Facts) { f.Write = renewal.WriteState{Failed: true, RetryAt: now.Add(retry)} }
}

func writeRefused(retry time.Duration) fact {
	return func(f *renewal.Facts) { writeFailed(retry)(f); f.Write.Refused = true }
}

func restarted(f *renewal.Facts) {
	f.Unsaved, f.LastFingerprint, f.Asked, f.PausedUntil, f.Write = nil, "", time.Time{}, time.Time{}, renewal.WriteState{}
	key(renewal.KeyUnread)(f)
}

func clock(ahead time.Duration) fact { return func(f *renewal.Facts) { f.Now = f.Now.Add(ahead) } }

// failed is an attempt with today's inputs a minute ago, the next so far ahead.
func failed(o v1alpha1.Outcome, next time.Duration, changes ...func(*v1alpha1.Attempt)) fact {
	return func(f *renewal.Facts) {
		when := metav1.NewTime(now.Add(next).Truncate(time.Second))
		f.Last = &v1alpha1.Attempt{
			Time:     metav1.NewTime(now.Add(-time.Minute).Truncate(time.Second)),
			Inputs:   inputs,
			Outcome:  o,
			Failures: 1,
			NextTime: &when,
		}
		f.LastFingerprint = todaysPrint
		for _, change := range changes {
			change(f.Last)
		}
	}
}

func with(t string) func(*v1alpha1.Attempt) {
	return func(a *v1alpha1.Attempt) { a.RenewRequest = t }
}

func times(n int32) func(*v1alpha1.Attempt) { return func(a *v1alpha1.Attempt) { a.Failures = n } }

// openEnded makes an attempt one that does not say when the next follows.
func openEnded(a *v1alpha1.Attempt) { a.NextTime = nil }
