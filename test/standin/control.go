package standin

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"
)

const controlPath = "/_standin/"

// ControlHelp tells how to use the control API of a server at that base URL with
// curl.
func ControlHelp(base string) string {
	return strings.ReplaceAll(`Control of the stand-in, all in forms:

  curl BASE/_standin/requests                                # what was asked, as JSON; keys are hashed
  curl -d fault=status=503 BASE/_standin/misbehave           # for all keys
  curl -d 'fault=times=3 throttle=30s' -d key=123 BASE/_standin/misbehave
  curl -d fault=latency=2s -d fault='chance=0.5 hang-up' BASE/_standin/misbehave
  curl -X POST BASE/_standin/heal                            # with -d key=123: of that key
  curl -d add=123 -d revoke=456 BASE/_standin/keys
  curl -d offset=-1h BASE/_standin/clock                     # the server's clock goes wrong

Each misbehave replaces the one before it. times=N and chance=P may stand before a fault, " + " between
faults that happen together. (In a form, + is a space: write --data-urlencode 'fault=… + …'.)

`, "BASE", strings.TrimSuffix(base, "/")) + FaultHelp()
}

func (s *Server) serveControl() {
	s.routes.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, ControlHelp(s.baseOf(r)))
	})
	s.routes.HandleFunc("GET "+controlPath+"requests", s.showRequests)
	s.control("misbehave", []string{"fault", "key"}, s.orderMisbehaviour)
	s.control("heal", []string{"key"}, s.orderHealing)
	s.control("keys", []string{"add", "revoke"}, s.orderKeys)
	s.control("clock", []string{"offset"}, s.orderClock)
}

// control serves an order, which is a form of known fields. It says in a line what
// is so from now on.
func (s *Server) control(name string, fields []string, order func(url.Values) (string, error)) {
	s.routes.HandleFunc("POST "+controlPath+name, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormSize)
		said, err := readOrder(r, fields, order)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		_, _ = fmt.Fprintln(w, said)
	})
}

func readOrder(r *http.Request, fields []string, order func(url.Values) (string, error)) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("the form cannot be read: %w", err)
	}
	for field := range r.Form {
		if !slices.Contains(fields, field) {
			return "", fmt.Errorf("no field is named %q here; known: %s", field, strings.Join(fields, ", "))
		}
	}
	return order(r.Form)
}

func (s *Server) orderMisbehaviour(form url.Values) (string, error) {
	if !form.Has("fault") {
		return "", fmt.Errorf("fault is required, one of:\n%s", FaultHelp())
	}
	faults := make([]Fault, len(form["fault"]))
	for i, text := range form["fault"] {
		fault, err := ParseFault(text)
		if err != nil {
			return "", err
		}
		faults[i] = fault
	}
	if key := form.Get("key"); key != "" {
		s.MisbehaveFor(key, faults...)
		return fmt.Sprintf("key %s: %s", KeyID(key), join(faults)), nil
	}
	s.Misbehave(faults...)
	return "all keys: " + join(faults), nil
}

func (s *Server) orderHealing(form url.Values) (string, error) {
	if key := form.Get("key"); key != "" {
		s.MisbehaveFor(key)
		return "healed for key " + KeyID(key), nil
	}
	s.Heal()
	return "healed", nil
}

func (s *Server) orderKeys(form url.Values) (string, error) {
	s.AddKeys(form["add"]...)
	s.RevokeKeys(form["revoke"]...)
	return fmt.Sprintf("%d added, %d revoked", len(form["add"]), len(form["revoke"])), nil
}

func (s *Server) orderClock(form url.Values) (string, error) {
	offset, err := time.ParseDuration(form.Get("offset"))
	if err != nil {
		return "", fmt.Errorf("offset must be a duration such as -1h")
	}
	s.SetClockOffset(offset)
	return "the clock is off by " + offset.String(), nil
}

// overview is what GET /_standin/requests shows.
type overview struct {
	Total    int            `json:"total"`
	InFlight int            `json:"inFlight"`
	Visits   int            `json:"visits"`
	Keys     map[string]int `json:"keys"`
	Log      []Request      `json:"log"`
}

func (s *Server) showRequests(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(overview{
		Total:    s.Total(),
		InFlight: s.InFlight(),
		Visits:   s.Visits(),
		Keys:     s.ledger.byKeyID(),
		Log:      s.Log(),
	})
}
