package standin

import (
	"net/http"
	"strconv"
	"time"
)

// delivery sends an answer to the client, or fails to.
type delivery func(w http.ResponseWriter, r *http.Request, a *answer)

func deliverWhole(w http.ResponseWriter, _ *http.Request, a *answer) {
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // the client may be gone, and nobody else is to be told
}

func deliverNothing(http.ResponseWriter, *http.Request, *answer) {
	panic(http.ErrAbortHandler) // net/http's way to close the connection
}

func deliverHalf(w http.ResponseWriter, _ *http.Request, a *answer) {
	sendHalf(w, a)
	panic(http.ErrAbortHandler)
}

func deliverSlowly(d time.Duration) delivery {
	return func(w http.ResponseWriter, r *http.Request, a *answer) {
		sent := sendHalf(w, a)
		if pause(r.Context(), d) {
			_, _ = w.Write(a.body[sent:])
		}
	}
}

// sendHalf promises the whole body, and sends the first half of it.
func sendHalf(w http.ResponseWriter, a *answer) (sent int) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	sent, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	return sent
}
