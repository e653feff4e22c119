package main

import (
	"bytes"
	"context"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	dto "github.com/prometheus/client_model/go"
	clocktesting "k8s.io/utils/clock/testing"
)

// mount is a folder that a kubelet fills: the file is a link into a folder that is
// replaced as a whole (Kubernetes' AtomicWriter).
type mount struct {
	t   *testing.T
	dir string
}

func newMount(t *testing.T, text string) mount {
	m := mount{t, t.TempDir()}
	m.write(text)
	m.must(os.Symlink(filepath.Join("..data", "ca.crt"), m.path()))
	return m
}

func (m mount) path() string { return filepath.Join(m.dir, "ca.crt") }

func (m mount) must(err error) {
	m.t.Helper()
	if err != nil {
		m.t.Fatal(err)
	}
}

func (m mount) write(text string) {
	m.t.Helper()
	folder, err := os.MkdirTemp(m.dir, "..2026")
	m.must(err)
	m.must(os.WriteFile(filepath.Join(folder, "ca.crt"), []byte(text), 0o600))
	m.must(os.Symlink(filepath.Base(folder), filepath.Join(m.dir, "..data_tmp")))
	m.must(os.Rename(filepath.Join(m.dir, "..data_tmp"), filepath.Join(m.dir, "..data")))
}

// newTestCAFile takes texts that begin with "good" for certificates.
func newTestCAFile(t *testing.T, path string) (f *caFile, used chan string, logs *bytes.Buffer) {
	t.Helper()
	o, err := parseFlags(nil, &bytes.Buffer{})
	noError(t, err)
	used, logs = make(chan string, 10), &bytes.Buffer{}
	f = &caFile{
		path: path, healthy: newCAGauge(), log: newLogger(o, logs), clock: clocktesting.NewFakeClock(time.Unix(0, 0)),
		use: func(pem []byte) error {
			if !bytes.HasPrefix(pem, []byte("good")) {
				return errors.New("holds no certificate")
			}
			used <- string(pem)
			return nil
		},
	}
	noError(t, f.load())
	<-used
	return f, used, logs
}

func TestCAFileIsReadAgain(t *testing.T) {
	in := newMount(t, "good 1")
	f, used, logs := newTestCAFile(t, in.path())
	for _, step := range []struct {
		why     string
		change  func()
		used    string // "" if nothing is to be used anew
		healthy float64
		logs    string // "" if there is no news
	}{
		{"nothing has changed", func() {}, "", 1, ""},
		{"another file", func() { in.write("good 2") }, "good 2", 1, "as the file has them now"},
		{"the same once more", func() { in.write("good 2") }, "", 1, ""},
		{"a broken file", func() { in.write("broken") }, "", 0, "holds no certificate"},
		{"still broken: said once", func() {}, "", 0, ""},
		{"an empty file: as broken as before", func() { in.write("") }, "", 0, ""},
		{"no file", func() { in.must(os.Remove(in.path())) }, "", 0, "no such file"},
		{"a folder", func() { in.must(os.Mkdir(in.path(), 0o700)) }, "", 0, "is a directory"},
		{"what is in use already", func() {
			in.must(os.Remove(in.path()))
			in.must(os.WriteFile(in.path(), []byte("good 2"), 0o600))
		}, "", 1, "as the file has them now"},
		{"a file that is written in place", func() { in.must(os.WriteFile(in.path(), []byte("good 3"), 0o600)) }, "good 3", 1, "as the file has them now"},
	} {
		logs.Reset()
		step.change()
		f.reload()
		got := ""
		select {
		case got = <-used:
		default:
		}
		if healthy := valueOf(t, f.healthy); got != step.used || healthy != step.healthy {
			t.Errorf("%s: %q is used and the metric is %v, want %q and %v", step.why, got, healthy, step.used, step.healthy)
		}
		if lines := strings.Count(logs.String(), "\n"); !strings.Contains(logs.String(), step.logs) || (lines > 0) != (step.logs != "") || lines > 1 {
			t.Errorf("%s: want %q logged, got\n%s", step.why, step.logs, logs)
		}
	}
}

func valueOf(t *testing.T, gauge prometheus.Gauge) float64 {
	t.Helper()
	var metric dto.Metric
	noError(t, gauge.Write(&metric))
	return metric.GetGauge().GetValue()
}

func TestCAFileIsReadWithinAMinute(t *testing.T) {
	in := newMount(t, "good 1")
	f, used, _ := newTestCAFile(t, in.path())
	clock := f.clock.(*clocktesting.FakeClock)
	ctx, stop := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- f.Start(ctx) }()
	for !clock.HasWaiters() {
		time.Sleep(time.Millisecond)
	}
	in.write("good 2")
	clock.Step(time.Minute)
	if got := <-used; got != "good 2" {
		t.Errorf("%q is used", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
