package main

import (
	"fmt"
	"io"
	"time"

	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/cli-runtime/pkg/printers"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/controllers/status"
)

// statusExplanation explains a session from its status, for users who may not read all
// that the controller decides on.
type statusExplanation struct {
	cluster *cluster
	session *v1alpha1.BillingSession
	state   state
	at      time.Time
	unread  error
}

func explainStatus(c *cluster, unread *unreadableError, now time.Time) *statusExplanation {
	return &statusExplanation{cluster: c, session: unread.session, state: stateOf(unread.session, now, formatDuration), at: now, unread: unread}
}

func (e *statusExplanation) write(out io.Writer) error {
	if _, err := fmt.Fprintf(out, "Session %s in namespace %s\n\n", e.session.Name, e.session.Namespace); err != nil {
		return err
	}
	lines := printers.GetNewTabWriter(out)
	for _, line := range [][2]string{{"Now:", e.now()}, {"Next:", e.next()}, {"You:", e.toDo()},
		{"Unread:", fmt.Sprintf("This is what the status says. The controller's rules are left out, because not everything could be read: %v.", e.unread)}} {
		fmt.Fprintf(lines, "%s\t%s\n", line[0], escapeLine(line[1]))
	}
	return lines.Flush()
}

func (e *statusExplanation) now() string {
	alive := ""
	if expires := status.ExpiryOf(&e.session.Status); e.at.Before(expires) {
		alive = fmt.Sprintf("The URL works for %s more, until %s.", formatDuration(expires.Sub(e.at)), formatTime(expires))
	}
	switch {
	case e.state.ready == string(metav1.ConditionUnknown):
		return asSentence(e.state.message)
	case e.state.severity == severityError:
		return joinSentences(fmt.Sprintf("Not ready (%s).", e.state.cause), asSentence(e.state.message), alive)
	case e.state.cause != "":
		return joinSentences(fmt.Sprintf("Ready, but renewal is failing (%s).", e.state.cause), asSentence(e.state.message), alive)
	}
	return joinSentences("Ready.", alive)
}

func (e *statusExplanation) next() string {
	at := status.NextRequest(e.session)
	switch {
	case e.state.ready == string(metav1.ConditionUnknown):
		return "The controller looks at the session as soon as it can."
	case e.session.Spec.Suspend, e.state.renews == none:
		return "Nothing until somebody acts."
	case !e.at.Before(at.Time):
		return "The controller asks the endpoint for a URL as soon as it is the session's turn."
	}
	return fmt.Sprintf("The controller asks for the next URL in %s, at %s.", formatDuration(at.Sub(e.at)), formatTime(at.Time))
}

func (e *statusExplanation) toDo() string {
	switch {
	case e.state.ready == string(metav1.ConditionUnknown):
		return "If this does not change, check that the controller runs and serves this namespace."
	case e.session.Spec.Suspend:
		return "To resume it, run: " + e.cluster.advise("resume %s", e.session.Name)
	case meta.IsStatusConditionTrue(e.session.Status.Conditions, v1alpha1.ConditionStalled), lacksKey(e.state.cause):
		return "Do what is said above. The controller then continues without further help."
	}
	return "Nothing needs to be done."
}
