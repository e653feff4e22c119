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

// ControlHelp explains how to use the control API of the server at base with curl.
func ControlHelp(base string) string {
	return strings.ReplaceAll(`The control API takes forms:

  # list the requests as JSON, with hashed keys
  curl BASE/_standin/requests
  # misbehave for all keys, or for one; a command replaces the one before it
  curl -d fault=status=503 BASE/_standin/misbehave
  curl -d key=123 -d fault='times=3 throttle=30s' BASE/_standin/misbehave
  curl -d fault=latency=2s -d fault='chance=0.5 hang-up' BASE/_standin/misbehave
  curl --data-urlencode fault='status=429 + header=Retry-After: soon' BASE/_standin/misbehave
  # stop misbehaving; with -d key=123 only for that key
  curl -X POST BASE/_standin/heal
  # give keys access, and take it away
  curl -d add=123 -d revoke=456 BASE/_standin/keys
  # set the server's clock ahead, or behind
  curl -d offset=-1h BASE/_standin/clock

times=N before a fault limits it to the next N requests, and chance=P to a share P of them. The faults:

`, "BASE", strings.TrimSuffix(base, "/")) + FaultHelp()
}

func (s *Server) serveControl() {
	s.routes.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
		_, _ = fmt.Fprint(w, ControlHelp(s.baseOf(r)))
	})
	s.routes.HandleFunc("GET "+controlPath+"requests", s.showRequests)
	s.control("misbehave", []string{"fault", "key"}, s.commandMisbehave)
	s.control("heal", []string{"key"}, s.commandHeal)
	s.control("keys", []string{"add", "revoke"}, s.commandKeys)
	s.control("clock", []string{"offset"}, s.commandClock)
}

// control serves a command, which is a form with known fields. It answers with a line
// about the new state.
func (s *Server) control(name string, fields []string, command func(url.Values) (string, error)) {
	s.routes.HandleFunc("POST "+controlPath+name, func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, maxFormSize)
		result, err := runCommand(r, fields, command)
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		_, _ = fmt.Fprintln(w, result)
	})
}

// runCommand refuses unknown fields: a mistyped one must not do something else.
func runCommand(r *http.Request, fields []string, command func(url.Values) (string, error)) (string, error) {
	if err := r.ParseForm(); err != nil {
		return "", fmt.Errorf("the form cannot be read: %w", err)
	}
	for field := range r.Form {
		if !slices.Contains(fields, field) {
			return "", fmt.Errorf("unknown field %q; the fields here are: %s", field, strings.Join(fields, ", "))
		}
	}
	return command(r.Form)
}

func (s *Server) commandMisbehave(form url.Values) (string, error) {
	if !form.Has("fault") {
		return "", fmt.Errorf("fault is required, and must be one of:\n%s", FaultHelp())
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

func (s *Server) commandHeal(form url.Values) (string, error) {
	if key := form.Get("key"); key != "" {
		s.MisbehaveFor(key)
		return "healed for key " + KeyID(key), nil
	}
	s.Heal()
	return "healed", nil
}

func (s *Server) commandKeys(form url.Values) (string, error) {
	s.AddKeys(form["add"]...)
	s.RevokeKeys(form["revoke"]...)
	return fmt.Sprintf("%d added, %d revoked", len(form["add"]), len(form["revoke"])), nil
}

func (s *Server) commandClock(form url.Values) (string, error) {
	offset, err := time.ParseDuration(form.Get("offset"))
	if err != nil {
		return "", fmt.Errorf("offset must be a duration such as -1h")
	}
	s.SetClockOffset(offset)
	return "the clock is off by " + offset.String(), nil
}

// overview is the answer of GET /_standin/requests.
type overview struct {
	Total    int            `json:"total"`
	InFlight int            `json:"inFlight"`
	Visits   int            `json:"visits"`
	Keys     map[string]int `json:"keys"`
	Log      []logLine      `json:"log"`
}

// logLine is a [Request] with its durations in seconds.
type logLine struct {
	Time    time.Time `json:"time"`
	Key     string    `json:"key,omitempty"`
	Purge   string    `json:"purge,omitempty"`
	Expire  float64   `json:"expire"`
	Outcome Outcome   `json:"outcome"`
	Status  int       `json:"status,omitempty"`
	Life    float64   `json:"life,omitempty"`
	Fault   string    `json:"fault,omitempty"`
}

func (s *Server) showRequests(w http.ResponseWriter, _ *http.Request) {
	log := []logLine{}
	for _, r := range s.Log() {
		log = append(log, logLine{r.Time, r.Key, r.Purge, r.Expire.Seconds(), r.Outcome, r.Status, r.Life.Seconds(), r.Fault})
	}
	w.Header().Set("Content-Type", "application/json")
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	_ = encoder.Encode(overview{s.Total(), s.InFlight(), s.Visits(), s.requests.byKeyID(), log})
}
