package standin_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/test/standin"
)

const (
	key      = "123"
	formType = "application/x-www-form-urlencoded"
)

// harness is a running stand-in to which the key has access.
type harness struct {
	*standin.Server
	t     *testing.T
	clock *clocktesting.FakeClock
	base  string
}

func start(t *testing.T, options ...standin.Option) *harness {
	t.Helper()
	clock := clocktesting.NewFakeClock(time.Unix(1522895194, 0)) // 600 seconds before the expire of the document's sample
	endpoint := standin.New(append([]standin.Option{standin.WithKeys(key), standin.WithClock(clock)}, options...)...)
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	return &harness{endpoint, t, clock, server.URL}
}

// do sends a request, and returns the status and the body of the answer.
func (s *harness) do(method, path, contentType, body string) (status int, text string) {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	request.Header.Set("Content-Type", contentType)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		s.t.Fatal(err)
	}
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return response.StatusCode, string(content)
}

// ask posts a form to the endpoint.
func (s *harness) ask(form string) (status int, text string) {
	s.t.Helper()
	return s.do(http.MethodPost, standin.Path, formType, form)
}

// open gets a page of the server.
func (s *harness) open(path string) (status int, text string) {
	s.t.Helper()
	return s.do(http.MethodGet, path, "", "")
}

// tell posts a form to the control API.
func (s *harness) tell(command, form string) (text string) {
	s.t.Helper()
	_, text = s.do(http.MethodPost, "/_standin/"+command, formType, form)
	return text
}
