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
  curl -d key=123 -d fault=throttle=30s -d fault=latency=2s BASE/_standin/misbehave
  # stop misbehaving
  curl -X POST BASE/_standin/heal
  # give keys access, and take it away
  curl -d add=123 -d revoke=456 BASE/_standin/keys

The faults:

`, "BASE", strings.TrimSuffix(base, "/")) + FaultHelp()
}

// WithControl serves the control API under /_standin/, for other processes than the one
// that has the server. See [ControlHelp].
func WithControl() Option {
	return func(s *Server) {
		s.routes.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, ControlHelp(s.baseOf(r)))
		})
		s.routes.HandleFunc("GET "+controlPath+"requests", s.showRequests)
		s.control("misbehave", []string{"fault", "key"}, s.commandMisbehave)
		s.control("heal", nil, s.commandHeal)
		s.control("keys", []string{"add", "revoke"}, s.commandKeys)
	}
}

// control serves a command, which is a form with known fields, and answers with a line
// about the new state. A mistyped field must not do something else, so it is refused.
func (s *Server) control(name string, fields []string, command func(url.Values) (string, error)) {
	s.routes.HandleFunc("POST "+controlPath+name, func(w http.ResponseWriter, r *http.Request) {
		err := r.ParseForm()
		for field := range r.Form {
			if !slices.Contains(fields, field) {
				err = fmt.Errorf("unknown field %q; the fields here are: %s", field, strings.Join(fields, ", "))
			}
		}
		var result string
		if err == nil {
			result, err = command(r.Form)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusUnprocessableEntity)
			return
		}
		_, _ = fmt.Fprintln(w, result)
	})
}

func (s *Server) commandMisbehave(form url.Values) (string, error) {
	var faults []Fault
	for _, order := range form["fault"] {
		fault, err := ParseFault(order)
		if err != nil {
			return "", err
		}
		faults = append(faults, fault)
	}
	if len(faults) == 0 {
		return "", fmt.Errorf("fault is required, and must be one of:\n%s", FaultHelp())
	}
	if key := form.Get("key"); key != "" {
		s.MisbehaveFor(key, faults...)
		return fmt.Sprintf("key %s: %s", KeyID(key), join(faults)), nil
	}
	s.Misbehave(faults...)
	return "all keys: " + join(faults), nil
}

func (s *Server) commandHeal(url.Values) (string, error) {
	s.Heal()
	return "healed", nil
}

func (s *Server) commandKeys(form url.Values) (string, error) {
	s.AddKeys(form["add"]...)
	s.RevokeKeys(form["revoke"]...)
	return fmt.Sprintf("%d added, %d revoked", len(form["add"]), len(form["revoke"])), nil
}

// logLine is a [Request] as people and other programs read it. Durations are in seconds.
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
	_ = encoder.Encode(map[string][]logLine{"log": log})
}
