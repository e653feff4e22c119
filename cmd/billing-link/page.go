package main

import (
	"bytes"
	"crypto/sha256"
	_ "embed"
	"encoding/base64"
	"errors"
	"html/template"
	"time"
)

var (
	//go:embed page/notice.html
	noticeText string
	//go:embed page/style.css
	style string

	noticePage = template.Must(template.New("notice").Parse(noticeText))

	// contentPolicy lets a page load nothing but its icon, and use the one style
	// that is in it.
	contentPolicy = "default-src 'none'; img-src data:; style-src 'sha256-" + digest(style) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// notice is what people read in place of the billing page. Operator is for those
// who run the cluster; the rest is for those who wanted to see their invoices.
type notice struct {
	Title    string
	Why      string
	Next     []string
	Operator template.HTML

	Style  template.CSS
	Expire time.Time // zero where it does not matter
}

var notices = map[error]notice{
	errMissing: {
		Title: "The billing page is not ready yet",
		Why:   "It opens with a link that is issued for a short time. The first one has not arrived here.",
		Next: []string{
			"Try again in a minute or two.",
			"If it stays like this, tell the people who look after this service.",
		},
		Operator: "The mounted Secret lacks <code>url</code> or <code>expire</code>. Whether a URL was issued is told by <code>kubectl describe billingsession</code>.",
	},
	errExpired: {
		Title: "The link to the billing page has expired",
		Why:   "Such a link works for a short time, and is replaced before it ends. This time the new one is late.",
		Next: []string{
			"Try again in a minute or two.",
			"If it stays like this, tell the people who look after this service.",
		},
		Operator: "The URL in the mounted Secret was not renewed in time. Why is told by <code>kubectl describe billingsession</code>.",
	},
	errGarbled: {
		Title: "The billing page cannot be opened",
		Why:   "What is stored here is not a link that is safe to follow, so nobody is sent there.",
		Next: []string{
			"Tell the people who look after this service; trying again rarely helps.",
		},
		Operator: "The mounted Secret needs an https URL as <code>url</code> and UNIX seconds as <code>expire</code>. The log of this pod says which one is wrong.",
	},
}

// renderNotice is the page for a reason. The time is shown only where the URL has
// come to its end.
func renderNotice(why error, expire time.Time) []byte {
	var page bytes.Buffer
	if err := noticePage.Execute(&page, noticeFor(why, expire)); err != nil {
		panic(err) // a defect of the template, which every test would meet
	}
	return page.Bytes()
}

func noticeFor(why error, expire time.Time) notice {
	for reason, shown := range notices {
		if errors.Is(why, reason) {
			shown.Style, shown.Expire = template.CSS(style), expire.UTC()
			return shown
		}
	}
	panic("no notice for: " + why.Error())
}
