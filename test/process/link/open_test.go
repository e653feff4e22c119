package link

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os/exec"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/env"
	"github.com/xtracta/billing-operator/test/process/link/volume"
	"github.com/xtracta/billing-operator/test/standin"
)

// A day of a link: it opens the billing page, opens the newer one after a renewal,
// and says so once the renewal is late.
func TestTheLinkFollowsRenewals(t *testing.T) {
	env.Need(t, "chromium", "chromium")
	endpoint := standin.New(standin.AcceptAnyKey())
	billing := httptest.NewServer(endpoint)
	defer billing.Close()
	mounted := &volume.Volume{Dir: t.TempDir()}
	link := start(t, exec.Command(env.Program(t, "billing-link"), "--listen=127.0.0.1:0", "--secret-dir="+mounted.Dir))

	expect(t, fetched(t, link.url), "The billing page is not ready yet")
	deliver(t, mounted, ask(t, endpoint, billing.URL, "delete"))
	expect(t, browsed(t, link.url), "Documents on hold will be deleted.")
	deliver(t, mounted, ask(t, endpoint, billing.URL, "process"))
	expect(t, fetched(t, link.url), "Documents on hold will be processed and counted on the new plan.")
	endpoint.Misbehave(standin.Life(time.Second))
	deliver(t, mounted, ask(t, endpoint, billing.URL, "delete"))
	link.waitFor(t, http.StatusServiceUnavailable)
	expect(t, browsed(t, link.url), "The link to the billing page has expired")

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

// fetched is the page to which a URL leads.
func fetched(t *testing.T, url string) string {
	t.Helper()
	answer, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = answer.Body.Close() }()
	page, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(page)
}

// browsed is the page on which a real browser lands, that knows nothing yet and talks to nobody
// but the page.
func browsed(t *testing.T, url string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), env.Patience)
	defer cancel()
	var stderr bytes.Buffer
	command := exec.CommandContext(ctx, "chromium", "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
		"--disable-background-networking", "--disable-component-update", "--disable-sync", "--user-data-dir="+t.TempDir(), "--dump-dom", url)
	command.Stderr = &stderr
	page, err := command.Output()
	if err != nil {
		t.Fatalf("%v\n%s", err, &stderr)
	}
	return string(page)
}

func expect(t *testing.T, page, words string) {
	t.Helper()
	if !strings.Contains(page, words) {
		t.Errorf("a page without %q:\n%s", words, page)
	}
}
