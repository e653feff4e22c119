//go:build long

package chaos

import (
	"time"

	"github.com/xtracta/billing-operator/test/standin"
)

// endpointFault is a way in which the endpoint misbehaves.
type faultOfEndpoint struct {
	name   string
	faults []standin.Fault
	// once is set for what takes long to recover from: it befalls one request only.
	once bool
}

// with is the fault for that share of the requests.
func (f faultOfEndpoint) with(share float64) standin.Fault {
	if f.once {
		return standin.Times(1, f.faults...)
	}
	return standin.Sometimes(share, f.faults...)
}

func fault(name string, faults ...standin.Fault) faultOfEndpoint {
	return faultOfEndpoint{name: name, faults: faults}
}

func faultOnce(name string, faults ...standin.Fault) faultOfEndpoint {
	return faultOfEndpoint{name: name, faults: faults, once: true}
}

var standinDown = standin.Status(503)

// endpointFaults is what goes wrong with the endpoint for a key.
var endpointFaults = []faultOfEndpoint{
	faultOnce("throttles", standin.Throttle(11*time.Second)),
	faultOnce("throttles without a time", standin.Throttle(0)),
	faultOnce("503 with a time", standin.Status(503), standin.Header("Retry-After", "12")),
	faultOnce("throttles in the body", standin.BodyStatus(429, "Slow down")),
	faultOnce("rejects", standin.Status(403)),
	faultOnce("rejects in the body", standin.BodyStatus(401, "No such key"), standin.EchoKey()),
	fault("500", standin.Status(500)),
	fault("408", standin.Status(408)),
	fault("500 in the body", standin.BodyStatus(500, "Oops"), standin.EchoKey()),
	fault("hangs up", standin.HangUp()),
	fault("is cut off", standin.CutOff()),
	fault("is truncated", standin.Truncated()),
	fault("does not answer in time", standin.Latency(2*endpointTimeout)),
	fault("redirects", standin.Redirect("https://elsewhere.example/")),
	fault("a web page", standin.HTML()),
	fault("nothing", standin.Empty()),
	fault("a DOCTYPE", standin.Doctype()),
	fault("no URL", standin.NoURL()),
	fault("two URLs", standin.DuplicateURL()),
	fault("a foreign host", standin.ForeignHost("evil.example")),
	fault("an expire that is past", standin.ExpirePast()),
	fault("a life that is less than what is left when renewal is due", standin.Life(15*time.Second)),
	fault("the same URL", standin.SameURL()),
	fault("takes its time", standin.Latency(400*time.Millisecond)),
	fault("what the schema allows", standin.Padded(), standin.EchoURL(), standin.NoStatus(), standin.NoDate()),
}
