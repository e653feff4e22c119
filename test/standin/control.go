package standin

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"
)

const controlPath = "/_standin/"

// ControlHelp explains how to use the control API of the server at base with curl.
func ControlHelp(base string) string {
	return strings.ReplaceAll(`The control API:

  # list the requests as JSON, with hashed keys and with times in nanoseconds
  curl BASE/_standin/requests
  # misbehave; a command replaces the one before it
  curl -d fault=throttle=30s -d fault=latency=2s BASE/_standin/misbehave
  # stop misbehaving
  curl -X POST BASE/_standin/heal

The faults:

`, "BASE", strings.TrimSuffix(base, "/")) + FaultHelp
}

// WithControl serves the control API under /_standin/, for other processes than the one
// that has the server. See [ControlHelp].
func WithControl() Option {
	return func(s *Server) {
		s.routes.HandleFunc("GET "+controlPath+"{$}", func(w http.ResponseWriter, r *http.Request) {
			_, _ = fmt.Fprint(w, ControlHelp(s.baseOf(r)))
		})
		s.routes.HandleFunc("GET "+controlPath+"requests", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_ = json.NewEncoder(w).Encode(map[string][]Request{"log": s.Log()})
		})
		s.routes.HandleFunc("POST "+controlPath+"misbehave", func(w http.ResponseWriter, r *http.Request) {
			faults, err := faultsIn(r)
			if err != nil {
				http.Error(w, err.Error(), http.StatusUnprocessableEntity)
				return
			}
			s.Misbehave(faults...)
			_, _ = fmt.Fprintln(w, join(faults))
		})
		s.routes.HandleFunc("POST "+controlPath+"heal", func(w http.ResponseWriter, _ *http.Request) {
			s.Heal()
			_, _ = fmt.Fprintln(w, "healed")
		})
	}
}

// faultsIn reads a form with one fault or several. One without must not remove those that there are.
func faultsIn(r *http.Request) (faults []Fault, err error) {
	if err := r.ParseForm(); err != nil {
		return nil, err
	}
	for _, order := range r.PostForm["fault"] {
		fault, err := ParseFault(order)
		if err != nil {
			return nil, err
		}
		faults = append(faults, fault)
	}
	if len(faults) == 0 {
		return nil, errors.New("fault is required, as in fault=status=503")
	}
	return faults, nil
}
