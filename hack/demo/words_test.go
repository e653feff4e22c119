package main

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/xtracta/billing-operator/hack/controlplane"
	"github.com/xtracta/billing-operator/test/standin"
)

func TestEntriesTellsLengthsAndNoValues(t *testing.T) {
	secret := &corev1.Secret{Data: map[string][]byte{"url": []byte("https://secret.example"), "expire": []byte("1795358209")}}
	if got, want := entries(secret), "expire (10 bytes) and url (22 bytes)"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTitleOf(t *testing.T) {
	for _, row := range []struct{ why, page, want string }{
		{"a title is read as a browser reads it", "<head>\n<title>Lindqvist &amp; Berg</title>", "Lindqvist & Berg"},
		{"a page without one has to be told about all the same", "<p>hello", "(no title)"},
	} {
		if got := titleOf([]byte(row.page)); got != row.want {
			t.Errorf("%s: got %q, want %q", row.why, got, row.want)
		}
	}
}

func TestDescribeTellsWhatCameOfARequest(t *testing.T) {
	for _, row := range []struct {
		why  string
		r    standin.Request
		want string
	}{
		{"a grant has a life", standin.Request{Key: "a1", Outcome: standin.Granted, Status: 200, Life: 2 * time.Minute}, "key a1: granted for 2m0s"},
		{"a fault has a name", standin.Request{Key: "a1", Outcome: standin.Faulted, Status: 503, Fault: "status=503"}, "key a1: faulted with 503 (status=503)"},
		{"a refusal has none", standin.Request{Key: "a1", Outcome: standin.Refused, Status: 403}, "key a1: refused with 403"},
	} {
		if got := describe(row.r); !strings.HasSuffix(got, "  "+row.want) {
			t.Errorf("%s: got %q, want %q at the end", row.why, got, row.want)
		}
	}
}

func TestGuideLeavesNoPlaceholder(t *testing.T) {
	s := &stage{plane: &controlplane.ControlPlane{}, baseURL: "http://endpoint", metrics: "metrics:1", manager: &manager{logPath: "a.log"}}
	guide := s.guide(example{session: client.ObjectKey{Name: "acme"}, secret: client.ObjectKey{Name: "acme-url"}})
	allowed := map[string]bool{"KUBECONFIG": true, "URL": true, "POST": true}
	for _, word := range regexp.MustCompile(`\b[A-Z_]{3,}\b`).FindAllString(guide, -1) {
		if !allowed[word] {
			t.Errorf("the placeholder %s is left in:\n%s", word, guide)
		}
	}
}

func TestUntilSaysWhatWasWantedAndWhatIsMissing(t *testing.T) {
	missing := errors.New("it is not there")
	err := until(t.Context(), time.Millisecond, "a thing appears", func(context.Context) error { return missing })
	if !errors.Is(err, missing) || !strings.Contains(err.Error(), "a thing appears") {
		t.Errorf("got %v", err)
	}
}

func TestUntilSaysWhyItWasCutShort(t *testing.T) {
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errStopped)
	err := until(ctx, time.Minute, "a thing appears", func(context.Context) error { return errors.New("it is not there") })
	if !errors.Is(err, errStopped) {
		t.Errorf("got %v, want %v", err, errStopped)
	}
}
