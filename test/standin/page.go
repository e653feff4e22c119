package standin

import "net/http"

func (s *Server) servePage(w http.ResponseWriter, r *http.Request) {
	found, used := s.grants.open(r.URL.Query().Get("t"))
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("Referrer-Policy", "no-referrer")
	if found == nil || !s.now().Before(found.grant.Expire) || used && s.singleUse {
		http.Error(w, "This link has expired", http.StatusForbidden)
		return
	}
	_, _ = w.Write([]byte("billing"))
}

func (s *Server) serveNothing(w http.ResponseWriter, r *http.Request) {
	http.NotFound(w, r)
}
