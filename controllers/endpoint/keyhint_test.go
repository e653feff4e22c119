package endpoint_test

import (
	"fmt"
	"html"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/xtracta/billing-operator/controllers/endpoint"
)

const keyHint = "This endpoint wants a group's API key, not a person's"

// TestKeyHint holds when a rejection tells that the key may be of the wrong kind, the
// likeliest first mistake, and when that would lead a person astray.
func TestKeyHint(t *testing.T) {
	for _, c := range []struct {
		status  int
		message string
		hint    bool
	}{
		{401, "", true},
		{403, "", true},
		{401, "Invalid API key", true},
		{403, "The API key has no access to this resource", true},
		{403, "No access.", true},
		{403, "Access denied!", true},
		{403, "Zugriff verweigert", true},
		{403, "Only an administrator may do this", true},
		{403, "The stand-in was told to answer 403 Forbidden", true},
		{401, "The API key " + testKey + " is unknown", true},
		{400, "Invalid api_key", true},
		{404, "API key not found", true},
		{404, "The key " + testKey + " does not exist", true},
		{404, "Group not found", true},
		{410, "This API key has been revoked", true},
		{422, "This user has no permission", true},
		{403, "Your billing plan does not allow this", false},
		{403, "The API key's billing plan does not include the API", false},
		{401, "No billing plan has been set up for this group", false},
		{403, "Your subscription has ended", false},
		{403, "Your trial is over: upgrade to the Pro plan", false},
		{403, "The account of this group is suspended", false},
		{403, "Access from this IP address is not allowed", false},
		{400, "The fields api_key and expire are mandatory", false},
		{400, "Missing parameter: api_key", false},
		{422, "expire must be an integer between 1 and 259200", false},
		{422, "The API key may not be used with purge", false},
		{402, "Payment required", false},
		{400, "", false},
		{404, "", false},
		{404, "Not found", false},
		{405, "", false},
		{415, "The body must be a form", false},
		{422, "The stand-in was told to answer 422 Unprocessable Entity", false},
		{429, "Too many requests with this API key", false},
		{503, "The API key service is down", false},
	} {
		t.Run(fmt.Sprint(c.status, " ", c.message), func(t *testing.T) {
			for place, write := range map[string]func(http.ResponseWriter, string){
				"HTTP": func(w http.ResponseWriter, body string) {
					w.WriteHeader(c.status)
					_, _ = fmt.Fprint(w, body)
				},
				"body": func(w http.ResponseWriter, body string) { _, _ = fmt.Fprint(w, body) },
			} {
				server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
					write(w, root(fmt.Sprintf("<status>%d</status><message>%s</message>", c.status, html.EscapeString(c.message))))
				}))
				defer server.Close()
				key, _ := endpoint.ParseKey([]byte(testKey))
				_, err := newClient(t, server.URL).IssueURL(t.Context(), endpoint.Request{Key: key})
				if got := strings.HasSuffix(err.Error(), keyHint); got != c.hint || strings.Contains(err.Error(), ".. ") || strings.Contains(err.Error(), "!. ") {
					t.Errorf("%s: %q", place, err)
				}
			}
		})
	}
}
