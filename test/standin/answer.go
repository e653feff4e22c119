package standin

import (
	"encoding/xml"
	"net/http"
	"strconv"
	"time"
)

const (
	sampleRoot = "documents_response" // in the document's sample
	schemaRoot = "billings_response"  // in the document's schema
)

// document is the body of an answer. URL is a list and the numbers are strings, so that
// faults can break them.
type document struct {
	XMLName xml.Name
	Status  string   `xml:"status,omitempty"`
	Message string   `xml:"message"`
	URL     []string `xml:"url"`
	Expire  string   `xml:"expire,omitempty"`
}

func (d *document) render() []byte {
	text, err := xml.MarshalIndent(d, "", "    ")
	if err != nil {
		panic(err) // a struct of strings can always be marshalled
	}
	return append([]byte(xml.Header), append(text, '\n')...)
}

// answer is what the client gets. Its document, if there is one, becomes its body.
type answer struct {
	status   int
	header   http.Header
	document *document
	body     []byte
	deliver  func(http.ResponseWriter, *answer)

	outcome Outcome
	life    time.Duration
}

func newAnswer(status int, d *document) *answer {
	if d != nil {
		d.XMLName.Local = sampleRoot
	}
	return &answer{
		status:   status,
		header:   http.Header{"Content-Type": {"application/xml; charset=UTF-8"}, "Cache-Control": {"no-store"}},
		document: d,
		deliver:  deliverWhole,
	}
}

func granted(grant Grant, life time.Duration) *answer {
	answer := newAnswer(http.StatusOK, &document{
		Status:  strconv.Itoa(http.StatusOK),
		Message: "The request has been successfully processed",
		URL:     []string{grant.URL},
		Expire:  strconv.FormatInt(grant.Expire.Unix(), 10),
	})
	answer.outcome = Granted
	answer.life = life
	return answer
}

// failed is an error with its HTTP code, repeated in the body.
func failed(outcome Outcome, status int, message string) *answer {
	answer := newAnswer(status, &document{Status: strconv.Itoa(status), Message: message})
	answer.outcome = outcome
	return answer
}

// fault records that the client does not get what the document promises.
func (a *answer) fault() { a.outcome = Faulted }

func (a *answer) render() {
	if a.document != nil {
		a.body = a.document.render()
	}
}

func (a *answer) write(w http.ResponseWriter) {
	for name, values := range a.header {
		w.Header()[name] = values
	}
	a.deliver(w, a)
}

func deliverWhole(w http.ResponseWriter, a *answer) {
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body) // fails when the client is gone, which concerns nobody else
}

func deliverNothing(http.ResponseWriter, *answer) {
	panic(http.ErrAbortHandler) // makes net/http close the connection
}

// deliverHalf announces the length of the whole body, and sends its first half.
func deliverHalf(w http.ResponseWriter, a *answer) {
	w.Header().Set("Content-Length", strconv.Itoa(len(a.body)))
	w.WriteHeader(a.status)
	_, _ = w.Write(a.body[:len(a.body)/2])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}
