package endpoint

import (
	"errors"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
	"unicode"

	clocktesting "k8s.io/utils/clock/testing"
)

// FuzzClassify gives any answer to the client. Whatever comes, it is one of
// five outcomes; a grant keeps its promises; an error shows neither key nor URL.
func FuzzClassify(f *testing.F) {
	const secret = "Kq7+Zx/9w=Rt%41~Lp2_vB-8nM.c4Jd"
	arrived := time.Unix(1522895194, 5e8)
	client, err := New(Config{
		URL: "https://api-app.xtracta.com/v1/billings/billing_ui", AllowedURLHosts: []string{"xtracta.com", "*.xtracta.com"},
		Timeout: time.Second, Clock: clocktesting.NewFakePassiveClock(arrived),
	})
	if err != nil {
		f.Fatal(err)
	}
	key, err := ParseKey([]byte(secret))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, status int, contentType, date, retryAfter, location string, body []byte) {
		header := http.Header{"Content-Type": {contentType}, "Date": {date}, "Location": {location}}
		if retryAfter != "" {
			header.Set("Retry-After", retryAfter)
		}
		grant, err := client.classify(answer{status: status, header: header, arrived: arrived, body: body}, key)
		if err == nil {
			checkPromises(t, grant, status, body, date, arrived)
			return
		}
		checkRefusal(t, err, secret)
	})
}

// quoted is what XML does not read as markup.
var quoted = regexp.MustCompile(`(?s)<!--.*?-->|<!\[CDATA\[.*?\]\]>|<\?.*?\?>|"[^"]*"|'[^']*'`)

// checkPromises asserts what every grant promises, without the client's own means.
func checkPromises(t *testing.T, grant Grant, status int, body []byte, date string, arrived time.Time) {
	t.Helper()
	scheme, rest, _ := strings.Cut(grant.URL.Reveal(), "://")
	u, err := url.Parse(scheme + "://" + rest[:strings.IndexAny(rest+"/", "/?#")]) // browsers open whatever follows
	if err != nil {
		t.Fatalf("the URL cannot be parsed: %v", err)
	}
	host := strings.TrimSuffix(strings.ToLower(u.Hostname()), ".")
	ascii := !strings.ContainsFunc(host, func(r rune) bool { return r > unicode.MaxASCII })
	switch {
	case status != http.StatusOK:
		t.Errorf("a grant of HTTP %d", status)
	case u.Scheme != "https" || u.User != nil:
		t.Errorf("a grant of %q", u)
	case ascii && host != "xtracta.com" && !strings.HasSuffix(host, ".xtracta.com"):
		t.Errorf("a grant on %q", host)
	case strings.ContainsAny(grant.URL.Reveal(), " \t\r\n\\\x00"):
		t.Errorf("a grant of %q", grant.URL.Reveal())
	case grant.Expire.Year() > 9999:
		t.Errorf("a grant until %s", grant.Expire)
	case strings.Contains(quoted.ReplaceAllString(string(body), ""), "<!DOCTYPE"):
		t.Error("a grant in spite of a DOCTYPE")
	}
	life := grant.Expire.Sub(arrived.Add(grant.Offset))
	if life <= -time.Second || life > MaxLife+time.Second {
		t.Errorf("a life of %s", life)
	}
	if grant.Offset != 0 && date == "" {
		t.Errorf("an offset of %s from no Date", grant.Offset)
	}
	if grant.Offset%time.Second != 0 || !grant.Issued.Equal(arrived) {
		t.Errorf("offset %s, issued %s", grant.Offset, grant.Issued)
	}
}

func checkRefusal(t *testing.T, err error, secret string) {
	t.Helper()
	var (
		rejected    *RejectedError
		throttled   *ThrottledError
		unavailable *UnavailableError
		malformed   *MalformedError
	)
	if !errors.As(err, &rejected) && !errors.As(err, &throttled) && !errors.As(err, &unavailable) && !errors.As(err, &malformed) {
		t.Errorf("%T is none of the four", err)
	}
	if throttled != nil && throttled.RetryAfter != 0 && (throttled.RetryAfter < minRetryAfter || throttled.RetryAfter > maxRetryAfter) {
		t.Errorf("a wait of %s", throttled.RetryAfter)
	}
	text := err.Error()
	if strings.Contains(strings.ToLower(text), strings.ToLower(secret)) || strings.Contains(text, "://") {
		t.Errorf("the error shows a secret: %q", text)
	}
	if len([]rune(text)) > 700 || strings.ContainsFunc(text, unicode.IsControl) {
		t.Errorf("the error is no short sentence: %q", text)
	}
}
