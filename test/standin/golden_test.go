package standin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/test/standin"
)

func golden(t *testing.T, name string) string {
	t.Helper()
	content, err := os.ReadFile(filepath.Join("..", "fixtures", "golden", name))
	if err != nil {
		t.Fatal(err)
	}
	return string(content)
}

// documentedToken is the token in the document's sample answer.
func documentedToken(t *testing.T) func() string {
	_, after, _ := strings.Cut(golden(t, "documented-answer.xml"), "?t=")
	token, _, found := strings.Cut(after, "</url>")
	if !found {
		t.Fatal("the documented answer holds no token")
	}
	return func() string { return token }
}

func TestAnswersAreTheGoldenFilesByteForByte(t *testing.T) {
	// the sample's expire minus the 600 seconds that its request asks for
	documentedNow := time.Unix(1522895794-600, 0)
	for _, row := range []struct {
		why    string
		option standin.Option
		want   string
		status int
	}{
		{"a key with access gets the sample answer", standin.WithKeys("123"), "documented-answer.xml", http.StatusOK},
		{"the schema has another root than the sample", options(standin.WithKeys("123"), standin.WithFaults(standin.SchemaRoot())), "schema-answer.xml", http.StatusOK},
		{"a key without access gets no URL", standin.WithKeys("another"), "rejected-answer.xml", http.StatusForbidden},
	} {
		t.Run(row.why, func(t *testing.T) {
			server := httptest.NewServer(standin.New(
				standin.WithClock(clocktesting.NewFakePassiveClock(documentedNow)),
				standin.WithBaseURL("https://api-app.xtracta.com"),
				standin.WithTokens(documentedToken(t)),
				row.option,
			))
			defer server.Close()
			response, err := http.Post(server.URL+standin.Path, "application/x-www-form-urlencoded", strings.NewReader(golden(t, "documented-request.form")))
			if err != nil {
				t.Fatal(err)
			}
			defer response.Body.Close()
			body, err := io.ReadAll(response.Body)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(golden(t, row.want), string(body)); diff != "" {
				t.Errorf("answer (-golden +got):\n%s", diff)
			}
			if response.StatusCode != row.status {
				t.Errorf("status = %d, want %d", response.StatusCode, row.status)
			}
		})
	}
}

// options combines several options.
func options(all ...standin.Option) standin.Option {
	return func(s *standin.Server) {
		for _, option := range all {
			option(s)
		}
	}
}
