package renewal_test

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/renewal"
)

var outcomes = []v1alpha1.Outcome{
	v1alpha1.OutcomeGranted, v1alpha1.OutcomeRejected, v1alpha1.OutcomeThrottled, v1alpha1.OutcomeUnavailable,
	v1alpha1.OutcomeMalformed,
}

// drawFacts are facts that need not have come about by any history.
func drawFacts(t *rapid.T) renewal.Facts {
	f := renewal.Facts{
		Now:            now.Add(seconds(t, "now", -3600, 3600)),
		UID:            rapid.String().Draw(t, "uid"),
		Suspended:      rapid.Bool().Draw(t, "suspended"),
		RenewBefore:    seconds(t, "renewBefore", 0, 3*24*3600),
		RenewRequest:   drawToken(t, "renewRequest"),
		HandledRequest: drawToken(t, "handledRequest"),
		Inputs:         drawInputs(t, "inputs"),
		Key:            renewal.KeyState(rapid.IntRange(0, int(renewal.KeyRead)).Draw(t, "key")),
		Secret:         renewal.SecretState(rapid.IntRange(0, int(renewal.SecretOfPredecessor)).Draw(t, "secret")),
		InStatus:       drawGrant(t, "shown"),
		Unsaved:        drawGrant(t, "unwritten"),
		Issued:         rapid.Bool().Draw(t, "issued"),
		Observed:       rapid.Bool().Draw(t, "observed"),
		Created:        now.Add(seconds(t, "created", -7200, 3600)),
		Last:           drawAttempt(t),
	}
	if f.Secret == renewal.SecretOurs || f.Secret == renewal.SecretDrifted {
		f.InSecret = drawGrant(t, "stored")
	}
	if f.Key == renewal.KeyRead {
		f.Fingerprint = drawPrint(t, "fingerprint")
	}
	if f.Last != nil {
		f.LastFingerprint = drawPrint(t, "lastFingerprint")
	}
	if rapid.Bool().Draw(t, "asked") {
		f.Asked = now.Add(seconds(t, "askedAt", -3600, 3600))
	}
	if rapid.Bool().Draw(t, "paused") {
		f.PausedUntil = now.Add(seconds(t, "pausedUntil", -3600, 3600))
	}
	if rapid.Bool().Draw(t, "queued") {
		f.QueuedSince = now.Add(seconds(t, "queuedSince", -3600, 0))
	}
	if rapid.Bool().Draw(t, "writeFailed") {
		f.Write = renewal.WriteState{
			Failed: true, Conflicted: rapid.Bool().Draw(t, "conflicted"), Refused: rapid.Bool().Draw(t, "refused"), RetryAt: now.Add(seconds(t, "retryAt", -60, 60)),
		}
	}
	return f
}

func seconds(t *rapid.T, label string, from, to int) time.Duration {
	return time.Duration(rapid.IntRange(from, to).Draw(t, label)) * s
}

func drawToken(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"", "t1", "t2"}).Draw(t, label)
}

func drawPrint(t *rapid.T, label string) string {
	return rapid.SampledFrom([]string{"", todaysPrint, otherPrint}).Draw(t, label)
}

func drawInputs(t *rapid.T, label string) v1alpha1.Inputs {
	drawn := inputs
	drawn.KeySecretResourceVersion = rapid.SampledFrom([]string{"100", "101"}).Draw(t, label+".version")
	drawn.Purge = rapid.SampledFrom([]v1alpha1.Purge{"", v1alpha1.PurgeProcess}).Draw(t, label+".purge")
	return drawn
}

func drawGrant(t *rapid.T, label string) *renewal.Grant {
	if rapid.Bool().Draw(t, label+".none") {
		return nil
	}
	g := grant(seconds(t, label+".ago", -3600, 3*24*3600), seconds(t, label+".life", 1, 3*24*3600),
		serverAhead(seconds(t, label+".offset", -3600, 3600)))
	g.Inputs, g.Fingerprint = drawInputs(t, label), drawPrint(t, label+".fingerprint")
	return g
}

func drawAttempt(t *rapid.T) *v1alpha1.Attempt {
	if rapid.Bool().Draw(t, "last.none") {
		return nil
	}
	at := now.Add(seconds(t, "last.at", -7200, 3600)).Truncate(s)
	last := &v1alpha1.Attempt{
		Time:         metav1.NewTime(at),
		Inputs:       drawInputs(t, "last.inputs"),
		RenewRequest: drawToken(t, "last.token"),
		Outcome:      rapid.SampledFrom(outcomes).Draw(t, "last.outcome"),
		Failures:     rapid.Int32().Draw(t, "last.failures"),
	}
	if rapid.Bool().Draw(t, "last.next") {
		next := metav1.NewTime(at.Add(seconds(t, "last.wait", 10, 3600)))
		last.NextTime = &next
	}
	return last
}

func drawAnswer(t *rapid.T, at time.Time) renewal.Result {
	a := renewal.Result{At: at, Outcome: rapid.SampledFrom(outcomes).Draw(t, "outcome")}
	switch a.Outcome {
	case v1alpha1.OutcomeGranted:
		issued := at.Truncate(s)
		a.Grant = &renewal.Grant{Issued: issued, Expire: issued.Add(lives(t)), Inputs: inputs, Fingerprint: todaysPrint}
	case v1alpha1.OutcomeThrottled:
		a.PausedUntil = at.Add(seconds(t, "pause", 10, 3600))
	}
	return a
}
