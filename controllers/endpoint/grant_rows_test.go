package endpoint_test

import (
	"fmt"
	"io"
	"net/http"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

func expireRows() []row {
	text := func(expire string) server { return says(root("<url>{url}</url><expire>" + expire + "</expire>")) }
	// lives answers with an expire so long after the server's own clock, which is
	// ahead of ours by the skew.
	lives := func(life, skew time.Duration) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			date := s.now.Truncate(time.Second).Add(skew)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", date.Add(life).Unix()))))
		})
	}
	// undated answers without a Date, or with one that is none, and with an expire so
	// long after our clock.
	undated := func(date string, life time.Duration) server {
		return handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			w.Header()["Date"] = nil
			if date != "" {
				w.Header().Set("Date", date)
			}
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", s.now.Truncate(time.Second).Add(life).Unix()))))
		})
	}
	expires := func(life, skew time.Duration) func(*stage) wanted {
		return func(s *stage) wanted {
			return wanted{url: testURL, expire: s.now.Truncate(time.Second).Add(skew + life), offset: skew}
		}
	}
	const (
		day  = 24 * time.Hour
		year = 365 * day
		most = 3*day + time.Hour
	)
	return []row{
		{name: "leading zeros and a plus", why: "the schema's integers may have them", server: text("+000{expire}"), want: granted},
		{name: "empty", why: "no time", server: text(""), want: malformed, says: "not a UNIX time"},
		{name: "the key", why: "a value may echo anything", server: text("{key}"), want: malformed, says: "not a UNIX time"},
		{name: "zero", why: "never, or at once: not guessed", server: text("0"), want: malformed, says: "number of seconds"},
		{name: "relative", why: "a life in place of a time would be long past", server: text("600"), want: malformed, says: "number of seconds"},
		{name: "2^64 and a good time", why: "more than any integer holds must not wrap into a good time", server: text("18446744075{expire}"), want: malformed, says: "more than three days"},
		{name: "as asked for", why: "the usual case", server: lives(10*time.Minute, 0), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "the longest", why: "three days and an hour are believed", server: lives(most, 0), want: granted, grant: expires(most, 0)},
		{name: "a day longer", why: "more than can be asked for is a mistake", server: lives(most+day, 0), want: malformed, says: "more than three days"},
		{name: "now", why: "no life", server: lives(0, 0), want: malformed, says: "past"},
		{name: "server ahead by years", why: "our clock may have lost its battery", server: lives(10*time.Minute, 50*year), want: granted, grant: expires(10*time.Minute, 50*year)},
		{name: "server ahead by a thousand years", why: "an offset beyond a Duration would keep the URL for ever", server: handles(func(s *stage, w http.ResponseWriter, _ *http.Request) {
			date := s.now.AddDate(1000, 0, 0)
			w.Header().Set("Date", date.UTC().Format(http.TimeFormat))
			_, _ = io.WriteString(w, s.fill(root(fmt.Sprintf("<url>{url}</url><expire>%d</expire>", date.Unix()+600))))
		}), want: malformed, says: "more than three days"},
		{name: "server in year 9999", why: "an expire beyond year 9999 cannot be written down", server: answers(200, root("<url>{url}</url><expire>253402300900</expire>"), "Date", "Fri, 31 Dec 9999 23:59:59 GMT"), want: malformed, says: "more than three days"},
		{name: "no Date", why: "without the server's clock there is ours", server: undated("", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date that echoes the key", why: "a header may echo anything", server: undated(testKey, 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
		{name: "a Date after the expire", why: "a Date that makes no sensible life is no clock to go by", server: undated("Fri, 31 Dec 9999 23:59:59 GMT", 10*time.Minute), want: granted, grant: expires(10*time.Minute, 0)},
	}
}

func urlRows() []row {
	grants := func(url string) server { return says(root("<url>" + url + "</url><expire>{expire}</expire>")) }
	accepted := func(name, why, url string) row {
		return row{name: name, why: why, server: grants(url), want: granted, grant: urlIs(url)}
	}
	refused := func(name, why, url, says string) row {
		return row{name: name, why: why, server: grants(url), want: malformed, says: says}
	}
	const foreign = "--allowed-url-hosts"
	only := func(hosts ...string) func(*endpoint.Config, *stage) {
		return func(config *endpoint.Config, _ *stage) { config.AllowedURLHosts = hosts }
	}
	return []row{
		accepted("allowed by name", "xtracta.com itself is on the default list", "https://xtracta.com/x"),
		accepted("allowed by pattern", "what is under xtracta.com is on the default list", "https://a.b.xtracta.com/x"),
		accepted("the endpoint's own host on another port", "the page may be served on another port: the host's name counts", "https://127.0.0.1:9443/x"),
		accepted("http from a loopback endpoint", "a local stand-in has no certificate", "http://127.0.0.1:8080/x"),
		accepted("upper case", "hosts and schemes have no case, and the URL stays as it came", "HTTPS://API-APP.Xtracta.COM/X"),
		accepted("trailing dot", "another spelling of the same host", "https://api-app.xtracta.com./x"),
		accepted("user info in the path", "an @ behind the host is no user", "https://api-app.xtracta.com/@x"),
		accepted("host in full-width letters", "browsers and we map them to the same host", "https://ａpi-app.xtracta.com/"),
		accepted("host with an ideographic dot", "browsers and we map it to the same host", "https://api-app。xtracta.com/"),
		accepted("8 KiB", "the limit itself", "https://api-app.xtracta.com/"+strings.Repeat("x", 8<<10-len("https://api-app.xtracta.com/"))),
		accepted("a percent sign in the path", "browsers open it, and it cannot change the host", "https://api-app.xtracta.com/100%/b"),
		accepted("two hyphens", "browsers open it", "https://ab--cd.xtracta.com/x"),
		accepted("underscore", "browsers open it", "https://a_b.xtracta.com/x"),
		accepted("letters beyond ASCII in the host", "browsers ask for its ASCII form", "https://bücher.xtracta.com/x"),
		refused("a byte more", "a URL is bounded", "https://api-app.xtracta.com/"+strings.Repeat("x", 8<<10+1-len("https://api-app.xtracta.com/")), "longer"),
		refused("empty", "no URL", "", "empty"),
		refused("relative", "there is no page to be relative to", "/v1/billings/index.html?t={token}", "absolute"),
		refused("without a scheme", "a guess would be http or https", "api-app.xtracta.com/?t={token}", "absolute"),
		refused("no host", "no host, though browsers would take the path's first part", "https:///api-app.xtracta.com/", "absolute"),
		refused("javascript with a host", "a link that runs in the page that shows it", "javascript://api-app.xtracta.com/%0aalert(1)", "not https"),
		refused("ftp", "not https", "ftp://api-app.xtracta.com/", "not https"),
		refused("foreign", "a host that nobody has allowed", "https://evil.example/?t={token}", "on evil.example, which"),
		refused("foreign with an allowed suffix", "a pattern is compared label by label", "https://evilxtracta.com/", foreign),
		refused("two dots", "an empty label is no label", "https://a..xtracta.com/", "not valid"),
		refused("user", "user info makes a foreign host look like ours", "https://api-app.xtracta.com@evil.example/", "user or password"),
		refused("backslash", "browsers read it as a slash, and another host", `https://evil.example\@api-app.xtracta.com/`, "characters"),
		refused("line break", "browsers drop it, headers break at it", "https://api-app.xtracta.com/&#10;&#13;x", "characters"),
		refused("right-to-left override", "shown, the URL reads as another", "https://api-app.xtracta.com/\u202ex", "characters"),
		refused("percent in the host", "browsers decode it to another host", "https://evil%2eexample/", "not valid"),
		refused("homograph", "a Cyrillic a is another letter", "https://аpi-app.xtrаcta.com/", foreign),
		refused("invalid label", "no host name", "https://xn--a.xtracta.com/", "not valid"),
		refused("a host of five kilobytes", "no host name", "https://"+strings.Repeat("a.", 2500)+"xtracta.com/", "not valid"),
		refused("comma", "no host name", "https://evil.example,xtracta.com/", "not valid"),
		refused("port too high", "no port", "https://api-app.xtracta.com:65536/", "not valid"),
		refused("loopback as a number", "a form that browsers read and few others", "https://2130706433/", foreign),
		refused("host named like the token", "a label that long is no name", "https://{token}.example.com/", "not shown"),
		{name: "nothing allowed but the own host", why: "an empty list allows no other", server: grants("{url}"), config: only(), want: malformed, says: "api-app.xtracta.com"},
		{name: "a pattern does not allow its parent", why: "a pattern is what is under it", server: grants("https://xtracta.com/"), config: only("*.xtracta.com"), want: malformed},
		{name: "a list in another spelling", why: "case, space and dots do not matter", server: grants("{url}"), config: only(" *.XTRACTA.com. ", ""), want: granted},
		{name: "an international name", why: "browsers ask for its ASCII form", server: grants("https://xn--bcher-kva.example/"), config: only("bücher.example"), want: granted, grant: urlIs("https://xn--bcher-kva.example/")},
		{name: "an address on the list", why: "addresses are names too", server: grants("https://[2001:DB8:0::1]/"), config: only("2001:db8::1"), want: granted, grant: urlIs("https://[2001:DB8:0::1]/")},
	}
}

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
		{"the endpoint's host, whatever is allowed", policy("https://a.example/x"), "https://a.example/page?t=1", ""},
		{"a host that is not allowed", public, "https://evil.example/?t=" + testToken, "is on evil.example, which"},
		{"a host named like a token", public, "https://" + testToken[:40] + ".example/", "is not shown"},
		{"loopback http from an https endpoint", public, "http://127.0.0.1/?t=" + testToken, "is not https"},
		{"http from a loopback endpoint", local, "http://127.0.0.1:8080/?t=1", ""},
		{"every host, without an endpoint", none, "https://billing.brand.example/?t=1", ""},
		{"loopback http, without an endpoint", none, "http://localhost:8080/?t=1", ""},
		{"other http, without an endpoint", none, "http://localhost.evil.example/?t=" + testToken, "is not https"},
		{"user info, without an endpoint", none, "https://user:" + testToken + "@xtracta.com/", "user or password"},
		{"no host name, without an endpoint", none, "https://a..b/", "not valid; Xtracta"},
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
		"evil.example", "a_b.brand.example", "BRAND.example.", "bücher.example", "a。example", "192.0.2.1", "[2001:DB8:0::1]", "brand.example:8443",
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
