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
	{"throttles in the body", true, []standin.Fault{standin.BodyStatus(429, "Slow down")}},
	{"rejects in the body", true, []standin.Fault{standin.BodyStatus(401, "No such key"), standin.EchoKey()}},
	{"500", false, []standin.Fault{standin.Status(500)}},
	{"is cut off", false, []standin.Fault{standin.CutOff()}},
	{"does not answer in time", false, []standin.Fault{standin.Latency(2 * endpointTimeout)}},
	{"a web page", false, []standin.Fault{standin.HTML()}},
	{"a foreign host", false, []standin.Fault{standin.ForeignHost("evil.example")}},
	{"a life that is less than what is left when renewal is due", false, []standin.Fault{standin.Life(15 * time.Second)}},
	{"the same URL", false, []standin.Fault{standin.SameURL()}},
	{"what the schema allows", false, []standin.Fault{standin.SchemaRoot(), standin.EchoURL()}},
}
