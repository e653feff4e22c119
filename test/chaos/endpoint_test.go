//go:build long

package chaos

import (
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// faultOfEndpoint is a way in which the endpoint misbehaves.
type faultOfEndpoint struct {
	name string
	// once is set for what takes long to recover from: it befalls one request only.
	once   bool
	faults []standin.Fault
}

// endpointFaults is what goes wrong with the endpoint for a key.
var endpointFaults = []faultOfEndpoint{
	{"throttles", true, []standin.Fault{standin.Throttle(11 * time.Second)}},
	{"throttles without a time", true, []standin.Fault{standin.Throttle(0)}},
	{"503 with a time", true, []standin.Fault{standin.Status(503), standin.Header("Retry-After", "12")}},
	{"throttles in the body", true, []standin.Fault{standin.BodyStatus(429, "Slow down")}},
	{"rejects", true, []standin.Fault{standin.Status(403)}},
	{"rejects in the body", true, []standin.Fault{standin.BodyStatus(401, "No such key"), standin.EchoKey()}},
	{"500", false, []standin.Fault{standin.Status(500)}},
	{"408", false, []standin.Fault{standin.Status(408)}},
	{"500 in the body", false, []standin.Fault{standin.BodyStatus(500, "Oops"), standin.EchoKey()}},
	{"hangs up", false, []standin.Fault{standin.HangUp()}},
	{"is cut off", false, []standin.Fault{standin.CutOff()}},
	{"is truncated", false, []standin.Fault{standin.Truncated()}},
	{"does not answer in time", false, []standin.Fault{standin.Latency(2 * endpointTimeout)}},
	{"redirects", false, []standin.Fault{standin.Redirect("https://elsewhere.example/")}},
	{"a web page", false, []standin.Fault{standin.HTML()}},
	{"nothing", false, []standin.Fault{standin.Empty()}},
	{"a DOCTYPE", false, []standin.Fault{standin.Doctype()}},
	{"no URL", false, []standin.Fault{standin.NoURL()}},
	{"two URLs", false, []standin.Fault{standin.DuplicateURL()}},
	{"a foreign host", false, []standin.Fault{standin.ForeignHost("evil.example")}},
	{"an expire that is past", false, []standin.Fault{standin.ExpirePast()}},
	{"a life that is less than what is left when renewal is due", false, []standin.Fault{standin.Life(15 * time.Second)}},
	{"the same URL", false, []standin.Fault{standin.SameURL()}},
	{"takes its time", false, []standin.Fault{standin.Latency(400 * time.Millisecond)}},
	{"what the schema allows", false, []standin.Fault{standin.Padded(), standin.EchoURL(), standin.NoStatus(), standin.NoDate()}},
}
