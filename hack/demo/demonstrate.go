package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/meta"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/standin"
)

// life of each URL, whatever is asked for: short enough to see renewals, and long
// enough for one to fail and be tried again ten seconds later.
const life = 40 * time.Second

const introduction = `A BillingSession is a Kubernetes resource that keeps a URL of a group's Xtracta billing page at hand.
Such a URL needs no login and expires soon; the operator replaces it in time. This shows it with the
real operator, a real API server and a stand-in of Xtracta's endpoint, all on this machine. URLs live
for 40 seconds here, instead of ten minutes, so that all of it takes about a minute.`

// demonstrate sets up, goes through the steps and stops everything.
func demonstrate(ctx context.Context, out *printer) (err error) {
	out.text(introduction)
	out.title("Set up")
	running, stage, err := setUp(ctx, out, standin.AcceptAnyKey(), standin.WithMaxLife(life))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, stage.strike(err)) }()

	d := &demo{stage: stage, out: out}
	began := out.elapsed()
	for i, step := range steps {
		out.title(fmt.Sprintf("%d. %s", i+1, step.title))
		if err := d.perform(running, step); err != nil {
			return stage.explain(err)
		}
	}
	out.title("Done")
	out.sawf("All %d steps were seen, in %s and with %d requests.",
		len(steps), seconds(out.elapsed()-began), d.endpoint.Total())
	out.asidef("To look around yourself, with kubectl: make run")
	return nil
}

// demo is what the steps share: where they play, and the session they are about.
type demo struct {
	*stage
	out *printer
	example
}

// perform goes through a step, and holds it to the requests that it may cost.
func (d *demo) perform(ctx context.Context, s step) error {
	before := d.endpoint.Total()
	if err := s.see(ctx, d); err != nil {
		return err
	}
	spent := d.endpoint.Total() - before
	if spent != s.requests {
		return fmt.Errorf("the endpoint got %d requests in this step, instead of %d", spent, s.requests)
	}
	d.out.asidef("Requests to the endpoint: %d", spent)
	return nil
}

// state is a session and its generated Secret at one moment.
type state struct {
	session *v1alpha1.BillingSession
	secret  *corev1.Secret
}

func (s state) url() string { return string(s.secret.Data[v1alpha1.SecretKeyURL]) }

// left is for how long the URL still lives.
func (s state) left() time.Duration { return time.Until(s.session.Status.ExpirationTime.Time) }

// condition is one of the session, or an unknown one of no words.
func (s state) condition(kind string) metav1.Condition {
	if found := meta.FindStatusCondition(s.session.Status.Conditions, kind); found != nil {
		return *found
	}
	return metav1.Condition{Type: kind, Status: metav1.ConditionUnknown}
}

// now reads the state, with an empty Secret while there is none.
func (d *demo) now(ctx context.Context) (state, error) {
	session, err := d.cluster.session(ctx, d.session)
	if err != nil {
		return state{}, err
	}
	secret, err := d.cluster.secret(ctx, d.secret)
	return state{session, secret}, client.IgnoreNotFound(err)
}

// await looks until the state is as wanted.
func (d *demo) await(ctx context.Context, bound time.Duration, want string, missing func(state) error) (state, error) {
	var seen state
	err := until(ctx, bound, want, func(ctx context.Context) error {
		var err error
		if seen, err = d.now(ctx); err != nil {
			return err
		}
		return missing(seen)
	})
	return seen, err
}

// missingReady says what is missing for the session to be ready for its spec as
// it is, with a URL in its Secret.
func missingReady(s state) error {
	ready := s.condition(v1alpha1.ConditionReady)
	switch {
	case ready.Reason == "" || s.session.Status.ObservedGeneration != s.session.Generation:
		return errors.New("the operator has not looked at it")
	case ready.Status != metav1.ConditionTrue:
		return fmt.Errorf("it is not ready: %s: %s", ready.Reason, ready.Message)
	case s.url() == "":
		return errors.New("it is ready, but its Secret holds no URL")
	}
	return nil
}

// showRow prints what kubectl would.
func (d *demo) showRow(ctx context.Context) error {
	row, err := d.cluster.row(ctx, d.session)
	if err != nil {
		return err
	}
	d.out.block("$ kubectl get billingsession " + d.session.Name + "\n" + row)
	return nil
}
