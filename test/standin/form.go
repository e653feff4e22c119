package standin

import (
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"
)

const (
	defaultLife = 600 * time.Second
	maxLife     = 259200 * time.Second
	maxFormSize = 64 << 10
)

// form is what a client asks for: the POST parameters of the document.
type form struct {
	key    string
	purge  string
	expire time.Duration
}

// refusal is the answer to a request that the document does not allow.
type refusal struct {
	status  int
	message string
	header  map[string]string
}

func invalid(format string, args ...any) *refusal {
	return &refusal{status: http.StatusUnprocessableEntity, message: fmt.Sprintf(format, args...)}
}

// readForm reads the POST parameters of the document, or refuses them. No message
// repeats a value, as it may be a key in the wrong place.
func readForm(w http.ResponseWriter, r *http.Request) (form, *refusal) {
	if r.Method != http.MethodPost {
		return form{}, &refusal{
			status:  http.StatusMethodNotAllowed,
			message: "Only POST is allowed here",
			header:  map[string]string{"Allow": http.MethodPost},
		}
	}
	if r.URL.RawQuery != "" {
		return form{}, &refusal{status: http.StatusBadRequest, message: "Parameters belong in the body, not in the query"}
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return form{}, &refusal{status: http.StatusUnsupportedMediaType, message: "The body must be application/x-www-form-urlencoded"}
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormSize)
	if err := r.ParseForm(); err != nil {
		return form{}, unreadable(err)
	}
	return parseForm(r.PostForm)
}

func unreadable(err error) *refusal {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return &refusal{status: http.StatusRequestEntityTooLarge, message: "The body is too large"}
	}
	return &refusal{status: http.StatusBadRequest, message: "The body could not be read as a form"}
}

// parseForm returns the key with a refusal too, so that the request is counted for it.
func parseForm(values url.Values) (form, *refusal) {
	parsed := form{key: values.Get("api_key"), purge: values.Get("purge"), expire: defaultLife}
	for name, given := range values {
		if !slices.Contains([]string{"api_key", "purge", "expire"}, name) {
			return parsed, invalid("A parameter is unknown; api_key, purge and expire are known")
		}
		if len(given) > 1 {
			return parsed, invalid("%s is given more than once", name)
		}
	}
	if parsed.key == "" {
		return parsed, invalid("api_key is required")
	}
	if values.Has("purge") && !slices.Contains([]string{"delete", "process"}, parsed.purge) {
		return parsed, invalid("purge must be delete or process")
	}
	if values.Has("expire") {
		seconds, err := strconv.ParseUint(values.Get("expire"), 10, 32)
		if err != nil || seconds < 1 || seconds > uint64(maxLife/time.Second) {
			return parsed, invalid("expire must be a number of seconds from 1 to %d", maxLife/time.Second)
		}
		parsed.expire = time.Duration(seconds) * time.Second
	}
	return parsed, nil
}
