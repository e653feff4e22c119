package standin

import (
	"bytes"
	_ "embed"
	"html/template"
	"net/http"
	"strconv"
	"time"
)

//go:embed page.html
var pageText string

var pageTemplate = template.Must(template.New("page").Parse(pageText))

// page is what is shown behind a URL.
type page struct {
	Title string
	Lines []string
}

// onHold explains the document's purge parameter. It concerns the documents that are on
// hold since the processing limit was met, and takes effect when the plan is changed.
var onHold = map[string]string{
	"":        "Nothing was chosen for documents on hold.",
	"delete":  "Documents on hold will be deleted.",
	"process": "Documents on hold will be processed and counted on the new plan.",
}

// servePage shows the billing page until its URL expires, by the server's clock.
func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	now := s.now()
	switch grant, found := s.visit(r.URL.Query().Get("t")); {
	case !found:
		show(w, http.StatusForbidden, page{"This link does not work", []string{"This server did not issue it. Ask for a new one where you found it."}})
	case !now.Before(grant.Expire):
		show(w, http.StatusForbidden, page{"This link has expired", []string{"Go back to where you found it: it is replaced before it expires."}})
	default:
		// The browser asks again then, so that nobody reads on an expired page.
		w.Header().Set("Refresh", strconv.Itoa(int(grant.Expire.Sub(now).Seconds())+1))
		show(w, http.StatusOK, page{"Billing (stand-in)", []string{
			"Here the plan, the usage and the invoices of your group would be.",
			onHold[grant.Purge],
			"This link works until " + grant.Expire.UTC().Format(time.RFC1123) + ". Whoever has it is signed in as you.",
		}})
	}
}

// visit finds the grant of a token.
func (s *Server) visit(token string) (grant Grant, found bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.visits++
	grant, found = s.grants[token]
	return grant, found
}

// show sends a page that loads nothing and must not be cached.
func show(w http.ResponseWriter, status int, content page) {
	var body bytes.Buffer
	if err := pageTemplate.Execute(&body, content); err != nil {
		http.Error(w, err.Error(), http.StatusInternalServerError)
		return
	}
	header := w.Header()
	header.Set("Content-Type", "text/html; charset=utf-8")
	header.Set("Cache-Control", "no-store")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Content-Security-Policy", "default-src 'none'; style-src 'unsafe-inline'")
	w.WriteHeader(status)
	_, _ = w.Write(body.Bytes())
}
