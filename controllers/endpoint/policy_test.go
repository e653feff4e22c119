package endpoint_test

import (
	"regexp"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

// TestURLPolicy judges URLs that were read back, as an edit or a backup may have left
// them. What the endpoint grants goes through the same policy: see the rows on URLs.
func TestURLPolicy(t *testing.T) {
	policy := func(url string, hosts ...string) endpoint.URLPolicy {
		t.Helper()
		p, err := endpoint.NewURLPolicy(url, hosts)
		must(t, err)
		return p
	}
	public := policy("https://api-app.xtracta.com/v1/billings/billing_ui", "xtracta.com", "*.xtracta.com")
	local := policy("http://127.0.0.1:8080/v1/billings/billing_ui")
	none := endpoint.URLPolicy{}
	for _, c := range []struct {
		why    string
		policy endpoint.URLPolicy
		url    string
		says   string // "" if the URL is accepted
	}{
		{"as granted", public, testURL, ""},
		{"the endpoint's host, whatever is allowed", policy("https://a.example/x"), "https://a.example/page?t=1", ""},
		{"a reseller's host", policy("https://a.example/x", "billing.brand.example"), "https://billing.brand.example/?t=1", ""},
		{"a host that is not allowed", public, "https://evil.example/?t=" + testToken, "is on evil.example, which"},
		{"a host named like a token", public, "https://" + testToken[:40] + ".example/", "is not shown"},
		{"http from an https endpoint", public, "http://api-app.xtracta.com/?t=" + testToken, "is not https"},
		{"loopback http from an https endpoint", public, "http://127.0.0.1/?t=" + testToken, "is not https"},
		{"http from a loopback endpoint", local, "http://127.0.0.1:8080/?t=1", ""},
		{"user info", public, "https://user:" + testToken + "@api-app.xtracta.com/", "user or password"},
		{"relative", public, "/?t=" + testToken, "not an absolute URL"},
		{"a script", public, "javascript:alert(1)", "not an absolute URL"},
		{"nothing", public, "", "is empty"},
		{"a line break at its end", public, testURL + "\n", "characters"},
		{"a terminal's escape", public, testURL + "\x1b]0;x\a", "characters"},
		{"a soft hyphen", public, testURL + "\u00ad", "characters"},
		{"a right-to-left override", public, testURL + "\u202e", "characters"},
		{"not UTF-8", public, testURL + "\xff", "characters"},
		{"too long", public, testURL + strings.Repeat("x", 8<<10), "longer than 8 KiB"},
		{"every host, without an endpoint", none, "https://billing.brand.example/?t=1", ""},
		{"loopback http, without an endpoint", none, "http://localhost:8080/?t=1", ""},
		{"loopback http of IPv6, without an endpoint", none, "http://[::1]:8080/?t=1", ""},
		{"other http, without an endpoint", none, "http://localhost.evil.example/?t=" + testToken, "is not https"},
		{"another scheme, without an endpoint", none, "ftp://localhost/", "is not https"},
		{"user info, without an endpoint", none, "https://user:" + testToken + "@xtracta.com/", "user or password"},
		{"no host name, without an endpoint", none, "https://a..b/", "not valid; Xtracta"},
		{"a backslash, without an endpoint", none, `https://evil.example\@xtracta.com/`, "characters"},
	} {
		t.Run(c.why, func(t *testing.T) {
			err := c.policy.Check(c.url)
			if (err == nil) != (c.says == "") || err != nil && (!strings.Contains(err.Error(), c.says) || leak(err.Error()) != "") {
				t.Errorf("%v, want %q", err, c.says)
			}
		})
	}
}

// TestTheCureOfAForeignHostWorks does what the refusal says.
func TestTheCureOfAForeignHostWorks(t *testing.T) {
	named := regexp.MustCompile(`^is on (\S+), which .* add it there`)
	for _, host := range []string{
		"evil.example", "ab--cd.brand.example", "r3---sn-x.brand.example", "acme-.brand.example", "-acme.brand.example", "a_b.brand.example",
		"BRAND.example.", "bücher.example", "xn--bcher-kva.example", "ａ.example", "a。example", "localhost", "192.0.2.1", "[2001:DB8:0::1]", "[::ffff:192.0.2.1]", "0x7f.1", "brand.example:8443",
	} {
		err := allowing(t).Check("https://" + host + "/100%/?t=1")
		if err == nil {
			t.Errorf("%s is accepted", host)
			continue
		}
		found := named.FindStringSubmatch(err.Error())
		if found == nil {
			t.Errorf("%s: the refusal names no cure: %v", host, err)
			continue
		}
		if err := allowing(t, found[1]).Check("https://" + host + "/100%/?t=1"); err != nil {
			t.Errorf("%s is refused although %s is allowed: %v", host, found[1], err)
		}
	}
}

func allowing(t *testing.T, hosts ...string) endpoint.URLPolicy {
	t.Helper()
	p, err := endpoint.NewURLPolicy("https://api-app.xtracta.com/", hosts)
	must(t, err)
	return p
}

func TestURLPolicyNamesTheFlag(t *testing.T) {
	for flag, make := range map[string]func() (endpoint.URLPolicy, error){
		"--endpoint-url":      func() (endpoint.URLPolicy, error) { return endpoint.NewURLPolicy("http://a.example", nil) },
		"--allowed-url-hosts": func() (endpoint.URLPolicy, error) { return endpoint.NewURLPolicy("https://a.example", []string{"*"}) },
	} {
		if _, err := make(); err == nil || !strings.HasPrefix(err.Error(), flag+": ") {
			t.Errorf("%s: %v", flag, err)
		}
	}
}

func TestClientChecksByItsPolicy(t *testing.T) {
	client := newClient(t, "https://a.example/x")
	if err := client.CheckURL("https://a.example/?t=1"); err != nil {
		t.Error(err)
	}
	if err := client.CheckURL("https://b.example/?t=1"); err == nil {
		t.Error("a foreign host is accepted")
	}
}
