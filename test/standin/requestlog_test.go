package standin_test

import (
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

func TestSummary(t *testing.T) {
	for _, row := range []struct {
		why     string
		request standin.Request
		want    string
	}{
		{"a grant has a lifetime", standin.Request{Key: "a1", Outcome: standin.Granted, Status: 200, Life: 2 * time.Minute}, "key a1: granted for 2m0s"},
		{"a grant may have a fault", standin.Request{Key: "a1", Outcome: standin.Granted, Status: 200, Life: time.Minute, Fault: "no-date"}, "key a1: granted for 1m0s (no-date)"},
		{"a fault has a name", standin.Request{Key: "a1", Outcome: standin.Faulted, Status: 503, Fault: "status=503"}, "key a1: faulted with 503 (status=503)"},
		{"a refusal has no fault", standin.Request{Key: "a1", Outcome: standin.Refused, Status: 403}, "key a1: refused with 403"},
		{"without an answer there is no status", standin.Request{Key: "a1", Outcome: standin.Abandoned}, "key a1: abandoned"},
		{"a request may have no key", standin.Request{Outcome: standin.Invalid, Status: 422}, "key -: invalid with 422"},
	} {
		if got := row.request.Summary(); got != row.want {
			t.Errorf("%s: got %q, want %q", row.why, got, row.want)
		}
	}
}
