package main

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	ctrl "sigs.k8s.io/controller-runtime"
	"sigs.k8s.io/controller-runtime/pkg/healthz"
)

// Caches that are not filled yet are no news, once for each probe.
func TestProbesThatFailAreNotLogged(t *testing.T) {
	o, err := parseFlags(nil, io.Discard)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	ctrl.SetLogger(newLogger(o, &out).WithValues("pod", "a"))
	probes := &healthz.Handler{Checks: map[string]healthz.Checker{
		"caches": func(*http.Request) error { return errors.New("not yet") },
	}}
	answer := httptest.NewRecorder()
	probes.ServeHTTP(answer, httptest.NewRequest(http.MethodGet, "/", nil))
	ctrl.Log.WithName("setup").Info("something else")
	if answer.Code == http.StatusOK || strings.Contains(out.String(), "not yet") || strings.Contains(out.String(), "healthz") {
		t.Errorf("answered %d, and logged\n%s", answer.Code, &out)
	}
	if !strings.Contains(out.String(), "something else") {
		t.Errorf("nothing else is logged either: %q", &out)
	}
}
