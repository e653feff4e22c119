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

	// contentPolicy lets the page load nothing but its inline icon and its one inline style.
	contentPolicy = "default-src 'none'; img-src data:; style-src 'sha256-" + digest(style) +
		"'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)

func digest(text string) string {
	sum := sha256.Sum256([]byte(text))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// notice is the page that people see instead of the billing page. Operator addresses
// those who run the cluster, the rest those who wanted to see their invoices.
type notice struct {
	Title    string
	Why      string
	Next     []string
	Operator template.HTML

	Style  template.CSS
	Expire time.Time // zero if no URL has expired
}

var notices = map[error]notice{
	errMissing: {
		Title: "The billing page is not ready yet",
		Why:   "It opens with a link that works for a short time only. The first link has not arrived yet.",
		Next: []string{
			"Try again in a minute or two.",
			"If it still does not open, tell the people who look after this service.",
		},
		Operator: "The mounted Secret has no <code>url</code> or no <code>expire</code>. <code>kubectl describe billingsession</code> shows whether a URL was issued.",
	},
	errExpired: {
		Title: "The link to the billing page has expired",
		Why:   "Each link works for a short time and is replaced before it expires. This time the new link is late.",
		Next: []string{
			"Try again in a minute or two.",
			"If it still does not open, tell the people who look after this service.",
		},
		Operator: "The URL in the mounted Secret was not renewed in time. <code>kubectl describe billingsession</code> shows why.",
	},
	errForbidden: {
		Title: "The billing page cannot be opened",
		Why:   "The link to it is stored here, but this service may not read it.",
		Next: []string{
			"Tell the people who look after this service. Trying again rarely helps.",
		},
		Operator: "The files of the mounted Secret may not be read by this container's user. Set <code>fsGroup</code> in the pod's <code>securityContext</code>, or leave out <code>defaultMode</code> of the volume.",
	},
	errUnreadable: {
		Title: "The billing page cannot be opened",
		Why:   "The link to it is stored here, but it cannot be read.",
		Next: []string{
			"Tell the people who look after this service. Trying again rarely helps.",
		},
		Operator: "An entry of the mounted Secret cannot be read. The log of this pod says why. Mount the generated Secret as a whole volume.",
	},
	errInvalid: {
		Title: "The billing page cannot be opened",
		Why:   "The link that is stored here is not safe to follow, so it was not opened.",
		Next: []string{
			"Tell the people who look after this service. Trying again rarely helps.",
		},
		Operator: "The mounted Secret needs an https URL as <code>url</code> and UNIX seconds as <code>expire</code>. The log of this pod says which of them is wrong.",
	},
}

// renderNotice renders the page for a reason. It shows the time only if a URL has expired.
func renderNotice(why error, expire time.Time) []byte {
	var page bytes.Buffer
	if err := noticePage.Execute(&page, noticeFor(why, expire)); err != nil {
		panic(err) // a defect of the template that every test would find
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
