package standin_test

import (
	"encoding/xml"
	"io"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/test/standin"
)

const key = "123"

// harness is a running stand-in to which the key has access, and a client that does not
// follow redirects.
type harness struct {
	*standin.Server
	t      *testing.T
	clock  *clocktesting.FakeClock
	base   string
	client *http.Client
}

func start(t *testing.T, options ...standin.Option) *harness {
	t.Helper()
	clock := clocktesting.NewFakeClock(randomTime(t))
	endpoint := standin.New(append([]standin.Option{standin.WithKeys(key), standin.WithClock(clock)}, options...)...)
	server := httptest.NewServer(endpoint)
	t.Cleanup(server.Close)
	client := server.Client()
	client.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return &harness{endpoint, t, clock, server.URL, client}
}

// randomTime returns a time in the years for which UNIX time and HTTP dates are used.
func randomTime(t *testing.T) time.Time {
	now := time.Unix(rand.Int64N(4e9), rand.Int64N(1e9))
	t.Logf("the time is %s", now.UTC().Format(time.RFC3339Nano))
	return now
}

// answer is a response with its body.
type answer struct {
	status int
	header http.Header
	body   string
	err    error // of reading the body
}

// grant is the body of an answer, as far as it can be parsed.
type grant struct {
	XMLName xml.Name
	Status  string   `xml:"status"`
	Message string   `xml:"message"`
	URL     []string `xml:"url"`
	Expire  int64    `xml:"expire"`
}

func (a answer) grant(t *testing.T) grant {
	t.Helper()
	var g grant
	if err := xml.Unmarshal([]byte(a.body), &g); err != nil {
		t.Fatalf("the answer is not a document: %v\n%s", err, a.body)
	}
	return g
}

func (s *harness) request(method, path, contentType, body string) *http.Request {
	s.t.Helper()
	request, err := http.NewRequestWithContext(s.t.Context(), method, s.base+path, strings.NewReader(body))
	if err != nil {
		s.t.Fatal(err)
	}
	if contentType != "" {
		request.Header.Set("Content-Type", contentType)
	}
	return request
}

func (s *harness) try(request *http.Request) (answer, error) {
	response, err := s.client.Do(request)
	if err != nil {
		return answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return answer{response.StatusCode, response.Header, string(body), err}, nil
}

func (s *harness) do(request *http.Request) answer {
	s.t.Helper()
	answer, err := s.try(request)
	if err != nil {
		s.t.Fatal(err)
	}
	return answer
}

func (s *harness) post(path string, fields ...string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodPost, path, "application/x-www-form-urlencoded", form(fields...)))
}

// ask posts fields of the form name=value.
func (s *harness) ask(fields ...string) answer {
	s.t.Helper()
	return s.post(standin.Path, fields...)
}

func (s *harness) open(granted string) answer {
	s.t.Helper()
	return s.do(s.request(http.MethodGet, strings.TrimPrefix(granted, s.base), "", ""))
}

func form(fields ...string) string {
	values := url.Values{}
	for _, field := range fields {
		name, value, _ := strings.Cut(field, "=")
		values.Add(name, value)
	}
	return values.Encode()
}

// lastRequest returns the last entry of the log.
func (s *harness) lastRequest() standin.Request {
	s.t.Helper()
	log := s.Log()
	if len(log) == 0 {
		s.t.Fatal("the log is empty")
	}
	return log[len(log)-1]
}
