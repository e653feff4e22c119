package standin_test

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

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
	for _, row := range []struct {
		why     string
		options []standin.Option
		want    string
		status  int
	}{
		{"a key with access gets the sample answer", nil, "documented-answer.xml", http.StatusOK},
		{"the schema has another root than the sample", []standin.Option{standin.WithFaults(standin.SchemaRoot())}, "schema-answer.xml", http.StatusOK},
		{"a key without access gets no URL", []standin.Option{func(s *standin.Server) { s.RevokeKeys(key) }}, "rejected-answer.xml", http.StatusForbidden},
	} {
		t.Run(row.why, func(t *testing.T) {
			s := start(t, append(row.options, standin.WithBaseURL("https://api-app.xtracta.com"), standin.WithTokens(documentedToken(t)))...)
			status, text := s.ask(golden(t, "documented-request.form"))
			if diff := cmp.Diff(golden(t, row.want), text); diff != "" {
				t.Errorf("answer (-golden +got):\n%s", diff)
			}
			if status != row.status {
				t.Errorf("status = %d, want %d", status, row.status)
			}
		})
	}
}
