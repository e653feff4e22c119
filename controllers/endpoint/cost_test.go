package endpoint

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	clocktesting "k8s.io/utils/clock/testing"

	"github.com/xtracta/billing-operator/test/performance/growth"
)

// TestTwiceTheAnswerIsTwiceTheWork: whoever stands between may answer as much as is read, and
// no shape of that may cost more than its length.
func TestTwiceTheAnswerIsTwiceTheWork(t *testing.T) {
	client, err := New(Config{URL: "https://api-app.xtracta.com/", Timeout: time.Second, Clock: clocktesting.NewFakePassiveClock(time.Unix(1522895194, 0))})
	if err != nil {
		t.Fatal(err)
	}
	key, err := ParseKey([]byte("0123456789abcdef0123456789abcdef01234567"))
	if err != nil {
		t.Fatal(err)
	}
	around := func(before, unit, after string) func(n int) string {
		return func(n int) string { return before + strings.Repeat(unit, n/len(unit)) + after }
	}
	const root, end = "<documents_response>", "</documents_response>"
	for _, row := range []struct {
		name string
		body func(n int) string
	}{
		{"elements", around(root, "<x>1</x>", end)},
		{"nested elements", func(n int) string { return root + strings.Repeat("<x>", n/7) + strings.Repeat("</x>", n/7) + end }},
		{"elements that do not end", around(root, "<x>", "")},
		{"attributes", func(n int) string {
			var text strings.Builder
			for i := range n / 11 {
				fmt.Fprintf(&text, ` a%05d="b"`, i)
			}
			return "<documents_response" + text.String() + ">" + end
		}},
		{"a long word", around(root+"<message>", "a", "</message>"+end)},
		{"white space in front", around("", " ", root+end)},
		{"comments in a text", around(root+"<message>", "a<!---->", "</message>"+end)},
		{"CDATA", around(root+"<message>", "<![CDATA[a]]>", "</message>"+end)},
		{"elements in a message", around(root+"<message>", "<b>a</b>", "</message>"+end)},
		{"a URL", around(root+"<url>https://www.xtracta.com/", "a", "</url><expire>1522895794</expire>"+end)},
		{"a rejection with a URL", around(root+"<status>403</status><message>no</message><url>https://a/", "b", "</url>"+end)},
	} {
		t.Run(row.name, func(t *testing.T) {
			growth.AtMostDoubles(t, 16<<10, func(n int) func() {
				got := answer{
					status: http.StatusOK, header: http.Header{"Content-Type": {"text/xml; charset=utf-8"}},
					arrived: time.Unix(1522895194, 0), body: []byte(row.body(n)),
				}
				return func() { _, _ = client.classify(got, key) }
			})
		})
	}
}
