package chaos

import (
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// answer is what a request came to, as far as the next one depends on it.
type answer string

const (
	// granted: a URL that lives as long as all.
	granted answer = "granted"
	// repeated: a URL again, or one that lives for a short time: it helps for less
	// than it seems to.
	repeated answer = "granted in short"
	// rejected: a person must act.
	rejected answer = "rejected"
	// throttled: everyone with the key must wait.
	throttled answer = "throttled"
	// failed: in all other ways.
	failed answer = "failed"
	// wrong: the stand-in did not understand the request.
	wrong answer = "not understood"
)

// endpointFaults is what goes wrong with the endpoint, in the stand-in's words.
// Where two lines fit a request the first one does.
var endpointFaults = []struct {
	words  string
	answer answer
	told   time.Duration // to wait
}{
	{"throttle=11s", throttled, 11 * time.Second},
	{"throttle=0s", throttled, 0},
	{"status=503 + header=Retry-After: 12", throttled, 12 * time.Second},
	{"body-status=429,Slow down", throttled, 0},
	{"status=403", rejected, 0},
	{"body-status=401,No such key + echo-key", rejected, 0},
	{"status=500", failed, 0},
	{"status=503", failed, 0},
	{"status=408", failed, 0},
	{"body-status=500,Oops + echo-key", failed, 0},
	{"hang-up", failed, 0},
	{"cut-off", failed, 0},
	{"truncated", failed, 0},
	{"latency=15s", failed, 0}, // longer than endpointTimeout
	{"redirect=https://elsewhere.example/", failed, 0},
	{"html", failed, 0},
	{"empty", failed, 0},
	{"doctype", failed, 0},
	{"trailing", failed, 0},
	{"no-url", failed, 0},
	{"no-expire", failed, 0},
	{"duplicate-url", failed, 0},
	{"foreign-host=evil.example", failed, 0},
	{"expire-past", failed, 0},
	{"expire-relative", failed, 0},
	{"expire-far", failed, 0},
	{"life=15s", repeated, 0}, // less than what is left when a renewal is due
	{"same-url", repeated, 0},
	{"latency=400ms", granted, 0},
	{"gzip", granted, 0},
	{"padded + echo-url", granted, 0},
	{"no-status + no-date", granted, 0},
}

// untoldPause is the least that a throttled key waits when it is not told for how long.
const untoldPause = 30 * time.Second

// answerOf is what a request in the stand-in's log came to, and how long the
// client was told to wait.
func answerOf(r standin.Request) (answer, time.Duration) {
	switch r.Outcome {
	case standin.Invalid:
		return wrong, 0
	case standin.Refused:
		return rejected, 0
	case standin.Abandoned:
		return failed, 0
	}
	for _, fault := range endpointFaults {
		if strings.Contains(r.Fault, fault.words) {
			told := fault.told
			if fault.answer == throttled && told == 0 {
				told = untoldPause
			}
			return fault.answer, told
		}
	}
	if r.Outcome == standin.Granted {
		return granted, 0
	}
	return failed, 0
}

func TestTheStandInKnowsTheFaults(t *testing.T) {
	for _, fault := range endpointFaults {
		if _, err := standin.ParseFault("times=1 " + fault.words); err != nil {
			t.Error(err)
		}
	}
}
