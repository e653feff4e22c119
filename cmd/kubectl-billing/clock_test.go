package main

import (
	"regexp"
	"strings"
	"testing"
	"time"

	"k8s.io/cli-runtime/pkg/genericiooptions"
)

// The clock of the user's machine may be wrong by any time. What is said of a URL is true
// where it is opened.
func TestTimesAreTheServers(t *testing.T) {
	for _, ahead := range []time.Duration{0, 30 * time.Minute, -30 * time.Minute, 5 * time.Minute, -5 * time.Minute, 50 * 365 * 24 * time.Hour, -40 * 365 * 24 * time.Hour} {
		t.Run(ahead.String(), func(t *testing.T) {
			cluster := flagsFor(t, newOddCluster(ahead))
			for _, row := range []struct {
				args string
				code int
				want string // of what is printed and said
			}{
				{"list", 0, `alive +True +7m\d+s +in 5m\d+s[^\n]*\ngone +True +expired 3m\d+s ago +now +Expired *\n`},
				{"list alive gone", 0, `alive +True +7m\d+s +in 5m\d+s[^\n]*\ngone +True +expired 3m\d+s ago`},
				{"list -o wide --no-headers", 0, `alive +True +7m\d+s +in 5m\d+s .* alive +5h`},
				{"open alive --print", 0, `https://billing.example.com/alive`},
				{"open gone --print", 3, `expired 3m\d+s ago; request one .* open gone --fresh`},
				{"explain alive", 0, `works for 7m\d+s more(.|\n)*in 5m\d+s`},
				{"explain gone", 0, `expired 3m\d+s ago`},
				{"renew alive --wait", 0, `works for 7m\d+s`},
			} {
				streams, _, out, errOut := genericiooptions.NewTestIOStreams()
				code := run(t.Context(), append(strings.Fields(row.args), cluster...), streams)
				if said := out.String() + errOut.String(); code != row.code || !regexp.MustCompile(row.want).MatchString(said) {
					t.Errorf("%s ends with %d, want %d and %s:\n%s", row.args, code, row.code, row.want, said)
				}
			}
		})
	}
}

func TestOffsetOf(t *testing.T) {
	const half = 500 * time.Millisecond
	for _, row := range []struct {
		why   string
		date  time.Duration // after the request was sent, by the own clock
		takes time.Duration
		want  time.Duration
	}{
		{"the second that has begun", 0, 0, 0},
		{"a long answer to a right clock", 4 * time.Second, 9 * time.Second, 0},
		{"a clock that is a little behind", 5 * time.Second, 0, 5*time.Second + half},
		{"a clock that is a little ahead", -5 * time.Second, 0, -5*time.Second + half},
		{"a long answer to a wrong clock", time.Hour, 8 * time.Second, time.Hour - 4*time.Second + half},
	} {
		if got := offsetOf(noon.Add(row.date), noon, noon.Add(row.takes)); got != row.want {
			t.Errorf("%s: the server is ahead by %s, want %s", row.why, got, row.want)
		}
	}
}
