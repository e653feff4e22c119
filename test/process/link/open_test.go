package link

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/test/process/link/volume"
	"github.com/xtracta/billing-operator/test/standin"
)

const waitTimeout = time.Minute // machines that run tests are often busy

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
	log := link.stop(t)
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

// process is a running billing-link.
type process struct {
	url     string
	command *exec.Cmd
	log     bytes.Buffer
	logged  sync.WaitGroup
}

func startLink(t *testing.T, dir string) *process {
	t.Helper()
	return start(t, exec.Command(buildLink(t, t.TempDir()), "--listen=127.0.0.1:0", "--secret-dir="+dir))
}

func buildLink(t *testing.T, into string) (program string) {
	t.Helper()
	program = filepath.Join(into, "billing-link")
	if output, err := exec.Command("go", "build", "-o", program, "../../../cmd/billing-link").CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, output)
	}
	return program
}

func start(t *testing.T, command *exec.Cmd) *process {
	t.Helper()
	p := &process{command: command}
	stderr, err := p.command.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := p.command.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.command.Process.Kill() })
	lines := bufio.NewReader(stderr)
	first, _ := lines.ReadBytes('\n')
	var listening struct{ Address string }
	if err := json.Unmarshal(first, &listening); err != nil {
		t.Fatalf("the first line of the log is %q", first)
	}
	p.url = "http://" + listening.Address + "/"
	p.logged.Go(func() { _, _ = io.Copy(&p.log, lines) })
	return p
}

// waitFor asks until that is the answer.
func (p *process) waitFor(t *testing.T, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
	defer cancel()
	for tick := time.NewTicker(50 * time.Millisecond); ; {
		request, err := http.NewRequestWithContext(ctx, http.MethodHead, p.url, nil)
		if err != nil {
			t.Fatal(err)
		}
		answer, err := http.DefaultTransport.RoundTrip(request) // follows no redirect
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode == status {
			return
		}
		<-tick.C
	}
}

// stop ends the process as a kubelet does, and returns its log.
func (p *process) stop(t *testing.T) string {
	t.Helper()
	if err := p.command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	p.logged.Wait()
	if err := p.command.Wait(); err != nil {
		t.Errorf("stopped with %v", err)
	}
	return p.log.String()
}

// browser is the path of Chromium.
type browser string

// newBrowser skips the test where there is no browser and none can be installed.
func newBrowser(t *testing.T) browser {
	t.Helper()
	var stderr bytes.Buffer
	install := exec.Command("bash", "install-browser.sh")
	install.Stderr = &stderr
	path, err := install.Output()
	if err != nil {
		t.Skipf("no browser, so nothing was opened: %v\n%s", err, &stderr)
	}
	return browser(strings.TrimSpace(string(path)))
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
	ctx, cancel := context.WithTimeout(t.Context(), waitTimeout)
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
