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

// invalid refuses a request that the document does not allow.
func invalid(status int, message string) *answer { return failed(Invalid, status, message) }

// readForm reads the POST parameters of the document, or refuses them. No message
// repeats a value, as it may be a key in the wrong place.
func readForm(w http.ResponseWriter, r *http.Request) (form, *answer) {
	if r.Method != http.MethodPost {
		return form{}, invalid(http.StatusMethodNotAllowed, "Only POST is allowed here")
	}
	if r.URL.RawQuery != "" {
		return form{}, invalid(http.StatusBadRequest, "Parameters belong in the body, not in the query")
	}
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || media != "application/x-www-form-urlencoded" {
		return form{}, invalid(http.StatusUnsupportedMediaType, "The body must be application/x-www-form-urlencoded")
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxFormSize)
	if err := r.ParseForm(); err != nil {
		return form{}, unreadable(err)
	}
	return parseForm(r.PostForm)
}

func unreadable(err error) *answer {
	if tooLarge := new(http.MaxBytesError); errors.As(err, &tooLarge) {
		return invalid(http.StatusRequestEntityTooLarge, "The body is too large")
	}
	return invalid(http.StatusBadRequest, "The body could not be read as a form")
}

// parseForm returns the key with a refusal too, so that the request is counted for it.
func parseForm(values url.Values) (form, *answer) {
	parsed := form{key: values.Get("api_key"), purge: values.Get("purge"), expire: defaultLife}
	for name, given := range values {
		if !slices.Contains([]string{"api_key", "purge", "expire"}, name) {
			return parsed, invalid(http.StatusUnprocessableEntity, "A parameter is unknown; api_key, purge and expire are known")
		}
		if len(given) > 1 {
			return parsed, invalid(http.StatusUnprocessableEntity, name+" is given more than once")
		}
	}
	if parsed.key == "" {
		return parsed, invalid(http.StatusUnprocessableEntity, "api_key is required")
	}
	if values.Has("purge") && !slices.Contains([]string{"delete", "process"}, parsed.purge) {
		return parsed, invalid(http.StatusUnprocessableEntity, "purge must be delete or process")
	}
	if values.Has("expire") {
		seconds, err := strconv.ParseUint(values.Get("expire"), 10, 32)
		if err != nil || seconds < 1 || seconds > uint64(maxLife/time.Second) {
			return parsed, invalid(http.StatusUnprocessableEntity, fmt.Sprintf("expire must be a number of seconds from 1 to %d", maxLife/time.Second))
		}
		parsed.expire = time.Duration(seconds) * time.Second
	}
	return parsed, nil
}
