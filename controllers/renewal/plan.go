package renewal

import (
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// Step is what the shell does next.
type Step int

// Steps, each followed by another decision, except Wait.
const (
	// Wait does nothing until Plan.Wake.
	Wait Step = iota
	// ReadKey reads the API key.
	ReadKey
	// Ask asks the endpoint for a URL.
	Ask
	// Store writes Plan.Grant into the generated Secret.
	Store
	// Tidy puts the labels and annotations of the generated Secret in order.
	Tidy
	// Rehearse tries, without effect, whether the generated Secret can be written.
	Rehearse
)

// Cause is why a URL is wanted.
type Cause string

// Causes, the only ones for which a request is ever spent.
const (
	// NoCause: none is wanted now.
	NoCause Cause = ""
	// NoneAlive: there is no URL that is alive.
	NoneAlive Cause = "NoneAlive"
	// InputsChanged: the one that is alive was asked for with other inputs.
	InputsChanged Cause = "InputsChanged"
	// RenewalDue: the one that is alive is to be replaced.
	RenewalDue Cause = "RenewalDue"
	// Requested: somebody asked for a fresh one.
	Requested Cause = "Requested"
)

// Plan is a decision.
type Plan struct {
	// Step is what to do now.
	Step Step
	// Rule names the rule that decided.
	Rule string
	// Cause is why a URL is wanted, also while something holds the request up.
	Cause Cause
	// Blocked is what holds it up, or will: a reason of the API, or empty.
	Blocked string
	// Grant is what to store, with the step Store.
	Grant *Grant
	// Held is the grant that is alive, nil if there is none.
	Held *Grant
	// Current says that Held was granted for today's inputs.
	Current bool
	// Due is when Held is to be replaced; zero without it.
	Due time.Time
	// Wake is when to decide again, with the step Wait.
	Wake time.Time
}

func metaTime(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

func roundUp(t time.Time) time.Time {
	if whole := t.Truncate(time.Second); whole.Before(t) {
		return whole.Add(time.Second)
	}
	return t
}
