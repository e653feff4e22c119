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
	Pending string
	Seconds int
	Left    string
	account
}

// closedPage is what everybody else sees, with what they can do about it.
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
		Why:   "It was not given out here. Perhaps a part of it was lost when it was copied.",
		Next: []string{
			"Copy the whole link once more, up to its last character.",
			"If that does not help, ask for a new one where you found it.",
		},
	}
	nothingPage = closedPage{
		Title: "There is nothing here",
		Why:   "Billing pages are opened with a link that contains a long, random part.",
		Next:  []string{"Open the link that you were given.", "To be given one, ask the endpoint with POST at " + Path + "."},
	}
)

// servePage shows the billing page while its URL is alive.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "only GET is allowed here", http.StatusMethodNotAllowed)
		return
	}
	found, used := s.grants.open(r.URL.Query().Get("t"))
	now := s.now()
	switch {
	case found == nil:
		show(w, http.StatusForbidden, closedTemplate, unknownPage.with)
	case !now.Before(found.grant.Expire):
		show(w, http.StatusForbidden, closedTemplate, expiredPage.with)
	case used && s.singleUse:
		show(w, http.StatusForbidden, closedTemplate, usedPage.with)
	default:
		s.showBilling(w, found, now)
	}
}

func (s *Server) serveNothing(w http.ResponseWriter, _ *http.Request) {
	show(w, http.StatusNotFound, closedTemplate, nothingPage.with)
}

func (s *Server) showBilling(w http.ResponseWriter, p *pass, now time.Time) {
	left := p.grant.Expire.Sub(now).Round(time.Second)
	// also without scripts nobody keeps looking at a page that has expired
	w.Header().Set("Refresh", strconv.Itoa(int(left.Seconds())+1))
	show(w, http.StatusOK, billingTemplate, func(nonce string) any {
		account := inventAccount(p.key, now)
		return billingPage{
			Title:   account.Group.Name + " · Billing (stand-in)",
			Nonce:   nonce,
			Pending: pending(p.grant.Purge),
			Seconds: int(left.Seconds()),
			Left:    clockText(left),
			account: account,
		}
	})
}

// pending says what the document's purge parameter means on this page.
func pending(purge string) string {
	switch purge {
	case "delete":
		return "Documents that are still pending will be deleted."
	case "process":
		return "Documents that are still pending will be processed first."
	default:
		return "Nothing was chosen for documents that are still pending."
	}
}

func clockText(left time.Duration) string {
	return fmt.Sprintf("%d:%02d", int(left.Minutes()), int(left.Seconds())%60)
}

func (p closedPage) with(nonce string) any {
	p.Nonce = nonce
	return p
}

// show sends a page that loads nothing from elsewhere, and that nothing keeps.
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
