package standin_test

import (
	"reflect"
	"regexp"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/test/standin"
)

func examples(t *testing.T) []string {
	t.Helper()
	var all []string
	for _, line := range regexp.MustCompile(`(?m)^  (.*?)  +\S.*$`).FindAllStringSubmatch(standin.FaultHelp(), -1) {
		all = append(all, line[1])
	}
	if len(all) < 30 {
		t.Fatalf("%d examples in:\n%s", len(all), standin.FaultHelp())
	}
	return all
}

func TestFaultsSurviveARoundTrip(t *testing.T) {
	texts := append(examples(t),
		"times=3 status=503",
		"chance=0.25 hang-up",
		"times=2 chance=0.5 status=429 + header=Retry-After: soon",
		"no-date + chance=0.1 status=500 + echo-key",
	)
	for _, text := range texts {
		fault, err := standin.ParseFault(" " + text + " ")
		if err != nil {
			t.Errorf("%s: %v", text, err)
		} else if fault.String() != text {
			t.Errorf("%s became %s", text, fault)
		}
	}
}

// Each textual form must lead to its fault, and not to nothing.
func TestEachExampleIsApplied(t *testing.T) {
	for _, text := range examples(t) {
		if strings.HasPrefix(text, "stall=") || strings.HasPrefix(text, "latency=") {
			continue // they wait in real time
		}
		s := start(t)
		fault, err := standin.ParseFault(text)
		if err != nil {
			t.Fatal(err)
		}
		s.Misbehave(fault)
		for range 6 { // the rate limits let five through
			_, _ = s.try(s.request("POST", standin.Path, formType, "api_key=123"))
		}
		if got := s.lastRequest().Fault; got != text {
			t.Errorf("%s is logged as %q", text, got)
		}
	}
}

func TestSyntaxErrorsExplainThemselves(t *testing.T) {
	for text, want := range map[string]string{
		"":                       `unknown fault ""`,
		"meltdown":               `unknown fault "meltdown"`,
		"status":                 "status must be written as status=503",
		"hang-up=now":            "hang-up must be written as hang-up",
		"status=199":             "status: must be an HTTP code from 200 to 599; for example status=503",
		"status=600":             "status: must be an HTTP code from 200 to 599; for example status=503",
		"latency=2":              "latency: must be a duration such as 90s; for example latency=2s",
		"latency=-2s":            "latency: must be a duration such as 90s; for example latency=2s",
		"rate=5":                 `rate: must have two parts with "/" between them; for example rate=5/30s`,
		"rate=x/1m":              "rate: must be a whole number; for example rate=5/30s",
		"huge=-1":                "huge: must be a whole number; for example huge=1048576",
		"times=0 hang-up":        "times must be a whole number from 1",
		"times=x hang-up":        "times must be a whole number from 1",
		"chance=1.5 hang-up":     "chance must be a number from 0 to 1",
		"chance=NaN hang-up":     "chance must be a number from 0 to 1",
		"times=2 meltdown":       `unknown fault "meltdown"`,
		"hang-up + meltdown":     `unknown fault "meltdown"`,
		"times=2":                `unknown fault "times"`,
		"hang-up + times=0 html": "times must be a whole number from 1",
	} {
		fault, err := standin.ParseFault(text)
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
		if !reflect.ValueOf(fault).IsZero() {
			t.Errorf("%q: a fault was returned with the error", text)
		}
	}
}

func FuzzParseFault(f *testing.F) {
	for _, text := range []string{"status=503", "times=3 chance=0.5 rate=5/1m + no-date", "header=A: b", "chance=1e-3 html"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		fault, err := standin.ParseFault(text)
		if err != nil {
			return
		}
		again, err := standin.ParseFault(fault.String())
		if err != nil || again.String() != fault.String() {
			t.Errorf("%q is written as %q, which is parsed as %q, %v", text, fault, again, err)
		}
	})
}
