package standin

import (
	"net/http"
	"strconv"
	"time"
)

// delivery sends an answer to the client, completely or not.
type delivery func(w http.ResponseWriter, r *http.Request, a *answer)

func deliverWhole(w http.ResponseWriter, _ *http.Request, a *answer) {
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // fails when the client is gone, which concerns nobody else
}

func deliverNothing(http.ResponseWriter, *http.Request, *answer) {
	panic(http.ErrAbortHandler) // makes net/http close the connection
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

// sendHalf announces the length of the whole body and sends its first half.
func sendHalf(w http.ResponseWriter, a *answer) (sent int) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	sent, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	return sent
}
