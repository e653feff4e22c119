package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
)

// A broken file changes nothing for the sessions, so that nobody would notice it before
// the next restart fails.
func TestABrokenCAFileIsTold(t *testing.T) {
	o, err := parseFlags(nil, &bytes.Buffer{})
	noError(t, err)
	var logs bytes.Buffer
	usable := newCAGauge()
	report := reportCAFile(newLogger(o, &logs), "ca.crt", usable)
	for _, step := range []struct {
		why     string
		err     error
		healthy float64
		logs    string
	}{
		{"a broken file", errors.New("holds no certificate"), 0, "holds no certificate"},
		{"another one", errors.New("no such file"), 0, "no such file"},
		{"a sound one", nil, 1, "as the file has them now"},
	} {
		logs.Reset()
		report(step.err)
		if got := valueOf(t, usable); got != step.healthy || !strings.Contains(logs.String(), step.logs) || strings.Count(logs.String(), "\n") != 1 {
			t.Errorf("%s: the metric is %v, and the log says\n%s", step.why, got, &logs)
		}
	}
}

func valueOf(t *testing.T, gauge prometheus.Gauge) float64 {
	t.Helper()
	var metric dto.Metric
	noError(t, gauge.Write(&metric))
	return metric.GetGauge().GetValue()
}
