package standin

import (
	"bytes"
	"crypto/rand"
	"embed"
	"fmt"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

var (
	//go:embed page/*.html
	pageFiles embed.FS

	billingTemplate = parsePage("page/billing.html")
	closedTemplate  = parsePage("page/closed.html")
)

func parsePage(name string) *template.Template {
	return template.Must(template.ParseFS(pageFiles, "page/layout.html", name)).Lookup(name[len("page/"):])
}

// billingPage is what the holder of a live URL sees.
type billingPage struct {
	Title   string
	Nonce   string
	OnHold  string
	Seconds int
	Left    string
	account
}

// closedPage is what everybody else sees. It says what they can do about it.
type closedPage struct {
	Title string
	Nonce string
	Why   string
	Next  []string
}

var (
	expiredPage = closedPage{
		Title: "This link has expired",
		Why:   "A billing link signs you in without a password, so it works for a short time only.",
		Next: []string{
			"Go back to where you found the link and open it from there: it is replaced by a new one before it expires.",
			"If you were sent the link in a message, ask the sender for a new one.",
		},
	}
	usedPage = closedPage{
		Title: "This link has been used",
		Why:   "It works once. Somebody has opened it before, or you have opened this page again.",
		Next: []string{
			"Ask for a new link where you found this one.",
			"If you have not opened it yourself, tell the people who gave it to you.",
		},
	}
	unknownPage = closedPage{
		Title: "This link does not work",
		Why:   "This server did not issue it. Perhaps a part of it was lost when it was copied.",
		Next: []string{
			"Copy the whole link again, up to its last character.",
			"If that does not help, ask for a new one where you found it.",
		},
	}
	nothingPage = closedPage{
		Title: "There is nothing here",
		Why:   "Billing pages are opened with a link that contains a long, random part.",
		Next:  []string{"Open the link that you were given.", "To get one, send a POST request to " + Path + "."},
	}
)

// servePage shows the billing page while its URL is alive.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is allowed here", http.StatusMethodNotAllowed)
		return
	}
	found, usedBefore := s.grants.open(r.URL.Query().Get("t"))
	now := s.now()
	switch {
	case found == nil:
		show(w, http.StatusForbidden, closedTemplate, unknownPage.with)
	case !now.Before(found.grant.Expire):
		show(w, http.StatusForbidden, closedTemplate, expiredPage.with)
	case usedBefore && s.singleUse:
		show(w, http.StatusForbidden, closedTemplate, usedPage.with)
	default:
		s.showBilling(w, found, now)
	}
}

func (s *Server) serveNothing(w http.ResponseWriter, _ *http.Request) {
	show(w, http.StatusNotFound, closedTemplate, nothingPage.with)
}

func (s *Server) showBilling(w http.ResponseWriter, record *grantRecord, now time.Time) {
	left := record.grant.Expire.Sub(now).Round(time.Second)
	// Without it, a browser without scripts would go on showing an expired page.
	w.Header().Set("Refresh", strconv.Itoa(int(left.Seconds())+1))
	show(w, http.StatusOK, billingTemplate, func(nonce string) any {
		account := inventAccount(record.key, now)
		return billingPage{
			Title:   account.Group.Name + " · Billing (stand-in)",
			Nonce:   nonce,
			OnHold:  onHold(record.grant.Purge),
			Seconds: int(left.Seconds()),
			Left:    formatCountdown(left),
			account: account,
		}
	})
}

// onHold explains the document's purge parameter. It concerns the documents that are on
// hold since the processing limit was met, and takes effect when the plan is changed.
func onHold(purge string) string {
	switch purge {
	case "delete":
		return "Documents on hold will be deleted."
	case "process":
		return "Documents on hold will be processed and counted on the new plan."
	default:
		return "Nothing was chosen for documents on hold."
	}
}

func formatCountdown(left time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(left.Minutes()), int(left.Seconds())%60)
}

func (p closedPage) with(nonce string) any {
	p.Nonce = nonce
	return p
}

// show sends a page that loads nothing from other servers and must not be cached.
func show(w http.ResponseWriter, status int, page *template.Template, content func(nonce string) any) {
	nonce := rand.Text()
	var body bytes.Buffer
	if err := page.Execute(&body, content(nonce)); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Content-Security-Policy", "default-src 'none'; img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; "+
		"style-src 'nonce-"+nonce+"'; script-src 'nonce-"+nonce+"'")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}
