package link

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/process/link/volume"
	"github.com/xtracta/billing-operator/test/standin"
)

// A day of a link: it opens the billing page, opens the newer one after a renewal,
// and says so once the renewal is late.
func TestBrowserFollowsTheLink(t *testing.T) {
	chromium := newBrowser(t)
	endpoint := standin.New(standin.AcceptAnyKey())
	billing := httptest.NewServer(endpoint)
	defer billing.Close()
	mounted := &volume.Volume{Dir: t.TempDir()}
	link := startLink(t, mounted.Dir)

	t.Run("before the first URL", func(t *testing.T) {
		chromium.expect(t, link.url, "The billing page is not ready yet")
	})
	t.Run("a URL", func(t *testing.T) {
		deliver(t, mounted, ask(t, endpoint, billing.URL, "delete"))
		chromium.expect(t, link.url, "Documents on hold will be deleted.")
	})
	t.Run("a renewal", func(t *testing.T) {
		deliver(t, mounted, ask(t, endpoint, billing.URL, "process"))
		chromium.expect(t, link.url, "Documents on hold will be processed and counted on the new plan.")
	})
	t.Run("the end of a URL", func(t *testing.T) {
		endpoint.Misbehave(standin.Life(time.Second))
		deliver(t, mounted, ask(t, endpoint, billing.URL, "delete"))
		link.waitFor(t, http.StatusServiceUnavailable)
		chromium.expect(t, link.url, "The link to the billing page has expired")
		chromium.photograph(t, link.url)
	})
	t.Run("somebody's mistake", func(t *testing.T) {
		if err := mounted.Write(map[string]string{"url": "http://example.com", "expire": "4102444800"}); err != nil {
			t.Fatal(err)
		}
		chromium.expect(t, link.url, "The billing page cannot be opened")
	})

	if endpoint.Visits() != 2 {
		t.Errorf("the page was opened %d times, want once for each URL that worked: a URL may work only once", endpoint.Visits())
	}
	log := link.stop()
	for _, granted := range endpoint.Grants("key") {
		_, token, _ := strings.Cut(granted.URL, "?")
		if strings.Contains(log, token) {
			t.Errorf("the log holds a URL:\n%s", log)
		}
	}
	if !strings.Contains(log, "opened the billing page") {
		t.Errorf("the log does not tell of the visits:\n%s", log)
	}
}

// ask gets a URL from the endpoint as the operator does.
func ask(t *testing.T, endpoint *standin.Server, base, purge string) standin.Grant {
	t.Helper()
	answer, err := http.PostForm(base+standin.Path, url.Values{"api_key": {"key"}, "expire": {"600"}, "purge": {purge}})
	if err != nil {
		t.Fatal(err)
	}
	_ = answer.Body.Close()
	grants := endpoint.Grants("key")
	if answer.StatusCode != http.StatusOK || len(grants) == 0 {
		t.Fatalf("answered %s", answer.Status)
	}
	return grants[len(grants)-1]
}

func deliver(t *testing.T, to *volume.Volume, grant standin.Grant) {
	t.Helper()
	if err := to.WriteGrant(grant.URL, grant.Expire); err != nil {
		t.Fatal(err)
	}
}

// link is a running billing-link.
type link struct {
	*env.Process
	url string
}

func startLink(t *testing.T, dir string) *link {
	t.Helper()
	return start(t, exec.Command(env.Program(t, "billing-link"), "--listen=127.0.0.1:0", "--secret-dir="+dir))
}

// start starts billing-link, whose first words say where it listens.
func start(t *testing.T, command *exec.Cmd) *link {
	t.Helper()
	p := &link{Process: env.Start(t, command)}
	env.Eventually(t, "billing-link listens", func() string {
		p.MustRun()
		var listening struct{ Address string }
		first, _, _ := strings.Cut(p.Out.String(), "\n")
		if err := json.Unmarshal([]byte(first), &listening); err != nil {
			return fmt.Sprintf("%v: %q", err, first)
		}
		p.url = "http://" + listening.Address + "/"
		return ""
	})
	return p
}

// waitFor asks until that is the answer.
func (p *link) waitFor(t *testing.T, status int) {
	t.Helper()
	env.Eventually(t, fmt.Sprintf("%s answers %d", p.url, status), func() string {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodHead, p.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return env.Unless(answer.StatusCode == status, answer.Status)
	})
}

// stop ends the process as a kubelet does, and returns its log.
func (p *link) stop() string {
	p.Stop()
	return p.Out.String()
}

// browser is the command that runs Chromium.
type browser string

// newBrowser skips the test where there is no browser and none can be installed.
func newBrowser(t *testing.T) browser {
	t.Helper()
	env.Need(t, "chromium", "chromium")
	return "chromium"
}

// expect opens a URL and looks for words on the page on which the browser lands.
func (b browser) expect(t *testing.T, url, words string) {
	t.Helper()
	if page := b.run(t, "--dump-dom", url); !strings.Contains(page, words) {
		t.Errorf("the browser landed on a page without %q:\n%s", words, page)
	}
}

// photograph keeps the page as desktops and phones show it, in light and in dark,
// with the test's artifacts (go test -artifacts).
func (b browser) photograph(t *testing.T, url string) {
	t.Helper()
	for name, flags := range map[string][]string{
		"1280":      {"--window-size=1280,860"},
		"390":       {"--window-size=390,844", "--force-device-scale-factor=2"},
		"1280-dark": {"--window-size=1280,860", "--force-dark-mode", "--blink-settings=preferredColorScheme=0"},
	} {
		file := filepath.Join(t.ArtifactDir(), name+".png")
		b.run(t, append(flags, "--hide-scrollbars", "--screenshot="+file, url)...)
		if made, err := os.Stat(file); err != nil || made.Size() == 0 {
			t.Errorf("there is no picture: %v", err)
		}
	}
}

// run starts a browser that knows nothing yet and talks to nobody but the page.
func (b browser) run(t *testing.T, args ...string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), env.Patience)
	defer cancel()
	quiet := []string{
		"--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
		"--disable-component-update", "--disable-sync", "--user-data-dir=" + t.TempDir(),
	}
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, string(b), append(quiet, args...)...)
	command.Stderr = &stderr
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return string(output)
}
