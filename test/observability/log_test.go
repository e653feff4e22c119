//go:build long

package observability

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"

	eventsv1 "k8s.io/api/events/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/api/v1alpha1"
	"github.com/xtracta/billing-operator/test/env"
)

// stories are what happened to the sessions on the bad day, in order, by the reasons of their events.
// What was mended is over; how the day went on for all is not told again.
var stories = map[string][]string{
	"healthy":   {v1alpha1.ReasonIssued},
	"rejected":  {v1alpha1.ReasonRejected, v1alpha1.ReasonIssued},
	"throttled": {v1alpha1.ReasonThrottled, v1alpha1.ReasonIssued},
	"broken":    {v1alpha1.ReasonUnavailable, v1alpha1.ReasonIssued},
	"expiring":  {v1alpha1.ReasonIssued, v1alpha1.ReasonUnavailable, v1alpha1.ReasonExpired, v1alpha1.ReasonRecovered},
	"keyless":   {v1alpha1.ReasonIssued}, // its key came within two minutes: nobody is told
	"suspended": {},                      // somebody wished it so
}

// brokenFile is the one thing of that day that the log calls an error: a person must write the
// file of --endpoint-ca-file anew.
var brokenFile = regexp.MustCompile(`^The file of --endpoint-ca-file cannot be used`)

// line is what counts here of a line of the log.
type line struct {
	Level, Msg, Name, Cause, Reason, Message, Next, Expires string
}

// expectLog reads the log as somebody at night would.
func (s *stage) expectLog(t *testing.T) {
	text := ""
	for _, log := range s.log {
		text += log.String()
	}
	for entry := range strings.Lines(text) {
		var l line
		decode(t, []byte(entry), &l)
		if brokenFile.MatchString(l.Msg) == (l.Level == "INFO") || strings.Contains(l.Msg, "healthz") {
			t.Errorf("this needs nobody's attention: %s", entry)
		}
		const granted, inVain, again = "The endpoint granted a URL", "The endpoint granted no URL", "; it will be asked again"
		switch l.Msg {
		case "The session changed":
			if l.Reason == "" || l.Message == "" {
				t.Errorf("this does not say what has changed: %s", entry)
			}
		case granted, granted + again:
			if l.Cause == "" || l.Expires == "" {
				t.Errorf("this does not say why a URL was asked for, or until when it works: %s", entry)
			}
		case inVain + again:
			if l.Cause == "" || l.Message == "" || l.Next == "" {
				t.Errorf("this does not say why there is no URL, or when it is asked again: %s", entry)
			}
		default:
			if l.Name != "" && l.Name != "health probe" {
				t.Errorf("this is no part of a session's story: %s", entry)
			}
		}
	}
	for _, secret := range []string{env.KeyPrefix, "index.html"} {
		if strings.Contains(text, secret) {
			t.Errorf("it holds %q", secret)
		}
	}
}

// expectEvents looks for each story in the events.
func (s *stage) expectEvents(t *testing.T) {
	for name, want := range stories {
		env.Eventually(t, "the events of "+name, func() string {
			got := s.told(name)
			return env.Unless(len(got) >= len(want) && slices.Equal(got[:len(want)], want), fmt.Sprintf("%q, want %q", got, want))
		})
	}
}

// told are the reasons of a session's events, oldest first.
func (s *stage) told(name string) (reasons []string) {
	s.T.Helper()
	var events eventsv1.EventList
	if err := s.Client.List(s.T.Context(), &events, client.InNamespace(namespace)); err != nil {
		s.T.Fatal(err)
	}
	slices.SortFunc(events.Items, func(a, b eventsv1.Event) int { return a.EventTime.Compare(b.EventTime.Time) })
	for _, event := range events.Items {
		if event.Regarding.Name == name {
			reasons = append(reasons, event.Reason)
		}
	}
	return reasons
}

// waitForEvents waits until a namespace has so many events.
func (s *stage) waitForEvents(namespace string, n int) {
	s.T.Helper()
	s.Eventually(fmt.Sprintf("%d events in %s", n, namespace), func() string {
		var events eventsv1.EventList
		if err := s.Client.List(s.T.Context(), &events, client.InNamespace(namespace)); err != nil {
			s.T.Fatal(err)
		}
		return env.Unless(len(events.Items) >= n, fmt.Sprint(len(events.Items)))
	})
}
